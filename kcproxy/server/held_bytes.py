"""The bound on what unfinished messages take in memory, all connections of a process together."""

SMALL_BYTES = 16_384
"""What is no larger always has room: ordinary heads and bodies, however many large ones there are."""


class HeldBytes:
    """Counts the bytes of large unfinished messages. One event loop only."""

    __slots__ = ("_max_bytes", "total_bytes")

    def __init__(self, max_bytes: int) -> None:
        """None yet."""
        self._max_bytes = max_bytes
        self.total_bytes = 0

    def change(self, before_bytes: int, after_bytes: int) -> bool:
        """A message has grown or shrunk; whether there is room for it. It counts in any case, until it is changed to 0."""
        after = _counted(after_bytes)
        self.total_bytes += after - _counted(before_bytes)
        return not after or self.total_bytes <= self._max_bytes


def _counted(size_bytes: int) -> int:
    return size_bytes if size_bytes > SMALL_BYTES else 0
