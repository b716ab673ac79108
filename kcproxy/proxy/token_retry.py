"""Repeats a request with a newer token of its account if it was refused or reduced, possibly because its token is older than a grant.

refused ──────────────────────▶ newer token ─▶ retry (a refused request was not executed)
2xx, reduced by token's roles ▶ newer token ─▶ other roles? ─▶ retry (reads only)
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from kcproxy.denial.decisions import REFUSED
from kcproxy.keycloak.retry_budget import REDUCED_REFILL_PER_SECOND, RetryBudget
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.observe.events import Observer
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.reduced_response import ReducedResponses
from kcproxy.upstream.interface import UpstreamResponse

log = logging.getLogger("kcproxy.proxy")

_MAX_WAIT_SECONDS = 1.0

Send = Callable[[], Awaitable[UpstreamResponse]]
"""Sends the exchange again, with its current token."""


class TokenRetry:
    """The retries of one runtime."""

    def __init__(
        self, tokens: TokenSource, observer: Observer, reduced_responses: ReducedResponses | None, *, clock: Callable[[], float]
    ) -> None:
        """``clock`` is the one that ``tokens`` uses."""
        self._tokens = tokens
        self._observer = observer
        self._reduced_responses = reduced_responses
        self._for_refused = RetryBudget(clock)
        self._for_reduced = RetryBudget(clock, refill_per_second=REDUCED_REFILL_PER_SECOND)

    def note_refusal(self, exchange: Exchange) -> None:
        """A refusal is about to be sent. It delimits the burst of equal requests with an injected token."""
        if exchange.account is not None and exchange.cached_token is not None:
            self._for_refused.note_refusal(*_kind(exchange))

    async def retried(self, exchange: Exchange, response: UpstreamResponse, send: Send) -> UpstreamResponse:
        """The response to an injected token, or to a retry with a newer one. Raises what ``send`` raises."""
        try:
            if response.status in REFUSED:
                return await self._after_refusal(exchange, response, send)
            return await self._after_reduced(exchange, response, send) if self.may_be_outdated(exchange, response.status) else response
        except BaseException:
            response.release()  # the client or Keycloak has disconnected: the connection must not wait for a reader
            raise

    def may_be_outdated(self, exchange: Exchange, status: int) -> bool:
        """Whether a newer token may get a fuller response. A bug in here never breaks a response."""
        reduced_responses, cached = self._reduced_responses, exchange.cached_token
        if reduced_responses is None or cached is None or cached.asked_at >= exchange.arrived_at:
            return False
        try:
            return reduced_responses.may_be_outdated(exchange, status) and self._for_reduced.has_retry(*_kind(exchange))
        except Exception:
            log.exception("a success could not be looked at")
            return False

    async def _after_refusal(self, exchange: Exchange, response: UpstreamResponse, send: Send) -> UpstreamResponse:
        """Retry a refused request, unless its token is newer than the request."""
        account, cached, body = exchange.account, exchange.cached_token, exchange.body
        if account is None or cached is None:
            return response
        kind = _kind(exchange)
        if self._for_refused.in_one_burst(*kind, arrived_at=exchange.arrived_at, token_arrived_at=cached.arrived_at):
            return response
        if not self._for_refused.use(*kind):
            return response
        if body is not None and not body.replayable:
            self._tokens.forget(account, cached.token)
            return response
        token = await self._tokens.replace(account, cached.token, since=exchange.arrived_at)
        if token is None:
            return response
        exchange.retried = True
        again = await self._repeat(exchange, response, token, send)
        if again.status not in REFUSED:
            self._for_refused.reset(*kind)
        return again

    async def _after_reduced(self, exchange: Exchange, response: UpstreamResponse, send: Send) -> UpstreamResponse:
        account, cached, body = exchange.account, exchange.cached_token, exchange.body
        if account is None or cached is None or self._reduced_responses is None or (body is not None and not body.replayable):
            return response
        kind = _kind(exchange)
        if not self._for_reduced.use(*kind):
            return response
        token = None
        with contextlib.suppress(TimeoutError):  # there is a response already: a slow token endpoint must not delay it
            async with asyncio.timeout(_MAX_WAIT_SECONDS):
                token = await self._tokens.replace(account, cached.token, since=exchange.arrived_at)
        if token is None or self._reduced_responses.has_same_roles(token, cached.token):
            return response
        self._for_reduced.reset(*kind)
        return await self._repeat(exchange, response, token, send)

    async def _repeat(self, exchange: Exchange, response: UpstreamResponse, token: str, send: Send) -> UpstreamResponse:
        response.release()
        exchange.token = token
        exchange.replaced = True
        self._observer.token_replaced(_kind(exchange)[0])
        return await send()


def _kind(exchange: Exchange) -> tuple[str, str]:
    """The account and the operation, by which retries are counted."""
    return exchange.account.label if exchange.account is not None else "", exchange.operation
