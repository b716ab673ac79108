"""Collects the evidence for an explanation from a refused exchange: bounded in size, and without secrets."""

import base64
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from kcproxy.explain.claims import assertion_facts
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.json_body import json_object, json_value
from kcproxy.model import AccountEntry, Answer, RequestFacts, Target, TargetKind, Withheld

_FACT_FIELDS = frozenset({"accept", "host", "origin", "content-type", "user-agent", "dpop", "accept-language"})
_FACT_FIELD_PREFIXES = ("x-forwarded-", "forwarded")
_FORM_FIELDS = frozenset(
    {
        "grant_type",
        "client_id",
        "username",
        "scope",
        "audience",
        "requested_issuer",
        "requested_subject",
        "subject_token_type",
        "client_assertion_type",
    }
)
_MAX_PARAMETERS = 200
_BARE_ID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GZIP_OR_ZLIB = 47  # zlib's window bits that recognize both headers


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """A request as it was sent to Keycloak.

    ``raw_target``: path and query. ``fields``: the header fields, without the token that the sender itself added. ``called_at``: the first
    Host field. ``body``: None if there is none, or if it was not seen: then ``body_unseen`` is True.
    """

    target: Target
    raw_target: str
    fields: RawHeaders = field(repr=False)
    called_at: str | None = None
    authorization: bytes | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)
    body_unseen: bool = False


def request_facts(
    sent: SentRequest,
    *,
    base_path: str,
    public_url: str,
    withheld: Withheld | None = None,
    account: AccountEntry | None = None,
    in_process: bool = False,
) -> RequestFacts:
    """Facts about the request. ``withheld``: why the proxy added no token. ``account``: whose token it added, or would have added.

    ``in_process``: there is no proxy.
    """
    query = sent.raw_target.partition("?")[2]
    headers = _fact_fields(sent.fields)
    is_token = sent.target.kind is TargetKind.TOKEN
    return RequestFacts(
        target=sent.target,
        base_path=base_path,
        query=_parameters(query),
        headers=headers,
        body=None if is_token else _json_of(sent.body, headers),
        form=_form_of(sent) if is_token else {},
        **(_assertion_facts(sent.body) if is_token else {}),
        called_at=sent.called_at,
        public_url=public_url,
        body_unseen=sent.body_unseen,
        withheld=withheld,
        account=account,
        in_process=in_process,
        token_in_query=brings_credentials_in_query(query),
    )


def brings_credentials_in_query(query: str) -> bool:
    """Whether the query has a token (RFC 6750, section 2.3), which is a credential too."""
    return "access_token=" in query


def response_facts(status: int, raw_headers: RawHeaders, body: bytes) -> Answer:
    """Facts about the response. ``body`` has no content coding."""
    headers = {name.decode("latin-1").lower(): value.decode("utf-8", "replace") for name, value in raw_headers}
    parsed = json_object(body)
    return Answer(status=status, headers=headers, json=parsed, text="" if parsed is not None else body.decode("utf-8", "replace"))


CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})
"""The content codings that are read (RFC 9110, section 8.4.1), each alone."""


def decoded(body: bytes, coding: bytes | None, max_bytes: int) -> bytes | None:
    """A body without its content coding. None if the coding is unknown, the data broken, or the result too large."""
    if coding is None or coding.lower() == b"identity":
        return body
    if coding.lower() not in CODINGS:
        return None
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = unpacker.decompress(body, max_bytes + 1)
    except zlib.error:
        return None
    return plain if unpacker.eof and len(plain) <= max_bytes else None


def _fact_fields(fields: RawHeaders) -> dict[str, str]:
    named = ((name.decode("latin-1").lower(), value) for name, value in fields)
    return {
        name: value.decode("utf-8", "replace") for name, value in named if name in _FACT_FIELDS or name.startswith(_FACT_FIELD_PREFIXES)
    }


def _parameters(text: str) -> Mapping[str, tuple[str, ...]]:
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return {}
    return {name: tuple(values) for name, values in found.items() if name != "access_token"}


def _json_of(content: bytes | None, headers: Mapping[str, str]) -> Any:
    if not content or "json" not in headers.get("content-type", "json"):
        return None
    if _BARE_ID.fullmatch(content):  # OrganizationMemberResource.addMember takes an ID with quotation marks or without
        return content.decode()
    return json_value(content)


def _form_of(sent: SentRequest) -> Mapping[str, str]:
    fields = _parameters(sent.body.decode("utf-8", "replace")) if sent.body else {}
    form = {name: values[0] for name, values in fields.items() if name in _FORM_FIELDS}
    client = _basic_client(sent.authorization)
    return {"client_id": client, **form} if client else form


def _assertion_facts(content: bytes | None) -> dict[str, Any]:
    """Issuer, subject and audiences of a signed assertion (RFC 7523, section 3). Nothing else of it is kept."""
    if not content or b"client_assertion=" not in content:
        return {}
    return assertion_facts(_parameters(content.decode("utf-8", "replace")).get("client_assertion", ("",))[0])


def _basic_client(authorization: bytes | None) -> str | None:
    """The client id of Basic authentication. The secret is not read."""
    scheme, _, value = (authorization or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(value, validate=True).partition(b":")[0].decode("utf-8") or None
    except ValueError:
        return None
