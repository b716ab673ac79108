"""The connection pool: a bounded number of keep-alive connections to one server.

    exchange ─▶ idle connection, the last used first ───────────┐
             ├▶ new connection, if there are fewer than allowed ┼▶ send, wait for the head ─▶ PooledResponse
             └▶ queue, for a limited time ──────────────────────┘

A request is sent again in one case only: the server closed an idle connection without a byte of a response, and the method is safe (RFC 9110,
section 9.2.1), so that executing it twice would change nothing. Other methods are sent once, on a connection whose socket was checked
immediately before.
"""

import asyncio
import select
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import cast

from kcproxy.errors import UpstreamBroken, UpstreamBusy, UpstreamUnreachable
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.methods import SAFE_METHODS
from kcproxy.http1.response_head_cache import ResponseHeadCache
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.circuit_breaker import CircuitBreaker
from kcproxy.upstream.connection import Connection, ConnectionLimits, ConnectionStale, ResponseCallback
from kcproxy.upstream.dialer import Dialer
from kcproxy.upstream.request import UpstreamRequest, serialized
from kcproxy.upstream.request_body import upload
from kcproxy.upstream.response import PooledResponse

MAX_QUEUE_SECONDS = 5.0
_SIDE_CONNECTIONS = 8
_SWEEPS_PER_LIMIT = 8
_SWEEP_SECONDS_BOUNDS = (0.01, 0.5)


class PoolUpstream:
    """An ``Upstream``. Created on any thread, used on one event loop."""

    def __init__(
        self, settings: UpstreamSettings, *, max_queue_seconds: float = MAX_QUEUE_SECONDS, tls: ssl.SSLContext | None = None
    ) -> None:
        """No connection yet. ``tls`` takes the place of the settings' certificates. Raises SettingsError if a certificate cannot be read."""
        self._settings = settings
        self._max_queue_seconds = max_queue_seconds
        self._dialer = Dialer(settings, tls=tls)
        self._limits = ConnectionLimits(
            name=settings.origin,
            response_timeout_seconds=settings.response_timeout_seconds,
            idle_timeout_seconds=settings.idle_timeout_seconds,
            keepalive_seconds=settings.keepalive_seconds,
        )
        self._heads = ResponseHeadCache()
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._slots_in_use = 0  # connections, and attempts to connect
        self._queue: deque[asyncio.Future[Connection | None]] = deque()
        self._circuit = CircuitBreaker(time.monotonic)
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_seconds = _sweep_seconds(settings)
        self._emptied: asyncio.Event | None = None
        self._closing = False

    @property
    def open_connections(self) -> int:
        """Connections, idle or in use."""
        return len(self._connections)

    @property
    def idle_connections(self) -> int:
        """Connections without an exchange."""
        return len(self._idle)

    @property
    def waiting_requests(self) -> int:
        """Requests that wait for a connection."""
        return len(self._queue)

    async def exchange(
        self,
        method: str,
        raw_target: str,
        headers: RawHeaders,
        body: bytes | AsyncIterator[bytes] | None,
        *,
        before_sending: Callable[[], None] | None = None,
    ) -> PooledResponse:
        """See Upstream. Raises RequestRefused if the request cannot be framed in exactly one way."""
        request = serialized(method, raw_target, headers, body)
        safe = method in SAFE_METHODS
        connection = self._take_idle(probe=not safe) or await self._wait_for_connection()
        reused = connection.exchanges > 0
        try:
            return await _attempt(connection, request, before_sending)
        except ConnectionStale:
            if not (reused and safe and request.stream is None):
                raise
        response = await _attempt(await self._fresh_connection(), request, before_sending)
        response.retried = True
        return response

    def begin(self, method: str, data: bytes, callback: ResponseCallback) -> Connection | None:
        """Send a request that is complete in ``data``; ``callback`` gets the response. None, and nothing is sent, without an idle connection."""
        connection = self._take_idle(probe=method not in SAFE_METHODS)
        if connection is not None:
            connection.begin(method, data, callback)
        return connection

    async def finish(
        self,
        begun: PooledResponse,
        method: str,
        raw_target: str,
        headers: RawHeaders,
        body: bytes | AsyncIterator[bytes] | None,
        *,
        before_sending: Callable[[], None] | None = None,
    ) -> PooledResponse:
        """Wait for a response to a request that ``begin`` has sent. Sends it again by the same rule as ``exchange``."""
        try:
            await begun.head()
        except ConnectionStale:
            if not (begun.reused and method in SAFE_METHODS):
                raise
        except BaseException:
            begun.release()
            raise
        else:
            return begun
        response = await _attempt(await self._fresh_connection(), serialized(method, raw_target, headers, body), before_sending)
        response.retried = True
        return response

    async def close(self) -> None:
        """Close every connection. Exchanges in progress and in the queue fail."""
        self._closing = True
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_exception(self._stopping())
        for connection in tuple(self._connections):
            connection.fail(UpstreamBroken("the connection to Keycloak was closed because the proxy is stopping"))
        self._idle.clear()
        if self._connections:
            self._emptied = self._emptied or asyncio.Event()
            await self._emptied.wait()
        if self._sweeper is not None:
            self._sweeper.cancel()

    # acquire a connection

    def _take_idle(self, *, probe: bool) -> Connection | None:
        """The idle connection that was used last, if it is still usable. ``probe`` checks the socket itself, which takes 2 µs."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and not (probe and _has_input(connection)):
                return connection
            connection.abort()
        return None

    async def _wait_for_connection(self) -> Connection:
        while True:
            if self._closing:
                raise self._stopping()
            if self._slots_in_use < self._settings.max_connections:
                self._slots_in_use += 1
                return await self._dial()
            connection = await self._wait_in_queue()
            if connection is None:
                return await self._dial()
            if connection.usable:
                return connection

    async def _fresh_connection(self) -> Connection:
        """A connection that the server has had no time to close. An idle one makes room for it if all slots are in use."""
        if self._slots_in_use >= self._settings.max_connections and self._idle:
            self._idle.pop().abort()
        return await self._wait_for_connection()

    async def _wait_in_queue(self) -> Connection | None:
        """The next connection that becomes free. None if a slot became free instead; it is taken, and the caller has to connect."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._queue.append(waiter)
        timer = loop.call_later(self._max_queue_seconds, self._expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())  # it became free in the moment of the cancellation
            raise
        finally:
            timer.cancel()
            with suppress(ValueError):
                self._queue.remove(waiter)

    def _expire(self, waiter: asyncio.Future[Connection | None]) -> None:
        if not waiter.done():
            count, origin = self._settings.max_connections, self._settings.origin
            in_use = f"all {count} connections to {origin} stayed in use for {self._max_queue_seconds:g} s"
            waiter.set_exception(UpstreamBusy(f"{in_use}; raise upstream.max_connections or send less", sent=False))

    async def _dial(self) -> Connection:
        """A new connection, in a slot that is taken already."""
        connection: Connection | None = None
        try:
            if not self._circuit.allows():
                raise UpstreamUnreachable(f"not tried again so soon: {self._circuit.last_error}", sent=False)
            connection = await self._connect()
            if self._closing:
                connection.abort()
                raise self._stopping()
        finally:
            if connection is None:
                self._free_slot()
        return connection

    async def _connect(self) -> Connection:
        try:
            connection = cast("Connection", await self._dialer.dial(self._new_connection))
        except UpstreamUnreachable as error:
            self._circuit.failed(str(error))
            raise
        self._circuit.succeeded()
        self._connections.add(connection)
        if self._sweeper is None:
            self._sweep()
        return connection

    def _new_connection(self) -> Connection:
        return Connection(self._limits, on_idle=self._pass_on, on_lost=self._lost, heads=self._heads)

    # release a connection

    def _pass_on(self, connection: Connection | None) -> None:
        """A connection (or, with None, a slot) is free: give it to the request that has waited longest, or store it."""
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._slots_in_use -= 1
        else:
            self._idle.append(connection)

    def _free_slot(self) -> None:
        self._pass_on(None)

    def _lost(self, connection: Connection) -> None:
        """A connection was closed. The slot of one that was cancelled while connecting is free already."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        self._free_slot()
        if self._emptied is not None and not self._connections:
            self._emptied.set()

    def _sweep(self) -> None:
        """Check every deadline, at intervals while there are connections."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in tuple(self._connections):
            if connection.deadline <= now:
                connection.expire()
        self._sweeper = loop.call_later(self._sweep_seconds, self._sweep) if self._connections else None

    def _stopping(self) -> UpstreamUnreachable:
        return UpstreamUnreachable(f"no new connection to {self._settings.origin}: the proxy is stopping", sent=False)


