"""Cache of service-account tokens: one fetch for any number of waiters, refreshed before expiry, replaced when refused.

get ─ cached? ── yes, fresh ────────────────▶ return it
            ├─── yes, to be refreshed ──────▶ return it, and fetch a new one in the background
            └─── no ── failed just now? ────▶ the same error again
                    └─ otherwise ───────────▶ one fetch for all waiters (it goes on if one of them leaves)
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
_FAILURE_SECONDS = 1.0  # protects a token endpoint that fails, and notices soon that it works again
_MARGIN_SECONDS = 10.0
_MARGIN_SHARE = 0.2  # of the lifetime, for tokens with a short one
REFRESH_SHARE = 0.75
_JITTER_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedToken:
    """A token, with the times at which its fetch began and ended, it is to be refreshed, and it expires for us (monotonic seconds)."""

    token: str = field(repr=False)
    asked_at: float
    arrived_at: float
    refresh_at: float
    unusable_at: float
    proof: Mapping[Path, Stamp] = field(default_factory=dict, repr=False, compare=False)
    """The files that authenticated the client at the token endpoint, as they were then."""
    line: bytes = field(init=False, repr=False, compare=False)
    """The Authorization field line and the empty line, as they end a request head with this token."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "line", b"Authorization: Bearer %b\r\n\r\n" % self.token.encode())


