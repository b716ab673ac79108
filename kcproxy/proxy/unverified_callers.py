"""The bound on requests of callers that the proxy has not verified, on a listener that asks for a key or a token.

Callers who show a valid one always find a share of the slots and connections free. A request that uses no injected token passes without being
verified: it may be a login, or bring a token of its own, or be an attack. Without keys and issuers all callers are equal.
"""

from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.settings import Settings


class UnverifiedCallers:
    """Counts their requests from the moment they may be sent to Keycloak until they end."""

    def __init__(self, settings: Settings) -> None:
        """With the bounds of these settings."""
        self._limit = ConcurrencyLimit(
            _limit(settings), settings.limits.max_queue_seconds, what="requests of unverified callers", setting=_SETTING
        )

    @property
    def active(self) -> int:
        """How many there are."""
        return self._limit.active

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._limit.waiting

    def resize(self, settings: Settings) -> None:
        """Bounds for those that come from now on."""
        self._limit.resize(_limit(settings), settings.limits.max_queue_seconds)

    def try_acquire(self, runtime: Runtime, exchange: Exchange) -> bool:
        """Count the request if it is one of them; False where it would have to wait."""
        if not runtime.admission.verifies or exchange.admitted is not None:
            return True
        exchange.is_counted_as_unverified = self._limit.try_acquire()
        return exchange.is_counted_as_unverified

    async def acquire(self, runtime: Runtime, exchange: Exchange) -> None:
        """The same, in turn. UpstreamBusy where none becomes free in time."""
        if runtime.admission.verifies and exchange.admitted is None:
            await self._limit.acquire()
            exchange.is_counted_as_unverified = True

    def release(self, exchange: Exchange) -> None:
        """The request has ended."""
        if exchange.is_counted_as_unverified:
            exchange.is_counted_as_unverified = False
            self._limit.release()


_SETTING = "three quarters of limits.max_concurrent_requests or upstream.max_connections"


def _limit(settings: Settings) -> int:
    return max(1, min(settings.limits.max_concurrent_requests, settings.upstream.max_connections) * 3 // 4)