async def _attempt(connection: Connection, request: UpstreamRequest, before_sending: Callable[[], None] | None) -> PooledResponse:
    """Send the request on this connection. Returns the response as soon as its head has arrived."""
    if before_sending is not None:
        try:
            before_sending()
        except BaseException:
            connection.abort()
            raise
    response = connection.start(request.method, request.data)
    sending: asyncio.Task[None] | None = None
    if request.stream is not None:
        sending = asyncio.create_task(upload(connection, request.stream, request.stream_length))
        connection.attach_upload(sending)
    try:
        await response.head()
    except BaseException:
        response.release()
        if sending is not None:
            sending.cancel()
            await asyncio.wait({sending})  # after a failure the client's body must no longer be read
        raise
    return response


def _has_input(connection: Connection) -> bool:
    """Whether an idle connection has input that the event loop has not seen yet: most likely its end."""
    descriptor = connection.fileno()
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))


def _sweep_seconds(settings: UpstreamSettings) -> float:
    """The interval between checks of deadlines: an eighth of the shortest limit."""
    shortest = min(settings.response_timeout_seconds, settings.idle_timeout_seconds, settings.keepalive_seconds)
    least, most = _SWEEP_SECONDS_BOUNDS
    return min(max(shortest / _SWEEPS_PER_LIMIT, least), most)


def side_upstream(settings: UpstreamSettings, *, max_connections: int = _SIDE_CONNECTIONS) -> PoolUpstream:
    """A small pool for token requests and look-ups, so that forwarded requests never wait for them. Raises SettingsError as ``PoolUpstream``."""
    return PoolUpstream(replace(settings, max_connections=max_connections))