class TokenSource:
    """The tokens of all configured accounts. For one event loop."""

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

        ``injected`` are the accounts whose tokens are added to requests. Only their roles are reported, for a comparison with the roles that
        requests need.
        """
        self._injected = frozenset(map(token_key, injected))
        self._settings = settings
        self._grants = TokenEndpoint(settings, upstream, now=now)
        self._observer = observer
        self._clock = clock
        self._jitter = jitter
        # At most one for each account of the settings. A plain dictionary, because every request reads it.
        self._cached: dict[AccountKey, CachedToken] = {}
        self._failed: TTLCache[AccountKey, TokenFetchError] = TTLCache(_MAX_ACCOUNTS, ttl=_FAILURE_SECONDS, timer=clock)
        self._fetches: dict[AccountKey, asyncio.Task[CachedToken]] = {}

    async def token(self, account: AccountSettings) -> str:
        """A valid token. Raises TokenFetchError if there is none."""
        return (await self.get(account)).token

    async def get(self, account: AccountSettings) -> CachedToken:
        """A valid token with its times. Raises TokenFetchError if there is none."""
        key = token_key(account)
        now = self._clock()
        cached = self._usable(key, now)
        if cached is None:
            self._observer.token_cache_read(account.label, hit=False)
            return await self._wait_for_fetch(key, account)
        self._observer.token_cache_read(account.label, hit=True)
        if now >= cached.refresh_at and key not in self._fetches and key not in self._failed:
            self._start_fetch(key, account)
        return cached

    def fresh(self, account: AccountSettings, now: float) -> CachedToken | None:
        """The cached token if it is valid and need not be refreshed. ``now`` is a reading of this cache's clock."""
        cached = self._cached.get(token_key(account))
        return cached if cached is not None and now < cached.refresh_at and now < cached.unusable_at else None

    def count_use(self, account: AccountSettings) -> None:
        """Count the use of a token that ``fresh`` returned."""
        self._observer.token_cache_read(account.label, hit=True)

    async def replace(self, account: AccountSettings, refused_token: str, *, since: float | None = None) -> str | None:
        """Another token than the refused one, requested no earlier than ``since`` (monotonic seconds; None: any other one).

        Requests that are refused later get the token that the first one has fetched. None if no token can be fetched.
        """
        key = token_key(account)

        def acceptable(cached: CachedToken | None) -> bool:
            return cached is not None and cached.token != refused_token and (since is None or cached.asked_at >= since)

        cached = self._usable(key, self._clock())
        try:
            # Twice: a fetch that was in progress already may have begun too early.
            for _ in range(2):
                if not acceptable(cached):
                    cached = await self._wait_for_fetch(key, account)
        except TokenFetchError:
            return None
        return cached.token if cached is not None and acceptable(cached) else None

    def forget(self, account: AccountSettings, refused_token: str) -> None:
        """Drop a refused token, so that the next request asks for a new one."""
        key = token_key(account)
        cached = self._cached.get(key)
        if cached is not None and cached.token == refused_token:
            del self._cached[key]

    def cached(self, account: AccountSettings) -> CachedToken | None:
        """The cached token if it is valid."""
        return self._usable(token_key(account), self._clock())

    def take_over(self, before: "TokenSource", accounts: Iterable[AccountSettings]) -> None:
        """Use the tokens that another cache has for these accounts, until they expire or are refused. Both have the same clock.

        If a file that authenticates the client has changed since its token was fetched, another token is fetched in the background.
        """
        for account in accounts:
            key, cached = token_key(account), before.cached(account)
            if cached is None or key in self._cached:
                continue
            self._cached[key] = cached
            if cached.proof != self._proof(account):
                self._start_fetch(key, account)

    async def close(self) -> None:
        """Cancel the fetches in progress."""
        fetches = list(self._fetches.values())
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)

    async def _wait_for_fetch(self, key: AccountKey, account: AccountSettings) -> CachedToken:
        failure = self._failed.get(key)
        if failure is not None:
            raise failure.with_traceback(None)
        fetch = self._fetches.get(key) or self._start_fetch(key, account)
        return await asyncio.shield(fetch)

    def _usable(self, key: AccountKey, now: float) -> CachedToken | None:
        """The cached token. An expired one is removed."""
        cached = self._cached.get(key)
        if cached is not None and now >= cached.unusable_at:
            del self._cached[key]
            return None
        return cached

    def _start_fetch(self, key: AccountKey, account: AccountSettings) -> asyncio.Task[CachedToken]:
        fetch = asyncio.get_running_loop().create_task(self._fetch(key, account), name=f"token of {account.client_id}")
        self._fetches[key] = fetch
        fetch.add_done_callback(lambda done: self._fetch_ended(key, done))
        return fetch

    def _fetch_ended(self, key: AccountKey, fetch: asyncio.Task[CachedToken]) -> None:
        if self._fetches.get(key) is fetch:
            del self._fetches[key]
        if not fetch.cancelled():
            fetch.exception()  # retrieved here, because nothing may wait for a refresh

    async def _fetch(self, key: AccountKey, account: AccountSettings) -> CachedToken:
        began, proof = self._clock(), self._proof(account)
        try:
            granted = await self._grants.grant(account)
        except TokenFetchError as error:
            self._failed[key] = error
            self._observer.token_fetched(account.label, error.error or error.kind, self._clock() - began, None)
            raise
        self._failed.pop(key, None)
        lifetime = granted.lifetime_seconds
        cached = CachedToken(
            token=granted.token,
            asked_at=began,
            arrived_at=self._clock(),
            refresh_at=began + lifetime * (REFRESH_SHARE - _JITTER_SHARE * self._jitter()),
            unusable_at=began + lifetime - min(_MARGIN_SECONDS, lifetime * _MARGIN_SHARE),
            proof=proof,
        )
        self._cached[key] = cached
        self._observer.token_fetched(account.label, "ok", self._clock() - began, lifetime)
        if key in self._injected:
            self._observer.token_roles(account.label, _admin_roles(granted.token))
        return cached

    def _proof(self, account: AccountSettings) -> Mapping[Path, Stamp]:
        return stamps(proof_files(account, self._settings))


def _admin_roles(token: str) -> tuple[str, ...]:
    """The roles in the token of clients that own admin roles: realm-management, and in master one client for each realm."""
    named = read_caller(f"Bearer {token}").client_roles
    return tuple(
        sorted({role for client, roles in named.items() if client == "realm-management" or client.endswith("-realm") for role in roles})
    )


def token_key(account: AccountSettings) -> AccountKey:
    """The cache key of an account's token."""
    return account.token_realm, account.client_id, account.scopes
