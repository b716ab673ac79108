"""The inbound side: aiohttp's low-level server with small requests, hard limits on heads and connections, and errors that echo nothing.

What aiohttp would say and log about a bad request is replaced, because it quotes the request. Plain requests may go by the lane.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast
from weakref import WeakSet

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import RawRequestMessage

from kcproxy.proxy.failures import Failure
from kcproxy.proxy.send_queue import reset
from kcproxy.proxy.turn import FailureResponse, Inbound, Sent
from kcproxy.proxy.turns import TurningProtocol
from kcproxy.settings import LimitSettings

log = logging.getLogger("kcproxy.proxy")

_SWEEP_SECONDS = 1.0
_MAX_FIELDS = 1024
_MAX_EARLY_BYTES = 65536


class QuickRequest(Protocol):
    """A request on its way through the lane."""

    wire: bytes

    def caller_left(self) -> None:
        """His connection is gone."""
        ...

    def dropped(self) -> None:
        """It was to be carried on, and cannot be."""
        ...


class QuickLane(Protocol):
    """The lane, as a connection sees it; see ``lane``."""

    def learn(self, wire: bytes, message: RawRequestMessage) -> Any:
        """What to know of a request that the parser has read, for it and the next of its kind; None where the lane is not for it."""
        ...

    def cross(self, protocol: "ProxyProtocol", block: Any, wire: bytes) -> Any:
        """Send it on; None where it has to take the ordinary way."""
        ...


class ProxyProtocol(TurningProtocol):
    """One inbound connection.

    What comes between two requests may go by the lane; everything else goes to aiohttp's parser. While the lane has a request of this
    connection, what comes behind it waits.
    """

    __slots__ = (
        "_block",
        "_carried",
        "_closing_since",
        "_crossing",
        "_drains",
        "_early",
        "_lane",
        "_peer",
        "_wire",
        "head_bytes",
        "head_since",
        "limits",
        "on_bad_request",
        "withdrawn",
    )

    def __init__(self, server: "ProxyServer", **options: Any) -> None:
        """Options are aiohttp's own."""
        super().__init__(server, **options)
        self.limits = server.limits
        self.on_bad_request = server.on_bad_request
        self.head_since: float | None = None
        self.head_bytes = 0
        self._peer: str | None = None
        self._lane = server.lane
        self._block: Any = None
        self._crossing: Any = None
        self._carried: Any = None
        self._early = b""
        self.withdrawn = False
        """Whether the client certificate of this connection may be one that is not trusted any more."""
        self._drains: list[asyncio.Future[None]] = []
        self._wire: asyncio.WriteTransport | None = None
        self._closing_since: float | None = None

    @property
    def peer(self) -> str | None:
        """Address of whoever connected; None on a Unix socket."""
        if self._peer is None:
            name = self.peername
            self._peer = str(name[0]) if isinstance(name, tuple) and name else None
        return self._peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; the listener has seen to it that there is room."""
        server = self._manager
        super().connection_made(transport)
        self._wire = cast("asyncio.WriteTransport", transport)
        self.head_since = self._loop.time()
        if isinstance(server, ProxyServer) and not server.trusts(self.ssl_context):
            self.withdraw()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests: for the lane, for the parser, or for later."""
        if self._crossing is not None:
            self._keep_for_later(data)
            return
        waiter = self._waiter
        if self._lane is None or waiter is None or waiter.done() or not data:
            self._parse(data)
            self._watch_head(data)
            return
        # No request is being served, and none waits.
        if self._block is not None and self._edge.between and self._cross(self._lane, data):
            return
        self._waiter = None  # so that aiohttp does not begin to serve what comes out before the lane has seen it
        try:
            self._parse(data)
        finally:
            self._waiter = waiter
        if not (self._messages and self._learnt(self._lane)):
            if self._messages:
                waiter.set_result(None)
            self._watch_head(data)

    def _learnt(self, lane: QuickLane) -> bool:
        """A request has been parsed that nobody serves yet: whether it goes by the lane."""
        wire = self._edge.wire
        if not (wire and self._edge.between and len(self._messages) == 1):
            return False
        self._edge.wire = b""
        message = self._messages[0][0]
        self._block = lane.learn(wire, message) if isinstance(message, RawRequestMessage) else None
        return self._block is not None and self._cross(lane, wire)

    def _cross(self, lane: QuickLane, wire: bytes) -> bool:
        if self._paused:
            return False  # the caller takes no more answers for now
        self._crossing = lane.cross(self, self._block, wire)
        if self._crossing is None:
            return False
        self._request_in_progress = True
        self.head_since = None
        self.head_bytes = 0
        return True

    def crossed(self) -> None:
        """The request in the lane has been answered: the connection is there for the next."""
        self._crossing = None
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        if self._messages:  # the parser had read it
            self._messages.popleft()
            if self._parser is not None:
                self._parser.message_consumed()
            self.release_head()
        if self.transport is None:
            return
        if self.last:
            self.force_close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        if self._early:
            self._serve_early()

    def carry_on(self, crossing: QuickRequest) -> None:
        """The request in the lane cannot be finished there: it is handed to the ordinary loop, as if it had just been parsed."""
        self._crossing = None
        self._carried = crossing
        waiter = self._waiter
        if not self._messages:
            self._parse(crossing.wire)
        if waiter is None or waiter.cancelled() or not self._messages:
            self._drop_carried()
            self.force_close()
            return
        if not waiter.done():
            waiter.set_result(None)
        if self._early:
            self._serve_early()

    def carried(self) -> Any:
        """The request that comes out of the lane and is to be carried on; None where the one that is to be served is new."""
        crossing, self._carried = self._carried, None
        return crossing

    def await_request(self) -> None:
        """What came of the next request while the last one was served has its time from now on.

        Where it is not known whether anything came, the connection is not kept for longer than a head may take.
        """
        if self._edge.in_head:
            self.head_since = self._loop.time()
        elif self._edge.lost and self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
            self._next_keepalive_close_time = self._loop.time() + min(self._keepalive_timeout, self.limits.head_timeout_seconds)
            self._keepalive_handle = self._loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    def turns_ended(self) -> None:
        """What was to be carried on will not be."""
        self._drop_carried()

    def _drop_carried(self) -> None:
        crossing = self.carried()
        if crossing is not None:
            crossing.dropped()

    def _keep_for_later(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > _MAX_EARLY_BYTES and not self._buffer_paused:
            self._pause_reading_for_buffer()

    def _serve_early(self) -> None:
        early, self._early = self._early, b""
        if self._buffer_paused:
            self._resume_reading_for_buffer()
        self.data_received(early)

    def _watch_head(self, data: bytes) -> None:
        """A head that does not come to an end is refused."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            # A request is being handled, so what came was its head, its body or the next in line.
            self.head_since = None
            self.head_bytes = 0
            return
        if self.head_since is None:
            self.head_since = self._loop.time()
        self.head_bytes += len(data)
        if self.head_bytes > self.limits.max_header_bytes + _MAX_FIELDS:
            self._refuse(_too_large())

    def connection_lost(self, exc: BaseException | None) -> None:
        """End a read whose caller is gone; let a write come to its end, for stopping half-way helps nobody.

        Between two requests the task ends too. It may be about to serve one that was parsed, or handed over by the lane, in this very
        turn of the event loop; there is nobody left to answer, and aiohttp's handler is gone by the time the task runs.
        """
        request: Any = self._current_request
        task = self._task_handler
        crossing = self._crossing
        super().connection_lost(exc)
        for drain in self._drains:
            if not drain.done():
                drain.set_exception(ConnectionResetError("the caller's connection is lost"))
        if crossing is not None:
            crossing.caller_left()
        if task is not None and (request is None or (isinstance(request, Inbound) and request.is_read)):
            task.cancel()

    def withdraw(self) -> None:
        """Close an idle connection, and any other after the response in progress; no injected token goes with a further request."""
        self.withdrawn = self.last = True
        self._lane = None
        if self.idle:
            self.force_close()

    @property
    def idle(self) -> bool:
        """Whether no request is being served, and none waits."""
        return self._current_request is None and self._crossing is None and not self._messages

    def _process_keepalive(self) -> None:
        """A connection that waits for a request is closed by aiohttp; one whose request is in the lane looks as if it waited."""
        if self._crossing is None:
            super()._process_keepalive()
        else:
            self._keepalive_handle = self._loop.call_later(self._keepalive_timeout, self._process_keepalive)

    def resume_writing(self) -> None:
        """The caller has taken enough for more to be written."""
        super().resume_writing()
        for drain in self._drains:
            if not drain.done():
                drain.set_result(None)

    async def drained(self) -> None:
        """Wait until more may be written to the caller. OSError where it is gone."""
        if self.transport is None:
            raise ConnectionResetError("the caller's connection is lost")
        if not self.writing_paused:
            return
        drain = self._loop.create_future()
        self._drains.append(drain)
        try:
            await drain
        finally:
            self._drains.remove(drain)

    def cut_slow_head(self, now: float) -> None:
        """Close a connection whose head has been on its way for too long (RFC 9110, section 15.5.9)."""
        if self.head_since is not None and now - self.head_since > self.limits.head_timeout_seconds:
            self._refuse(Failure.of(408, "slow-request", "The head of the request took too long to arrive."))

    def cut_unflushed(self, now: float) -> None:
        """Abort a connection that was closed, and whose caller does not take what was written before: it would stay for ever."""
        wire = self._wire
        if wire is None or not wire.is_closing():
            return
        if self._closing_since is None:
            self._closing_since = now
        elif now - self._closing_since > self.limits.slow_transfer_grace_seconds:
            reset(wire)

    def handle_error(
        self,
        request: Any,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature; it quotes the request
    ) -> Any:
        """Answer a request that cannot be parsed, or a bug of ours: own words, nothing quoted."""
        if exc is not None and status == 500:
            log.error("internal error", exc_info=exc)
        failure = _too_large() if isinstance(exc, LineTooLong) else _FAILURES.get(status, _FAILURES[500])
        self.on_bad_request(failure, self.peer)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        return FailureResponse(failure)

    def _refuse(self, failure: Failure) -> None:
        self.on_bad_request(failure, self.peer)
        if self.transport is not None:
            self.transport.write(failure.as_bytes(keep_alive=False))
        self.force_close()


def _too_large() -> Failure:
    return Failure.of(
        431, "header-too-large", "The head of the request is larger than the proxy's settings allow (limits.max_header_bytes)."
    )


_FAILURES = {
    400: Failure.of(400, "bad-request", "The request is not valid HTTP/1.1, or its framing can be read in two ways."),
    500: Failure.of(500, "internal", "The proxy failed on this request; its log says more."),
    504: Failure.of(504, "timeout", "The request took too long."),
}


class ProxyServer(web.Server):
    """aiohttp's low-level server, making ``ProxyProtocol`` connections and ``Inbound`` requests."""

    def __init__(
        self,
        handler: Callable[[Inbound], Awaitable[Sent]],
        limits: LimitSettings,
        *,
        on_bad_request: Callable[[Failure, str | None], None],
        lane: QuickLane | None = None,
    ) -> None:
        """Create it on a running event loop. Without a ``lane`` every request takes the ordinary way."""
        super().__init__(handler, request_factory=Inbound)  # type: ignore[arg-type]  # aiohttp's types know its own request only
        self.limits = limits
        self.on_bad_request = on_bad_request
        self.lane = lane
        self._sweep: asyncio.TimerHandle | None = None
        self._trusted: WeakSet[ssl.SSLContext] | None = None  # None: all

    @property
    def open_connections(self) -> int:
        """How many inbound connections there are."""
        return len(self._connections)

    def __call__(self) -> web.RequestHandler:
        """A new connection's protocol."""
        if self._sweep is None:
            self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._cut_slow)
        return ProxyProtocol(
            self,
            loop=self._loop,
            access_log=None,
            keepalive_timeout=self.limits.keepalive_seconds,
            max_line_size=self.limits.max_header_bytes,
            max_field_size=self.limits.max_header_bytes,
            max_headers=_MAX_FIELDS,
            auto_decompress=False,
            logger=log,
        )

    def trusts(self, context: ssl.SSLContext | None) -> bool:
        """Whether a client certificate that was accepted by this TLS context still counts."""
        return self._trusted is None or (context is not None and context in self._trusted)

    def trust(self, context: ssl.SSLContext, *, only: bool) -> None:
        """A new TLS context is in use. ``only``: client certificates that others accepted do not count any more, see ``withdraw``."""
        if only:
            self._trusted = WeakSet()
        if self._trusted is not None:
            self._trusted.add(context)
        for connection in self.connections:
            if isinstance(connection, ProxyProtocol) and not self.trusts(connection.ssl_context):
                connection.withdraw()

    def close_idle(self) -> None:
        """Close the connections that wait for a request. aiohttp's own ``pre_shutdown`` would drop the rest of bodies under way."""
        for connection in self.connections:
            if isinstance(connection, ProxyProtocol) and connection.idle:
                connection.close()

    def _cut_slow(self) -> None:
        now = self._loop.time()
        for connection in self.connections:
            if isinstance(connection, ProxyProtocol):
                connection.cut_slow_head(now)
                connection.cut_unflushed(now)
        self._sweep = self._loop.call_later(_SWEEP_SECONDS, self._cut_slow) if self._connections else None

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Close idle connections, wait for the others, then end them."""
        if self._sweep is not None:
            self._sweep.cancel()
        await super().shutdown(timeout)
