"""Who follows the page live: each follower has a set of groups that changed since he last looked, so that a storm costs him nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

MAX_FOLLOWERS = 50
MAX_CHANGED = 200
MAX_AT_ONCE = 30


class Subscriber:
    """One browser. ``changes`` waits until there is something to say."""

    def __init__(self) -> None:
        """Nothing has changed yet."""
        self._changed: dict[str, None] = {}
        self._event = asyncio.Event()
        self.closed = False

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._event.set()

    def tell(self, fingerprint: str) -> None:
        """A group changed. The oldest change is forgotten where he is too slow: the page reads all groups when it is loaded."""
        self._changed.pop(fingerprint, None)
        self._changed[fingerprint] = None
        if len(self._changed) > MAX_CHANGED:
            del self._changed[next(iter(self._changed))]
        self._event.set()

    async def changes(self) -> list[str]:
        """Groups that changed since they were last given, the latest change last; at most thirty, the others with the next call."""
        await self._event.wait()
        found = list(self._changed)[-MAX_AT_ONCE:]
        for fingerprint in found:
            del self._changed[fingerprint]
        if not self._changed and not self.closed:
            self._event.clear()
        return found


class Subscriptions:
    """All followers."""

    def __init__(self) -> None:
        """None yet."""
        self._followers: set[Subscriber] = set()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._followers)

    def changed(self, fingerprint: str) -> None:
        """Tell everybody."""
        for follower in self._followers:
            follower.tell(fingerprint)

    def close(self) -> None:
        """The process ends: let everybody go."""
        for follower in self._followers:
            follower.close()

    @contextmanager
    def follow(self) -> Iterator[Subscriber | None]:
        """A follower for as long as the block lasts; None where there are too many already."""
        if len(self._followers) >= MAX_FOLLOWERS:
            yield None
            return
        follower = Subscriber()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)
