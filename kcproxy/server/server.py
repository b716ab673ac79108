"""The inbound server: creates a protocol for each connection, checks deadlines, and closes connections at the end."""

import asyncio
import ssl

from kcproxy.server.connection import Connections, Handler, InboundConnection
from kcproxy.settings import LimitSettings

_SWEEPS_PER_LIMIT = 8
_SWEEP_SECONDS_BOUNDS = (0.01, 1.0)
_POLL_SECONDS = 0.01


class Server:
    """A protocol factory, as asyncio takes it."""

    def __init__(self, handler: Handler, limits: LimitSettings) -> None:
        """For one event loop."""
        self._shared = Connections(handler, limits)
        self._sweeper: asyncio.TimerHandle | None = None
        shortest = min(limits.head_timeout_seconds, limits.keepalive_seconds)
        least, most = _SWEEP_SECONDS_BOUNDS
        self._sweep_seconds = min(max(shortest / _SWEEPS_PER_LIMIT, least), most)

    def __call__(self) -> InboundConnection:
        """A protocol for a new connection."""
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._sweep_seconds, self._sweep)
        return InboundConnection(self._shared)

    def trust(self, context: ssl.SSLContext, *, only: bool) -> None:
        """A new TLS context is in use. ``only``: client certificates that others accepted are no longer trusted."""
        self._shared.trust(context, only=only)

    @property
    def connections(self) -> tuple[InboundConnection, ...]:
        """The open connections."""
        return tuple(self._shared.open)

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return len(self._shared.open)

    def close_idle(self) -> None:
        """Close connections without a request."""
        for connection in self.connections:
            if connection.idle:
                connection.close()

    async def shutdown(self, timeout_seconds: float) -> None:
        """Close idle connections, wait for the others, then abort them."""
        self.close_idle()
        await self._closed(timeout_seconds)
        for connection in self.connections:
            connection.abort()
        await self._closed(timeout_seconds)
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _closed(self, timeout_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_seconds
        while self._shared.open and loop.time() < ends_at:  # noqa: ASYNC110 - happens once, at the end
            await asyncio.sleep(_POLL_SECONDS)

    def _sweep(self) -> None:
        """Check every deadline, at intervals while there are connections."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in self.connections:
            if connection.deadline <= now:
                connection.expire()
        self._sweeper = loop.call_later(self._sweep_seconds, self._sweep) if self._shared.open else None
