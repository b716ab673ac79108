"""Values of the history of denials. They are apart from its file, so that a process without one does not load SQLite."""

from msgspec import Struct

ROW_BYTES = 300
"""Approximate size of a row without its document."""


class Stored(Struct, frozen=True, kw_only=True):
    """A stored denial: ``at`` in seconds since the epoch, ``document`` as JSON."""

    id: str
    at: float
    group: str
    verified: bool
    document: bytes

    @property
    def size(self) -> int:
        """Approximate size in bytes."""
        return len(self.document) + ROW_BYTES


class Kind(Struct, frozen=True, kw_only=True):
    """What is stored of a group in addition to its denials. Times in seconds since the epoch."""

    fingerprint: str
    first_at: float
    count: int
    resolved_at: float | None = None


class Resolution(Struct, frozen=True, kw_only=True):
    """The end of a group: the operation succeeded."""

    group: str
    at: float
