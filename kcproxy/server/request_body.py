"""Request bodies: small ones as one buffer that can be sent twice, larger ones as they come."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.streams import StreamReader

from kcproxy.errors import RequestRefused
from kcproxy.http1.headers import RequestHead
from kcproxy.observe.events import Slowness
from kcproxy.server.client_waits import ClientWait, ClientWaits
from kcproxy.server.request import InboundRequest
from kcproxy.server.transfer_rate import TransferRate
from kcproxy.settings import LimitSettings

BUFFER_BYTES = 65536
"""Bodies up to this size are read before they are sent on, so that a refused request can be repeated with another token."""


_GATHER_PAUSES = 2
"""How many times the limit on a pause a body may take until it is whole, or has filled the buffer."""


class ClientDisconnected(Exception):
    """The caller's connection ended before his request, or the answer to it, was complete."""


class ClientTooSlow(ClientDisconnected):
    """The caller took its response more slowly than the settings allow, and was cut off."""

    def __init__(self, why: Slowness) -> None:
        """Keep the reason."""
        super().__init__(why.value)
        self.why = why


class BodyTooSlow(RequestRefused):
    """The body came more slowly than the settings allow (RFC 9110, section 15.5.9)."""

    def __init__(self, why: Slowness) -> None:
        """With the setting by which it was judged."""
        super().__init__(_TOO_SLOW[why], status=408, reason="slow-request")
        self.why = why


_TOO_SLOW = {
    Slowness.PAUSE: "The body of the request took too long to arrive (limits.body_idle_timeout_seconds).",
    Slowness.RATE: "The body of the request arrived more slowly than the proxy's settings allow (limits.min_body_bytes_per_second).",
    Slowness.QUEUE: "The body of the request arrived slowly while other uploads waited (limits.max_unfinished_uploads).",
}


class Body:
    """One request's body: ``content`` where it is buffered (None: there is none), else a stream to be sent once.

    ``failure`` keeps what went wrong on the caller's side while the body was on its way to Keycloak.
    """

    __slots__ = (
        "_begun",
        "_ends_at",
        "_idle_seconds",
        "_payload",
        "_rate",
        "_release",
        "_waits",
        "chunked",
        "content",
        "failure",
        "received_bytes",
        "replayable",
    )

    def __init__(self, payload: StreamReader, limits: LimitSettings, *, chunked: bool) -> None:
        """Nothing is read yet."""
        self._payload = payload
        self._idle_seconds = limits.body_idle_timeout_seconds
        self._rate = TransferRate(limits.min_body_bytes_per_second, limits.slow_transfer_grace_seconds)
        self._waits: ClientWaits | None = None
        self._release: Callable[[], None] | None = None
        self._begun: list[bytes] = []
        self._ends_at = float("inf")
        self.chunked = chunked
        self.content: bytes | None = None
        self.replayable = True
        self.received_bytes = 0
        self.failure: Exception | None = None

    async def gather(self) -> None:
        """Read up to the buffer's size. BodyTooSlow, RequestRefused or CallerGone where the body does not come."""
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

    def begin_upload(self, waits: ClientWaits, release: Callable[[], None]) -> None:
        """The rest goes to Keycloak as it comes. ``waits`` may end it for the sake of others; ``release`` is called once, at its end."""
        self._waits = waits
        self._release = release

    def end_upload(self) -> None:
        """The body is complete, or its request has ended: nothing more of it is waited for."""
        release, self._release = self._release, None
        if release is not None:
            release()

    async def _stream(self) -> AsyncIterator[bytes]:
        begun, self._begun = self._begun, []
        for chunk in begun:
            yield chunk
        while not self._payload.at_eof():
            try:
                chunk = await self._next()
            except (RequestRefused, ClientDisconnected) as error:
                self.failure = error
                raise
            if self._payload.at_eof():
                self.end_upload()
            if chunk:
                yield chunk
        self.end_upload()

    async def _next(self) -> bytes:
        try:
            chunk = self._payload.read_nowait()
            if not chunk and not self._payload.at_eof():
                chunk = await self._wait()
        except web.RequestPayloadError as error:
            raise RequestRefused("The body of the request is not framed as its head says.", reason="bad-request") from error
        except OSError as error:
            raise ClientDisconnected from error
        self.received_bytes += len(chunk)
        self._rate.moved(len(chunk))
        return chunk

    async def _wait(self) -> bytes:
        """The next bytes of a body that is not there yet. BodyTooSlow."""
        clock, rate = asyncio.get_running_loop().time, self._rate
        began = clock()
        pause_ends_at = min(began + self._idle_seconds, self._ends_at)
        rate_ends_at = began + rate.left_seconds
        wait: ClientWait | None = None
        try:
            async with asyncio.timeout_at(min(pause_ends_at, rate_ends_at)) as timeout:
                wait = ClientWait(timeout, lambda: rate.behind_seconds + clock() - began)
                with self._waits.during(wait) if self._waits is not None else nullcontext():
                    return await self._payload.readany()
        except TimeoutError as error:
            if wait is not None and wait.is_given_up:
                raise BodyTooSlow(Slowness.QUEUE) from error
            raise BodyTooSlow(Slowness.RATE if rate_ends_at < pause_ends_at else Slowness.PAUSE) from error
        finally:
            rate.waited(clock() - began)


def awaited_body(inbound: InboundRequest, head: RequestHead, limits: LimitSettings) -> Body | None:
    """The body, to be gathered; None where the request has none. Asks for it where the caller waits to be asked."""
    payload = inbound.payload
    expects = head.picked.get(b"expect")
    if expects is not None:
        _continue(inbound, expects)
    if payload.at_eof() and not head.chunked:
        return None
    return Body(payload, limits, chunked=head.chunked)


def _continue(inbound: InboundRequest, expects: bytes) -> None:
    """Expect: 100-continue is answered here (RFC 9110, section 10.1.1); it is not sent on."""
    if expects.lower() != b"100-continue":
        raise RequestRefused("The only expectation that is supported is 100-continue.", status=417, reason="expectation")
    transport = inbound.protocol.transport
    if transport is not None and inbound.message.version >= HttpVersion11 and not inbound.payload.is_eof():
        transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
