"""Rewrites a refused response: status code, fields and members of Keycloak's response stay, the explanation is added. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kcproxy.denial.client_members import prints_each_member, with_one_sentence
from kcproxy.denial.decisions import REFUSED
from kcproxy.explain.json_template import compact
from kcproxy.http1.accept import prefers
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.headers import ResponseFields
from kcproxy.model import Answer, Explanation

_PROBLEM, _JSON = "application/problem+json", "application/json"
_REPLACED = frozenset(
    {b"content-type", b"content-length", b"content-encoding", b"content-md5", b"digest", b"content-digest", b"repr-digest"}
)


class Rendering(Protocol):
    """Renders explanations with one level of detail."""

    def rewrites(self, explanation: Explanation) -> bool:
        """Whether the body is enriched. Otherwise only header fields are added."""
        ...

    def body(self, explanation: Explanation, original: dict[str, Any] | None) -> dict[str, Any]:
        """The JSON body."""
        ...

    def body_json(self, explanation: Explanation, original: dict[str, Any] | None) -> str:
        """The JSON body as text."""
        ...

    def problem(self, explanation: Explanation, original: dict[str, Any] | None) -> dict[str, Any]:
        """The body as problem details (RFC 9457)."""
        ...

    def headers(self, explanation: Explanation) -> Sequence[tuple[str, str]]:
        """The header fields to add."""
        ...


@dataclass(slots=True)
class Enriched:
    """A refusal to be written: header fields and body."""

    fields: ResponseFields
    body: bytes


def enriched(
    explanation: Explanation,
    rendering: Rendering,
    facts: Answer,
    *,
    fields: ResponseFields,
    raw: bytes,
    accept: str,
    user_agent: str,
    bodiless: bool,
) -> Enriched:
    """The response with its explanation.

    ``raw``: the body as it was received. ``accept``, ``user_agent``: of the request. ``bodiless``: the request is a HEAD.
    """
    headers = _new_headers(fields, rendering.headers(explanation))
    if bodiless and facts.status in REFUSED:  # the response to GET would be rewritten
        headers += _varies(fields)
    if bodiless:  # a length in the fields is that of a body that is not sent
        return Enriched(ResponseFields([*fields.lines, *headers], fields.length, chunked=False), raw)
    if not rendering.rewrites(explanation):
        return Enriched(sized(fields, raw, headers), raw)
    original = dict(facts.json) if facts.json is not None else None
    headers += _varies(fields)
    if prefers(accept, _PROBLEM, _JSON):
        return _replaced(fields, compact(rendering.problem(explanation, original)), _PROBLEM, headers)
    if prints_each_member(user_agent):
        text = compact(with_one_sentence(rendering.body(explanation, original), original))
        return _replaced(fields, text, _JSON, [*headers, b"Vary: User-Agent\r\n"])
    return _replaced(fields, rendering.body_json(explanation, original), _JSON, headers)


def accept_of(fields: RawHeaders) -> str:
    """All field lines of Accept as one (RFC 9110, section 5.3)."""
    return ", ".join(value.decode("latin-1") for name, value in fields if name.lower() == b"accept")


def coding_of(headers: RawHeaders) -> bytes | None:
    """The content codings of a response. None if there are none."""
    codings = [value.strip() for name, value in headers if name.lower() == b"content-encoding"]
    return b", ".join(codings) or None


def _varies(fields: ResponseFields) -> list[bytes]:
    """Vary: Accept, unless Keycloak's own field says as much (RFC 9110, section 12.5.5)."""
    own = b",".join(line.partition(b":")[2] for line in fields.lines if _name(line) == b"vary").lower()
    named = {member.strip() for member in own.split(b",")}
    return [] if named & {b"accept", b"*"} else [b"Vary: Accept\r\n"]


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


def _new_headers(fields: ResponseFields, added: Sequence[tuple[str, str]]) -> list[bytes]:
    """The fields to add, made safe. If Keycloak sent a challenge, it stays the only one."""
    has_challenge = any(_name(line) == b"www-authenticate" for line in fields.lines)
    return [
        b"%b: %b\r\n" % (name.encode("latin-1"), _one_line(value))
        for name, value in added
        if not (has_challenge and name.lower() == "www-authenticate")
    ]


def _one_line(value: str) -> bytes:
    """Printable ASCII only, because names of realms and clients are untrusted input."""
    if value.isascii() and value.isprintable():
        return value.encode("ascii")
    return "".join(character if " " <= character <= "~" else "?" for character in value).encode("ascii")


def sized(fields: ResponseFields, body: bytes, added: Sequence[bytes] = ()) -> ResponseFields:
    """The fields with a length. A chunked body has been read to its end."""
    length = [] if fields.length is not None else [b"Content-Length: %d\r\n" % len(body)]
    return ResponseFields([*fields.lines, *length, *added], len(body), chunked=False)


def _replaced(fields: ResponseFields, text: str, content_type: str, added: Sequence[bytes]) -> Enriched:
    body = text.encode("utf-8", "replace")
    kept = [line for line in fields.lines if _name(line) not in _REPLACED]
    own = [b"Content-Type: %b\r\n" % content_type.encode(), b"Content-Length: %d\r\n" % len(body)]
    return Enriched(ResponseFields([*kept, *own, *added], len(body), chunked=False), body)
