"""The loop over the requests of one inbound connection, in place of aiohttp's own, and what has to be known about its parser.

aiohttp parses (llhttp) and keeps the connection. The names of its that begin with an underscore are listed in a test, which fails where
another version of aiohttp does without one.
"""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.streams import StreamReader

from kcproxy.proxy.edge import Edge
from kcproxy.proxy.request_line import masked
from kcproxy.proxy.turn import Inbound, Sent

_KEPT_BYTES = 4096
_KEPT_FIELDS = 32
"""What aiohttp's parser may keep of a request while its connection waits for another; a parser that was fed more is replaced."""
_LOST_BYTES = 16_384
"""The same where a parser cannot be replaced, because it may hold the beginning of the next request: the connection then ends."""


class TurningProtocol(web.RequestHandler):
    """One inbound connection, request after request. ``last`` tells that no further request of it can be trusted."""

    __slots__ = ("_chunked_payload", "_edge", "_fed_bytes", "_fields_parsed", "_target", "last")

    def __init__(self, server: Any, **options: Any) -> None:
        """Options are aiohttp's own."""
        super().__init__(server, **options)
        self._chunked_payload: StreamReader | None = None
        self._edge = Edge()
        self._target: str | None = None
        self._fed_bytes = 0  # to the parser, since the connection was idle
        self._fields_parsed = 0
        self.last = False

    def await_request(self) -> None:
        """The connection waits for a request from now on, of which a part may have come already."""

    def turns_ended(self) -> None:
        """No further request of this connection will be served."""

    def _parse(self, data: bytes) -> None:
        """To aiohttp's parser; what comes out of it is queued."""
        before = len(self._messages)
        readable = data
        if self._edge.between and not data.isascii():
            readable, self._target = masked(data)
        super().data_received(readable)
        self._fed_bytes += len(data)
        if len(self._messages) > before:
            self._restore_target(before)
            self._look_at_queue()
        self._edge.fed(data, [self._messages[place] for place in range(before, len(self._messages))])
        if self._chunked_payload is not None and self._chunked_payload.is_eof():
            self._after_chunks(data)
        elif self._edge.lost and self._chunked_payload is None and (self._fed_bytes > _LOST_BYTES or self._fields_parsed > _KEPT_FIELDS):
            self.last = True  # what the parser keeps of this can only be released by ending the connection

    def release_head(self) -> None:
        """Between two requests: aiohttp's parser keeps the head of the last one until the next begins; a large one is to be released now."""
        self._edge.wire = b""
        large = self._fed_bytes > _KEPT_BYTES or self._fields_parsed > _KEPT_FIELDS
        if large and self._edge.between and self._parser is not None:
            self._parser = self._fresh_parser()
        self._fed_bytes = self._fields_parsed = 0

    def _restore_target(self, place: int) -> None:
        """Where the parser has read a masked target, put back the one that was sent."""
        target, self._target = self._target, None
        message, payload = self._messages[place]
        if target is not None and isinstance(message, RawRequestMessage):
            self._messages[place] = (message._replace(path=target), payload)

    def _look_at_queue(self) -> None:
        """What has been parsed and waits to be served; nearly always one request."""
        if not isinstance(self._messages[-1][0], RawRequestMessage):
            self._fail_body()
        for message, payload in self._messages:
            if self._chunked_payload is not None and payload is not self._chunked_payload:
                self.last = True  # it follows a chunked one out of the same parser
            if not isinstance(message, RawRequestMessage):
                continue
            self._fields_parsed = max(self._fields_parsed, len(message.raw_headers))
            if message.chunked:
                self._chunked_payload = payload

    def _after_chunks(self, data: bytes) -> None:
        """A chunked body's last trailer would reach the next request as a header (aiohttp 3.14): that one gets a parser of its own.

        Where bytes of the next request may be in the old parser already, the connection ends with this request.
        """
        self._chunked_payload = None
        if data.endswith(b"\r\n\r\n") and self._parser is not None and not self.last:
            self._parser = self._fresh_parser()
            self._edge.begin_anew()
        else:
            self.last = True

    def _fresh_parser(self) -> HttpRequestParser:
        """As aiohttp makes one for a new connection."""
        return HttpRequestParser(
            self,
            self._loop,
            self._read_bufsize,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size,
        )

    def _fail_body(self) -> None:
        """What cannot be parsed came in the middle of a body: tell whoever reads it, which aiohttp's parser does not."""
        queued = [payload for message, payload in self._messages if isinstance(message, RawRequestMessage)]
        request: Any = self._current_request
        if isinstance(request, Inbound):
            queued.insert(0, request.payload)
        if not queued:
            return
        payload = queued[-1]
        if not payload.is_eof():
            payload.set_exception(web.RequestPayloadError("bad framing"))

    async def start(self) -> None:
        """The loop of aiohttp over the requests of a connection, without a task, a writer and two futures for each: a tenth of what one costs.

        What cannot be parsed, and offers to upgrade, are left to aiohttp's own loop from there on.
        """
        try:
            await self._turns()
        finally:
            self.turns_ended()

    async def _turns(self) -> None:
        messages = self._messages
        while not self._force_close:
            if not messages:
                self.release_head()
                self.await_request()
                await self._next_message()
            message, payload = messages[0]
            if not isinstance(message, RawRequestMessage) or message.upgrade:
                await super().start()
                return
            messages.popleft()
            stays = await self._turn(message, payload)
            del message, payload  # while the connection waits for the next request, it keeps nothing of this one
            if not stays:
                break
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _next_message(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def _turn(self, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Serve one request; whether the connection stays for another."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        me: Any = self
        sent = await self._handled(Inbound(message, payload, me, None, self._task_handler))
        if not payload.is_eof() and not self._force_close:
            await self._linger(payload)
        if not sent.keep_alive or self.last or self._close or self._force_close:
            return False
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        return True

    async def _handled(self, inbound: Inbound) -> Sent:
        """The handler's result, with the marks by which aiohttp's ``shutdown`` knows that a request is being served."""
        handler: Any = self._request_handler
        request: Any = inbound
        self._current_request = request
        self._request_in_progress = True
        try:
            sent: Sent = await handler(inbound)
        except BaseException:
            self.force_close()
            raise
        finally:
            self._current_request = None
            self._request_in_progress = False
            if self._handler_waiter is not None and not self._handler_waiter.done():
                self._handler_waiter.set_result(None)
        return sent

    async def _linger(self, payload: StreamReader) -> None:
        """Read for a while what is left of a body that was answered early: a connection closed at once could take the answer with it."""
        try:
            async with asyncio.timeout(self._lingering_time):
                while not payload.is_eof():
                    await payload.readany()
        except (TimeoutError, OSError, web.RequestPayloadError):
            self.close()
