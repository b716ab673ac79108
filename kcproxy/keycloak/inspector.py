"""The inspector: look-ups for what a token cannot show, with an optional read-only account, and from public documents without one.

Only the caller's own account, client and realm are looked up, and what the request is about: the owner of a role, the permissions that decide.
What that shows is for operators; ``explain`` shows a caller only what Keycloak would show them. After a 401 the account is used only for a token that the realm itself signed, so
that a forged one learns nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from kcproxy.explain.keycloak_responses import is_boilerplate
from kcproxy.keycloak.caller_lookups import MASTER, CallerLookups
from kcproxy.keycloak.effective_roles import look_up_effective_roles
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.rejected_token import look_up_rejected_token
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.model import Answer, Caller, CallerKind, Facts, RequestFacts, TargetKind
from kcproxy.observe.events import Observer
from kcproxy.settings import Settings
from kcproxy.upstream.interface import Upstream
from kcproxy.upstream.pool import side_upstream

LEAST_ROLES = ("view-clients", "view-realm", "view-users")
"""What the inspector's account needs in each of its realms. Measured: with less, some look-ups show nothing."""

COMMAND_LOOKUPS_PER_SECOND = 500.0
_SHARE_OF_BUDGET = 0.9  # the rest is for building the response
_INSPECTED = frozenset({TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN})
_WITHOUT_CLAIMS = frozenset({CallerKind.ANONYMOUS, CallerKind.UNREADABLE})


class Inspector:
    """Looks up facts about refusals, each within a budget of time."""

    def __init__(self, lookups: LookupClient, *, budget_seconds: float = 0.3, now: Callable[[], float] = time.time) -> None:
        """``now`` gives seconds since the epoch."""
        self._lookups = lookups
        self.budget_seconds = budget_seconds
        self._now = now

    async def facts(self, request: RequestFacts, caller: Caller, answer: Answer, authorization: str | None = None) -> Facts | None:
        """What was found out in time about the caller's own account, client and realm. None if nothing was. Never raises."""
        if request.target.kind not in _INSPECTED or caller.kind in _WITHOUT_CLAIMS:
            return None
        token = (authorization or "").partition(" ")[2].strip()
        lookups = CallerLookups(client=self._lookups, request=request, caller=caller, token=token, now_epoch_seconds=self._now())
        budget_seconds = self.budget_seconds * _SHARE_OF_BUDGET
        try:
            async with asyncio.timeout(budget_seconds):
                await self._look_up(lookups, answer)
        except TimeoutError:
            self._lookups.given_up(budget_seconds)  # what was found so far is used; the look-ups go on, for the next refusal
        return lookups.facts.freeze()

    async def close(self) -> None:
        """Cancel the look-ups in progress."""
        await self._lookups.close()

    async def _look_up(self, lookups: CallerLookups, answer: Answer) -> None:
        caller_realm, target = lookups.caller.realm, lookups.request.target
        if answer.status == 401:
            await look_up_rejected_token(lookups, now_epoch_seconds=lookups.now_epoch_seconds)
        elif answer.status == 403 and target.operation is not None and caller_realm in {target.realm or caller_realm, MASTER}:
            # Other words than Keycloak's may be a gateway's, which may believe any token.
            if is_boilerplate(answer.error or "") or await lookups.is_genuine():
                await look_up_effective_roles(lookups)
        elif answer.status == 404 and caller_realm is not None and caller_realm == target.realm:
            await lookups.look_up_realm(caller_realm)


def inspector_of(settings: Settings, upstream: Upstream, tokens: TokenSource, observer: Observer) -> Inspector:
    """The inspector of these settings. Without an account it reads public documents only."""
    own = settings.inspector
    if own is None:
        return Inspector(LookupClient(settings.upstream, upstream, observer))
    lookups = LookupClient(
        settings.upstream,
        upstream,
        observer,
        account=own.account,
        tokens=tokens,
        cache_seconds=own.cache_seconds,
        max_per_second=own.max_lookups_per_second,
    )
    return Inspector(lookups, budget_seconds=own.budget_seconds)


@asynccontextmanager
async def lookups_of(settings: Settings) -> AsyncIterator[LookupClient]:
    """Look-ups for a command, for which no request waits: without the limit for those of a serving proxy. Raises TokenFetchError."""
    upstream = side_upstream(settings.upstream)
    tokens = TokenSource(settings.upstream, upstream, Observer())
    account = None if settings.inspector is None else settings.inspector.account
    lookups = LookupClient(
        settings.upstream, upstream, Observer(), account=account, tokens=tokens, max_per_second=COMMAND_LOOKUPS_PER_SECOND
    )
    try:
        if account is not None:
            await tokens.token(account)  # its own error is more precise than an empty result
        yield lookups
    finally:
        await lookups.close()
        await tokens.close()
        await upstream.close()
