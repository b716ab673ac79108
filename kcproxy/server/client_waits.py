"""Requests that hold a slot or a connection to Keycloak while they wait for their caller, and which of them are ended when others need it.

    waits for its caller ──▶ goes on when the caller does
        ├──▶ pause or least rate: time is up (``TransferRate``)
        └──▶ other requests queue, and more than ``keep`` wait for their callers: the slowest is ended

Without a queue, slow callers keep the whole of their time.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 0.25
"""How far behind the least rate a caller has to be before it is ended for the sake of others."""


class ClientWait:
    """One wait. ``behind_seconds`` says how far the caller is behind the least rate by now."""

    __slots__ = ("_timeout", "behind_seconds", "is_given_up")

    def __init__(self, timeout: asyncio.Timeout, behind_seconds: Callable[[], float]) -> None:
        """To be made within the block of ``timeout``, which ends the wait."""
        self._timeout = timeout
        self.behind_seconds = behind_seconds
        self.is_given_up = False

    def give_up(self) -> None:
        """End it now: TimeoutError where it waits."""
        if not self._timeout.expired():
            self.is_given_up = True
            self._timeout.reschedule(asyncio.get_running_loop().time())


class ClientWaits:
    """All waits of one kind. ``queued`` counts the requests that need what they hold; ``keep`` waits are always left alone."""

    def __init__(self, keep: int, queued: Callable[[], int]) -> None:
        """None yet."""
        self.keep = keep
        self._queued = queued
        self._waits: set[ClientWait] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self._waits)

    @contextmanager
    def during(self, wait: ClientWait) -> Iterator[None]:
        """The wait counts for as long as the block lasts."""
        self._waits.add(wait)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        try:
            yield
        finally:
            self._waits.discard(wait)

    def _look(self) -> None:
        """End as many as others need; come again while there is a wait."""
        surplus = min(self._queued(), len(self._waits) - self.keep)
        if surplus > 0:
            behind = sorted(((wait.behind_seconds(), id(wait), wait) for wait in self._waits), reverse=True)
            for seconds, _, wait in behind[:surplus]:
                if seconds >= PATIENCE_SECONDS:
                    wait.give_up()
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look) if self._waits else None
