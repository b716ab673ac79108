"""Events of sockets and slow clients: closed sets for metrics and log."""

from enum import StrEnum
from typing import Protocol


class Direction(StrEnum):
    """The message that a slow client was sending or reading."""

    REQUEST = "request"
    RESPONSE = "response"


class Slowness(StrEnum):
    """Why a transfer was ended: a pause, a low rate, or other requests that queued."""

    PAUSE = "pause"
    RATE = "rate"
    QUEUE = "queue"


class ListenerName(StrEnum):
    """The listener, named by its setting."""

    DATA = "listen"
    ADMIN = "admin_listen"
    METRICS = "metrics_listen"


class ConnectionRefusal(StrEnum):
    """Why a connection was closed without a request: the limit, displaced by another one, no handshake in time, no request in time."""

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
    """Receives the events of listening sockets."""

    def connection_refused(self, listener: ListenerName, reason: ConnectionRefusal) -> None:
        """A connection was closed without a request."""
        ...

    def accept_failed(self, listener: ListenerName, reason: AcceptFailure, error: str) -> None:
        """The system gave no connection; ``error`` is its message. Called for every attempt."""
        ...

    def accept_recovered(self, listener: ListenerName) -> None:
        """The first connection after a failure."""
        ...
