"""The course of one kind of denial: when it began, changed its cause, ended and came back, and how many there were in each hour."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from kcproxy.observe.denials.records import FIXED

MAX_CHANGES = 12
HOURS = 24
_HOUR_SECONDS = 3600


class State(StrEnum):
    """What an operator has to know of a kind of denial first."""

    FAILS = "fails"
    FIXED = "fixed"
    REGRESSED = "regressed"
    """It fails again after it was fixed."""


@dataclass(slots=True, kw_only=True)
class Course:
    """Changes, oldest first and at most 12, and denials by hour since the epoch. Times in seconds since the epoch."""

    changes: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=MAX_CHANGES))
    hours: dict[int, int] = field(default_factory=dict)

    def failed(self, at: float, why: str) -> None:
        """Record a denial with this cause."""
        if not self.changes or self.changes[-1][1] != why:
            self.changes.append((at, why))
        self.counted(at)

    def counted(self, at: float) -> None:
        """Count a denial in its hour."""
        hour = int(at // _HOUR_SECONDS)
        self.hours[hour] = self.hours.get(hour, 0) + 1
        while len(self.hours) > HOURS:
            del self.hours[min(self.hours)]

    def fixed(self, at: float) -> None:
        """Record that the operation succeeded."""
        self.changes.append((at, FIXED))

    def restore(self, changes: Iterable[tuple[float, str]], hours: Iterable[tuple[int, int]]) -> None:
        """Replace it with what a history has stored, unless that has nothing."""
        if stored := tuple(changes):
            self.changes = deque(stored, MAX_CHANGES)
        if counted := dict(hours):
            self.hours = {hour: counted[hour] for hour in sorted(counted)[-HOURS:]}

    @property
    def state(self) -> State:
        """Fails, fixed, or fails again."""
        if self.changes and self.changes[-1][1] == FIXED:
            return State.FIXED
        return State.REGRESSED if any(what == FIXED for _, what in self.changes) else State.FAILS

    def counts(self, last_at: float) -> list[int]:
        """The denials of each of the 24 hours (UTC) that end with the hour of ``last_at``."""
        last = int(last_at // _HOUR_SECONDS)
        return [self.hours.get(hour, 0) for hour in range(last - HOURS + 1, last + 1)]

    def documents(self, iso: Callable[[float], str]) -> list[dict[str, str]]:
        """The changes for the API; ``iso`` formats a time."""
        return [{"at": iso(at), "to": what} for at, what in self.changes]
