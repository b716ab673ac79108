"""Service-account tokens: fetched once for any number of waiters, kept until shortly before they expire, replaced when refused.

token ─ in the cache? ── yes, fresh ─────────────▶ it
                    ├─── yes, past its best ─────▶ it, and a new one is fetched meanwhile
                    └─── no ── failed just now? ─▶ the same error again
                            └─ else ─────────────▶ one fetch, awaited by all (a waiter who leaves ends nobody's fetch)
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cachetools import TTLCache

from kcproxy.errors import TokenFetchError
from kcproxy.explain.claims import read_caller
from kcproxy.keycloak.client_auth import proof_files
from kcproxy.keycloak.token_endpoint import TokenEndpoint
from kcproxy.observe.events import Observer
from kcproxy.settings import AccountSettings, UpstreamSettings
from kcproxy.settings.file_stamps import Stamp, stamps
from kcproxy.upstream.interface import Upstream

AccountKey = tuple[str, str, tuple[str, ...]]
"""Realm, client id and scopes: what a token depends on."""

_MAX_ACCOUNTS = 4096
_FAILURE_SECONDS = 1.0  # long enough to shield a broken token endpoint, short enough that a repaired one is seen at once
_MARGIN_SECONDS = 10.0
_MARGIN_SHARE = 0.2  # of the lifetime, for tokens that live shorter than the margin is sensible for
_REFRESH_SHARE = 0.75
_JITTER_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedToken:
    """A token: when its fetch began and ended, when a new one is to be fetched, when it must not be used any more (monotonic seconds)."""

    token: str = field(repr=False)
    asked_at: float
    arrived_at: float
    refresh_at: float
    unusable_at: float
    proof: Mapping[Path, Stamp] = field(default_factory=dict, repr=False, compare=False)
    """The files that proved the client to the token endpoint, as they were then."""
    line: bytes = field(init=False, repr=False, compare=False)
    """The field line that ends a request's head with this token, the empty line behind it."""

    def __post_init__(self) -> None:
        """Put the line together once."""
        object.__setattr__(self, "line", b"Authorization: Bearer %b\r\n\r\n" % self.token.encode())


