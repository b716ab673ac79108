"""The window of an audit: how many days were asked for, and how many of them were recorded."""

import math
from dataclasses import dataclass

from kcproxy.usage.model import UseRecord

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The days that were asked for, and how many of them the sources have. ``seen`` is None if lines without a time were read."""

    since_epoch_seconds: float
    now_epoch_seconds: float
    days: int
    seen: int | None

    @property
    def says(self) -> str:
        """``30 days, of which the proxy saw 29``."""
        asked = f"{self.days} day{'s' if self.days != 1 else ''}"
        return f"{asked}; the lines have no time" if self.seen is None else f"{asked}, of which the proxy saw {self.seen}"


def window_of(record: UseRecord, *, since_seconds: float, now_epoch_seconds: float, is_dated: bool = True) -> Window:
    """The window of ``since_seconds`` before now. ``is_dated``: whether the record knows its days."""
    days = max(1, math.ceil(since_seconds / DAY_SECONDS))
    seen = min(len(record.days), days) if record.days or is_dated else None
    return Window(since_epoch_seconds=now_epoch_seconds - since_seconds, now_epoch_seconds=now_epoch_seconds, days=days, seen=seen)
