"""Answers on their way to the caller: one write where the body is small, otherwise piece by piece at the caller's own pace."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp.http import HttpVersion10, HttpVersion11

from kcproxy.http1.headers import ResponseFields
from kcproxy.observe.events import Slowness
from kcproxy.server.client_waits import ClientWait, ClientWaits
from kcproxy.server.request import InboundRequest
from kcproxy.server.request_body import ClientDisconnected, ClientTooSlow
from kcproxy.server.send_queue import reset, unsent_bytes
from kcproxy.server.transfer_rate import TransferRate
from kcproxy.settings import Settings
from kcproxy.upstream.interface import UpstreamResponse

if TYPE_CHECKING:
    from kcproxy.server.connection import ProxyProtocol

BUFFER_BYTES = 65536
_NO_BODY = frozenset({204, 304})


class ResponseWriter:
    """The writing end of one request. ``sent_bytes`` counts body bytes; ``begun`` tells that the status is out."""

    __slots__ = ("_inbound", "_rate", "_settings", "_waits", "begun", "keep_alive", "sent_bytes")

    def __init__(self, inbound: InboundRequest, settings: Settings, waits: ClientWaits, *, keep_alive: bool) -> None:
        """``keep_alive``: whether the connection may stay as far as we are concerned; the caller's wish counts too.

        ``waits`` may end a response whose caller is slow for the sake of others.
        """
        self._inbound = inbound
        self._settings = settings
        self._waits = waits
        self._rate: TransferRate | None = None
        self.keep_alive = keep_alive and not inbound.message.should_close
        self.sent_bytes = 0
        self.begun = False

    async def forward(self, answer: UpstreamResponse, fields: ResponseFields) -> None:
        """Write an upstream answer as it is. CallerGone; UpstreamError when the rest of its body does not come."""
        if self._inbound.message.method == "HEAD" or answer.status in _NO_BODY or answer.status < 200:
            self._write_all(self._head(answer.status, answer.reason, fields, chunked=fields.chunked and answer.status not in _NO_BODY), b"")
            return
        if fields.length is not None and fields.length <= BUFFER_BYTES:
            body = await answer.read(BUFFER_BYTES) or b""
            self._write_all(self._head(answer.status, answer.reason, fields, chunked=False), body)
            await self._drained()
            return
        await self._stream(answer, fields)

    async def write(self, status: int, reason: bytes, fields: ResponseFields, body: bytes) -> None:
        """Write an answer whose body is known. ``fields`` hold its length."""
        head = self._head(status, reason, fields, chunked=False)
        self._write_all(head, b"" if self._inbound.message.method == "HEAD" else body)
        await self._drained()

    def write_raw(self, answer: bytes) -> None:
        """Write an answer that is complete in itself, head and all."""
        self._write(answer)
        self.sent_bytes += len(answer.partition(b"\r\n\r\n")[2])

    def abort(self) -> None:
        """End the connection so that the caller notices: his answer is not complete."""
        self.keep_alive = False
        transport = self._inbound.protocol.transport
        if transport is not None:
            transport.abort()

    async def _stream(self, answer: UpstreamResponse, fields: ResponseFields) -> None:
        sized = fields.length is not None
        chunked = not sized and self._inbound.message.version >= HttpVersion11
        if not sized and not chunked:
            self.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        pending = self._head(answer.status, answer.reason, fields, chunked=chunked)
        async for chunk in answer.chunks():
            if not chunk:
                continue
            if chunked:
                self._write(pending, b"%x\r\n" % len(chunk), chunk, b"\r\n")
            elif pending:
                self._write(pending, chunk)
            else:
                self._write(chunk)
            pending = b""
            self.sent_bytes += len(chunk)
            await self._drained()
        if pending or chunked:
            self._write(pending, b"0\r\n\r\n" if chunked else b"")

    def _head(self, status: int, reason: bytes, fields: ResponseFields, *, chunked: bool) -> bytes:
        version = self._inbound.message.version
        parts = [b"HTTP/1.1 %d %b\r\n" % (status, reason), *fields.lines]
        if chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        if not self.keep_alive:
            parts.append(b"Connection: close\r\n")
        elif version == HttpVersion10:
            parts.append(b"Connection: keep-alive\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _write_all(self, head: bytes, body: bytes) -> None:
        if body:
            self._write(head, body)
        else:
            self._write(head)
        self.sent_bytes += len(body)

    def _write(self, *parts: bytes) -> None:
        transport = self._inbound.protocol.transport
        if transport is None or transport.is_closing():
            raise ClientDisconnected
        self.begun = True
        if len(parts) == 1:
            transport.write(parts[0])
        else:
            transport.writelines(parts)

    async def _drained(self) -> None:
        """Wait until the caller has taken what was written. CallerTooSlow where it takes too little of it; then its connection is closed."""
        protocol = self._inbound.protocol
        transport = protocol.transport
        if not protocol.writing_paused or transport is None:
            return
        limits = self._settings.limits
        rate = self._rate = self._rate or TransferRate(limits.min_response_bytes_per_second, limits.slow_transfer_grace_seconds)
        try:
            await _taken(protocol, rate, self._waits, self._settings.upstream.idle_timeout_seconds)
        except ClientTooSlow:
            self.keep_alive = False
            reset(transport)
            raise
        except OSError as error:
            self.abort()
            raise ClientDisconnected from error


async def _taken(protocol: "ProxyProtocol", rate: TransferRate, waits: ClientWaits, idle_seconds: float) -> None:
    """Wait until the caller has taken enough for more to be written. CallerTooSlow; OSError where its connection is lost."""
    taking = _Taking(protocol, rate, asyncio.get_running_loop().time)
    while protocol.writing_paused:
        wait: ClientWait | None = None
        try:
            async with asyncio.timeout(min(rate.left_seconds, idle_seconds - taking.paused_seconds)) as timeout:
                wait = ClientWait(timeout, taking.behind_seconds)
                with waits.during(wait):
                    await protocol.drained()
        except TimeoutError as error:
            why = Slowness.QUEUE if wait is not None and wait.is_given_up else taking.slowness(idle_seconds)
            if why is not None:
                raise ClientTooSlow(why) from error
    taking.account()


class _Taking:
    """What a caller takes of what was written to it, charged to its rate."""

    __slots__ = ("_accounted_at", "_clock", "_moved_at", "_protocol", "_rate", "_unsent_bytes")

    def __init__(self, protocol: "ProxyProtocol", rate: TransferRate, clock: Callable[[], float]) -> None:
        self._protocol = protocol
        self._rate = rate
        self._clock = clock
        self._accounted_at = self._moved_at = clock()
        self._unsent_bytes = self._unsent()

    @property
    def paused_seconds(self) -> float:
        """How long the caller has taken nothing."""
        return self._clock() - self._moved_at

    def account(self) -> None:
        """Charge the time since the last account, and what was taken in it."""
        now, unsent = self._clock(), self._unsent()
        moved = self._unsent_bytes - unsent
        self._rate.waited(now - self._accounted_at)
        self._accounted_at, self._unsent_bytes = now, unsent
        if moved > 0:
            self._moved_at = now
            self._rate.moved(moved)

    def behind_seconds(self) -> float:
        """How far the caller is behind the least rate."""
        self.account()
        return self._rate.behind_seconds

    def slowness(self, idle_seconds: float) -> Slowness | None:
        """Why the caller is too slow by now; None where it is not."""
        self.account()
        if self._rate.is_too_slow:
            return Slowness.RATE
        return Slowness.PAUSE if self.paused_seconds >= idle_seconds else None

    def _unsent(self) -> int:
        transport = self._protocol.transport
        return 0 if transport is None else unsent_bytes(transport)
