"""Values of the history of denials. They are apart from its file, so that a process without one does not load SQLite."""

from msgspec import Struct

FIXED = "fixed"
"""The change of a group whose operation has succeeded; every other change is the cause that began."""
ROW_BYTES = 300
"""Approximate size of a row without its document."""


class Stored(Struct, frozen=True, kw_only=True):
    """A stored denial: ``at`` in seconds since the epoch, ``document`` as JSON."""

    id: str
    at: float
    group: str
    verified: bool
    document: bytes
    instance: str = ""  # the one that stored it, if several share a history
    why: str = ""  # the cause, so that a change of it is noticed without reading the document

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
    changes: tuple[tuple[float, str], ...] = ()  # when and to what: a cause, or ``FIXED``
    hours: tuple[tuple[int, int], ...] = ()  # the hour since the epoch, and its denials


class Resolution(Struct, frozen=True, kw_only=True):
    """The end of a group: the operation succeeded."""

    group: str
    at: float
