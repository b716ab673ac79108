"""Look-ups: requests that change nothing, with the inspector's account and of public documents. They are cached, shared and limited in rate.

    get ─ cached? ── yes ──────────────────▶ return it
                 └── no ── in progress? ── yes ─▶ wait for it
                                       └── no ── rate limit reached? ── yes ─▶ nothing ("limited")
                                                                     └── no ─▶ send the request

A caller that stops waiting does not cancel the request; its response is cached. A look-up never raises: one that fails has status code 0.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from cachetools import TTLCache
from msgspec import Struct

from kcproxy.errors import TokenFetchError, UpstreamError
from kcproxy.http1.json_body import json_value
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.observe.events import Observer
from kcproxy.settings import AccountSettings, UpstreamSettings
from kcproxy.upstream.interface import Upstream

MAX_BODY_BYTES = 1 << 20
VOLATILE_SECONDS = 0.1  # for bursts only: after an operator has granted a role, the old state must not be reported
LONGEST_SECONDS = 5.0  # for one look-up
_MAX_CACHED = 2048
_MAX_IN_PROGRESS = 32

Fields: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields of a request, names in lower case."""
_Key: TypeAlias = tuple[str, Fields, bytes | None]


class Lookup(Struct, frozen=True, kw_only=True):
    """The status code of a response (0: there is none) and its parsed JSON."""

    status: int = 0
    json: Any = None

    @property
    def object(self) -> dict[str, Any]:
        """The JSON object of a 200, else an empty one."""
        return self.json if self.status == 200 and isinstance(self.json, dict) else {}

    @property
    def items(self) -> list[Any] | None:
        """The JSON array of a 200, else None."""
        return self.json if self.status == 200 and isinstance(self.json, list) else None


NONE = Lookup()


class LookupClient:
    """GETs below the upstream's base path. For one event loop. ``close`` cancels the look-ups in progress."""

    def __init__(
        self,
        settings: UpstreamSettings,
        upstream: Upstream,
        observer: Observer,
        *,
        account: AccountSettings | None = None,
        tokens: TokenSource | None = None,
        cache_seconds: float = 10.0,
        max_per_second: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without ``account`` only public documents can be read. ``clock`` is monotonic."""
        self._settings, self._upstream, self._observer = settings, upstream, observer
        self.account, self._tokens = account, tokens
        self._clock = clock
        self._lasting: TTLCache[_Key, Lookup] = TTLCache(_MAX_CACHED, ttl=cache_seconds, timer=clock)
        self._volatile: TTLCache[_Key, Lookup] = TTLCache(_MAX_CACHED, ttl=min(VOLATILE_SECONDS, cache_seconds), timer=clock)
        self._in_progress: dict[_Key, asyncio.Task[Lookup]] = {}
        self._rate, self._tokens_left, self._filled_at = max_per_second, 2 * max_per_second, clock()

    async def get(
        self, path: str, what: str, *, public: bool = False, volatile: bool = False, fields: Fields = (), body: bytes | None = None
    ) -> Lookup:
        """One resource. ``what`` is a closed word for metrics; ``public`` needs no account; ``volatile`` is cached for a moment only.

        ``fields`` are added to the request, for documents that depend on them. A Host among them replaces Keycloak's own. With ``body``
        (JSON) it is a POST, for resources that only evaluate what they get.
        """
        cache = self._volatile if volatile else self._lasting
        key = (path, fields, body)
        known = cache.get(key)
        if known is not None:
            self._observer.looked_up(what, "cached", 0.0)
            return known
        lookup = self._in_progress.get(key)
        if lookup is None:
            if not public and (self.account is None or self._tokens is None):
                return NONE
            if not self._allowed():
                self._observer.looked_up(what, "limited", 0.0)
                return NONE
            lookup = self._start(key, what, public=public, cache=cache)
        return await asyncio.shield(lookup)

    def covers(self, realm: str) -> bool:
        """Whether the inspector's account is configured for the realm."""
        return self.account is not None and ("*" in self.account.realms or realm in self.account.realms)

    def given_up(self, after_seconds: float) -> None:
        """Count that the caller has stopped waiting."""
        self._observer.looked_up("facts", "late", after_seconds)

    async def close(self) -> None:
        """Cancel the look-ups in progress."""
        in_progress = list(self._in_progress.values())
        for lookup in in_progress:
            lookup.cancel()
        await asyncio.gather(*in_progress, return_exceptions=True)

    def _allowed(self) -> bool:
        now = self._clock()
        self._tokens_left = min(2 * self._rate, self._tokens_left + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens_left < 1 or len(self._in_progress) >= _MAX_IN_PROGRESS:
            return False
        self._tokens_left -= 1
        return True

    def _start(self, key: _Key, what: str, *, public: bool, cache: TTLCache[_Key, Lookup]) -> asyncio.Task[Lookup]:
        lookup = asyncio.get_running_loop().create_task(self._read(key, what, public=public, cache=cache), name=f"look-up of {what}")
        self._in_progress[key] = lookup
        lookup.add_done_callback(lambda _: self._in_progress.pop(key, None))
        return lookup

    async def _read(self, key: _Key, what: str, *, public: bool, cache: TTLCache[_Key, Lookup]) -> Lookup:
        path, fields, body = key
        began = self._clock()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                lookup = await (self._exchange(path, None, fields) if public else self._signed_in(path, body))
        except TimeoutError:
            lookup, outcome = NONE, "late"
        except (UpstreamError, TokenFetchError):
            lookup, outcome = NONE, "failed"
        else:
            outcome = "ok" if lookup.status < 400 or lookup.status == 404 else "refused"
            cache[key] = lookup
        self._observer.looked_up(what, outcome, self._clock() - began)
        return lookup

    async def _signed_in(self, path: str, body: bytes | None) -> Lookup:
        if self.account is None or self._tokens is None:
            return NONE
        token = await self._tokens.token(self.account)
        lookup = await self._exchange(path, token, body=body)
        if lookup.status in {401, 403} or _is_reduced(lookup):
            # Older versions read roles from the token: one from before the inspector's own grant is outdated.
            other = await self._tokens.replace(self.account, token)
            lookup = await self._exchange(path, other, body=body) if other else lookup
        return lookup

    async def _exchange(self, path: str, token: str | None, fields: Fields = (), body: bytes | None = None) -> Lookup:
        host = self._settings.origin.partition("://")[2]
        headers = [] if any(name == "host" for name, _ in fields) else [(b"Host", host.encode())]
        headers += [(name.encode("latin-1"), value.encode("utf-8")) for name, value in fields]
        headers.append((b"Accept", b"application/json"))
        if token is not None:
            headers.append((b"Authorization", b"Bearer " + token.encode()))
        if body is not None:
            headers.append((b"Content-Type", b"application/json"))
        method = "GET" if body is None else "POST"
        response = await self._upstream.exchange(method, self._settings.base_path + path, headers, body)
        try:
            return Lookup(status=response.status, json=json_value(await response.read(MAX_BODY_BYTES)))
        finally:
            response.release()


def _is_reduced(lookup: Lookup) -> bool:
    """Whether a realm has a name only: the response of older versions to a token that is older than the realm."""
    return "realm" in lookup.object and "enabled" not in lookup.object
