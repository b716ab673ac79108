"""An answer on its way: what the connection has read and the caller has not taken yet."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from kcproxy.errors import UpstreamBroken
from kcproxy.http1.fields import RawHeaders

HIGH_WATER_BYTES = 262_144
"""More than this unread, and the connection stops reading."""
LOW_WATER_BYTES = 65_536


class Source(Protocol):
    """What an answer needs of its connection."""

    def pause_response(self) -> None:
        """Read no more for now."""
        ...

    def resume_response(self) -> None:
        """Read on."""
        ...

    def abandon(self) -> None:
        """Nobody wants the rest: close."""
        ...


class PooledResponse:
    """UpstreamAnswer of the pool. The connection fills it from one side, the caller empties it from the other.

    ``length`` is the body's size in bytes where the head said it; ``reused`` tells that its connection had carried exchanges before,
    ``retried`` that a stale one was replaced under way. Where the body ends, the connection is already somebody else's; what is left to read is here.
    """

    __slots__ = (
        "_chunks",
        "_ended",
        "_failure",
        "_high_water",
        "_paused",
        "_source",
        "_unread_bytes",
        "_waiter",
        "headers",
        "length",
        "reason",
        "retried",
        "reused",
        "status",
    )

    def __init__(self, source: Source) -> None:
        """An answer of which nothing has arrived."""
        self.status = 0
        self.reason = b""
        self.headers: RawHeaders = ()
        self.length: int | None = None
        self.retried = False
        self.reused = False
        self._source = source
        self._chunks: deque[bytes] = deque()
        self._unread_bytes = 0
        self._high_water = HIGH_WATER_BYTES
        self._ended = False
        self._paused = False
        self._failure: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    # the connection's side

    def begin(self, status: int, reason: bytes, headers: RawHeaders, length: int | None) -> None:
        """The head is complete."""
        self.status = status
        self.reason = reason
        self.headers = headers
        self.length = length
        self._wake()

    def push(self, chunk: bytes) -> None:
        """A piece of the body has arrived."""
        self._chunks.append(chunk)
        self._unread_bytes += len(chunk)
        if self._unread_bytes > self._high_water and not self._paused:
            self._paused = True
            self._source.pause_response()
        self._wake()

    def end(self) -> None:
        """The body is complete."""
        self._ended = True
        self._wake()

    def fail(self, error: BaseException) -> None:
        """There will be no more, and this is why; what had arrived before can still be read."""
        if not self._ended and self._failure is None:
            self._failure = error
            self._wake()

    # the caller's side

    async def head(self) -> None:
        """Wait until the head is there. Raises what the connection failed with."""
        if self.status == 0 and self._failure is None:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.status == 0 and self._failure is not None:
            raise self._failure

    @property
    def failure(self) -> BaseException | None:
        """What it failed with, so far as it has."""
        return self._failure

    def whole(self) -> bytes | None:
        """The whole body where all of it has arrived already, without waiting; None, and nothing taken, where it has not."""
        return self._take_all() if self._ended else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives; see UpstreamAnswer."""
        try:
            while True:
                while self._chunks:
                    yield self._take()
                if self._ended:
                    return
                if self._failure is not None:
                    raise self._failure
                await self._wait()
        finally:
            self.release()

    async def read(self, max_bytes: int) -> bytes | None:
        """The whole body, or None where it is longer; see UpstreamAnswer. Does not wait where the head says that it is longer."""
        if self.length is not None and self.length > max_bytes:
            return None
        self._high_water = max(HIGH_WATER_BYTES, max_bytes)
        while not self._ended and self._unread_bytes <= max_bytes:
            if self._failure is not None:
                raise self._failure
            await self._wait()
        self._high_water = HIGH_WATER_BYTES
        return None if self._unread_bytes > max_bytes else self._take_all()

    def release(self) -> None:
        """Done with it; see UpstreamAnswer."""
        if not self._ended and self._failure is None:
            self._failure = UpstreamBroken("the answer was released before its end")
            self._source.abandon()
        self._chunks.clear()
        self._unread_bytes = 0

    def _take(self) -> bytes:
        chunk = self._chunks.popleft()
        self._unread_bytes -= len(chunk)
        if self._paused and self._unread_bytes <= LOW_WATER_BYTES:
            self._resume()
        return chunk

    def _take_all(self) -> bytes:
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._unread_bytes = 0
        return body

    def _resume(self) -> None:
        self._paused = False
        if not self._ended and self._failure is None:
            self._source.resume_response()

    async def _wait(self) -> None:
        if self._paused and self._unread_bytes <= self._high_water:
            self._resume()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
