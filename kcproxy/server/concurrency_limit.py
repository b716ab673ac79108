"""The bound on requests under way: first come, first served, and a clear refusal where the wait would be too long."""

import asyncio
from collections import deque

from kcproxy.errors import UpstreamBusy


class ConcurrencyLimit:
    """Lets a bounded number of requests through at once. One event loop only."""

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
        """At most ``max_active`` inside and ``queue_factor`` times as many waiting, each for at most ``max_wait_seconds``.

        ``what`` is let in, and the ``setting`` that bounds it, are named in refusals.
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
        """How many wait to enter."""
        return len(self._waiting)

    def resize(self, max_active: int, max_wait_seconds: float) -> None:
        """New bounds, for those who come from now on."""
        self._max_active = max_active
        self._max_wait_seconds = max_wait_seconds

    def try_acquire(self) -> bool:
        """Take a place where one is free and nobody waits for it; whether there was one."""
        if self.active < self._max_active and not self._waiting:
            self.active += 1
            return True
        return False

    async def acquire(self) -> None:
        """Take a place, in turn. UpstreamBusy where none comes free in time."""
        if self.try_acquire():
            return
        if len(self._waiting) >= self._max_active * self._queue_factor:
            raise self._busy()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await turn
        except BaseException as error:
            self._give_up(turn)
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def release(self) -> None:
        """Give the place to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # the place changes hands, so ``active`` stays
                return
        self.active -= 1

    def _give_up(self, turn: "asyncio.Future[None]") -> None:
        if turn.done() and not turn.cancelled():
            self.release()  # the place came in the same moment; pass it on
            return
        turn.cancel()
        if turn in self._waiting:
            self._waiting.remove(turn)

    def _busy(self) -> UpstreamBusy:
        return UpstreamBusy(
            f"The proxy is handling {self.active} {self._what} already, as many as its settings allow ({self._setting}).", sent=False
        )
