"""Adds explanations to refusals. Status code, fields and members of Keycloak's response stay; a response that cannot be enriched passes as it is.

A bug in an explanation never breaks a response: the original is forwarded, and the failure is logged and counted.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kcproxy.explain.json_template import compact
from kcproxy.http1.accept import prefers
from kcproxy.http1.headers import ResponseFields
from kcproxy.model import Answer, Explanation, RequestFacts
from kcproxy.proxy.credentials import Accounts
from kcproxy.proxy.evidence import decoded, request_facts, response_facts
from kcproxy.proxy.exchange import Exchange
from kcproxy.settings import AccountSettings
from kcproxy.upstream.interface import UpstreamResponse

log = logging.getLogger("kcproxy.proxy")

_PROBLEM, _JSON = "application/problem+json", "application/json"
_REPLACED = frozenset(
    {b"content-type", b"content-length", b"content-encoding", b"content-md5", b"digest", b"content-digest", b"repr-digest"}
)


class Explainer(Protocol):
    """Explains refusals, and renders explanations."""

    async def explain(self, request: RequestFacts, authorization: str | None, answer: Answer, *, injected: bool) -> Explanation | None:
        """The explanation. None if there is nothing to explain."""
        ...

    def rewrites(self, explanation: Explanation) -> bool:
        """Whether the body is enriched. Otherwise only header fields are added."""
        ...

    def body(self, explanation: Explanation, original: dict[str, Any] | None) -> dict[str, Any]:
        """The JSON body: the original's members and the explanation."""
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

    def failed(self, error: Exception) -> None:
        """Count an explanation that could not be made or rendered."""
        ...


@dataclass(slots=True)
class Enriched:
    """A refusal to be written: header fields and body."""

    fields: ResponseFields
    body: bytes


class DenialEnricher:
    """Enriches refusals."""

    def __init__(
        self, explainer: Explainer, *, max_body_bytes: int, base_path: str, public_url: str, accounts: Sequence[AccountSettings] = ()
    ) -> None:
        """``public_url`` is Keycloak's origin as the proxy reaches it. Bodies larger than ``max_body_bytes`` are not explained.

        ``accounts`` are those whose tokens the proxy adds. If it did not add one, the explanation says why.
        """
        self._accounts = Accounts(accounts)
        self._explainer = explainer
        self._max_body_bytes = max_body_bytes
        self._base_path = base_path
        self._public_url = public_url

    async def enrich(self, exchange: Exchange, response: UpstreamResponse, fields: ResponseFields) -> Enriched | None:
        """The enriched response. None if the original passes as it is; its body is then unread. Raises UpstreamError if the body breaks off."""
        bodiless = exchange.target.method == "HEAD"
        raw = b"" if bodiless else await response.read(self._max_body_bytes)
        if raw is None:
            return None
        plain = raw if bodiless else decoded(raw, _coding(response), self._max_body_bytes)
        if plain is None:
            return Enriched(fields, raw)
        began = time.perf_counter()
        try:
            return await self._enriched(exchange, response, fields, raw, plain)
        except Exception as error:
            log.exception("a refusal could not be explained")
            self._explainer.failed(error)
            exchange.explanation = None
            return None if bodiless else Enriched(_sized(fields, raw), raw)
        finally:
            exchange.explaining_seconds = time.perf_counter() - began

    async def _enriched(
        self, exchange: Exchange, response: UpstreamResponse, fields: ResponseFields, raw: bytes, plain: bytes
    ) -> Enriched | None:
        facts = response_facts(response.status, response.headers, plain)
        withheld = self._accounts.withheld(exchange.target, exchange.head) if response.status == 401 and exchange.token is None else None
        account = self._accounts.entry(exchange.target) if exchange.token is not None or withheld is not None else None
        request = request_facts(exchange, base_path=self._base_path, public_url=self._public_url, withheld=withheld, account=account)
        explanation = await self._explainer.explain(request, authorization(exchange), facts, injected=exchange.token is not None)
        bodiless = exchange.target.method == "HEAD"
        if explanation is None:
            return None if bodiless else Enriched(_sized(fields, raw), raw)
        exchange.caller = explanation.caller
        headers = _new_headers(fields, self._explainer.headers(explanation))
        if bodiless and facts.status in {401, 403}:  # the response to GET would be rewritten
            headers += _varies(fields)
        if bodiless:  # a length in the fields is that of a body that is not sent
            exchange.explanation = explanation
            return Enriched(ResponseFields([*fields.lines, *headers], fields.length, chunked=False), raw)
        if not self._explainer.rewrites(explanation):
            exchange.explanation = explanation
            return Enriched(_sized(fields, raw, headers), raw)
        body, content_type = self._rendered(exchange, explanation, facts)
        exchange.explanation = explanation
        return Enriched(_rewritten(fields, body, content_type, [*headers, *_varies(fields)]), body)

    def _rendered(self, exchange: Exchange, explanation: Explanation, facts: Answer) -> tuple[bytes, bytes]:
        original = dict(facts.json) if facts.json is not None else None
        if prefers(_accept(exchange), _PROBLEM, _JSON):
            return _encoded(compact(self._explainer.problem(explanation, original))), _PROBLEM.encode()
        return _encoded(self._explainer.body_json(explanation, original)), _JSON.encode()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def authorization(exchange: Exchange) -> str | None:
    """The Authorization field as Keycloak gets it: the caller's own, or with the injected token."""
    if exchange.token is not None:
        return f"Bearer {exchange.token}"
    return exchange.head.text(b"authorization")


def _accept(exchange: Exchange) -> str:
    """All field lines of Accept as one (RFC 9110, section 5.3)."""
    if b"accept" not in exchange.head.picked:
        return ""
    return ", ".join(value.decode("latin-1") for name, value in exchange.head.fields if name.lower() == b"accept")


def _varies(fields: ResponseFields) -> list[bytes]:
    """Vary: Accept, unless Keycloak's own field says as much (RFC 9110, section 12.5.5)."""
    own = b",".join(line.partition(b":")[2] for line in fields.lines if _name(line) == b"vary").lower()
    named = {member.strip() for member in own.split(b",")}
    return [] if named & {b"accept", b"*"} else [b"Vary: Accept\r\n"]


def _coding(response: UpstreamResponse) -> bytes | None:
    codings = [value.strip() for name, value in response.headers if name.lower() == b"content-encoding"]
    return b", ".join(codings) or None


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


def _sized(fields: ResponseFields, body: bytes, added: Sequence[bytes] = ()) -> ResponseFields:
    """The fields with a length. A chunked body has been read to its end."""
    length = [] if fields.length is not None else [b"Content-Length: %d\r\n" % len(body)]
    return ResponseFields([*fields.lines, *length, *added], len(body), chunked=False)


def _rewritten(fields: ResponseFields, body: bytes, content_type: bytes, added: Sequence[bytes]) -> ResponseFields:
    kept = [line for line in fields.lines if _name(line) not in _REPLACED]
    own = [b"Content-Type: %b\r\n" % content_type, b"Content-Length: %d\r\n" % len(body)]
    return ResponseFields([*kept, *own, *added], len(body), chunked=False)
