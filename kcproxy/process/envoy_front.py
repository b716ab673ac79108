"""The front of ``kcproxy ext-proc``: the gRPC service of Envoy's external processor, and the HTTP service for its Lua filter."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kcproxy.envoy.http_service import HttpListener
from kcproxy.envoy.refusals import Refusals
from kcproxy.observe.observer import LiveObserver
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.inbound_tls import read_tls
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import AddressSettings, Settings

if TYPE_CHECKING:
    from kcproxy.envoy.grpc_service import GrpcListener


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyAddresses:
    """Where it listens: ``grpc`` for the external processor, ``http`` for the Lua filter. One of them may be None."""

    grpc: AddressSettings | None = None
    http: AddressSettings | None = None


class EnvoyFront:
    """One or two listeners for Envoy."""

    max_lookup_seconds = 0.2
    """Below ``message_timeout`` of the filter (250 ms), after which Envoy sends the original response."""

    def __init__(self, settings: Settings, addresses: EnvoyAddresses) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._addresses = addresses
        self._bound: socket.socket | None = None
        self._grpc: GrpcListener | None = None
        self._http: HttpListener | None = None
        self._refusals: Refusals | None = None

    def bind(self) -> None:
        """See ``Front``. gRPC opens its own socket, so here it is only tried."""
        if self._addresses.grpc is not None:
            listening_socket(self._addresses.grpc, name="--listen").close()
            _unlink(self._addresses.grpc)
        if self._addresses.http is not None:
            self._bound = listening_socket(self._addresses.http, name="--http")

    def unbind(self) -> None:
        """See ``Front``."""
        if self._bound is not None:
            self._bound.close()

    async def open(self, runtime: Runtime, observer: LiveObserver) -> None:
        """See ``Front``."""
        self._observer = observer
        self._refusals = Refusals(runtime, observer)
        if self._addresses.grpc is not None:
            from kcproxy.envoy.grpc_service import GrpcListener  # noqa: PLC0415 - of an optional package

            limit = self._settings.limits.max_concurrent_requests
            self._grpc = GrpcListener(self._addresses.grpc, self._settings.inbound, self._current, max_streams=limit)
        if self._bound is not None:
            self._http = HttpListener(self._bound, self._settings, observer, self._current)

    async def start(self) -> None:
        """See ``Front``."""
        for listener in (self._grpc, self._http):
            if listener is not None:
                await listener.start()

    def log_limits(self) -> None:
        """See ``Front``. No limit is lowered."""

    @property
    def addresses(self) -> Mapping[str, str]:
        """See ``Front``."""
        named = {"ext_proc_listen": self._addresses.grpc, "lua_listen": self._addresses.http}
        return {name: str(address) for name, address in named.items() if address is not None}

    def reading(self, settings: Settings) -> Callable[[Runtime], None]:
        """See ``Front``."""
        tls = read_tls(settings.inbound)

        def use(runtime: Runtime) -> None:
            self._current().runtime = runtime
            if self._http is not None:
                self._http.use(tls)

        return use

    async def drain(self, seconds: float) -> None:
        """See ``Front``."""
        refusals = self._current()
        self._observer.log.info("draining", in_flight=refusals.in_progress)
        if self._grpc is not None:
            await self._grpc.drain(seconds)
        if self._http is not None:
            await self._http.drain()
        self._observer.log.info("drained", cut_off=refusals.in_progress)

    async def close(self) -> None:
        """See ``Front``."""
        for listener in (self._grpc, self._http):
            if listener is not None:
                await listener.close()
        self.unbind()
        _unlink(self._addresses.http)

    def _current(self) -> Refusals:
        if self._refusals is None:
            raise RuntimeError("the front is not open")
        return self._refusals


def _unlink(address: AddressSettings | None) -> None:
    if address is not None and address.unix_path is not None:
        address.unix_path.unlink(missing_ok=True)
