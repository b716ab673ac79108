"""A circuit breaker for a server that is down: after some failed connections in a row, fail at once for a moment, then allow one attempt."""

from collections.abc import Callable

FAILURES_TO_OPEN = 3
OPEN_SECONDS = 0.5


class CircuitBreaker:
    """Closed: attempts are allowed. Open: none is, for ``OPEN_SECONDS``. Half-open: one attempt decides.

    Only attempts to connect count. A connection that breaks later says nothing about the next attempt.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """``now`` is a monotonic clock in seconds."""
        self._now = now
        self._failures = 0
        self._next_attempt_at = 0.0
        self.last_error = ""

    def allows(self) -> bool:
        """Whether a connection may be attempted now. While half-open, the first call uses the one attempt."""
        if self._failures < FAILURES_TO_OPEN:
            return True
        now = self._now()
        if now < self._next_attempt_at:
            return False
        self._next_attempt_at = now + OPEN_SECONDS
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, error: str) -> None:
        """An attempt failed with this error."""
        self._failures += 1
        self._next_attempt_at = self._now() + OPEN_SECONDS
        self.last_error = error
