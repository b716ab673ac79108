"""A request as the connection hands it to the handler, and what the handler gives back."""

from typing import Protocol

from msgspec import Struct

from kcproxy.http1.request_parser import RequestHead
from kcproxy.server.request_body import BodyStream


class InboundRequest(Struct, frozen=True):
    """A request whose head has been read. ``body`` fills as it arrives. None without a body."""

    head: RequestHead
    body: BodyStream | None


class InFlight(Protocol):
    """A request that is being handled."""

    def client_disconnected(self) -> None:
        """The connection is closed. Called at most once, and not after ``InboundConnection.finished``."""
        ...
