"""A newer token of an account for a request that was refused, or got less than all, maybe only because its token is older than a grant.

refused ─────────────────────▶ newer token ─▶ once more (a refused request has not been executed)
2xx, thin by its token's roles ▶ newer token ─▶ other roles? ─▶ once more (a read may be)
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from kcproxy.keycloak.tokens import TokenSource
from kcproxy.keycloak.upstream import UpstreamAnswer
from kcproxy.observe.events import Observer
from kcproxy.proxy.answer import REFUSED
from kcproxy.proxy.passage import Passage
from kcproxy.proxy.replacements import FOR_THINNER_PER_SECOND, Replacements
from kcproxy.proxy.successes import Successes

log = logging.getLogger("kcproxy.proxy")

_PATIENCE_SECONDS = 1.0

Send = Callable[[Passage], Awaitable[UpstreamAnswer]]


class Renewal:
    """The accounts' tokens of one plane, as far as an answer asks for newer ones."""

    def __init__(self, tokens: TokenSource, observer: Observer, successes: Successes | None, *, clock: Callable[[], float]) -> None:
        """``clock`` is the one that ``tokens`` uses."""
        self._tokens = tokens
        self._observer = observer
        self._successes = successes
        self._for_refused = Replacements(clock)
        self._for_thinner = Replacements(clock, regrowth_per_second=FOR_THINNER_PER_SECOND)

    def refusing(self, passage: Passage) -> None:
        """A refusal is about to be told; of an injected token that tells later ones of the same burst apart from new questions."""
        if passage.account is not None and passage.held is not None:
            self._for_refused.answering(*_kind(passage))

    async def better(self, passage: Passage, answer: UpstreamAnswer, send: Send) -> UpstreamAnswer:
        """The answer to an injected token, or the one that a newer token gets. What ``send`` raises."""
        try:
            if answer.status in REFUSED:
                return await self._once_more(passage, answer, send)
            return await self._fuller(passage, answer, send) if self.may_be_outdated(passage, answer.status) else answer
        except BaseException:
            answer.release()  # the caller left meanwhile, or Keycloak did: the connection must not wait for a reader
            raise

    def may_be_outdated(self, passage: Passage, status: int) -> bool:
        """Whether a newer token of the account may get a fuller answer than this. A bug in here never breaks an answer."""
        successes, held = self._successes, passage.held
        if successes is None or held is None or held.asked_at >= passage.arrived_at:
            return False
        try:
            return successes.may_be_outdated(passage, status) and self._for_thinner.left(*_kind(passage))
        except Exception:
            log.exception("a success could not be looked at")
            return False

    async def _once_more(self, passage: Passage, answer: UpstreamAnswer, send: Send) -> UpstreamAnswer:
        """Not where the token is newer than the request."""
        account, held, body = passage.account, passage.held, passage.body
        if account is None or held is None:
            return answer
        kind = _kind(passage)
        if self._for_refused.in_one_burst(*kind, arrived_at=passage.arrived_at, token_arrived_at=held.arrived_at):
            return answer
        if not self._for_refused.take(*kind):
            return answer
        if body is not None and not body.replayable:
            self._tokens.forget(account, held.token)
            return answer
        token = await self._tokens.replace(account, held.token, since=passage.arrived_at)
        if token is None:
            return answer
        passage.retried = True
        again = await self._repeated(passage, answer, token, send)
        if again.status not in REFUSED:
            self._for_refused.worked(*kind)
        return again

    async def _fuller(self, passage: Passage, answer: UpstreamAnswer, send: Send) -> UpstreamAnswer:
        account, held, body = passage.account, passage.held, passage.body
        if account is None or held is None or self._successes is None or (body is not None and not body.replayable):
            return answer
        kind = _kind(passage)
        if not self._for_thinner.take(*kind):
            return answer
        token = None
        with contextlib.suppress(TimeoutError):  # an answer is at hand: a slow token endpoint must not hold it up
            async with asyncio.timeout(_PATIENCE_SECONDS):
                token = await self._tokens.replace(account, held.token, since=passage.arrived_at)
        if token is None or self._successes.shows_as_much(token, held.token):
            return answer
        self._for_thinner.worked(*kind)
        return await self._repeated(passage, answer, token, send)

    async def _repeated(self, passage: Passage, answer: UpstreamAnswer, token: str, send: Send) -> UpstreamAnswer:
        answer.release()
        passage.token = token
        passage.replaced = True
        self._observer.token_replaced(_kind(passage)[0])
        return await send(passage)


def _kind(passage: Passage) -> tuple[str, str]:
    """The account's client and the operation: what is counted by."""
    return passage.account.client_id if passage.account is not None else "", passage.operation
