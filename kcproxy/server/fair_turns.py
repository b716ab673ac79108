"""Shares the time of one event loop between the connections that send requests.

    bytes have arrived ─▶ nobody waits, and this turn has time left ─▶ read a part at once ─▶ more left ─┐
                     └──▶ otherwise ─▶ wait ─▶ a later turn ─────────────▲───────────────────────────────┘

A turn of the event loop reads for at most ``TURN_SECONDS``, regardless of how much arrives on how many connections. The connection that has used the least
time, with an estimate of its next part, is next (fair queueing: Goyal, Vin and Cheng, SIGCOMM 1996). One that did not wait before starts level
with the one that is being served. So a small request is served before the bytes of those that send more than there is time for.
"""

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

TURN_SECONDS = 0.002
FOLLOW_UP_SECONDS = 50e-6
"""Added to the time of each part, for what it causes elsewhere: its request's task continues, and writes to Keycloak."""
_SECONDS_PER_BYTE = 1e-7
_MAX_ESTIMATED_BYTES = 4096
"""Estimate of a part: a large one may take 0.4 ms, such as 256 chunks of two bytes."""


class Reader(Protocol):
    """A connection that reads what has arrived. ``used_seconds`` and ``waits_for_turn`` belong to ``FairTurns``."""

    used_seconds: float
    waits_for_turn: bool

    @property
    def unread_bytes(self) -> int:
        """How much has arrived and is not read yet."""
        ...

    def read_part(self) -> bool:
        """Read a small part. Returns whether another one can be read now. Does not raise."""
        ...


class FairTurns:
    """The turns of the connections of one event loop."""

    __slots__ = ("_clock", "_is_scheduled", "_latest_seconds", "_left_seconds", "_number", "_served_seconds", "_waiting")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._left_seconds = TURN_SECONDS
        self._served_seconds = 0.0  # used by the connection that is being served, when its part began
        self._latest_seconds = 0.0  # used by the connection that has used most
        self._waiting: list[tuple[float, int, float, Reader]] = []
        self._number = 0
        self._is_scheduled = False

    def read(self, reader: Reader) -> None:
        """Bytes have arrived: read a part now or in a later turn, then the rest in later turns. ``waits_for_turn`` is False before."""
        if self._waiting or self._left_seconds <= 0:
            self._wait(reader)
        else:
            self._serve(reader)

    def _serve(self, reader: Reader) -> None:
        self._schedule()
        began = self._clock()
        reader.waits_for_turn = True  # also meanwhile: what it reads may cause it to ask for a turn
        has_more = False
        try:
            has_more = reader.read_part()
        finally:
            spent = self._clock() - began + FOLLOW_UP_SECONDS
            self._left_seconds -= spent
            reader.used_seconds = used = max(reader.used_seconds, self._served_seconds) + spent
            self._latest_seconds = max(self._latest_seconds, used)
            reader.waits_for_turn = False
            if has_more:
                self._wait(reader)

    def _wait(self, reader: Reader) -> None:
        reader.waits_for_turn = True
        self._number += 1
        start = max(reader.used_seconds, self._served_seconds)
        end = start + min(reader.unread_bytes, _MAX_ESTIMATED_BYTES) * _SECONDS_PER_BYTE
        heappush(self._waiting, (end, self._number, start, reader))
        self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._is_scheduled = False
        self._left_seconds = TURN_SECONDS
        if not self._waiting:
            self._served_seconds = self._latest_seconds  # nobody waits: all are level again
        while self._waiting and self._left_seconds > 0:
            _, _, start, reader = heappop(self._waiting)
            self._served_seconds = max(self._served_seconds, start)
            self._serve(reader)
