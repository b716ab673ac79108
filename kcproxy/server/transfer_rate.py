"""How long a caller may keep a transfer waiting: accounting without a clock, for request bodies and responses alike."""


class TransferRate:
    """A budget of seconds, never more than ``grace_seconds``. Each second of waiting for the caller takes one; as many bytes as the least
    rate asks for in a second give one back.

    A caller that keeps to the least rate never uses the budget up, one that stops has the grace period, and bytes moved quickly before
    buy no longer stop afterwards.
    """

    __slots__ = ("_grace_seconds", "_min_bytes_per_second", "left_seconds")

    def __init__(self, min_bytes_per_second: float, grace_seconds: float) -> None:
        """A transfer that begins. Both are positive."""
        self._min_bytes_per_second = min_bytes_per_second
        self._grace_seconds = grace_seconds
        self.left_seconds = grace_seconds

    @property
    def behind_seconds(self) -> float:
        """How much of the budget is used: 0 for a caller that is as fast as the least rate asks, or faster."""
        return self._grace_seconds - self.left_seconds

    @property
    def is_too_slow(self) -> bool:
        """Whether the budget is used up."""
        return self.left_seconds <= 0

    def waited(self, seconds: float) -> None:
        """The transfer waited for the caller. Time in which Keycloak or the proxy was slow does not count."""
        self.left_seconds -= seconds

    def moved(self, byte_count: int) -> None:
        """Bytes came from the caller, or were taken by it."""
        self.left_seconds = min(self._grace_seconds, self.left_seconds + byte_count / self._min_bytes_per_second)
