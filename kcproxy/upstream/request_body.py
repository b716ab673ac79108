"""Sends request bodies that arrive in pieces: at the server's pace, framed as the head says."""

from collections.abc import AsyncIterator
from typing import Protocol

from kcproxy.errors import UpstreamError
from kcproxy.http1.framing import LAST_CHUNK


class Sink(Protocol):
    """The connection of an upload."""

    def write(self, data: bytes) -> None:
        """Send. Raises UpstreamBroken if the connection is closed."""
        ...

    async def drained(self) -> None:
        """Wait until the server has caught up."""
        ...

    def upload_done(self) -> None:
        """The body is complete."""
        ...

    def upload_failed(self, error: BaseException) -> None:
        """The body is incomplete and will stay so."""
        ...


class BodyLengthError(UpstreamError):
    """The client's body is shorter or longer than its Content-Length. The request was not completed."""

    status_hint = 400
    kind = "body"


async def pieces_of(body: bytes, size: int) -> AsyncIterator[bytes]:
    """``body`` in pieces of ``size`` bytes."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def upload(sink: Sink, body: AsyncIterator[bytes], length: int | None) -> None:
    """Send ``body``: unframed if ``length`` is given, chunked otherwise. Reports the outcome to ``sink``; raises nothing."""
    try:
        try:
            if length is None:
                await _send_chunked(sink, body)
            else:
                await _send_sized(sink, body, length)
        finally:
            close = getattr(body, "aclose", None)  # generators have it; other iterators need not be closed
            if close is not None:
                await close()
    except Exception as error:  # noqa: BLE001 - the caller's iterator may raise anything; it is handed to the exchange
        sink.upload_failed(error)
    else:
        sink.upload_done()


async def _send_chunked(sink: Sink, body: AsyncIterator[bytes]) -> None:
    async for piece in body:
        if piece:
            sink.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await sink.drained()
    sink.write(LAST_CHUNK)


async def _send_sized(sink: Sink, body: AsyncIterator[bytes], length: int) -> None:
    left = length
    async for piece in body:
        left -= len(piece)
        if left < 0:
            raise BodyLengthError("the request's body is longer than its Content-Length", sent=True)
        if piece:
            sink.write(piece)
            await sink.drained()
    if left:
        raise BodyLengthError("the request's body is shorter than its Content-Length", sent=True)
