"""The service for Envoy's Lua filter: one POST for each refusal. It has nothing else."""

import socket
from collections.abc import Callable

from aiohttp import web

from kcproxy.envoy import lua_protocol
from kcproxy.envoy.refusals import Refusals
from kcproxy.errors import RequestRefused
from kcproxy.observe.observer import LiveObserver
from kcproxy.server.events import ListenerName
from kcproxy.server.inbound_tls import InboundTls, read_tls
from kcproxy.server.listener import Capacity, Handshakes, Listener
from kcproxy.settings import LimitSettings, Settings

_SHUTDOWN_SECONDS = 1.0
_KEEPALIVE_SECONDS = 75.0
_MAX_REQUEST_BODY_BYTES = 65_536


def application(refusals: Callable[[], Refusals], limits: LimitSettings) -> web.Application:
    """The application."""

    async def explain(request: web.Request) -> web.Response:
        try:
            fields = {name.lower(): value for name, value in request.headers.items()}
            seen, response = lua_protocol.exchange_of(fields, await request.read())
        except RequestRefused as error:
            return web.Response(status=error.status_hint, text=f"{error}\n")
        current = refusals()
        exchange = current.begin(seen)
        if exchange is None:
            return web.Response(status=204)
        try:
            changes = await current.explain(exchange, response)
        finally:
            current.end(exchange)
        if changes is None:
            return web.Response(status=204)
        return web.Response(body=changes.body or b"", headers=lua_protocol.fields_to_send(changes))

    app = web.Application(client_max_size=limits.explain_body_bytes + _MAX_REQUEST_BODY_BYTES + 1)
    app.router.add_post(lua_protocol.PATH, explain)
    return app


def runner(app: web.Application, limits: LimitSettings) -> web.AppRunner:
    """Runs the application. Fields may be as long as the proxy accepts: they contain the caller's token."""
    return web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=limits.max_header_bytes,
        max_field_size=limits.max_header_bytes,
    )


class HttpListener:
    """The application on one listening socket, with TLS if the settings name a certificate."""

    def __init__(self, bound: socket.socket, settings: Settings, observer: LiveObserver, refusals: Callable[[], Refusals]) -> None:
        """``bound`` listens already. It is closed with this."""
        self._bound = bound
        self._settings = settings
        self._observer = observer
        self._runner = runner(application(refusals, settings.limits), settings.limits)
        self._listener: Listener | None = None

    async def start(self) -> None:
        """Begin to accept. Raises SettingsError if the TLS files cannot be used."""
        limits, state = self._settings.limits, read_tls(self._settings.inbound)
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the application has not started")
        tls = None if state is None or is_unix(self._bound) else Handshakes(tls=state, timeout_seconds=limits.head_timeout_seconds)
        capacity = Capacity(max_connections=limits.max_connections, open_connections=lambda: len(server.connections))
        self._listener = Listener(self._bound, server, name=ListenerName.DATA, capacity=capacity, observer=self._observer, tls=tls)
        self._observer.watch_connections(ListenerName.DATA, lambda: len(server.connections))
        self._listener.start()

    def use(self, tls: InboundTls | None) -> None:
        """Use this state of the TLS files for new connections."""
        if self._listener is not None:
            self._listener.use(tls)

    async def drain(self) -> None:
        """Accept nothing more, and finish the requests in progress."""
        if self._listener is not None:
            await self._listener.finish(_SHUTDOWN_SECONDS)
        await self._runner.cleanup()

    async def close(self) -> None:
        """Close all connections."""
        if self._listener is not None:
            self._listener.close()
        self._bound.close()
        await self._runner.cleanup()


def is_unix(bound: socket.socket) -> bool:
    """Whether this is a Unix socket, which no other machine reaches and which therefore needs no TLS."""
    return not isinstance(bound.getsockname(), tuple)
