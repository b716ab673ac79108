"""Limits requests of unverified callers, on a listener that asks for a key or a token.

A share of the slots and connections is reserved for callers with a valid key or token. Requests without an injected token are not verified: they may
be logins, have own tokens, or be attacks. Without keys and issuers all callers are equal.
"""

from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.settings import Settings


class UnverifiedCallers:
    """Counts these requests from the moment they may be sent to Keycloak until they end."""

    def __init__(self, settings: Settings) -> None:
        self._limit = ConcurrencyLimit(
            _limit(settings), settings.limits.max_queue_seconds, what="requests of unverified callers", setting=_SETTING
        )

    @property
    def active(self) -> int:
        """Requests that have a slot."""
        return self._limit.active

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._limit.waiting

    def resize(self, settings: Settings) -> None:
        """Set new limits for further requests."""
        self._limit.resize(_limit(settings), settings.limits.max_queue_seconds)

    def try_acquire(self, runtime: Runtime, exchange: Exchange) -> bool:
        """Count the request if its caller is unverified. False if it would have to wait."""
        if not runtime.admission.verifies or exchange.admitted is not None:
            return True
        exchange.is_counted_as_unverified = self._limit.try_acquire()
        return exchange.is_counted_as_unverified

    async def acquire(self, runtime: Runtime, exchange: Exchange) -> None:
        """The same, after waiting in the queue. Raises UpstreamBusy if no slot becomes free in time."""
        if runtime.admission.verifies and exchange.admitted is None:
            await self._limit.acquire()
            exchange.is_counted_as_unverified = True

    def release(self, exchange: Exchange) -> None:
        """End the count of a request."""
        if exchange.is_counted_as_unverified:
            exchange.is_counted_as_unverified = False
            self._limit.release()


_SETTING = "three quarters of limits.max_concurrent_requests or upstream.max_connections"


def _limit(settings: Settings) -> int:
    return max(1, min(settings.limits.max_concurrent_requests, settings.upstream.max_connections) * 3 // 4)
