"""One HTTP/1.1 connection to Keycloak: an asyncio protocol that carries one exchange at a time, never pipelined.

    idle ── start ──▶ waiting for head ── head ──▶ body ── end ──▶ idle or closed
                           └── reset, EOF, garbage, too slow, abandoned ──▶ closed

``start`` gives a response to wait for. ``begin`` registers a callback instead, for the fast path: it gets a whole response with a cached head
as bytes, and anything else as the PooledResponse that ``start`` would have given.

Each connection has one ``deadline``, which the pool checks at intervals, so that an exchange needs no timer.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Protocol, cast

from msgspec import Struct

from kcproxy.errors import UpstreamBroken, UpstreamTimeout
from kcproxy.http1.framing import FramingError
from kcproxy.http1.response_head_cache import CachedHead, ResponseHeadCache
from kcproxy.http1.response_parser import ResponseParser
from kcproxy.upstream.response import PooledResponse


class ConnectionStale(UpstreamBroken):
    """The server closed the connection without a byte of a response. It may have timed out on the server's side."""


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """Time limits of one connection. ``name`` names the server in messages ("http://keycloak:8080")."""

    name: str
    response_timeout_seconds: float
    idle_timeout_seconds: float
    keepalive_seconds: float


class ResponseCallback(Protocol):
    """Receives a response without waiting. Either ``on_whole_response`` or ``on_response`` is called, once. Neither raises."""

    def accepts(self, cached: CachedHead) -> bool:
        """Whether ``on_whole_response`` can use a response with this head."""
        ...

    def on_whole_response(self, cached: CachedHead, data: bytes) -> None:
        """A whole response, head and body in ``data``. Its connection is free already."""
        ...

    def on_response(self, response: PooledResponse) -> None:
        """A response that has arrived in part or as a whole, or that has failed."""
        ...


