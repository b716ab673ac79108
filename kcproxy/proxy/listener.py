"""The inbound listener: one listening socket for the life of the process, and the TLS by which it accepts connections."""

import asyncio
import errno
import logging
import socket
import ssl

from kcproxy.proxy.inbound_tls import InboundTls
from kcproxy.proxy.protocol import ProxyServer
from kcproxy.proxy.sockets import BACKLOG

log = logging.getLogger("kcproxy.proxy")

_PAUSE_SECONDS = 0.2
_NOT_ONE_TO_ACCEPT = frozenset({errno.EAGAIN, errno.EINTR, errno.ECONNABORTED})


class Listener:
    """Accepts connections for a ProxyServer.

    asyncio fixes a server's TLS context when it creates the server, and a server that is closed loses connections that it has accepted
    but not begun. So with TLS the listener accepts by itself, and each connection gets the context that counts at that moment.
    """

    def __init__(self, server: ProxyServer, bound: socket.socket, tls: InboundTls | None) -> None:
        """``bound`` is listening and does not block; it is closed with the listener."""
        self._server = server
        self._bound = bound
        self._tls = tls
        self._plain: asyncio.Server | None = None
        self._handshakes: set[asyncio.Task[None]] = set()
        self._open = False

    @property
    def context(self) -> ssl.SSLContext | None:
        """By which connections are accepted now; None without TLS."""
        return None if self._tls is None else self._tls.context

    async def open(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._open = True
        if self._tls is not None:
            loop.add_reader(self._bound.fileno(), self._accept)
        elif self._bound.family == socket.AF_UNIX:
            self._plain = await loop.create_unix_server(self._server, sock=self._bound, backlog=BACKLOG)
        else:
            self._plain = await loop.create_server(self._server, sock=self._bound, backlog=BACKLOG)

    def use(self, tls: InboundTls | None) -> None:
        """Accept by this state of the TLS files from now on. Switching TLS on or off takes a restart, and does nothing here.

        Where an authority was withdrawn, connections that were accepted before are closed; see ``ProxyServer.trust``.
        """
        before = self._tls
        if tls is not None and before is not None and tls != before:
            self._tls = tls
            self._server.trust(tls.context, only=tls.withdraws(before))

    def accept_waiting(self) -> list[socket.socket]:
        """Take the connections that wait to be accepted: closing the socket would reset them, with what their callers have sent already."""
        accepted: list[socket.socket] = []
        while True:
            try:
                connection, _ = self._bound.accept()
            except OSError:
                return accepted  # none left (or, as a file that another closed, none to be had)
            connection.setblocking(False)
            accepted.append(connection)

    def close(self) -> None:
        """Accept no more; handshakes in progress go on."""
        if self._open and self._plain is None:
            asyncio.get_running_loop().remove_reader(self._bound.fileno())
        self._open = False
        if self._plain is not None:
            self._plain.close()
        self._bound.close()

    def _accept(self) -> None:
        """Called while connections wait: take as many as there are, and begin their handshakes."""
        for _ in range(BACKLOG):
            try:
                connection, _ = self._bound.accept()
            except OSError as error:
                if error.errno not in _NOT_ONE_TO_ACCEPT:
                    self._pause(error)
                return
            connection.setblocking(False)
            handshake = asyncio.get_running_loop().create_task(self._shake_hands(connection))
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    def _pause(self, error: OSError) -> None:
        """No descriptor is free, for one: the socket would call at once again, and take all the time there is."""
        loop = asyncio.get_running_loop()
        log.error("connections cannot be accepted: %s", error.strerror)
        loop.remove_reader(self._bound.fileno())
        loop.call_later(_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._open:
            asyncio.get_running_loop().add_reader(self._bound.fileno(), self._accept)

    async def _shake_hands(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._server.limits.head_timeout_seconds
        try:
            await loop.connect_accepted_socket(self._server, connection, ssl=self.context, ssl_handshake_timeout=seconds)
        except (OSError, EOFError):
            return  # the client broke off, was too slow or has no certificate that counts; TLS has sent its alert
