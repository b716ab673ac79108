"""What the server reports about sockets and slow clients: closed sets for metrics and log."""

from enum import StrEnum
from typing import Protocol


class Direction(StrEnum):
    """What a slow client was sending or taking."""

    REQUEST = "request"
    RESPONSE = "response"


class Slowness(StrEnum):
    """Why a transfer was ended: nothing moved for too long, too little did, or others needed what it used."""

    PAUSE = "pause"
    RATE = "rate"
    QUEUE = "queue"


class ListenerName(StrEnum):
    """The port, by the setting that opens it."""

    DATA = "listen"
    ADMIN = "admin_listen"


class ConnectionRefusal(StrEnum):
    """Why a connection was closed before it had a request: no room; it made room for another; no handshake, or no request, in time."""

    LIMIT = "limit"
    DISPLACED = "displaced"
    HANDSHAKE = "handshake"
    SLOW = "slow"


class AcceptFailure(StrEnum):
    """Why a connection could not be accepted."""

    DESCRIPTORS = "descriptors"
    MEMORY = "memory"
    OTHER = "other"


class SocketObserver(Protocol):
    """The listener to events of listening sockets."""

    def connection_refused(self, listener: ListenerName, reason: ConnectionRefusal) -> None:
        """A connection was closed without a request."""
        ...

    def accept_failed(self, listener: ListenerName, reason: AcceptFailure, error: str) -> None:
        """The system gave no connection; ``error`` is its own words. Called at every attempt."""
        ...

    def accept_recovered(self, listener: ListenerName) -> None:
        """The first connection after a failure."""
        ...
