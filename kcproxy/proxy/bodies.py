"""Request bodies: small ones as one buffer that can be sent twice, larger ones as they come."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.streams import StreamReader

from kcproxy.errors import RequestRefused
from kcproxy.proxy.headers import RequestHead
from kcproxy.proxy.turn import Inbound

BUFFER_BYTES = 65536
"""Bodies up to this size are read before they are sent on, so that a refused request can be repeated with another token."""


_GATHER_PAUSES = 2
"""How many times the limit on a pause a body may take until it is whole, or has filled the buffer."""


class CallerGone(Exception):
    """The caller's connection ended before his request, or the answer to it, was complete."""


class Body:
    """One request's body: ``content`` where it is buffered (None: there is none), else a stream to be sent once.

    ``failure`` keeps what went wrong on the caller's side while the body was on its way to Keycloak.
    """

    __slots__ = ("_begun", "_ends_at", "_idle_seconds", "_payload", "chunked", "content", "failure", "received_bytes", "replayable")

    def __init__(self, payload: StreamReader, *, chunked: bool, idle_seconds: float) -> None:
        """Nothing is read yet."""
        self._payload = payload
        self._idle_seconds = idle_seconds
        self._begun: list[bytes] = []
        self._ends_at = float("inf")
        self.chunked = chunked
        self.content: bytes | None = None
        self.replayable = True
        self.received_bytes = 0
        self.failure: Exception | None = None

    async def gather(self) -> None:
        """Read up to the buffer's size. RequestRefused or CallerGone where the body does not come, or comes drop by drop."""
        self._ends_at = asyncio.get_running_loop().time() + _GATHER_PAUSES * self._idle_seconds
        while not self._payload.at_eof():
            chunk = await self._next()
            if chunk:
                self._begun.append(chunk)
            if self.received_bytes > BUFFER_BYTES:
                self.replayable = False
                self._ends_at = float("inf")  # from here on it goes to Keycloak as it comes
                return
        self.content = b"".join(self._begun)

    def outgoing(self) -> bytes | AsyncIterator[bytes] | None:
        """What the upstream sends: one buffer, an iterator where the body is large, None where there is none."""
        if self.content is not None:
            return self.content if self.content or self.chunked else None
        return self._stream()

    async def _stream(self) -> AsyncIterator[bytes]:
        begun, self._begun = self._begun, []
        for chunk in begun:
            yield chunk
        while not self._payload.at_eof():
            try:
                chunk = await self._next()
            except (RequestRefused, CallerGone) as error:
                self.failure = error
                raise
            if chunk:
                yield chunk

    async def _next(self) -> bytes:
        try:
            chunk = self._payload.read_nowait()
            if not chunk and not self._payload.at_eof():
                now = asyncio.get_running_loop().time()
                async with asyncio.timeout_at(min(now + self._idle_seconds, self._ends_at)):
                    chunk = await self._payload.readany()
        except TimeoutError as error:
            raise RequestRefused("The body of the request took too long to arrive.", status=408, reason="slow-request") from error
        except web.RequestPayloadError as error:
            raise RequestRefused("The body of the request is not framed as its head says.", reason="bad-request") from error
        except OSError as error:
            raise CallerGone from error
        self.received_bytes += len(chunk)
        return chunk


def awaited_body(inbound: Inbound, head: RequestHead, *, idle_seconds: float) -> Body | None:
    """The body, to be gathered; None where the request has none. Asks for it where the caller waits to be asked."""
    payload = inbound.payload
    expects = head.picked.get(b"expect")
    if expects is not None:
        _continue(inbound, expects)
    if payload.at_eof() and not head.chunked:
        return None
    return Body(payload, chunked=head.chunked, idle_seconds=idle_seconds)


def _continue(inbound: Inbound, expects: bytes) -> None:
    """Expect: 100-continue is answered here (RFC 9110, section 10.1.1); it is not sent on."""
    if expects.lower() != b"100-continue":
        raise RequestRefused("The only expectation that is supported is 100-continue.", status=417, reason="expectation")
    transport = inbound.protocol.transport
    if transport is not None and inbound.message.version >= HttpVersion11 and not inbound.payload.is_eof():
        transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
