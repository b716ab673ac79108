"""A newer token of an account for a request that was refused, or got less than all, maybe only because its token is older than a grant.

refused ─────────────────────▶ newer token ─▶ once more (a refused request has not been executed)
2xx, thin by its token's roles ▶ newer token ─▶ other roles? ─▶ once more (a read may be)
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.observe.events import Observer
from kcproxy.proxy.decisions import REFUSED
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.reduced_response import ReducedResponses
from kcproxy.proxy.retry_budget import FOR_THINNER_PER_SECOND, RetryBudget
from kcproxy.upstream.interface import UpstreamResponse

log = logging.getLogger("kcproxy.proxy")

_PATIENCE_SECONDS = 1.0

Send = Callable[[], Awaitable[UpstreamResponse]]
"""Sends the exchange again, with the token that it has now."""


class TokenRetry:
    """The accounts' tokens of one plane, as far as an answer asks for newer ones."""

    def __init__(
        self, tokens: TokenSource, observer: Observer, reduced_responses: ReducedResponses | None, *, clock: Callable[[], float]
    ) -> None:
        """``clock`` is the one that ``tokens`` uses."""
        self._tokens = tokens
        self._observer = observer
        self._successes = reduced_responses
        self._for_refused = RetryBudget(clock)
        self._for_thinner = RetryBudget(clock, regrowth_per_second=FOR_THINNER_PER_SECOND)

    def refusing(self, exchange: Exchange) -> None:
        """A refusal is about to be told; of an injected token that tells later ones of the same burst apart from new questions."""
        if exchange.account is not None and exchange.held is not None:
            self._for_refused.responding(*_kind(exchange))

    async def better(self, exchange: Exchange, answer: UpstreamResponse, send: Send) -> UpstreamResponse:
        """The answer to an injected token, or the one that a newer token gets. What ``send`` raises."""
        try:
            if answer.status in REFUSED:
                return await self._once_more(exchange, answer, send)
            return await self._fuller(exchange, answer, send) if self.may_be_outdated(exchange, answer.status) else answer
        except BaseException:
            answer.release()  # the caller left meanwhile, or Keycloak did: the connection must not wait for a reader
            raise

    def may_be_outdated(self, exchange: Exchange, status: int) -> bool:
        """Whether a newer token of the account may get a fuller answer than this. A bug in here never breaks an answer."""
        reduced_responses, held = self._successes, exchange.held
        if reduced_responses is None or held is None or held.asked_at >= exchange.arrived_at:
            return False
        try:
            return reduced_responses.may_be_outdated(exchange, status) and self._for_thinner.left(*_kind(exchange))
        except Exception:
            log.exception("a success could not be looked at")
            return False

    async def _once_more(self, exchange: Exchange, answer: UpstreamResponse, send: Send) -> UpstreamResponse:
        """Not where the token is newer than the request."""
        account, held, body = exchange.account, exchange.held, exchange.body
        if account is None or held is None:
            return answer
        kind = _kind(exchange)
        if self._for_refused.in_one_burst(*kind, arrived_at=exchange.arrived_at, token_arrived_at=held.arrived_at):
            return answer
        if not self._for_refused.take(*kind):
            return answer
        if body is not None and not body.replayable:
            self._tokens.forget(account, held.token)
            return answer
        token = await self._tokens.replace(account, held.token, since=exchange.arrived_at)
        if token is None:
            return answer
        exchange.retried = True
        again = await self._repeated(exchange, answer, token, send)
        if again.status not in REFUSED:
            self._for_refused.worked(*kind)
        return again

    async def _fuller(self, exchange: Exchange, answer: UpstreamResponse, send: Send) -> UpstreamResponse:
        account, held, body = exchange.account, exchange.held, exchange.body
        if account is None or held is None or self._successes is None or (body is not None and not body.replayable):
            return answer
        kind = _kind(exchange)
        if not self._for_thinner.take(*kind):
            return answer
        token = None
        with contextlib.suppress(TimeoutError):  # an answer is at hand: a slow token endpoint must not hold it up
            async with asyncio.timeout(_PATIENCE_SECONDS):
                token = await self._tokens.replace(account, held.token, since=exchange.arrived_at)
        if token is None or self._successes.shows_as_much(token, held.token):
            return answer
        self._for_thinner.worked(*kind)
        return await self._repeated(exchange, answer, token, send)

    async def _repeated(self, exchange: Exchange, answer: UpstreamResponse, token: str, send: Send) -> UpstreamResponse:
        answer.release()
        exchange.token = token
        exchange.replaced = True
        self._observer.token_replaced(_kind(exchange)[0])
        return await send()


def _kind(exchange: Exchange) -> tuple[str, str]:
    """The account's client and the operation: what is counted by."""
    return exchange.account.client_id if exchange.account is not None else "", exchange.operation
