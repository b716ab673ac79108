"""A circuit breaker for a dead upstream: after some failed connections in a row, fail at once for a moment, then let one try."""

from collections.abc import Callable

FAILURES_TO_OPEN = 3
OPEN_SECONDS = 0.5


class CircuitBreaker:
    """Closed: everything goes. Open: nothing does, for ``OPEN_SECONDS``. Half-open: one attempt decides.

    Only attempts to connect count; a connection that came about and then broke says nothing about the next one.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """Closed. ``now`` is a monotonic clock in seconds."""
        self._now = now
        self._failures = 0
        self._next_attempt_at = 0.0
        self.last_error = ""

    def allows(self) -> bool:
        """Whether a connection may be attempted now; asking while half-open takes the one attempt."""
        if self._failures < FAILURES_TO_OPEN:
            return True
        now = self._now()
        if now < self._next_attempt_at:
            return False
        self._next_attempt_at = now + OPEN_SECONDS
        return True

    def succeeded(self) -> None:
        """A connection came about."""
        self._failures = 0

    def failed(self, error: str) -> None:
        """None came about, and this is why."""
        self._failures += 1
        self._next_attempt_at = self._now() + OPEN_SECONDS
        self.last_error = error
