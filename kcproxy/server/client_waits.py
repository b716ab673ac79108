"""Requests that use a slot or a connection to Keycloak while they wait for their client. The slowest are ended if other requests queue.

    waits for its client ──▶ continues when the client does
        ├──▶ pause or minimum rate: the time is up (``TransferRate``)
        └──▶ other requests queue, and more than ``max_undisturbed`` wait for their clients: the slowest is ended

Without a queue, slow clients have all of their time.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHECK_INTERVAL_SECONDS = 0.1
MIN_BEHIND_SECONDS = 0.25
"""How far a client has to be behind the minimum rate before it is disconnected for other requests."""


class ClientWait:
    """One wait. ``behind_seconds`` says how far the client is behind the minimum rate."""

    __slots__ = ("_timeout", "behind_seconds", "is_given_up")

    def __init__(self, timeout: asyncio.Timeout, behind_seconds: Callable[[], float]) -> None:
        """To be created within the block of ``timeout``, which ends the wait."""
        self._timeout = timeout
        self.behind_seconds = behind_seconds
        self.is_given_up = False

    def give_up(self) -> None:
        """End the wait with TimeoutError."""
        if not self._timeout.expired():
            self.is_given_up = True
            self._timeout.reschedule(asyncio.get_running_loop().time())


class ClientWaits:
    """All waits of one kind. ``queued`` counts the requests that need what they use; ``max_undisturbed`` waits are never ended."""

    def __init__(self, max_undisturbed: int, queued: Callable[[], int]) -> None:
        self.max_undisturbed = max_undisturbed
        self._queued = queued
        self._waits: set[ClientWait] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waits)

    @contextmanager
    def during(self, wait: ClientWait) -> Iterator[None]:
        """The wait lasts as long as the block."""
        self._waits.add(wait)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CHECK_INTERVAL_SECONDS, self._check)
        try:
            yield
        finally:
            self._waits.discard(wait)

    def _check(self) -> None:
        """End as many waits as others need. Repeats while there are waits."""
        surplus = min(self._queued(), len(self._waits) - self.max_undisturbed)
        if surplus > 0:
            behind = sorted(((wait.behind_seconds(), id(wait), wait) for wait in self._waits), reverse=True)
            for seconds, _, wait in behind[:surplus]:
                if seconds >= MIN_BEHIND_SECONDS:
                    wait.give_up()
        self._timer = asyncio.get_running_loop().call_later(CHECK_INTERVAL_SECONDS, self._check) if self._waits else None
