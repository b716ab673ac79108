"""Serves the admin port: its application behind its own listener, with small limits."""

import socket

from aiohttp import web

from kcproxy.admin.connections import KEEPALIVE_SECONDS, MAX_CONNECTIONS, AdminConnections
from kcproxy.observe.observer import LiveObserver
from kcproxy.server.events import ListenerName
from kcproxy.server.listener import Capacity, Listener
from kcproxy.settings import Settings

_ACCEPTS_AT_ONCE = 2
"""Limit of the accept queue, so that many connections here cost the data port little."""
_SHUTDOWN_SECONDS = 1.0
_LINGERING_SECONDS = 1.0
"""How long the rest of an unread body is read."""


class AdminListener:
    """One application on one listening socket."""

    def __init__(self, bound: socket.socket, app: web.Application, settings: Settings, observer: LiveObserver) -> None:
        """Create it on a running event loop, before ``app`` is started: it adds the outermost middleware."""
        self._bound = bound
        self._observer = observer
        self._connections = AdminConnections(observer, receive_seconds=settings.limits.head_timeout_seconds)
        app.middlewares.insert(0, self._connections.middleware)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=_LINGERING_SECONDS,
        )
        self._listener: Listener | None = None

    async def open(self) -> None:
        """Start serving."""
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the admin application has not started")
        connections = self._connections
        capacity = Capacity(max_connections=MAX_CONNECTIONS, open_connections=lambda: len(connections), make_room=connections.make_room)
        self._listener = Listener(
            self._bound,
            connections.around(server),
            name=ListenerName.ADMIN,
            capacity=capacity,
            observer=self._observer,
            accepts_at_once=_ACCEPTS_AT_ONCE,
        )
        self._observer.watch_connections(ListenerName.ADMIN, lambda: len(connections))
        self._listener.start()

    async def close(self) -> None:
        """Stop serving."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()
        self._connections.close()
