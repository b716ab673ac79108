"""Adds explanations to refusals. Status code, fields and members of Keycloak's response stay; a response that cannot be enriched passes as it is.

A bug in an explanation never breaks a response: the original is forwarded, and the failure is logged and counted.
"""

import logging
import time
from collections.abc import Sequence
from typing import Protocol

from kcproxy.denial.client_members import user_agent_of
from kcproxy.denial.evidence import decoded, response_facts
from kcproxy.denial.response import Enriched, Rendering, accept_of, coding_of, enriched, sized
from kcproxy.http1.headers import ResponseFields
from kcproxy.model import Answer, Explanation, RequestFacts
from kcproxy.proxy.credentials import Accounts
from kcproxy.proxy.evidence import request_facts
from kcproxy.proxy.exchange import Exchange
from kcproxy.settings import AccountSettings
from kcproxy.upstream.interface import UpstreamResponse

log = logging.getLogger("kcproxy.proxy")


class Explainer(Rendering, Protocol):
    """Explains refusals, and renders explanations."""

    async def explain(self, request: RequestFacts, authorization: str | None, answer: Answer, *, injected: bool) -> Explanation | None:
        """The explanation. None if there is nothing to explain."""
        ...

    def failed(self, error: Exception) -> None:
        """Count an explanation that could not be made or rendered."""
        ...


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
        plain = raw if bodiless else decoded(raw, coding_of(response.headers), self._max_body_bytes)
        if plain is None:
            return Enriched(fields, raw)
        began = time.perf_counter()
        try:
            return await self._enriched(exchange, response, fields, raw, plain)
        except Exception as error:
            log.exception("a refusal could not be explained")
            self._explainer.failed(error)
            exchange.explanation = None
            return None if bodiless else Enriched(sized(fields, raw), raw)
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
            return None if bodiless else Enriched(sized(fields, raw), raw)
        exchange.caller = explanation.caller
        rewritten = enriched(
            explanation,
            self._explainer,
            facts,
            fields=fields,
            raw=raw,
            accept=_accept(exchange),
            user_agent=user_agent_of(exchange.head.fields),
            bodiless=bodiless,
        )
        exchange.explanation = explanation
        return rewritten


def authorization(exchange: Exchange) -> str | None:
    """The Authorization field as Keycloak gets it: the caller's own, or with the injected token."""
    if exchange.token is not None:
        return f"Bearer {exchange.token}"
    return exchange.head.text(b"authorization")


def _accept(exchange: Exchange) -> str:
    """All field lines of Accept as one (RFC 9110, section 5.3)."""
    if b"accept" not in exchange.head.picked:
        return ""
    return accept_of(exchange.head.fields)