class TokenSource:
    """The tokens of all configured accounts. One event loop only."""

    def __init__(
        self,
        settings: UpstreamSettings,
        upstream: Upstream,
        observer: Observer,
        *,
        injected: Iterable[AccountSettings] = (),
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``clock`` is monotonic, ``now`` seconds since the epoch, ``jitter`` a number from 0 to 1.

        ``injected`` are the accounts whose tokens are added to requests: of theirs alone it is told which roles they hold, to be compared with
        those that requests need.
        """
        self._injected = frozenset(map(token_key, injected))
        self._settings = settings
        self._grants = TokenEndpoint(settings, upstream, now=now)
        self._observer = observer
        self._clock = clock
        self._jitter = jitter
        # One for each account of the settings at most; read for every request, so that it is a plain dictionary.
        self._held: dict[AccountKey, CachedToken] = {}
        self._failed: TTLCache[AccountKey, TokenFetchError] = TTLCache(_MAX_ACCOUNTS, ttl=_FAILURE_SECONDS, timer=clock)
        self._flights: dict[AccountKey, asyncio.Task[CachedToken]] = {}

    async def token(self, account: AccountSettings) -> str:
        """A token that is good for a while yet. TokenFetchError where there is none to be had."""
        return (await self.hold(account)).token

    async def hold(self, account: AccountSettings) -> CachedToken:
        """The same, with its times."""
        key = token_key(account)
        now = self._clock()
        held = self._usable(key, now)
        if held is None:
            self._observer.token_cache_read(account.client_id, hit=False)
            return await self._fetched(key, account)
        self._observer.token_cache_read(account.client_id, hit=True)
        if now >= held.refresh_at and key not in self._flights and key not in self._failed:
            self._take_off(key, account)
        return held

    def at_once(self, account: AccountSettings, now: float) -> CachedToken | None:
        """The token in the cache where it is fresh and needs nothing done about it; ``now`` by the clock of the tokens."""
        held = self._held.get(token_key(account))
        return held if held is not None and now < held.refresh_at and now < held.unusable_at else None

    def taken(self, account: AccountSettings) -> None:
        """Count a token that ``at_once`` gave and that went out."""
        self._observer.token_cache_read(account.client_id, hit=True)

    async def replace(self, account: AccountSettings, refused_token: str, *, since: float | None = None) -> str | None:
        """Another token than the refused one, asked for no earlier than ``since`` (monotonic; None: any other will do).

        Whoever was refused later gets the token that the first one fetched. None where no token can be had: the refusal stands.
        """
        key = token_key(account)

        def acceptable(held: CachedToken | None) -> bool:
            return held is not None and held.token != refused_token and (since is None or held.asked_at >= since)

        held = self._usable(key, self._clock())
        try:
            # Twice: a fetch that was under way already may have been asked for too early.
            for _ in range(2):
                if not acceptable(held):
                    held = await self._fetched(key, account)
        except TokenFetchError:
            return None
        return held.token if held is not None and acceptable(held) else None

    def forget(self, account: AccountSettings, refused_token: str) -> None:
        """Drop a refused token, so that the next request asks for a new one."""
        key = token_key(account)
        held = self._held.get(key)
        if held is not None and held.token == refused_token:
            del self._held[key]

    def held(self, account: AccountSettings) -> CachedToken | None:
        """The token in the cache, where it may still be used."""
        return self._usable(token_key(account), self._clock())

    def take_over(self, before: "TokenSource", accounts: Iterable[AccountSettings]) -> None:
        """Go on with the tokens that another source holds for these accounts, until they expire or are refused.

        Where a file that proves the client has changed since its token was fetched, another token is fetched meanwhile. Both sources have
        the same clock.
        """
        for account in accounts:
            key, held = token_key(account), before.held(account)
            if held is None or key in self._held:
                continue
            self._held[key] = held
            if held.proof != self._proof(account):
                self._take_off(key, account)

    async def close(self) -> None:
        """End the fetches under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fetched(self, key: AccountKey, account: AccountSettings) -> CachedToken:
        failure = self._failed.get(key)
        if failure is not None:
            raise failure.with_traceback(None)
        flight = self._flights.get(key) or self._take_off(key, account)
        return await asyncio.shield(flight)

    def _usable(self, key: AccountKey, now: float) -> CachedToken | None:
        """The token in the cache; one that must not be used any more leaves it."""
        held = self._held.get(key)
        if held is not None and now >= held.unusable_at:
            del self._held[key]
            return None
        return held

    def _take_off(self, key: AccountKey, account: AccountSettings) -> asyncio.Task[CachedToken]:
        flight = asyncio.get_running_loop().create_task(self._fetch(key, account), name=f"token of {account.client_id}")
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: AccountKey, flight: asyncio.Task[CachedToken]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # looked at here, for nobody may be waiting for a refresh

    async def _fetch(self, key: AccountKey, account: AccountSettings) -> CachedToken:
        began, proof = self._clock(), self._proof(account)
        try:
            granted = await self._grants.grant(account)
        except TokenFetchError as error:
            self._failed[key] = error
            self._observer.token_fetched(account.client_id, error.error or error.kind, self._clock() - began, None)
            raise
        self._failed.pop(key, None)
        lifetime = granted.lifetime_seconds
        held = CachedToken(
            token=granted.token,
            asked_at=began,
            arrived_at=self._clock(),
            refresh_at=began + lifetime * (_REFRESH_SHARE - _JITTER_SHARE * self._jitter()),
            unusable_at=began + lifetime - min(_MARGIN_SECONDS, lifetime * _MARGIN_SHARE),
            proof=proof,
        )
        self._held[key] = held
        self._observer.token_fetched(account.client_id, "ok", self._clock() - began, lifetime)
        if key in self._injected:
            self._observer.token_roles(account.client_id, _admin_roles(granted.token))
        return held

    def _proof(self, account: AccountSettings) -> Mapping[Path, Stamp]:
        return stamps(proof_files(account, self._settings))


def _admin_roles(token: str) -> tuple[str, ...]:
    """The roles that the token names of the clients that own admin roles: realm-management, and in master one client a realm."""
    named = read_caller(f"Bearer {token}").client_roles
    return tuple(
        sorted({role for client, roles in named.items() if client == "realm-management" or client.endswith("-realm") for role in roles})
    )


def token_key(account: AccountSettings) -> AccountKey:
    """What a token of the account is kept by."""
    return account.token_realm, account.client_id, account.scopes
