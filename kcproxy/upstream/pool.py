"""The default Upstream: a bounded pool of our own keep-alive connections to one Keycloak.

    exchange ─▶ idle connection, the last used first ─┐
             └▶ a new one, while there are fewer than allowed ─┼▶ send, wait for the head ─▶ PooledAnswer
             └▶ wait in line, for a limited time ─┘

What is sent once is sent again in one case only: the server closed a kept connection without a byte of answer, and the
method is safe (RFC 9110, section 9.2.1), so that executing it twice would change nothing. A write goes out on a connection
that was looked at right before, and once.
"""

import asyncio
import select
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import cast

from kcproxy.errors import UpstreamBroken, UpstreamBusy, UpstreamUnreachable
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.methods import SAFE_METHODS
from kcproxy.http1.response_head_cache import ResponseHeadCache
from kcproxy.settings.model import UpstreamSettings
from kcproxy.upstream.circuit_breaker import CircuitBreaker
from kcproxy.upstream.connection import Connection, ConnectionLimits, ConnectionStale, ResponseReceiver
from kcproxy.upstream.dialer import Dialer
from kcproxy.upstream.request import UpstreamRequest, outgoing
from kcproxy.upstream.request_body import upload
from kcproxy.upstream.response import PooledResponse

MAX_QUEUE_SECONDS = 5.0
_SIDE_CONNECTIONS = 8
_SWEEPS_PER_LIMIT = 8
_SWEEP_SECONDS_BOUNDS = (0.01, 0.5)


class PoolUpstream:
    """Upstream on own connections. Created on any thread, used on one event loop."""

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
        self._slots_in_use = 0  # connections, and those being dialled
        self._queue: deque[asyncio.Future[Connection | None]] = deque()
        self._circuit = CircuitBreaker(time.monotonic)
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_seconds = _sweep_seconds(settings)
        self._emptied: asyncio.Event | None = None
        self._closing = False

    @property
    def open_connections(self) -> int:
        """Connections that exist, idle or in use."""
        return len(self._connections)

    @property
    def idle_connections(self) -> int:
        """Connections that wait for a request."""
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
    ) -> PooledResponse:
        """See Upstream. RequestRefused where the request cannot be framed in exactly one way."""
        request = outgoing(method, raw_target, headers, body)
        safe = method in SAFE_METHODS
        connection = self._take_idle(probe=not safe) or await self._wait_for_connection()
        reused = connection.exchanges > 0
        try:
            return await _attempt(connection, request)
        except ConnectionStale:
            if not (reused and safe and request.stream is None):
                raise
        answer = await _attempt(await self._fresh_connection(), request)
        answer.retried = True
        return answer

    def begin(self, method: str, data: bytes, receiver: ResponseReceiver) -> Connection | None:
        """Send a request that is complete in ``data`` at once; its taker is called with the answer. None, and nothing sent, without an idle connection."""
        connection = self._take_idle(probe=method not in SAFE_METHODS)
        if connection is not None:
            connection.begin(method, data, receiver)
        return connection

    async def finish(
        self, begun: PooledResponse, method: str, raw_target: str, headers: RawHeaders, body: bytes | AsyncIterator[bytes] | None
    ) -> PooledResponse:
        """Wait for what ``begin`` has begun: the answer's head, as ``exchange`` gives it, and by the same rule sent again."""
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
        answer = await _attempt(await self._fresh_connection(), outgoing(method, raw_target, headers, body))
        answer.retried = True
        return answer

    async def close(self) -> None:
        """Close every connection; exchanges that are under way fail, and whoever waits in line is told."""
        self._closing = True
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_exception(self._stopping())
        for connection in tuple(self._connections):
            connection.fail(UpstreamBroken("the connection to Keycloak was closed because the proxy stops"))
        self._idle.clear()
        if self._connections:
            self._emptied = self._emptied or asyncio.Event()
            await self._emptied.wait()
        if self._sweeper is not None:
            self._sweeper.cancel()

    # getting a connection

    def _take_idle(self, *, probe: bool) -> Connection | None:
        """The connection that was used last, if it is still sound; ``probe`` looks at the socket itself, for 2 µs."""
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
            connection = await self._wait_in_line()
            if connection is None:
                return await self._dial()
            if connection.usable:
                return connection

    async def _fresh_connection(self) -> Connection:
        """One that no server has had the time to close; an idle one makes room where all places are taken."""
        if self._slots_in_use >= self._settings.max_connections and self._idle:
            self._idle.pop().abort()
        return await self._wait_for_connection()

    async def _wait_in_line(self) -> Connection | None:
        """The next connection that becomes free; None where a place became free instead, taken already for the caller, who dials."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        self._queue.append(waiter)
        timer = loop.call_later(self._max_queue_seconds, self._expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._hand_back(waiter.result())  # it came in the moment in which the caller gave up
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
        """A new connection, in a place that is taken already."""
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
        return Connection(self._limits, on_idle=self._hand_back, on_lost=self._lost, heads=self._heads)

    # giving it back

    def _hand_back(self, connection: Connection | None) -> None:
        """A connection (or, with None, a place for one) is free: for whoever waits longest, else for later."""
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
        self._hand_back(None)

    def _lost(self, connection: Connection) -> None:
        """Closed. One that was never ours (given up while being dialled) has left its place already."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        self._free_slot()
        if self._emptied is not None and not self._connections:
            self._emptied.set()

    def _sweep(self) -> None:
        """Look at every deadline, and come again while there is a connection."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in tuple(self._connections):
            if connection.deadline <= now:
                connection.expire()
        self._sweeper = loop.call_later(self._sweep_seconds, self._sweep) if self._connections else None

    def _stopping(self) -> UpstreamUnreachable:
        return UpstreamUnreachable(f"no new connection to {self._settings.origin}: the proxy stops", sent=False)


async def _attempt(connection: Connection, request: UpstreamRequest) -> PooledResponse:
    """Send the request on this connection; its answer, as soon as the head is there."""
    answer = connection.start(request.method, request.data)
    sending: asyncio.Task[None] | None = None
    if request.stream is not None:
        sending = asyncio.create_task(upload(connection, request.stream, request.stream_length))
        connection.attach_upload(sending)
    try:
        await answer.head()
    except BaseException:
        answer.release()
        if sending is not None:
            sending.cancel()
            await asyncio.wait({sending})  # once an exchange has failed, the caller's body is not read any more
        raise
    return answer


def _has_input(connection: Connection) -> bool:
    """Whether the server has said something on an idle connection that the loop has not seen yet: most likely goodbye."""
    descriptor = connection.fileno()
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))


def _sweep_seconds(settings: UpstreamSettings) -> float:
    """How often deadlines are looked at: an eighth of the shortest limit, so that none is overrun by much."""
    shortest = min(settings.response_timeout_seconds, settings.idle_timeout_seconds, settings.keepalive_seconds)
    least, most = _SWEEP_SECONDS_BOUNDS
    return min(max(shortest / _SWEEPS_PER_LIMIT, least), most)


def side_upstream(settings: UpstreamSettings, *, max_connections: int = _SIDE_CONNECTIONS) -> PoolUpstream:
    """A small pool for token requests and look-ups, so that forwarded requests never wait for them. SettingsError as ``PoolUpstream``."""
    return PoolUpstream(replace(settings, max_connections=max_connections))
