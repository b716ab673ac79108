"""The front of ``kcproxy serve``: the listener of the proxy."""

import asyncio
import math
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace

from kcproxy.observe.observer import LiveObserver
from kcproxy.process.descriptors import raise_limit
from kcproxy.proxy.handler import RequestHandler
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.events import ListenerName
from kcproxy.server.inbound_tls import read_tls
from kcproxy.server.listener import Capacity, Handshakes, Listener
from kcproxy.server.server import Server
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import Settings

_LAST_REQUEST_SECONDS = 0.5
"""How long idle connections stay open after a drain begins. A request in this time is served with ``Connection: close``."""


class ProxyFront:
    """One listener and its request handler."""

    max_lookup_seconds = math.inf
    _listener: Listener | None = None
    _bound: socket.socket | None = None

    def __init__(
        self, settings: Settings, *, admin_connections: int, inherited: socket.socket | None = None, is_worker: bool = False
    ) -> None:
        """Nothing is opened yet. ``settings``: those of the start. ``admin_connections`` of the process need descriptors as well."""
        self._settings = settings
        self._admin_connections = admin_connections
        self._inherited = inherited
        self._is_worker = is_worker

    def bind(self) -> None:
        """See ``Front``."""
        self._descriptors = raise_limit(self._settings, admin_connections=self._admin_connections)
        self._bound = self._inherited or listening_socket(self._settings.listen, name="listen", shared=self._is_worker)

    def unbind(self) -> None:
        """See ``Front``."""
        if self._bound is not None:
            self._bound.close()

    async def open(self, runtime: Runtime, observer: LiveObserver) -> None:
        """See ``Front``."""
        if self._bound is None:
            raise RuntimeError("open() before bind()")
        self._observer = observer
        self._service = RequestHandler(runtime, observer)
        self._server = Server(self._service, self._settings.limits)
        self._listener = self._new_listener(self._bound)

    async def start(self) -> None:
        """See ``Front``."""
        self._opened.start()

    def log_limits(self) -> None:
        """See ``Front``."""
        plan = self._descriptors
        if plan.is_lowered:
            self._observer.log.warning(
                "max_connections_lowered", asked=plan.asked, max_connections=plan.max_connections, descriptors=plan.limit
            )

    @property
    def addresses(self) -> Mapping[str, str]:
        """See ``Front``."""
        return {"listen": str(self._settings.listen)}

    def reading(self, settings: Settings) -> Callable[[Runtime], None]:
        """See ``Front``."""
        descriptors = raise_limit(replace(settings, limits=self._settings.limits), admin_connections=self._admin_connections)
        tls = read_tls(settings.inbound)

        def use(runtime: Runtime) -> None:
            self._opened.use(tls)
            self._service.swap(runtime)
            self._descriptors = descriptors
            self._opened.capacity.max_connections = descriptors.max_connections

        return use

    async def drain(self, seconds: float) -> None:
        """See ``Front``. After that time the other requests are aborted."""
        self._service.draining = True
        self._observer.log.info("draining", in_flight=self._service.in_flight)
        loop = asyncio.get_running_loop()
        await self._opened.finish(_LAST_REQUEST_SECONDS)
        ends_at = loop.time() + seconds
        idle_ends_at = loop.time() + min(_LAST_REQUEST_SECONDS, seconds / 2)
        await _until(lambda: not self._server.open_connections, idle_ends_at)
        self._server.close_idle()
        await _until(lambda: not self._service.in_flight, ends_at)
        self._observer.log.info("drained", cut_off=self._service.in_flight)
        await self._server.shutdown(_LAST_REQUEST_SECONDS)

    async def close(self) -> None:
        """See ``Front``."""
        if self._listener is not None:
            self._listener.close()
        if self._settings.listen.unix_path is not None and self._inherited is None:
            self._settings.listen.unix_path.unlink(missing_ok=True)

    @property
    def _opened(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("the listener is not open")
        return self._listener

    def _new_listener(self, bound: socket.socket) -> Listener:
        limits, state, server = self._settings.limits, read_tls(self._settings.inbound), self._server
        capacity = Capacity(
            max_connections=self._descriptors.max_connections,
            open_connections=lambda: server.open_connections,
            refusal=self._service.refuse,
        )
        tls = None if state is None else Handshakes(tls=state, timeout_seconds=limits.head_timeout_seconds, trust=server.trust)
        listener = Listener(bound, server, name=ListenerName.DATA, capacity=capacity, observer=self._observer, tls=tls)
        self._observer.watch_connections(ListenerName.DATA, lambda: listener.open_connections)
        return listener


async def _until(done: Callable[[], bool], deadline: float) -> None:
    """Wait for a rare condition. Polling is simpler than a notification here."""
    loop = asyncio.get_running_loop()
    while not done() and loop.time() < deadline:  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.01)
