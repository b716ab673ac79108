"""One inbound connection: parses requests, handles one at a time, and queues the next ones in order.

    waiting for a head ── head ──▶ handled ── finished ──▶ idle ── first byte ──▶ waiting for a head
             │                        └── body unread ──▶ lingering ── its end ──▶ idle
             └── too slow, too large, unreadable ──▶ refused, closed

Each connection has one ``deadline``, which the server checks at intervals, so that a request needs no timer. Bytes are parsed in small parts, whose
time ``FairTurns`` shares between all connections. Only the fast path does not wait for a turn.
"""

import asyncio
import math
import ssl
from collections import deque
from enum import Enum, auto
from typing import Any, Protocol, TypeAlias, cast

from kcproxy.errors import RequestRefused
from kcproxy.http1.request_parser import END, ParserState, RequestHead, RequestParser, SyntaxProblem
from kcproxy.server.error_responses import ErrorResponse
from kcproxy.server.held_bytes import SMALL_BYTES
from kcproxy.server.inbound_request import InboundRequest, InFlight
from kcproxy.server.refusals import NO_ROOM, PROBLEMS, SLOW_HEAD
from kcproxy.server.request_body import BodyStream, BodyUnframed, ClientDisconnected
from kcproxy.server.send_queue import reset
from kcproxy.server.shared_state import SharedState
from kcproxy.server.writing import WritingProtocol

LINGER_SECONDS = 10.0
"""How long the rest of a body is read after an early response. To close at once could reset the connection before the client reads the response."""
_MAX_QUEUED_REQUESTS = 32


class Handler(Protocol):
    """Handles requests. Each begins with ``begin`` or ``begin_known``, and ends later with one call of ``InboundConnection.finished``."""

    def begin(self, connection: "InboundConnection", request: InboundRequest) -> InFlight:
        """Handle a request that the parser has read."""
        ...

    def begin_known(self, connection: "InboundConnection", data: bytes) -> InFlight | None:
        """Handle bytes at the beginning of a request if they are one whole request with the connection's ``header_block``.

        None, and nothing is done, if the parser has to read them. Only called if ``header_block`` is set.
        """
        ...

    def bad_request(self, response: ErrorResponse, peer: str | None) -> None:
        """A request that could not be parsed was refused."""
        ...


class _Wait(Enum):
    """What the connection waits for."""

    HEAD = auto()
    HANDLER = auto()
    REST_OF_BODY = auto()
    NEXT_REQUEST = auto()
    CLOSE = auto()


# On the fast path: the lookup of an enum's member takes ten times as long as that of a name.
_IDLE, _HANDLER, _NEXT_REQUEST = ParserState.IDLE, _Wait.HANDLER, _Wait.NEXT_REQUEST


