"""Serves the admin port, and that for probes: each an application behind its own listener, with small limits."""

import socket
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Middleware

from kcproxy.admin.app import Readiness, build, build_probes
from kcproxy.admin.connections import KEEPALIVE_SECONDS, MAX_CONNECTIONS, AdminConnections
from kcproxy.admin.tokens import METRICS_TEXT
from kcproxy.errors import SettingsError
from kcproxy.observe.observer import LiveObserver
from kcproxy.server.events import ListenerName
from kcproxy.server.listener import Capacity, Listener
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import Settings

AdminSockets = Mapping[ListenerName, socket.socket]
"""Listening sockets of the admin port and, if there is one, of the port for probes."""

_ACCEPTS_AT_ONCE = 2
"""Limit of the accept queue, so that many connections here cost the data port little."""
_SHUTDOWN_SECONDS = 1.0
_LINGERING_SECONDS = 1.0
"""How long the rest of an unread body is read."""


def admin_sockets(settings: Settings) -> AdminSockets:
    """Open the sockets that the settings name. Raises SettingsError if one cannot be opened; then none stays open."""
    bound = {ListenerName.ADMIN: listening_socket(settings.admin_listen, name=ListenerName.ADMIN)}
    if settings.metrics_listen is None:
        return bound
    try:
        return {**bound, ListenerName.METRICS: listening_socket(settings.metrics_listen, name=ListenerName.METRICS)}
    except SettingsError:
        bound[ListenerName.ADMIN].close()
        raise


def admin_listeners(
    bound: AdminSockets,
    settings: Settings,
    observer: LiveObserver,
    readiness: Readiness,
    *middlewares: Middleware,
    metrics_text: Callable[[], Awaitable[str]] | None = None,
) -> list["AdminListener"]:
    """A listener for each socket, not started. ``middlewares`` are added to the application of each.

    ``metrics_text``: the metrics of all processes, if this is not the only one.
    """
    apps = {ListenerName.ADMIN: build(settings, observer, readiness)}
    if settings.metrics_listen is not None:
        apps[ListenerName.METRICS] = build_probes(settings.metrics_listen, observer, readiness)
    if metrics_text is not None:
        apps[ListenerName.ADMIN][METRICS_TEXT] = metrics_text
    for app in apps.values():
        app.middlewares.extend(middlewares)  # innermost: access is checked first
    return [AdminListener(bound[name], app, settings, observer, name=name) for name, app in apps.items()]


class AdminListener:
    """One application on one listening socket."""

    def __init__(
        self,
        bound: socket.socket,
        app: web.Application,
        settings: Settings,
        observer: LiveObserver,
        *,
        name: ListenerName = ListenerName.ADMIN,
    ) -> None:
        """Create it on a running event loop, before ``app`` is started: it adds the outermost middleware."""
        self._bound = bound
        self._name = name
        self._observer = observer
        self._connections = AdminConnections(observer, name=name, receive_seconds=settings.limits.head_timeout_seconds)
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
            name=self._name,
            capacity=capacity,
            observer=self._observer,
            accepts_at_once=_ACCEPTS_AT_ONCE,
        )
        self._observer.watch_connections(self._name, lambda: len(connections))
        self._listener.start()

    async def close(self) -> None:
        """Stop serving."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()
        self._connections.close()
