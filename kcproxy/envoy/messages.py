"""Messages of Envoy's external processor (envoy.service.ext_proc.v3) as values, and back. Pure.

Envoy sends the header fields of a request under pseudo names as in HTTP/2: ``:method``, ``:path``, ``:authority``. If a request was not sent here,
its parts come with the response, as attributes: values of the CEL expressions in ``ATTRIBUTES``.
"""

from collections.abc import Mapping
from typing import Any, Final

from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc

from kcproxy.envoy.changes import Changes
from kcproxy.envoy.seen import READ_FIELDS, SeenRequest, has_body
from kcproxy.http1.fields import RawHeaders

FILTER: Final = "envoy.filters.http.ext_proc"
"""The name under which Envoy sends attributes, regardless of the name of the filter."""
METHOD, TARGET, PEER = "request.method", "request.path", "source.address"
HOST: Final = "host"


def field_attribute(name: str) -> str:
    """The CEL expression of a request's field. ``request.headers`` alone would come as the text "CelMap value"."""
    return f"request.headers['{name}']"


ATTRIBUTES = (METHOD, TARGET, PEER, *(field_attribute(name) for name in (HOST, *READ_FIELDS)))
"""The response attributes that the filter has to send."""
_PSEUDO = {b":authority": b"host"}


def fields_of(headers: Any) -> list[tuple[bytes, bytes]]:
    """The fields of an ``HttpHeaders``, without pseudo fields. ``:authority`` is Host."""
    found = []
    for line in headers.headers.headers:
        name = line.key.lower().encode("latin-1", "replace")
        if not name.startswith(b":") or name in _PSEUDO:
            found.append((_PSEUDO.get(name, name), line.raw_value or line.value.encode("utf-8", "replace")))
    return found


def pseudo_fields_of(headers: Any) -> Mapping[str, str]:
    """The pseudo fields by name: ``:method``, ``:path``, ``:status``."""
    return {
        line.key: (line.raw_value or line.value.encode("utf-8", "replace")).decode("utf-8", "surrogateescape")
        for line in headers.headers.headers
        if line.key.startswith(":")
    }


def request_of_headers(headers: Any, peer: str | None) -> SeenRequest:
    """The request of a ``request_headers`` message. Its body, if there is one, comes with the next message."""
    pseudo = pseudo_fields_of(headers)
    return SeenRequest(
        method=pseudo.get(":method", ""),
        raw_target=pseudo.get(":path", ""),
        fields=fields_of(headers),
        body_unseen=not headers.end_of_stream,
        peer=peer,
    )


def request_of_attributes(attributes: Mapping[str, Any]) -> SeenRequest | None:
    """The request of the attributes that came with a response. None if the filter does not send them."""
    sent = _texts(attributes)
    if METHOD not in sent or TARGET not in sent:
        return None
    names = (HOST, *READ_FIELDS)
    fields = {name: sent[field_attribute(name)] for name in names if field_attribute(name) in sent}
    return SeenRequest(
        method=sent[METHOD],
        raw_target=sent[TARGET],
        fields=[(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields.items()],
        body_unseen=has_body(sent[METHOD], fields.get("content-length"), fields.get("transfer-encoding")),
        peer=peer_of(attributes),
    )


def peer_of(attributes: Mapping[str, Any]) -> str | None:
    """The address of Envoy's client, without its port."""
    address = _texts(attributes).get(PEER)
    return None if address is None else address.rpartition(":")[0].strip("[]") or None


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    found = attributes[FILTER].fields if FILTER in attributes else {}
    return {name: value.string_value for name, value in found.items() if value.HasField("string_value")}


def status_of(headers: Any) -> int:
    """The status code of a ``response_headers`` message; 0 if there is none."""
    text = pseudo_fields_of(headers).get(":status", "")
    return int(text) if text.isdecimal() and text.isascii() else 0


def continued(kind: str, *, without_body: bool = False) -> Any:
    """The answer to a message of this kind that changes nothing. ``without_body``: the body of the response need not be sent."""
    if kind.endswith("_headers"):
        answer = ext_proc.ProcessingResponse(**{kind: ext_proc.HeadersResponse()})
        if without_body:
            answer.mode_override.CopyFrom(_WITHOUT_BODY)
        return answer
    part = ext_proc.BodyResponse() if kind.endswith("_body") else ext_proc.TrailersResponse()
    return ext_proc.ProcessingResponse(**{kind: part})


def changed(kind: str, changes: Changes) -> Any:
    """The answer to a message of this kind that changes the response. With ``response_headers`` the response had no body, and may get one."""
    common = ext_proc.CommonResponse(header_mutation=_mutation(changes))
    if changes.body is not None:
        common.body_mutation.body = changes.body
    if kind == "response_headers":
        if changes.body is not None:
            common.status = ext_proc.CommonResponse.CONTINUE_AND_REPLACE
        return ext_proc.ProcessingResponse(response_headers=ext_proc.HeadersResponse(response=common))
    return ext_proc.ProcessingResponse(response_body=ext_proc.BodyResponse(response=common))


_WITHOUT_BODY = processing_mode_pb2.ProcessingMode(
    response_header_mode=processing_mode_pb2.ProcessingMode.SEND, response_body_mode=processing_mode_pb2.ProcessingMode.NONE
)
_OVERWRITE = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_APPEND = base_pb2.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD


def _mutation(changes: Changes) -> Any:
    return ext_proc.HeaderMutation(
        set_headers=[*_lines(changes.set, _OVERWRITE), *_lines(changes.added, _APPEND)],
        remove_headers=[name.decode("latin-1") for name in changes.removed],
    )


def _lines(fields: RawHeaders, action: int) -> list[Any]:
    return [
        base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key=name.decode("latin-1").lower(), raw_value=value), append_action=action)
        for name, value in fields
    ]
