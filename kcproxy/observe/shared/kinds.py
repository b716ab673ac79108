"""One kind of denial as the shared database stores it, and how denials and ends of several instances change it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.observe.denials.course import Course
from kcproxy.observe.denials.records import Resolution, Stored

MAX_INSTANCES = 64
"""Instances that a kind names. Pods get a new name with each start, so the ones that were seen first are forgotten."""


@dataclass(slots=True, kw_only=True)
class KindState:
    """What is known of a kind, from all instances. Times in seconds since the epoch; ``instances``: the number of denials of each."""

    first_at: float
    last_at: float
    count: int = 0
    resolved_at: float | None = None
    course: Course = field(default_factory=Course)
    instances: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "KindState":
        """From the columns of a row."""
        course = Course()
        hours = {int(hour): int(count) for hour, count in json.loads(row["hours"]).items()}
        course.restore([(float(at), str(what)) for at, what in json.loads(row["changes"])], hours.items())
        return cls(
            first_at=row["first_at"],
            last_at=row["last_at"],
            count=row["count"],
            resolved_at=row["resolved_at"],
            course=course,
            instances={str(name): int(count) for name, count in json.loads(row["instances"])},
        )

    def columns(self) -> tuple[Any, ...]:
        """The values of the columns first_at, last_at, count, resolved_at, changes, hours and instances."""
        return (
            self.first_at,
            self.last_at,
            self.count,
            self.resolved_at,
            json.dumps(list(self.course.changes)),
            json.dumps(self.course.hours),
            json.dumps(list(self.instances.items())),
        )

    def add(self, stored: Stored, instance: str) -> None:
        """Count a denial. One that is older than the end of the kind, because it was written late, does not begin it again."""
        is_late = self.resolved_at is not None and stored.at < self.resolved_at
        self.first_at, self.last_at = min(self.first_at, stored.at), max(self.last_at, stored.at)
        self.count += 1
        self.instances[instance] = self.instances.pop(instance, 0) + 1
        while len(self.instances) > MAX_INSTANCES:
            del self.instances[next(iter(self.instances))]
        if is_late:
            self.course.counted(stored.at)
        else:
            self.course.failed(stored.at, stored.why)
            self.resolved_at = None

    def end(self, resolution: Resolution) -> None:
        """Note that the operation succeeded, unless another instance has seen a newer denial."""
        if resolution.at >= self.last_at and self.resolved_at is None:
            self.resolved_at = resolution.at
            self.course.fixed(resolution.at)


def apply(state: KindState, item: Stored | Resolution, instance: str) -> None:
    """Add a denial or an end. ``instance``: the one that stored it, if the item does not say."""
    if isinstance(item, Stored):
        state.add(item, item.instance or instance)
    else:
        state.end(item)
