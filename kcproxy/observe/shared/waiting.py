"""Denials that wait to be written, in bounded memory. What does not fit is dropped and counted. Added on one thread, taken on another."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import islice

from kcproxy.observe.denials.records import ROW_BYTES, Resolution, Stored

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 1024 * 1024
MAX_BATCH = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024

Item = Stored | Resolution


def size_of(item: Item) -> int:
    """Approximate size in bytes."""
    return item.size if isinstance(item, Stored) else ROW_BYTES


class Waiting:
    """A queue whose items stay in it until they are known to be written."""

    def __init__(self, *, on_drop: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Empty. ``on_drop`` is called with the number of dropped items."""
        self._items: deque[tuple[float, Item]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._on_drop = on_drop
        self._clock = clock

    def __len__(self) -> int:
        """Number of items."""
        return len(self._items)

    @property
    def behind_seconds(self) -> float:
        """How long the oldest item has been waiting; 0 if there is none."""
        with self._lock:
            return self._clock() - self._items[0][0] if self._items else 0.0

    def add(self, item: Item) -> None:
        """Add an item, if it fits."""
        size = size_of(item)
        with self._lock:
            fits = len(self._items) < MAX_WAITING and self._bytes + size <= MAX_WAITING_BYTES
            if fits:
                self._items.append((self._clock(), item))
                self._bytes += size
        if not fits:
            self._on_drop(1)

    def batch(self) -> list[Item]:
        """The oldest items, which stay in the queue."""
        with self._lock:
            items = [item for _, item in islice(self._items, MAX_BATCH)]
        size, fitting = 0, 0
        for item in items:
            size += size_of(item)
            fitting += size <= MAX_BATCH_BYTES
        return items[: max(fitting, 1)]

    def written(self, count: int) -> None:
        """Remove the oldest items."""
        with self._lock:
            for _ in range(count):
                _, item = self._items.popleft()
                self._bytes -= size_of(item)

    def drop(self, count: int) -> None:
        """Remove and count the oldest items, because they cannot be written."""
        self.written(count)
        self._on_drop(count)

    def by_group(self) -> dict[str, list[Item]]:
        """The items of each kind, oldest first."""
        found: defaultdict[str, list[Item]] = defaultdict(list)
        with self._lock:
            for _, item in self._items:
                found[item.group].append(item)
        return found
