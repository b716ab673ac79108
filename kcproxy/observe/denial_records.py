"""Values of the history of denials. They are apart from its file, so that a process without one does not load SQLite."""

from dataclasses import dataclass

ROW_BYTES = 300
"""Approximate size of a row without its document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is stored of a group in addition to its denials. Times in seconds since the epoch."""

    fingerprint: str
    first_at: float
    count: int
    resolved_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The end of a group: the operation succeeded."""

    group: str
    at: float
