"""Limits concurrent requests, with a first-come, first-served queue. Raises an error if the wait would be too long."""

import asyncio
from collections import deque

from kcproxy.errors import UpstreamBusy


class ConcurrencyLimit:
    """A number of slots and a queue. For one event loop."""

    __slots__ = ("_max_active", "_max_wait_seconds", "_queue_factor", "_setting", "_waiting", "_what", "active")

    def __init__(
        self,
        max_active: int,
        max_wait_seconds: float,
        *,
        queue_factor: int = 1,
        what: str = "requests",
        setting: str = "limits.max_concurrent_requests",
    ) -> None:
        """At most ``max_active`` have a slot, and ``queue_factor`` times as many may queue, each for at most ``max_wait_seconds``.

        Errors name ``what`` is limited, and the ``setting`` that limits it.
        """
        self._max_active = max_active
        self._max_wait_seconds = max_wait_seconds
        self._queue_factor = queue_factor
        self._what = what
        self._setting = setting
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.active = 0

    @property
    def waiting(self) -> int:
        """The length of the queue."""
        return len(self._waiting)

    def resize(self, max_active: int, max_wait_seconds: float) -> None:
        """Set new limits for further requests."""
        self._max_active = max_active
        self._max_wait_seconds = max_wait_seconds

    def try_acquire(self) -> bool:
        """Take a slot if one is free and the queue is empty. Returns whether it did."""
        if self.active < self._max_active and not self._waiting:
            self.active += 1
            return True
        return False

    async def acquire(self) -> None:
        """Take a slot, after waiting in the queue. Raises UpstreamBusy if none becomes free in time."""
        if self.try_acquire():
            return
        if len(self._waiting) >= self._max_active * self._queue_factor:
            raise self._busy()
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await waiter
        except BaseException as error:
            self._give_up(waiter)
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def release(self) -> None:
        """Give the slot to the request that has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the slot has a new owner, so ``active`` stays the same
                return
        self.active -= 1

    def _give_up(self, waiter: "asyncio.Future[None]") -> None:
        if waiter.done() and not waiter.cancelled():
            self.release()  # the slot became free in the same moment; pass it on
            return
        waiter.cancel()
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def _busy(self) -> UpstreamBusy:
        return UpstreamBusy(
            f"The proxy is handling {self.active} {self._what} already, as many as its settings allow ({self._setting}).", sent=False
        )
