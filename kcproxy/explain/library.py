"""Explanations for programs that have a refused request and its response (``kcproxy.explain``)."""

import json
from collections.abc import Mapping
from typing import Any

from kcproxy.catalog import Catalog
from kcproxy.explain.api import explain
from kcproxy.explain.claims import read_caller
from kcproxy.explain.engine import READ_REQUEST_HEADERS
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.offline import asked
from kcproxy.model import Answer, Explanation, RequestFacts

_ID = "library"
_MAX_TEXT_CHARACTERS = 4096
_REQUEST_HEADERS = READ_REQUEST_HEADERS | {"content-type", "dpop", "x-forwarded-host"}


def explain_response(
    method: str,
    url: str,
    *,
    status: int,
    catalog: Catalog,
    body: Mapping[str, Any] | str | bytes | None,
    authorization: str | None,
    response_headers: Mapping[str, str],
    request_headers: Mapping[str, str],
    request_body: Any,
    keycloak_version: str | None,
    now_epoch_seconds: float,
) -> Explanation | None:
    """The explanation of one response, or None if there is nothing to explain. Raises ValueError if the URL cannot be read."""
    call = asked(catalog, method, url, request_body)
    request = RequestFacts(
        target=call.target,
        base_path=call.base_path,
        query=call.query,
        headers={name: value for name, value in _lower(request_headers).items() if name in _REQUEST_HEADERS},
        body=call.body,
        public_url=call.public_url,
    )
    return explain(
        _ID,
        Inputs(
            request=request,
            caller=read_caller(authorization),
            answer=_response(status, body, response_headers),
            catalog=catalog,
            now_epoch_seconds=now_epoch_seconds,
            keycloak_version=keycloak_version,
        ),
    )


def _response(status: int, body: Mapping[str, Any] | str | bytes | None, headers: Mapping[str, str]) -> Answer:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    document = _json_object(text) if isinstance(text, str) else text
    plain = text[:_MAX_TEXT_CHARACTERS] if isinstance(text, str) and document is None else ""
    return Answer(status=status, headers=_lower(headers), json=document, text=plain)


def _json_object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
