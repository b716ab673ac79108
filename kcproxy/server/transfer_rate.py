"""How long a transfer may wait for its client: accounting without a clock, for request bodies and responses alike."""


class TransferRate:
    """A budget of at most ``grace_seconds``. A second of waiting costs a second; as many bytes as the minimum rate has in a second restore one.

    A client at the minimum rate never uses up the budget. A client that stops has the grace period, regardless of how fast it was before.
    """

    __slots__ = ("_grace_seconds", "_min_bytes_per_second", "left_seconds")

    def __init__(self, min_bytes_per_second: float, grace_seconds: float) -> None:
        """Both are positive."""
        self._min_bytes_per_second = min_bytes_per_second
        self._grace_seconds = grace_seconds
        self.left_seconds = grace_seconds

    @property
    def behind_seconds(self) -> float:
        """How much of the budget is used: 0 for a client at the minimum rate or faster."""
        return self._grace_seconds - self.left_seconds

    @property
    def is_too_slow(self) -> bool:
        """Whether the budget is used up."""
        return self.left_seconds <= 0

    def waited(self, seconds: float) -> None:
        """The transfer waited for the client. Time in which Keycloak or the proxy was slow does not count."""
        self.left_seconds -= seconds

    def moved(self, byte_count: int) -> None:
        """The client sent or read bytes."""
        self.left_seconds = min(self._grace_seconds, self.left_seconds + byte_count / self._min_bytes_per_second)