class Connection(asyncio.Protocol):
    """See the module. Calls ``on_idle`` when it can carry another exchange, and ``on_lost`` when it is closed."""

    __slots__ = (
        "_callback",
        "_heads",
        "_limits",
        "_loop",
        "_method",
        "_on_idle",
        "_on_lost",
        "_parser",
        "_paused",
        "_response",
        "_transport",
        "_upload",
        "_write_gate",
        "closed",
        "deadline",
        "exchanges",
    )

    def __init__(
        self,
        limits: ConnectionLimits,
        *,
        on_idle: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
        heads: ResponseHeadCache | None = None,
    ) -> None:
        """Not connected yet. To be created on the running loop. ``heads`` is shared by all connections to the server."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._parser = ResponseParser()
        self._transport: asyncio.Transport
        self._response: PooledResponse | None = None
        self._heads = heads or ResponseHeadCache()
        self._callback: ResponseCallback | None = None
        self._method = ""
        self._upload: asyncio.Task[None] | None = None
        self._write_gate: asyncio.Future[None] | None = None
        self._paused = False
        self.closed = False
        self.exchanges = 0
        self.deadline = math.inf

    # called by the pool

    @property
    def usable(self) -> bool:
        """Whether an exchange can start: the connection is idle and not closed."""
        return not self.closed and self._response is None and self._callback is None and not self._transport.is_closing()

    def start(self, method: str, data: bytes) -> PooledResponse:
        """Send a request: its head, and its body if that is small. Returns the response, which is filled as it arrives."""
        response = PooledResponse(self)
        self._parser.begin(method, response)
        self._response = response
        self.exchanges += 1
        self._transport.write(data)
        self._touch()
        return response

    def begin(self, method: str, data: bytes, callback: ResponseCallback) -> None:
        """Send a request that is complete in ``data``. ``callback`` gets the response."""
        self._callback = callback
        self._method = method
        self.exchanges += 1
        self._transport.write(data)
        self.deadline = self._loop.time() + self._limits.response_timeout_seconds

    def expire(self) -> None:
        """The deadline has passed: close an idle connection, or fail the exchange."""
        callback = self._with_response()
        if self._response is None:
            self.abort()
        else:
            self.fail(UpstreamTimeout(self._overdue()), callback)

    def fail(self, error: BaseException, callback: ResponseCallback | None = None) -> None:
        """End the exchange with this error, and close the connection."""
        callback = callback or self._with_response()
        response, self._response = self._response, None
        if response is not None:
            response.fail(error)
        self.abort()
        if callback is not None and response is not None:
            callback.on_response(response)

    def abort(self) -> None:
        """Close at once. Nothing is waiting to be sent between exchanges, and within one the rest would be useless."""
        self._stop_upload()
        self._transport.abort()

    def fileno(self) -> int:
        """The socket's descriptor, -1 after it was closed."""
        sock = self._transport.get_extra_info("socket")
        return -1 if sock is None else int(sock.fileno())

    # called by an upload

    def attach_upload(self, upload: asyncio.Task[None]) -> None:
        """``upload`` sends the rest of the body, and calls ``upload_done`` at its end."""
        self._upload = upload
        self._touch()

    def write(self, data: bytes) -> None:
        """Send more of the body. Raises UpstreamBroken if the connection is closed."""
        if self.closed or self._transport.is_closing():
            raise UpstreamBroken(f"{self._limits.name} closed the connection while the request was being sent")
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the server has read enough for more to be sent."""
        if self._write_gate is not None:
            await self._write_gate

    def upload_done(self) -> None:
        """The whole body is written."""
        self._upload = None
        self._touch()

    def upload_failed(self, error: BaseException) -> None:
        """The body is incomplete, so the request fails."""
        self._upload = None
        self.fail(error)

    # called by the response

    def pause_response(self) -> None:
        """The client is slower than the server: stop reading, without a deadline."""
        self._paused = True
        self._transport.pause_reading()
        self._touch()

    def resume_response(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self._touch()

    def abandon(self) -> None:
        """The rest of the response is not needed: close, so that the server stops too."""
        self._response = self._callback = None
        self.abort()

    # called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, and with TLS verified."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a response. Without a request they end the connection."""
        callback = self._callback
        if callback is not None:
            self._first_bytes(callback, data)
        elif self._response is not None:
            self._feed(self._response, data)
        else:
            self.abort()

    def eof_received(self) -> None:
        """The server sends no more, which may complete a body without a length. The transport closes itself."""
        if self._response is not None and self._parser.end_of_stream():
            self._finish(self._response, reusable=False)  # with a callback nothing has arrived yet, so that this is a loss

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed: fail the exchange, and let the pool open another connection."""
        self.closed = True
        self.resume_writing()
        callback = self._with_response()
        response, self._response = self._response, None
        if response is not None:
            response.fail(self._lost(exc))
        self._stop_upload()
        self._on_lost(self)
        if callback is not None and response is not None:
            callback.on_response(response)

    def pause_writing(self) -> None:
        """The server reads the body more slowly than it arrives."""
        if self._write_gate is None:
            self._write_gate = self._loop.create_future()
        self._touch()

    def resume_writing(self) -> None:
        """The server has caught up, or the connection is closed."""
        gate, self._write_gate = self._write_gate, None
        if gate is not None and not gate.done():
            gate.set_result(None)
        self._touch()

    # inside

    def _first_bytes(self, callback: ResponseCallback, data: bytes) -> None:
        """The first bytes of a response with a callback: a whole response with a cached head, or bytes for the parser."""
        cached = self._heads.find(data) if self._write_gate is None and self._method != "HEAD" else None
        if cached is not None and callback.accepts(cached) and not self._transport.is_closing():
            self._callback = None
            self.deadline = self._loop.time() + self._limits.keepalive_seconds
            self._on_idle(self)
            callback.on_whole_response(cached, data)
            return
        self._with_response()
        response = self._response
        if response is None:
            return
        if self._feed(response, data) and self._method != "HEAD" and response.length is not None and self._parser.reusable:
            self._heads.learn(data, response.status, response.reason, response.headers, body_bytes=response.length)
        callback.on_response(response)

    def _with_response(self) -> ResponseCallback | None:
        """Turn an exchange with a callback into one with a response object."""
        callback, self._callback = self._callback, None
        if callback is not None:
            self._response = PooledResponse(self)
            self._response.reused = self.exchanges > 1
            self._parser.begin(self._method, self._response)
        return callback

    def _feed(self, response: PooledResponse, data: bytes) -> bool:
        """Feed the parser. Returns whether the response is complete."""
        try:
            complete = self._parser.feed(data)
        except FramingError as error:
            self.fail(UpstreamBroken(f"the response of {self._limits.name} cannot be used: {error}"))
            return False
        if complete:
            self._finish(response, reusable=self._parser.reusable)
        elif self._parser.head_done:
            self._touch()
        return complete

    def _finish(self, response: PooledResponse, *, reusable: bool) -> None:
        self._response = None
        response.end()
        if not reusable or self._upload is not None or self._write_gate is not None or self._transport.is_closing():
            self.abort()
            return
        if self._paused:
            self.resume_response()
        self._touch()
        self._on_idle(self)

    def _touch(self) -> None:
        """Set the deadline for what the connection waits for. There is none while it waits for the client."""
        now = self._loop.time()
        if self._response is None and self._callback is None:
            self.deadline = now + self._limits.keepalive_seconds
        elif self._callback is not None:
            limits = self._limits
            self.deadline = now + (limits.response_timeout_seconds if self._write_gate is None else limits.idle_timeout_seconds)
        elif self._paused or (self._upload is not None and self._write_gate is None):
            self.deadline = math.inf
        elif self._parser.head_done or self._write_gate is not None:
            self.deadline = now + self._limits.idle_timeout_seconds
        else:
            self.deadline = now + self._limits.response_timeout_seconds

    def _overdue(self) -> str:
        limits = self._limits
        if self._parser.head_done:
            return f"{limits.name} stopped sending its response for more than {limits.idle_timeout_seconds:g} s"
        if self._write_gate is not None:
            return f"{limits.name} stopped reading the request's body for more than {limits.idle_timeout_seconds:g} s"
        return f"{limits.name} did not respond within {limits.response_timeout_seconds:g} s"

    def _lost(self, exc: Exception | None) -> UpstreamBroken:
        how = "closed the connection" if exc is None else f"broke the connection ({type(exc).__name__})"
        if self._parser.head_done:
            return UpstreamBroken(f"{self._limits.name} {how} in the middle of its response")
        if self._parser.started:
            return UpstreamBroken(f"{self._limits.name} {how} in the middle of the head of its response")
        return ConnectionStale(f"{self._limits.name} {how} without an response")

    def _stop_upload(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.cancel()
