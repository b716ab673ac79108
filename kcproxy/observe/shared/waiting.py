"""Denials that wait to be written, in bounded memory and, if there are any, in pending files. What does not fit is dropped and counted.

Added on one thread, taken on another.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from itertools import islice

from kcproxy.observe.denials.pending import PendingFiles
from kcproxy.observe.denials.pending_lines import Item, key_of
from kcproxy.observe.denials.records import ROW_BYTES, Stored

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 1024 * 1024
MAX_BATCH = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024


def size_of(item: Item) -> int:
    """Approximate size in bytes."""
    return item.size if isinstance(item, Stored) else ROW_BYTES


class Waiting:
    """A queue whose items stay in it until they are known to be written."""

    def __init__(
        self, *, on_drop: Callable[[int], None], pending: PendingFiles | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Empty. ``on_drop`` is called with the number of dropped items."""
        self._pending = pending
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
        fits = self.has_room(item)
        if fits and self._pending is not None:
            self._pending.append(item)  # before the other thread can take it
        if fits:
            with self._lock:
                self._items.append((self._clock(), item))
                self._bytes += size_of(item)
        if not fits:
            self._settle([item])
            self._on_drop(1)

    def has_room(self, item: Item) -> bool:
        """Whether an item fits. On the thread that adds, it fits until the next one is added."""
        with self._lock:
            return len(self._items) < MAX_WAITING and self._bytes + size_of(item) <= MAX_WAITING_BYTES

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
            items = [self._items.popleft()[1] for _ in range(count)]
            self._bytes -= sum(map(size_of, items))
        self._settle(items)

    def close(self) -> tuple[int, int]:
        """The numbers of items that wait in pending files for the next start, and that are lost."""
        with self._lock:
            keys = [key_of(item) for _, item in self._items]
        if self._pending is None:
            return 0, len(keys)
        left = sum(key in self._pending for key in keys)
        self._pending.close()
        return left, len(keys) - left

    def _settle(self, items: Iterable[Item]) -> None:
        if self._pending is not None:
            self._pending.settle(map(key_of, items))

    def by_group(self) -> dict[str, list[Item]]:
        """The items of each kind, oldest first."""
        found: defaultdict[str, list[Item]] = defaultdict(list)
        with self._lock:
            for _, item in self._items:
                found[item.group].append(item)
        return found
