"""Accepts the connections of one listening socket, within a limit that counts from the accept.

    accept ─▶ below the limit ─────────────▶ (TLS handshake: limited in time and number) ─▶ protocol
       │        └▶ limit reached: another connection is closed, or the new one is refused
       └▶ no descriptor or memory left: counted, logged, repeated after 50 ms

This module has its own accept loop. Those of the event loops count nothing before the handshake, wait a second after a failed accept (asyncio), or
do not report it (uvloop).
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kcproxy.server.events import AcceptFailure, ConnectionRefusal, ListenerName, SocketObserver
from kcproxy.server.inbound_tls import InboundTls

MAX_HANDSHAKES = 256
"""Concurrent handshakes. The oldest is cancelled for a new one. A normal one takes milliseconds to tenths of a second."""
ACCEPTS_AT_ONCE = 64
_RETRY_SECONDS = 0.05
_FAILURES = {
    errno.EMFILE: AcceptFailure.DESCRIPTORS,
    errno.ENFILE: AcceptFailure.DESCRIPTORS,
    errno.ENOBUFS: AcceptFailure.MEMORY,
    errno.ENOMEM: AcceptFailure.MEMORY,
}
_PASSING = frozenset(
    {errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM}
)
"""Errors of the new connection, not of the listener: accept(2), "Error handling"."""


def _no_room() -> bool:
    return False


def _no_refusal(_peer: str | None) -> bytes:
    return b""


@dataclass(slots=True, kw_only=True)
class Capacity:
    """The limit on connections.

    ``open_connections`` counts those with a protocol. ``make_room`` closes one that may be closed, and returns whether there was one. ``refusal``
    gives the response to an address that is refused.
    """

    max_connections: int
    open_connections: Callable[[], int]
    make_room: Callable[[], bool] = _no_room
    refusal: Callable[[str | None], bytes] = _no_refusal


def _trust_all(_context: ssl.SSLContext, *, only: bool) -> None:  # noqa: ARG001 - a port without client certificates
    return None


@dataclass(slots=True, kw_only=True)
class Handshakes:
    """TLS on the port: the state of the TLS files, and limits of handshakes.

    ``trust`` is called with each new context. With ``only``, client certificates that others accepted are no longer trusted.
    """

    tls: InboundTls
    timeout_seconds: float
    max_pending: int = field(default=MAX_HANDSHAKES)
    trust: Callable[..., None] = _trust_all

    @property
    def context(self) -> ssl.SSLContext:
        """The context for new connections."""
        return self.tls.context


class Listener:
    """One listening socket. To be started on a running event loop.

    Protocols of ``factory`` have an attribute ``transport``, which is None until they are connected. From then on ``Capacity.open_connections``
    counts them.
    """

    def __init__(
        self,
        bound: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        *,
        name: ListenerName,
        capacity: Capacity,
        observer: SocketObserver,
        tls: Handshakes | None = None,
        accepts_at_once: int = ACCEPTS_AT_ONCE,
    ) -> None:
        """``bound`` listens already and does not block. The listener closes it.

        ``accepts_at_once``: how many connections are accepted in one turn of the event loop.
        """
        self.capacity = capacity
        self.tls = tls
        self._accepts_at_once = accepts_at_once
        self._bound = bound
        self._factory = factory
        self._name = name
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._arriving: dict[asyncio.Task[None], _Arrival] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._is_failing = False

    @property
    def open_connections(self) -> int:
        """Open connections, handshakes included."""
        arriving = sum(not arrival.is_made for arrival in self._arriving.values())
        return self.capacity.open_connections() + arriving

    def use(self, tls: InboundTls | None) -> None:
        """Use this state of the TLS files for new connections. Switching TLS on or off needs a restart, and does nothing here."""
        handshakes = self.tls
        if handshakes is None or tls is None or tls == handshakes.tls:
            return
        withdraws = tls.withdraws(handshakes.tls)
        handshakes.tls = tls
        handshakes.trust(tls.context, only=withdraws)

    def start(self) -> None:
        """Begin to accept."""
        self._loop.add_reader(self._bound, self._acceptable)

    async def finish(self, handshake_seconds: float) -> None:
        """Accept the connections in the backlog, which closing the socket would reset, then stop to listen. Waits for their handshakes."""
        self._pause()
        if self.tls is not None:
            self.tls.timeout_seconds = min(self.tls.timeout_seconds, handshake_seconds)
        while self._accept():
            pass
        self.close()
        if self._arriving:
            await asyncio.wait(self._arriving, timeout=handshake_seconds)

    def close(self) -> None:
        """Close the listening socket."""
        self._pause()
        self._bound.close()

    def _pause(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._bound.fileno() >= 0:
            self._loop.remove_reader(self._bound)

    def _acceptable(self) -> None:
        for _ in range(self._accepts_at_once):
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Accept one connection. Returns whether there may be another one."""
        try:
            connection, address = self._bound.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno in _PASSING:
                return True
            self._failed(error)
            return False
        if self._is_failing:
            self._is_failing = False
            self._observer.accept_recovered(self._name)
        connection.setblocking(False)
        self._admit(connection, str(address[0]) if isinstance(address, tuple) and address else None)
        return True

    def _failed(self, error: OSError) -> None:
        """Pause, and retry soon. The socket stays readable, so it must not be watched until then."""
        self._is_failing = True
        self._observer.accept_failed(self._name, _FAILURES.get(error.errno or 0, AcceptFailure.OTHER), error.strerror or "unknown error")
        self._pause()
        self._retry = self._loop.call_later(_RETRY_SECONDS, self._resume)

    def _resume(self) -> None:
        self._retry = None
        self.start()
        self._acceptable()

    def _admit(self, connection: socket.socket, peer: str | None) -> None:
        if self.open_connections >= self.capacity.max_connections:
            if not self.capacity.make_room():
                self._refuse(connection, peer)
                return
            self._observer.connection_refused(self._name, ConnectionRefusal.DISPLACED)
        elif self.tls is not None and len(self._arriving) >= self.tls.max_pending:
            self._displace_oldest()
            self._observer.connection_refused(self._name, ConnectionRefusal.DISPLACED)
        arrival = _Arrival(self._factory)
        task = self._loop.create_task(self._hand_over(connection, arrival))
        self._arriving[task] = arrival
        task.add_done_callback(self._arrived)

    def _arrived(self, task: "asyncio.Task[None]") -> None:
        self._arriving.pop(task, None)

    def _displace_oldest(self) -> None:
        oldest = next(iter(self._arriving))
        del self._arriving[oldest]
        oldest.cancel()

    def _refuse(self, connection: socket.socket, peer: str | None) -> None:
        self._observer.connection_refused(self._name, ConnectionRefusal.LIMIT)
        refusal = self.capacity.refusal(peer)
        with connection:
            if self.tls is None and refusal:
                try:
                    connection.send(refusal)
                except OSError:
                    return  # closed already

    async def _hand_over(self, connection: socket.socket, arrival: "_Arrival") -> None:
        """Connect the protocol, after the handshake. From here on the event loop closes the socket."""
        tls = self.tls
        options: dict[str, Any] = {} if tls is None else {"ssl": tls.context, "ssl_handshake_timeout": tls.timeout_seconds}
        try:
            await self._loop.connect_accepted_socket(arrival, connection, **options)
            await asyncio.sleep(0)  # uvloop calls ``connection_made`` only now
        except OSError:  # ssl.SSLError is one
            self._observer.connection_refused(self._name, ConnectionRefusal.HANDSHAKE)


class _Arrival:
    """A connection between accept and ``connection_made``. It is the factory of its protocol."""

    __slots__ = ("_factory", "_protocol")

    def __init__(self, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self._factory = factory
        self._protocol: asyncio.BaseProtocol | None = None

    def __call__(self) -> asyncio.BaseProtocol:
        self._protocol = self._factory()
        return self._protocol

    @property
    def is_made(self) -> bool:
        return getattr(self._protocol, "transport", None) is not None
