"""One HTTP/1.1 connection to Keycloak: an asyncio protocol that carries one exchange at a time, never pipelined.

    idle ── start ──▶ head awaited ── head ──▶ body ── end ──▶ idle (kept) or closed
                           └── reset, EOF, garbage, too slow, given up ──▶ closed

An exchange is waited for (``start``), or it has a taker who is called when the answer comes (``begin``): with an answer as a whole that is
known already, or, whatever else happens, with the PooledAnswer that ``start`` would have given.

Time limits are one ``deadline`` a connection, looked at from outside at intervals, so that an exchange costs no timer.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from kcproxy.errors import UpstreamBroken, UpstreamTimeout
from kcproxy.http1.framing import FramingError
from kcproxy.http1.response_head_cache import CachedHead, ResponseHeadCache
from kcproxy.http1.response_parser import ResponseParser
from kcproxy.upstream.response import PooledResponse


class ConnectionStale(UpstreamBroken):
    """The server closed the connection without a byte of answer: it may have been idle for too long on its side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Time limits of one connection. ``name`` is how the server is called in messages ("http://keycloak:8080")."""

    name: str
    response_timeout_seconds: float
    idle_timeout_seconds: float
    keepalive_seconds: float


class ResponseReceiver(Protocol):
    """Who is called with an answer instead of waiting for it. One of ``pass_on`` and ``take`` is called, once; neither raises."""

    def accepts(self, known: CachedHead) -> bool:
        """Whether ``pass_on`` can do with an answer of this head."""
        ...

    def pass_on(self, known: CachedHead, data: bytes) -> None:
        """A whole answer, head and body in ``data``; its connection is free already."""
        ...

    def take(self, answer: PooledResponse) -> None:
        """An answer of which something has come, perhaps all, or that has failed."""
        ...


class Connection(asyncio.Protocol):
    """See the module. ``on_idle`` is told when it can carry another exchange, ``on_lost`` when it is gone, each with itself."""

    __slots__ = (
        "_heads",
        "_limits",
        "_loop",
        "_method",
        "_on_idle",
        "_on_lost",
        "_parser",
        "_paused",
        "_receiver",
        "_respond",
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
        """Not connected yet. To be called on the running loop. ``heads`` are those that all connections to the server know."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._parser = ResponseParser()
        self._transport: asyncio.Transport
        self._respond: PooledResponse | None = None
        self._heads = heads or ResponseHeadCache()
        self._receiver: ResponseReceiver | None = None
        self._method = ""
        self._upload: asyncio.Task[None] | None = None
        self._write_gate: asyncio.Future[None] | None = None
        self._paused = False
        self.closed = False
        self.exchanges = 0
        self.deadline = math.inf

    # what the pool does with it

    @property
    def usable(self) -> bool:
        """Whether an exchange can be started: connected, idle, and not seen to be closed."""
        return not self.closed and self._respond is None and self._receiver is None and not self._transport.is_closing()

    def start(self, method: str, data: bytes) -> PooledResponse:
        """Send a request's head, with the whole of its body where it is small; gives the answer that will be filled."""
        answer = PooledResponse(self)
        self._parser.begin(method, answer)
        self._respond = answer
        self.exchanges += 1
        self._transport.write(data)
        self._touch()
        return answer

    def begin(self, method: str, data: bytes, receiver: ResponseReceiver) -> None:
        """The same for a request that is complete in ``data``, and an answer that nobody waits for."""
        self._receiver = receiver
        self._method = method
        self.exchanges += 1
        self._transport.write(data)
        self.deadline = self._loop.time() + self._limits.response_timeout_seconds

    def expire(self) -> None:
        """The deadline has passed: an idle connection closes, an exchange fails."""
        receiver = self._responded()
        if self._respond is None:
            self.abort()
        else:
            self.fail(UpstreamTimeout(self._overdue()), receiver)

    def fail(self, error: BaseException, receiver: ResponseReceiver | None = None) -> None:
        """End the exchange with this error, and the connection with it."""
        receiver = receiver or self._responded()
        answer, self._respond = self._respond, None
        if answer is not None:
            answer.fail(error)
        self.abort()
        if receiver is not None and answer is not None:
            receiver.take(answer)

    def abort(self) -> None:
        """Close at once, without a goodbye: between exchanges there is nothing left to say, within one nothing to save."""
        self._stop_upload()
        self._transport.abort()

    def fileno(self) -> int:
        """The socket's descriptor, -1 where it has none any more."""
        sock = self._transport.get_extra_info("socket")
        return -1 if sock is None else int(sock.fileno())

    # what an upload does with it

    def attach_upload(self, upload: asyncio.Task[None]) -> None:
        """The rest of the body comes from this task, which says ``upload_done`` at its end."""
        self._upload = upload
        self._touch()

    def write(self, data: bytes) -> None:
        """More of the body. UpstreamBroken where the connection is gone."""
        if self.closed or self._transport.is_closing():
            raise UpstreamBroken(f"{self._limits.name} closed the connection while the request was being sent")
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the server has taken enough for more to be sent."""
        if self._write_gate is not None:
            await self._write_gate

    def upload_done(self) -> None:
        """The last byte of the body is written."""
        self._upload = None
        self._touch()

    def upload_failed(self, error: BaseException) -> None:
        """The body broke off; what was sent of the request is of no use."""
        self._upload = None
        self.fail(error)

    # what the answer does with it

    def pause_response(self) -> None:
        """The caller is slower than the server: stop reading; no time runs meanwhile."""
        self._paused = True
        self._transport.pause_reading()
        self._touch()

    def resume_response(self) -> None:
        """Read on."""
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self._touch()

    def abandon(self) -> None:
        """Nobody wants the answer, or the rest of it: close, so that the server stops too."""
        self._respond = self._receiver = None
        self.abort()

    # what the loop does with it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected (and, with TLS, trusted)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; unasked for, they end the connection."""
        receiver = self._receiver
        if receiver is not None:
            self._begun(receiver, data)
        elif self._respond is not None:
            self._feed(self._respond, data)
        else:
            self.abort()

    def eof_received(self) -> None:
        """The server sends no more; where its end is the body's end, the body is complete. The transport closes itself."""
        if self._respond is not None and self._parser.end_of_stream():
            self._finish(self._respond, reusable=False)  # what has a taker has not begun, so that its end is a loss

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, by whomever: whoever waits is told, and the pool can open another."""
        self.closed = True
        self.resume_writing()
        receiver = self._responded()
        answer, self._respond = self._respond, None
        if answer is not None:
            answer.fail(self._lost(exc))
        self._stop_upload()
        self._on_lost(self)
        if receiver is not None and answer is not None:
            receiver.take(answer)

    def pause_writing(self) -> None:
        """The server takes the body more slowly than it comes."""
        if self._write_gate is None:
            self._write_gate = self._loop.create_future()
        self._touch()

    def resume_writing(self) -> None:
        """The server has caught up, or is gone."""
        gate, self._write_gate = self._write_gate, None
        if gate is not None and not gate.done():
            gate.set_result(None)
        self._touch()

    # inside

    def _begun(self, receiver: ResponseReceiver, data: bytes) -> None:
        """The first bytes of an answer that has a taker: all of it, as it is known already, or something for the parser."""
        known = self._heads.find(data) if self._write_gate is None and self._method != "HEAD" else None
        if known is not None and receiver.accepts(known) and not self._transport.is_closing():
            self._receiver = None
            self.deadline = self._loop.time() + self._limits.keepalive_seconds
            self._on_idle(self)
            receiver.pass_on(known, data)
            return
        self._responded()
        answer = self._respond
        if answer is None:
            return
        if self._feed(answer, data) and self._method != "HEAD" and answer.length is not None and self._parser.reusable:
            self._heads.learn(data, answer.status, answer.reason, answer.headers, body_bytes=answer.length)
        receiver.take(answer)

    def _responded(self) -> ResponseReceiver | None:
        """From here on an exchange that has a taker is one like any other, with an answer to be filled."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            self._respond = PooledResponse(self)
            self._respond.reused = self.exchanges > 1
            self._parser.begin(self._method, self._respond)
        return receiver

    def _feed(self, answer: PooledResponse, data: bytes) -> bool:
        """Bytes for the parser; whether they complete the answer."""
        try:
            complete = self._parser.feed(data)
        except FramingError as error:
            self.fail(UpstreamBroken(f"the answer of {self._limits.name} cannot be used: {error}"))
            return False
        if complete:
            self._finish(answer, reusable=self._parser.reusable)
        elif self._parser.head_done:
            self._touch()
        return complete

    def _finish(self, answer: PooledResponse, *, reusable: bool) -> None:
        self._respond = None
        answer.end()
        if not reusable or self._upload is not None or self._write_gate is not None or self._transport.is_closing():
            self.abort()
            return
        if self._paused:
            self.resume_response()
        self._touch()
        self._on_idle(self)

    def _touch(self) -> None:
        """Set the deadline that fits what is waited for: infinite where it is the caller who is slow."""
        now = self._loop.time()
        if self._respond is None and self._receiver is None:
            self.deadline = now + self._limits.keepalive_seconds
        elif self._receiver is not None:
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
            return f"{limits.name} stopped sending its answer for more than {limits.idle_timeout_seconds:g} s"
        if self._write_gate is not None:
            return f"{limits.name} stopped taking the request's body for more than {limits.idle_timeout_seconds:g} s"
        return f"{limits.name} did not answer within {limits.response_timeout_seconds:g} s"

    def _lost(self, exc: Exception | None) -> UpstreamBroken:
        how = "closed the connection" if exc is None else f"broke the connection ({type(exc).__name__})"
        if self._parser.head_done:
            return UpstreamBroken(f"{self._limits.name} {how} in the middle of its answer")
        if self._parser.started:
            return UpstreamBroken(f"{self._limits.name} {how} in the middle of the head of its answer")
        return ConnectionStale(f"{self._limits.name} {how} without an answer")

    def _stop_upload(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.cancel()
