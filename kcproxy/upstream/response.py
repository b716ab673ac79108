"""A response as it arrives: what the connection has received and the consumer has not read yet."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from kcproxy.errors import UpstreamBroken
from kcproxy.http1.fields import RawHeaders

HIGH_WATER_BYTES = 262_144
"""With more than this unread, the connection stops reading."""
LOW_WATER_BYTES = 65_536


class Source(Protocol):
    """The connection of a response."""

    def pause_response(self) -> None:
        """Stop reading."""
        ...

    def resume_response(self) -> None:
        """Continue to read."""
        ...

    def abandon(self) -> None:
        """Close: the rest is not needed."""
        ...


class PooledResponse:
    """The pool's ``UpstreamResponse``. The connection fills it, and its consumer reads it.

    ``length``: size of the body in bytes, if the head says it. ``reused``: the connection had carried exchanges before. ``retried``: the request
    was sent again on a new connection. When the body has ended, the connection already serves other requests; the unread rest is here.
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

    # called by the connection

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
        """The rest will not arrive. What has arrived can still be read."""
        if not self._ended and self._failure is None:
            self._failure = error
            self._wake()

    # called by the consumer

    async def head(self) -> None:
        """Wait until the head has arrived. Raises the error with which the exchange failed."""
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
        """The error with which the exchange failed, if it did."""
        return self._failure

    def whole(self) -> bytes | None:
        """The whole body, without waiting. None, and nothing is read, if it has not arrived completely."""
        return self._take_all() if self._ended else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives; see ``UpstreamResponse``."""
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
        """The whole body, or None if it is longer; see ``UpstreamResponse``. Does not wait if the head says that it is longer."""
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
        """See ``UpstreamResponse``."""
        if not self._ended and self._failure is None:
            self._failure = UpstreamBroken("the response was released before its end")
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
