"""Reading from Keycloak on the side: GETs of the inspector's account and of public documents, cached, shared, bounded in rate.

    get ─ in the cache? ── yes ─────────────▶ it
                       └── no ── under way? ─▶ wait for it
                              └─ rate left? ── no ─▶ nothing ("limited")
                                           └── yes ─▶ ask; whoever stops waiting leaves the answer to the next one

A reading never raises: what could not be had has the status 0.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from cachetools import TTLCache

from kcproxy.errors import TokenFetchError, UpstreamError
from kcproxy.http1.json_body import json_value
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.observe.events import Observer
from kcproxy.settings import AccountSettings, UpstreamSettings
from kcproxy.upstream.interface import Upstream

MAX_BODY_BYTES = 1 << 20
VOLATILE_SECONDS = 0.1  # bursts only: an operator who has just granted a role must not be told what was true before
LONGEST_SECONDS = 5.0  # one reading, whoever waits for it
_MAX_CACHED = 2048
_MAX_UNDER_WAY = 32

Fields: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields of a request, names in lower case."""
_Key: TypeAlias = tuple[str, Fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """An answer's status (0: none was had) and its parsed JSON."""

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
    """Bounded GETs below the upstream's base path. One event loop only; ``close`` ends what is under way."""

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
        self._flights: dict[_Key, asyncio.Task[Lookup]] = {}
        self._rate, self._tokens_left, self._filled_at = max_per_second, 2 * max_per_second, clock()

    async def get(self, path: str, what: str, *, public: bool = False, volatile: bool = False, fields: Fields = ()) -> Lookup:
        """One resource. ``what`` is a closed word for metrics; ``public`` needs no account; ``volatile`` is kept for a moment only.

        ``fields`` are sent besides, for documents that depend on them: a Host among them takes the place of Keycloak's own.
        """
        cache = self._volatile if volatile else self._lasting
        key = (path, fields)
        known = cache.get(key)
        if known is not None:
            self._observer.looked_up(what, "cached", 0.0)
            return known
        flight = self._flights.get(key)
        if flight is None:
            if not public and (self.account is None or self._tokens is None):
                return NONE
            if not self._allowed():
                self._observer.looked_up(what, "limited", 0.0)
                return NONE
            flight = self._take_off(key, what, public=public, cache=cache)
        return await asyncio.shield(flight)

    def given_up(self, after_seconds: float) -> None:
        """Whoever asked has stopped waiting for what he does not know yet."""
        self._observer.looked_up("facts", "late", after_seconds)

    async def close(self) -> None:
        """End the readings under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _allowed(self) -> bool:
        now = self._clock()
        self._tokens_left = min(2 * self._rate, self._tokens_left + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens_left < 1 or len(self._flights) >= _MAX_UNDER_WAY:
            return False
        self._tokens_left -= 1
        return True

    def _take_off(self, key: _Key, what: str, *, public: bool, cache: TTLCache[_Key, Lookup]) -> asyncio.Task[Lookup]:
        flight = asyncio.get_running_loop().create_task(self._read(key, what, public=public, cache=cache), name=f"look-up of {what}")
        self._flights[key] = flight
        flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return flight

    async def _read(self, key: _Key, what: str, *, public: bool, cache: TTLCache[_Key, Lookup]) -> Lookup:
        path, fields = key
        began = self._clock()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                reading = await (self._exchange(path, None, fields) if public else self._signed_in(path))
        except TimeoutError:
            reading, outcome = NONE, "late"
        except (UpstreamError, TokenFetchError):
            reading, outcome = NONE, "failed"
        else:
            outcome = "ok" if reading.status < 400 or reading.status == 404 else "refused"
            cache[key] = reading
        self._observer.looked_up(what, outcome, self._clock() - began)
        return reading

    async def _signed_in(self, path: str) -> Lookup:
        if self.account is None or self._tokens is None:
            return NONE
        token = await self._tokens.token(self.account)
        reading = await self._exchange(path, token)
        if reading.status in {401, 403} or _is_thin(reading):
            # Older versions read roles from the token: one from before the inspector's own grant has to go.
            other = await self._tokens.replace(self.account, token)
            reading = await self._exchange(path, other) if other else reading
        return reading

    async def _exchange(self, path: str, token: str | None, fields: Fields = ()) -> Lookup:
        host = self._settings.origin.partition("://")[2]
        headers = [] if any(name == "host" for name, _ in fields) else [(b"Host", host.encode())]
        headers += [(name.encode("latin-1"), value.encode("utf-8")) for name, value in fields]
        headers.append((b"Accept", b"application/json"))
        if token is not None:
            headers.append((b"Authorization", b"Bearer " + token.encode()))
        answer = await self._upstream.exchange("GET", self._settings.base_path + path, headers, None)
        try:
            return Lookup(status=answer.status, json=json_value(await answer.read(MAX_BODY_BYTES)))
        finally:
            answer.release()


def _is_thin(reading: Lookup) -> bool:
    """A realm's name without its settings: what older versions show to a token that is older than the realm."""
    return "realm" in reading.object and "enabled" not in reading.object