class InboundConnection(WritingProtocol):
    """See the module. ``header_block`` belongs to the handler, which stores there what it knows about the requests of this connection."""

    __slots__ = (
        "_body",
        "_body_paused",
        "_current",
        "_current_body",
        "_held_bytes",
        "_loop",
        "_parser",
        "_queue",
        "_queue_paused",
        "_shared",
        "_wait",
        "deadline",
        "header_block",
        "last",
        "peer",
        "tls_context",
        "used_seconds",
        "waits_for_turn",
        "withdrawn",
    )

    def __init__(self, shared: "Connections") -> None:
        """Not connected yet. To be called on the running loop."""
        super().__init__()
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(shared.limits.max_header_bytes)
        self._queue: deque[InboundRequest | ErrorResponse] = deque()
        self._current: InFlight | None = None
        self._current_body: BodyStream | None = None
        self._body: BodyStream | None = None  # of the request that the parser reads
        self._held_bytes = 0
        self._body_paused = False
        self._queue_paused = False
        self._wait = _Wait.HEAD
        self.deadline = math.inf
        self.header_block: Any = None
        self.peer: str | None = None
        self.tls_context: ssl.SSLContext | None = None
        self.last = False  # no further request of this connection is served
        self.withdrawn = False  # its client certificate may no longer be trusted
        self.used_seconds = 0.0
        self.waits_for_turn = False

    # called by the handler

    def abort(self) -> None:
        """Close the connection at once, so that the client notices."""
        if self.transport is not None:
            self.transport.abort()

    def finished(self, *, keep_alive: bool) -> None:
        """The request has been handled. Begin the next one, or close the connection."""
        self._current = None
        body, self._current_body = self._current_body, None
        if self.transport is None:
            return
        if not keep_alive:
            self.last = True
        if body is not None and not body.ended:
            self._expect(_Wait.REST_OF_BODY, LINGER_SECONDS)
            body.discard()
        else:
            self._next()

    # called by the server

    @property
    def idle(self) -> bool:
        """Whether there is no request in progress, in the queue, or still to be parsed."""
        return self._current is None and not self._queue and not self.waits_for_turn

    def withdraw(self) -> None:
        """Close an idle connection at once, any other after the response in progress. Requests that have not been sent get no injected token."""
        self.withdrawn = self.last = True
        self.header_block = None
        if self._current is None and not self._queue:
            self.abort()

    @property
    def tls(self) -> bool:
        """Whether the client uses TLS."""
        return self.tls_context is not None

    def close(self) -> None:
        """Close after everything written has been sent."""
        self.last = True
        self._queue.clear()
        if self.transport is not None:
            self.transport.close()
        self._expect(_Wait.CLOSE, self._shared.limits.slow_transfer_grace_seconds)

    def expire(self) -> None:
        """The deadline has passed."""
        if self._wait is _Wait.HEAD:
            self._refuse(SLOW_HEAD)
        elif self._wait is _Wait.CLOSE:
            self._reset()
        else:
            self.close()

    # called by a body

    def pause_body(self) -> None:
        """A body is read more slowly than it arrives: stop reading."""
        self._body_paused = True
        self._choose_reading()

    def resume_body(self) -> None:
        """The body has been read: continue to read."""
        self._body_paused = False
        self._choose_reading()
        self._read_rest()

    # called by the shared turns

    @property
    def unread_bytes(self) -> int:
        """How much has arrived and is not parsed yet."""
        return len(self._parser.unread)

    def read_part(self) -> bool:
        """Parse a part of what has arrived, and begin the next request. Returns whether another part can be parsed now."""
        if self.transport is None or self.transport.is_closing():
            self._drop_unread()
            return False
        if self._body_paused or len(self._queue) > _MAX_QUEUED_REQUESTS:
            self._pause_queue(paused=True)
            return False
        self._parse()
        self._advance()
        return bool(self._parser.unread) and not self._body_paused and len(self._queue) <= _MAX_QUEUED_REQUESTS

    # called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected. The listener has checked that there is capacity."""
        self.transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) and name else None  # None on a Unix socket
        self.tls_context = transport.get_extra_info("sslcontext")
        self._shared.open.add(self)
        self._expect(_Wait.HEAD, self._shared.limits.head_timeout_seconds)
        if not self._shared.trusts(self.tls_context):
            self.withdraw()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests. A request with the known header block need not be parsed."""
        if self.header_block is not None and self._current is None and self._begins_known(data):
            return
        parser = self._parser
        parser.unread = parser.unread + data if parser.unread else data
        if not self.waits_for_turn:
            self._shared.turns.read(self)
        if self.waits_for_turn and len(parser.unread) > SMALL_BYTES:
            self._check_room()
            self._pause_queue(paused=True)

    def eof_received(self) -> None:
        """The client sends no more. The transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature; how it ended makes no difference
        """The client has disconnected. The handler decides about the request in progress."""
        self.transport = None
        self.last = True
        self._shared.open.discard(self)
        self._queue.clear()
        self._drop_unread()
        self.resume_writing()
        if self._body is not None:
            self._body.fail(ClientDisconnected())
        current, self._current = self._current, None
        if current is not None:
            current.client_disconnected()

    # inside

    def _parse(self) -> None:
        """Queue the next requests in what has arrived; read no more from the socket while there is a rest, or the queue is full."""
        for event in self._parser.feed():
            self._read(event)
        self._check_room()
        self._pause_queue(paused=bool(self._parser.unread) or len(self._queue) > _MAX_QUEUED_REQUESTS)

    def _read_rest(self) -> None:
        """Continue to parse, if that stopped because a body or the queue was full."""
        if self._queue_paused and not self.waits_for_turn and not self._body_paused and len(self._queue) <= _MAX_QUEUED_REQUESTS:
            self._shared.turns.read(self)

    def _pause_queue(self, *, paused: bool) -> None:
        if paused != self._queue_paused:
            self._queue_paused = paused
            self._choose_reading()

    def _drop_unread(self) -> None:
        self._parser.give_up()
        self._count_held()

    def _check_room(self) -> None:
        """Refuse the request that is being read if there is no room for what is not parsed of it."""
        if self._count_held():
            return
        self._drop_unread()
        body, self._body = self._body, None
        if self._wait is _Wait.REST_OF_BODY:
            self.close()
        elif body is not None:
            body.fail(RequestRefused(NO_ROOM.message, status=NO_ROOM.status, reason=NO_ROOM.kind))
        else:
            self._queue.append(NO_ROOM)

    def _count_held(self) -> bool:
        """Whether there is room for what the parser keeps."""
        before, self._held_bytes = self._held_bytes, self._parser.held_bytes
        return self._shared.unread.change(before, self._held_bytes)

    def _read(self, event: object) -> None:
        """Handle one event of the parser."""
        if isinstance(event, bytes):
            if self._body is not None:
                self._body.feed(event)
        elif isinstance(event, RequestHead):
            self._body = BodyStream(self) if event.has_body else None
            self._queue.append(InboundRequest(event, self._body))
        elif event is END:
            self._end_body()
        elif isinstance(event, SyntaxProblem):
            self._fail(event)

    def _end_body(self) -> None:
        body, self._body = self._body, None
        if body is None:
            return
        body.end()
        if self._wait is _Wait.REST_OF_BODY:
            self._next()

    def _fail(self, problem: SyntaxProblem) -> None:
        """Nothing more can be parsed: fail the body in progress, or refuse the next request after those in the queue."""
        body, self._body = self._body, None
        if self._wait is _Wait.REST_OF_BODY:
            self.close()
        elif body is not None:
            body.fail(BodyUnframed())
        else:
            self._queue.append(PROBLEMS[problem])

    def _begins_known(self, data: bytes) -> bool:
        """Whether the handler takes these bytes as a request with the known header block."""
        if self._queue or self.waits_for_turn or self.writing_paused or self.last or self._parser.state is not _IDLE:
            return False
        self._current = current = self._shared.handler.begin_known(self, data)
        if current is None:
            return False
        self._wait = _HANDLER
        self.deadline = math.inf
        return True

    def _advance(self) -> None:
        """Begin the next request if none is in progress."""
        if self._current is not None or self._wait in (_Wait.REST_OF_BODY, _Wait.CLOSE):
            return
        if self._queue:
            request = self._queue.popleft()
            if isinstance(request, ErrorResponse):
                self._refuse(request)
                return
            self._wait = _Wait.HANDLER
            self.deadline = math.inf
            self._current_body = request.body
            self._current = self._shared.handler.begin(self, request)
            self._read_rest()
        elif self._parser.state is ParserState.HEAD and self._wait is not _Wait.HEAD:
            self._expect(_Wait.HEAD, self._shared.limits.head_timeout_seconds)

    def _next(self) -> None:
        """The connection is free for the next request."""
        if self.last:
            self.close()
            return
        self._wait = _NEXT_REQUEST
        self.deadline = self._loop.time() + self._shared.limits.keepalive_seconds
        if self._queue or self._parser.state is not _IDLE:
            self._advance()

    def _expect(self, what: _Wait, seconds: float) -> None:
        self._wait = what
        self.deadline = self._loop.time() + seconds

    def _refuse(self, response: ErrorResponse) -> None:
        self._shared.handler.bad_request(response, self.peer)
        if self.transport is not None:
            self.transport.write(response.as_bytes(keep_alive=False))
        self.close()

    def _reset(self) -> None:
        """Reset a closed connection whose client does not read what was written. It would stay for ever."""
        if self.transport is not None:
            reset(self.transport)

    def _choose_reading(self) -> None:
        """Read from the socket unless a body or the queue is full."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if self._body_paused or self._queue_paused:
            transport.pause_reading()
        else:
            transport.resume_reading()


Connections: TypeAlias = SharedState[Handler, InboundConnection]
