"""What the connections of one listener share: the handler, the limits, the turns of parsing, and which client certificates are trusted."""

import ssl
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from kcproxy.server.fair_turns import FairTurns
from kcproxy.server.held_bytes import HeldBytes
from kcproxy.settings import LimitSettings

MAX_UNREAD_BYTES = 16 << 20
"""Of large unfinished heads, and of bytes that are not parsed yet, on all connections together."""


class Connection(Protocol):
    """A connection whose client certificate may no longer be trusted one day."""

    @property
    def tls_context(self) -> ssl.SSLContext | None:
        """The context of its handshake; None without TLS."""
        ...

    def withdraw(self) -> None:
        """Serve no further request, and send no injected token."""
        ...


H = TypeVar("H")
C = TypeVar("C", bound=Connection)


class SharedState(Generic[H, C]):
    """State that the connections of one listener share. ``open`` are the connections themselves."""

    def __init__(self, handler: H, limits: LimitSettings) -> None:
        self.handler = handler
        self.limits = limits
        self.open: set[C] = set()
        self.unread = HeldBytes(MAX_UNREAD_BYTES)
        self.turns = FairTurns()
        self._trusted: WeakSet[ssl.SSLContext] | None = None  # None: all

    def trusts(self, context: ssl.SSLContext | None) -> bool:
        """Whether client certificates that this TLS context accepted are still trusted."""
        return self._trusted is None or (context is not None and context in self._trusted)

    def trust(self, context: ssl.SSLContext, *, only: bool) -> None:
        """A new TLS context is in use. With ``only``, connections that others accepted are withdrawn (``InboundConnection.withdraw``)."""
        if only:
            self._trusted = WeakSet()
        if self._trusted is not None:
            self._trusted.add(context)
        for connection in tuple(self.open):
            if not self.trusts(connection.tls_context):
                connection.withdraw()
