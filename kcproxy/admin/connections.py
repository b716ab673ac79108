"""Connections of the admin port: a small number, and none without a complete request for long. Wraps aiohttp's protocol with asyncio's public interface.

    waits for a request ─▶ head, body ─▶ handler ─▶ response ─▶ waits …
       │                       └▶ not complete in time: closed       └▶ not read in time: closed
       └▶ the port is full: the one that has waited longest without a complete request is closed

So probes and scrapes always get through, regardless of the number of incomplete requests.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from kcproxy.server.events import ConnectionRefusal, ListenerName, SocketObserver

MAX_CONNECTIONS = 128
"""Room for fifty live pages, probes, scrapes and people."""
KEEPALIVE_SECONDS = 75.0
RESPONSE_SECONDS = 30.0
"""How long a client may read nothing of a response."""
_SWEEP_SECONDS = 1.0


class AdminConnection(asyncio.Protocol):
    """One connection. Passes events on to aiohttp's protocol, and records them."""

    def __init__(self, inner: asyncio.Protocol, connections: "AdminConnections") -> None:
        """Not connected yet."""
        self._inner = inner
        self._connections = connections
        self.transport: asyncio.Transport | None = None
        self.request: web.BaseRequest | None = None
        self.waiting_since = 0.0  # for the end of a request
        self.receiving_since: float | None = None  # of a request whose first byte has arrived, or of a new connection
        self.paused_since: float | None = None

    @property
    def has_request(self) -> bool:
        """Whether a complete request is being handled."""
        return self.request is not None and self.request.content.is_eof()

    def begin(self, request: web.BaseRequest) -> None:
        """The head of a request has arrived."""
        self.request = request

    def end(self) -> None:
        """Its handler has returned."""
        self.request = self.receiving_since = None
        self.waiting_since = self._connections.clock()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = cast("asyncio.Transport", transport)
        self.waiting_since = self.receiving_since = self._connections.clock()
        self._connections.opened(self)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self.request is None and self.receiving_since is None:
            self.receiving_since = self._connections.clock()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client reads more slowly than is written."""
        self.paused_since = self._connections.clock()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.paused_since = None
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed."""
        self._connections.closed(self)
        self._inner.connection_lost(exc)

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()


class AdminConnections:
    """All connections of the port."""

    def __init__(self, observer: SocketObserver, *, receive_seconds: float, name: ListenerName = ListenerName.ADMIN) -> None:
        """Create it on a running event loop. A request has to be complete within ``receive_seconds``."""
        self._observer = observer
        self._name = name
        self._receive_seconds = receive_seconds
        self._loop = asyncio.get_running_loop()
        self.clock = self._loop.time
        self._open: dict[asyncio.BaseTransport, AdminConnection] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def around(self, server: Callable[[], asyncio.Protocol]) -> Callable[[], AdminConnection]:
        """The protocol factory for a listener. ``server`` creates aiohttp's protocols."""
        return lambda: AdminConnection(server(), self)

    def __len__(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def opened(self, connection: AdminConnection) -> None:
        """One more."""
        if connection.transport is not None:
            self._open[connection.transport] = connection
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def closed(self, connection: AdminConnection) -> None:
        """One less."""
        if connection.transport is not None:
            self._open.pop(connection.transport, None)

    def make_room(self) -> bool:
        """Close the connection that has waited longest without a complete request. Return whether there was one."""
        spare = [connection for connection in self._open.values() if not connection.has_request and not _is_closing(connection)]
        if not spare:
            return False
        min(spare, key=lambda connection: connection.waiting_since).abort()
        return True

    def close(self) -> None:
        """Stop watching connections."""
        if self._sweeper is not None:
            self._sweeper.cancel()

    @property
    def middleware(self) -> Middleware:
        """Records which connections have a request. It has to be the outermost middleware."""

        @web.middleware
        async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._open.get(request.transport) if request.transport is not None else None
            if connection is None:
                return await handler(request)
            connection.begin(request)
            try:
                return await handler(request)
            finally:
                connection.end()

        return noted

    def _sweep(self) -> None:
        now = self.clock()
        for connection in tuple(self._open.values()):
            self._look(connection, now)
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep) if self._open else None

    def _look(self, connection: AdminConnection, now: float) -> None:
        since, paused_since = connection.receiving_since, connection.paused_since
        is_late = since is not None and now - since > self._receive_seconds and not connection.has_request
        if is_late or (paused_since is not None and now - paused_since > RESPONSE_SECONDS):
            self._observer.connection_refused(self._name, ConnectionRefusal.SLOW)
            connection.abort()


def _is_closing(connection: AdminConnection) -> bool:
    return connection.transport is None or connection.transport.is_closing()
