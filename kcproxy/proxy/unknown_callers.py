"""The bound on requests of callers that the proxy has not verified, on a listener that asks for a key or a token.

Callers who show a valid one always find a share of the slots and connections free. A request that uses no injected token passes without being
verified: it may be a login, or bring a token of its own, or be an attack. Without keys and issuers all callers are equal.
"""

from kcproxy.proxy.forward import Plane
from kcproxy.proxy.gate import Gate
from kcproxy.proxy.passage import Passage
from kcproxy.settings import Settings


class UnknownCallers:
    """Counts their requests from the moment they may be sent to Keycloak until they end."""

    def __init__(self, settings: Settings) -> None:
        """With the bounds of these settings."""
        self._gate = Gate(_limit(settings), settings.limits.max_queue_seconds, what="requests of unverified callers", setting=_SETTING)

    @property
    def active(self) -> int:
        """How many there are."""
        return self._gate.active

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._gate.waiting

    def resize(self, settings: Settings) -> None:
        """Bounds for those that come from now on."""
        self._gate.resize(_limit(settings), settings.limits.max_queue_seconds)

    def enter_at_once(self, plane: Plane, passage: Passage) -> bool:
        """Count the request if it is one of them; False where it would have to wait."""
        if not plane.admission.verifies or passage.admitted is not None:
            return True
        passage.is_counted_as_unknown = self._gate.enter_at_once()
        return passage.is_counted_as_unknown

    async def enter(self, plane: Plane, passage: Passage) -> None:
        """The same, in turn. UpstreamBusy where none becomes free in time."""
        if plane.admission.verifies and passage.admitted is None:
            await self._gate.enter()
            passage.is_counted_as_unknown = True

    def leave(self, passage: Passage) -> None:
        """The request has ended."""
        if passage.is_counted_as_unknown:
            passage.is_counted_as_unknown = False
            self._gate.leave()


_SETTING = "three quarters of limits.max_concurrent_requests or upstream.max_connections"


def _limit(settings: Settings) -> int:
    return max(1, min(settings.limits.max_concurrent_requests, settings.upstream.max_connections) * 3 // 4)
