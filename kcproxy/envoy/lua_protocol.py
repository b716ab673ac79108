"""What Envoy's Lua filter sends for one refusal, and what it gets. Pure.

    POST /explain
    kcproxy-method, kcproxy-target, kcproxy-status     the request line and the status code
    kcproxy-request-NAME, kcproxy-response-NAME         their fields
    kcproxy-body: seen | unseen | none                  that of the request and, if seen, kcproxy-body-bytes
    body: that of the request, followed by that of the response

204: the response stays as it is. 200: ``kcproxy-set-NAME`` replaces a field, ``kcproxy-removed`` names those to be removed, and
``kcproxy-new-body: yes`` says that the body is the new one; otherwise the body stays.
"""

from collections.abc import Mapping

from kcproxy.envoy.changes import Changes
from kcproxy.envoy.seen import SeenRequest, SeenResponse
from kcproxy.errors import RequestRefused

PATH = "/explain"
METHOD, TARGET, STATUS, PEER = "kcproxy-method", "kcproxy-target", "kcproxy-status", "kcproxy-peer"
OF_REQUEST, OF_RESPONSE = "kcproxy-request-", "kcproxy-response-"
REQUEST_BODY, REQUEST_BODY_BYTES = "kcproxy-body", "kcproxy-body-bytes"
SET, REMOVED, NEW_BODY = "kcproxy-set-", "kcproxy-removed", "kcproxy-new-body"
RESPONSE_FIELDS = ("content-type", "content-encoding", "content-length", "server", "vary", "via", "www-authenticate", "date", "location")
"""Fields of a response that an explanation reads or changes."""


def exchange_of(fields: Mapping[str, str], body: bytes) -> tuple[SeenRequest, SeenResponse]:
    """The exchange in a message. ``fields``: names in lower case. Raises RequestRefused with what is wrong."""
    method, target, status = (fields.get(name, "") for name in (METHOD, TARGET, STATUS))
    if not method or not target:
        raise _wrong(f"{METHOD} and {TARGET} are needed")
    if not (status.isascii() and status.isdecimal() and len(status) == 3):
        raise _wrong(f"{STATUS} has to be a status code")
    sent, received = _parts(fields, body)
    request = SeenRequest(
        method=method,
        raw_target=target,
        fields=_named(fields, OF_REQUEST),
        body=sent,
        body_unseen=fields.get(REQUEST_BODY) == "unseen",
        peer=fields.get(PEER) or None,
    )
    return request, SeenResponse(int(status), _named(fields, OF_RESPONSE), received)


def _parts(fields: Mapping[str, str], body: bytes) -> tuple[bytes | None, bytes]:
    if fields.get(REQUEST_BODY) != "seen":
        return None, body
    size = fields.get(REQUEST_BODY_BYTES, "")
    if not (size.isascii() and size.isdecimal() and len(size) < 10 and int(size) <= len(body)):
        raise _wrong(f"{REQUEST_BODY_BYTES} has to be the size of the request body, which the body begins with")
    return body[: int(size)], body[int(size) :]


def _named(fields: Mapping[str, str], prefix: str) -> list[tuple[bytes, bytes]]:
    return [
        (name.removeprefix(prefix).encode("latin-1", "replace"), value.encode("utf-8", "surrogateescape"))
        for name, value in fields.items()
        if name.startswith(prefix)
    ]


def _wrong(what: str) -> RequestRefused:
    return RequestRefused(f"This is not a message of kcproxy's Lua script: {what}.", status=400, reason="lua-message")


def fields_to_send(changes: Changes) -> dict[str, str]:
    """The fields of the answer with these changes."""
    found = {SET + name.decode("latin-1").lower(): value.decode("latin-1") for name, value in changes.set}
    if changes.removed:
        found[REMOVED] = ",".join(name.decode("latin-1") for name in changes.removed)
    if changes.body is not None:
        found[NEW_BODY] = "yes"
    return found
