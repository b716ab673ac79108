"""Live updates of the page. Each subscriber has a bounded set of changed groups, so that many changes cost little."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

MAX_SUBSCRIBERS = 50
MAX_CHANGED = 200
MAX_AT_ONCE = 30


class Subscriber:
    """One browser. ``changes`` waits for changed groups."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._event = asyncio.Event()
        self.closed = False

    def close(self) -> None:
        """End the updates."""
        self.closed = True
        self._event.set()

    def notify(self, fingerprint: str) -> None:
        """Note a changed group. For a slow browser the oldest change is dropped; the page reads all groups when it is loaded."""
        self._changed.pop(fingerprint, None)
        self._changed[fingerprint] = None
        if len(self._changed) > MAX_CHANGED:
            del self._changed[next(iter(self._changed))]
        self._event.set()

    async def changes(self) -> list[str]:
        """Groups that changed since the last call, latest change last; at most 30, the others with the next call."""
        await self._event.wait()
        found = list(self._changed)[-MAX_AT_ONCE:]
        for fingerprint in found:
            del self._changed[fingerprint]
        if not self._changed and not self.closed:
            self._event.clear()
        return found


class Subscriptions:
    """All subscribers."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()

    def __len__(self) -> int:
        """Number of subscribers."""
        return len(self._subscribers)

    def changed(self, fingerprint: str) -> None:
        """Notify all subscribers of a changed group."""
        for subscriber in self._subscribers:
            subscriber.notify(fingerprint)

    def close(self) -> None:
        """End the updates of all subscribers, because the process ends."""
        for subscriber in self._subscribers:
            subscriber.close()

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber | None]:
        """A subscriber for the duration of the block; None if there are too many."""
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            yield None
            return
        subscriber = Subscriber()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)
