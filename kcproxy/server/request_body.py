"""Request bodies: small ones as one buffer that can be sent twice, larger ones as a stream.

connection ── feed, end, fail ──▶ BodyStream ── read ──▶ RequestBody ── gather ──▶ content (small)
                                                                     └─ to_send ─▶ pieces (large)
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Protocol

from kcproxy.errors import RequestRefused
from kcproxy.http1.framing import SMALL_BODY_BYTES
from kcproxy.server.client_waits import ClientWait, ClientWaits
from kcproxy.server.events import Slowness
from kcproxy.server.held_bytes import HeldBytes
from kcproxy.server.transfer_rate import TransferRate
from kcproxy.settings import LimitSettings

HIGH_WATER_BYTES = 131_072
"""With more than this unread, the connection stops reading."""
LOW_WATER_BYTES = 32_768

_SMALL_PIECE_BYTES = 4096
"""Pieces below this size are joined with the next: thousands of small ones take many times the memory of their bytes."""

_GATHER_PAUSES = 2
"""How many times the limit of a pause a body may take until it is complete or fills the buffer."""


class ClientDisconnected(Exception):
    """The client disconnected before its request or the response was complete."""


class ClientTooSlow(ClientDisconnected):
    """The client read the response more slowly than the settings allow, and was disconnected."""

    def __init__(self, why: Slowness) -> None:
        super().__init__(why.value)
        self.why = why


class BodyTooSlow(RequestRefused):
    """The body arrived more slowly than the settings allow (RFC 9110, section 15.5.9)."""

    def __init__(self, why: Slowness) -> None:
        super().__init__(_TOO_SLOW[why], status=408, reason="slow-request")
        self.why = why


_TOO_SLOW = {
    Slowness.PAUSE: "The body of the request took too long to arrive (limits.body_idle_timeout_seconds).",
    Slowness.RATE: "The body of the request arrived more slowly than the proxy's settings allow (limits.min_body_bytes_per_second).",
    Slowness.QUEUE: "The body of the request arrived slowly while other uploads waited (limits.max_unfinished_uploads).",
}


class BodyUnframed(Exception):
    """The bytes are not the body that the head announces."""


class Reading(Protocol):
    """The connection of a stream."""

    def pause_body(self) -> None:
        """Stop reading."""
        ...

    def resume_body(self) -> None:
        """Continue to read."""
        ...


class BodyStream:
    """The body of one request as it arrives. The connection fills it, and one reader reads it."""

    __slots__ = ("_connection", "_discards", "_failure", "_paused", "_pieces", "_unread_bytes", "_waiter", "ended")

    def __init__(self, connection: Reading) -> None:
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._unread_bytes = 0
        self._paused = False
        self._discards = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False

    # called by the connection

    def feed(self, piece: bytes) -> None:
        """A piece has arrived."""
        if self._discards:
            return
        pieces = self._pieces
        if pieces and len(pieces[-1]) < _SMALL_PIECE_BYTES and len(piece) < _SMALL_PIECE_BYTES:
            pieces[-1] += piece
        else:
            pieces.append(piece)
        self._unread_bytes += len(piece)
        if self._unread_bytes > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self._connection.pause_body()
        self._wake()

    def end(self) -> None:
        """All of it has arrived."""
        self.ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """The rest will not arrive."""
        if not self.ended and self._failure is None:
            self._failure = error
            self._wake()

    def discard(self) -> None:
        """There is no reader any longer: drop what has arrived and what will."""
        self._discards = True
        self._pieces.clear()
        self._resume()

    # called by the reader

    def at_end(self) -> bool:
        """Whether all of it has been read."""
        return self.ended and not self._pieces

    def read_now(self) -> bytes:
        """The unread bytes, empty if there are none. Raises the error with which the stream failed."""
        if not self._pieces:
            if self._failure is not None:
                raise self._failure
            return b""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._unread_bytes = 0
        self._resume()
        return data

    async def arrived(self) -> None:
        """Wait for bytes, the end, or a failure."""
        while not (self._pieces or self.ended or self._failure):
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._connection.resume_body()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class RequestBody:
    """The body of one request: ``content`` if it is buffered, else a stream that can be sent once.

    ``failure`` is the client's error while the body was sent to Keycloak.
    """

    __slots__ = (
        "_buffered",
        "_ends_at",
        "_idle_seconds",
        "_rate",
        "_release",
        "_stream",
        "_waits",
        "chunked",
        "content",
        "failure",
        "received_bytes",
        "replayable",
    )

    def __init__(self, stream: BodyStream, limits: LimitSettings, *, chunked: bool) -> None:
        self._stream = stream
        self._idle_seconds = limits.body_idle_timeout_seconds
        self._rate = TransferRate(limits.min_body_bytes_per_second, limits.slow_transfer_grace_seconds)
        self._waits: ClientWaits | None = None
        self._release: Callable[[], None] | None = None
        self._buffered = bytearray()
        self._ends_at = float("inf")
        self.chunked = chunked
        self.content: bytes | None = None
        self.replayable = True
        self.received_bytes = 0
        self.failure: Exception | None = None

    @classmethod
    def buffered(cls, content: bytes) -> "RequestBody":
        """A body that has arrived completely."""
        body = cls(_NO_STREAM, _NO_LIMITS, chunked=False)
        body.content = content
        body.received_bytes = len(content)
        return body

    def gather_now(self) -> bool:
        """Buffer the body if it has arrived completely. Returns whether it has. Nothing is read if it has not."""
        if not self._stream.ended:
            return False
        data = self._stream.read_now()
        self.received_bytes += len(data)
        if self.received_bytes > SMALL_BODY_BYTES:
            self._buffered += data
            self.replayable = False
        else:
            self.content = bytes(data)
        return True

    async def gather(self, held: HeldBytes) -> None:
        """Read the body until it is complete or exceeds the buffer, or until ``held``, which counts all bodies that are being read, is full.

        Raises BodyTooSlow if it does not arrive in time, RequestRefused if it is not framed as announced, ClientDisconnected if the client
        disconnects.
        """
        self._ends_at = asyncio.get_running_loop().time() + _GATHER_PAUSES * self._idle_seconds
        try:
            while not self._stream.at_end():
                before = len(self._buffered)
                self._buffered += await self._next()
                has_room = held.change(before, len(self._buffered))
                if len(self._buffered) > SMALL_BODY_BYTES or (not has_room and not self._stream.at_end()):
                    self.replayable = False
                    self._ends_at = float("inf")  # from here on it is forwarded as it arrives
                    return
        finally:
            held.change(len(self._buffered), 0)
        self.content, self._buffered = bytes(self._buffered), bytearray()

    def to_send(self) -> bytes | AsyncIterator[bytes] | None:
        """The body to send: bytes, an iterator if it is large, None if there is none."""
        if self.content is not None:
            return self.content if self.content or self.chunked else None
        return self._pieces()

    def begin_upload(self, waits: ClientWaits, release: Callable[[], None]) -> None:
        """The rest is forwarded as it arrives. ``waits`` may end it if others need its slot. ``release`` is called once, at its end."""
        self._waits = waits
        self._release = release

    def end_upload(self) -> None:
        """The body is complete, or its request has ended."""
        release, self._release = self._release, None
        if release is not None:
            release()

    async def _pieces(self) -> AsyncIterator[bytes]:
        buffered, self._buffered = self._buffered, bytearray()
        if buffered:
            yield bytes(buffered)
        while not self._stream.at_end():
            try:
                piece = await self._next()
            except (RequestRefused, ClientDisconnected) as error:
                self.failure = error
                raise
            if self._stream.at_end():
                self.end_upload()
            if piece:
                yield piece
        self.end_upload()

    async def _next(self) -> bytes:
        try:
            piece = self._stream.read_now()
            if not piece and not self._stream.ended:
                await self._wait()
                piece = self._stream.read_now()
        except BodyUnframed as error:
            raise RequestRefused("The body of the request is not framed as its head announces.", reason="bad-request") from error
        self.received_bytes += len(piece)
        self._rate.moved(len(piece))
        return piece

    async def _wait(self) -> None:
        """Wait for more of the body. Raises BodyTooSlow."""
        clock, rate = asyncio.get_running_loop().time, self._rate
        began = clock()
        pause_ends_at = min(began + self._idle_seconds, self._ends_at)
        rate_ends_at = began + rate.left_seconds
        wait: ClientWait | None = None
        try:
            async with asyncio.timeout_at(min(pause_ends_at, rate_ends_at)) as timeout:
                wait = ClientWait(timeout, lambda: rate.behind_seconds + clock() - began)
                with self._waits.during(wait) if self._waits is not None else nullcontext():
                    await self._stream.arrived()
        except TimeoutError as error:
            if wait is not None and wait.is_given_up:
                raise BodyTooSlow(Slowness.QUEUE) from error
            raise BodyTooSlow(Slowness.RATE if rate_ends_at < pause_ends_at else Slowness.PAUSE) from error
        finally:
            rate.waited(clock() - began)


class _NeverReads:
    """The connection of a stream that is never read."""

    def pause_body(self) -> None:
        """Nothing to pause."""

    def resume_body(self) -> None:
        """Nothing to pause."""


_NO_STREAM = BodyStream(_NeverReads())
_NO_LIMITS = LimitSettings()
