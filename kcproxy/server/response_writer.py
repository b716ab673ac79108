"""Writes responses to the client: in one write if the body is small, otherwise piece by piece at the client's pace."""

import asyncio
from collections.abc import Callable

from kcproxy.http1.framing import SMALL_BODY_BYTES
from kcproxy.http1.headers import ResponseFields
from kcproxy.http1.response_head import NO_BODY_STATUSES, response_head
from kcproxy.server.client_waits import ClientWait, ClientWaits
from kcproxy.server.connection import InboundConnection
from kcproxy.server.events import Slowness
from kcproxy.server.request_body import ClientTooSlow
from kcproxy.server.send_queue import reset, unsent_bytes
from kcproxy.server.transfer_rate import TransferRate
from kcproxy.settings import Settings
from kcproxy.upstream.interface import UpstreamResponse


class ResponseWriter:
    """Writes the response of one request. ``sent_bytes`` counts body bytes. ``begun``: the status line was written."""

    __slots__ = ("_connection", "_head_only", "_http_1_0", "_rate", "_settings", "_waits", "begun", "keep_alive", "sent_bytes")

    def __init__(
        self,
        connection: InboundConnection,
        settings: Settings,
        waits: ClientWaits,
        *,
        method: str,
        version: tuple[int, int],
        keep_alive: bool,
    ) -> None:
        """``keep_alive``: whether client and proxy want to keep the connection.

        ``waits`` may end a response whose client is slow if others need what it uses.
        """
        self._connection = connection
        self._settings = settings
        self._waits = waits
        self._rate: TransferRate | None = None
        self._head_only = method == "HEAD"
        self._http_1_0 = version == (1, 0)
        self.keep_alive = keep_alive
        self.sent_bytes = 0
        self.begun = False

    async def forward(self, response: UpstreamResponse, fields: ResponseFields) -> None:
        """Write an upstream response unchanged. Raises ClientDisconnected, or UpstreamError if the rest of its body does not arrive."""
        if self._head_only or response.status in NO_BODY_STATUSES or response.status < 200:
            self._write(self._head(response, fields, chunked=fields.chunked and response.status not in NO_BODY_STATUSES))
            return
        if fields.length is not None and fields.length <= SMALL_BODY_BYTES:
            body = await response.read(SMALL_BODY_BYTES) or b""
            await self._write_all(self._head(response, fields, chunked=False), body)
            return
        await self._stream(response, fields)

    async def write(self, status: int, reason: bytes, fields: ResponseFields, body: bytes) -> None:
        """Write a response with this body. ``fields`` contain its length."""
        head = response_head(status, reason, fields.lines, keep_alive=self.keep_alive, http_1_0=self._http_1_0)
        await self._write_all(head, b"" if self._head_only else body)

    def write_raw(self, data: bytes) -> None:
        """Write a whole response, head and body."""
        self._write(data)
        self.sent_bytes += len(data.partition(b"\r\n\r\n")[2])

    def abort(self) -> None:
        """Close the connection, so that the client notices that the response is incomplete."""
        self.keep_alive = False
        self._connection.abort()

    async def _stream(self, response: UpstreamResponse, fields: ResponseFields) -> None:
        sized = fields.length is not None
        chunked = not sized and not self._http_1_0
        if not sized and not chunked:
            self.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        pending = self._head(response, fields, chunked=chunked)
        async for piece in response.chunks():
            if not piece:
                continue
            if chunked:
                self._write(pending, b"%x\r\n" % len(piece), piece, b"\r\n")
            elif pending:
                self._write(pending, piece)
            else:
                self._write(piece)
            pending = b""
            self.sent_bytes += len(piece)
            await self._drained()
        if pending or chunked:
            self._write(pending, b"0\r\n\r\n" if chunked else b"")

    def _head(self, response: UpstreamResponse, fields: ResponseFields, *, chunked: bool) -> bytes:
        return response_head(
            response.status, response.reason, fields.lines, keep_alive=self.keep_alive, chunked=chunked, http_1_0=self._http_1_0
        )

    async def _write_all(self, head: bytes, body: bytes) -> None:
        if body:
            self._write(head, body)
        else:
            self._write(head)
        self.sent_bytes += len(body)
        await self._drained()

    def _write(self, *parts: bytes) -> None:
        if len(parts) == 1:
            self._connection.write(parts[0])
        else:
            self._connection.write_parts(parts)
        self.begun = True

    async def _drained(self) -> None:
        """Wait until the client has read what was written. Raises ClientTooSlow if it reads too little; its connection is then reset."""
        connection = self._connection
        transport = connection.transport
        if not connection.writing_paused or transport is None:
            return
        limits = self._settings.limits
        rate = self._rate = self._rate or TransferRate(limits.min_response_bytes_per_second, limits.slow_transfer_grace_seconds)
        try:
            await _wait_for_client(connection, rate, self._waits, self._settings.upstream.idle_timeout_seconds)
        except ClientTooSlow:
            self.keep_alive = False
            reset(transport)
            raise


async def _wait_for_client(connection: InboundConnection, rate: TransferRate, waits: ClientWaits, idle_seconds: float) -> None:
    """Wait until the client has read enough for more to be written. Raises ClientTooSlow, or ClientDisconnected if it disconnects."""
    reading = _Reading(connection, rate, asyncio.get_running_loop().time)
    while connection.writing_paused:
        wait: ClientWait | None = None
        try:
            async with asyncio.timeout(min(rate.left_seconds, idle_seconds - reading.paused_seconds)) as timeout:
                wait = ClientWait(timeout, reading.behind_seconds)
                with waits.during(wait):
                    await connection.drained()
        except TimeoutError as error:
            why = Slowness.QUEUE if wait is not None and wait.is_given_up else reading.slowness(idle_seconds)
            if why is not None:
                raise ClientTooSlow(why) from error
    reading.account()


class _Reading:
    """What a client has read of the written bytes, charged to its rate."""

    __slots__ = ("_accounted_at", "_clock", "_connection", "_moved_at", "_rate", "_unsent_bytes")

    def __init__(self, connection: InboundConnection, rate: TransferRate, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._rate = rate
        self._clock = clock
        self._accounted_at = self._moved_at = clock()
        self._unsent_bytes = self._unsent()

    @property
    def paused_seconds(self) -> float:
        """How long the client has read nothing."""
        return self._clock() - self._moved_at

    def account(self) -> None:
        """Charge the time since the last call, and the bytes read in it."""
        now, unsent = self._clock(), self._unsent()
        moved = self._unsent_bytes - unsent
        self._rate.waited(now - self._accounted_at)
        self._accounted_at, self._unsent_bytes = now, unsent
        if moved > 0:
            self._moved_at = now
            self._rate.moved(moved)

    def behind_seconds(self) -> float:
        """How far the client is behind the minimum rate."""
        self.account()
        return self._rate.behind_seconds

    def slowness(self, idle_seconds: float) -> Slowness | None:
        """Why the client is too slow. None if it is not."""
        self.account()
        if self._rate.is_too_slow:
            return Slowness.RATE
        return Slowness.PAUSE if self.paused_seconds >= idle_seconds else None

    def _unsent(self) -> int:
        transport = self._connection.transport
        return 0 if transport is None else unsent_bytes(transport)
