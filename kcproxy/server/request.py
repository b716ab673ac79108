"""One turn of an inbound connection: the request as aiohttp hands it over, and what a handler gives back."""

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from kcproxy.server.error_responses import ErrorResponse

if TYPE_CHECKING:
    from kcproxy.server.connection import ProxyProtocol

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class InboundRequest:
    """One request as it came in: the parsed head, the body to be read, and the connection to answer on."""

    __slots__ = ("_task", "message", "payload", "protocol", "writer")

    def __init__(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: "ProxyProtocol",
        writer: AbstractStreamWriter | None,
        task: "asyncio.Task[None] | None",
    ) -> None:
        """As aiohttp's request factory is called; only aiohttp itself needs a writer."""
        self.message = message
        self.payload = payload
        self.protocol = protocol
        self.writer = writer
        self._task = task

    @property
    def peer(self) -> str | None:
        """Address of whoever connected; None on a Unix socket."""
        return self.protocol.peer

    @property
    def is_read(self) -> bool:
        """Whether leaving it unfinished harms nobody."""
        return self.message.method in _READS

    def _finish(self) -> None:
        """Called by aiohttp when the handler has returned."""

    def _cancel(self, error: BaseException) -> None:
        """Called by aiohttp when the connection is lost: a body still on its way never arrives."""
        if not self.payload.is_eof():
            self.payload.set_exception(error)


class Sent:
    """What a handler returns when its answer is on the wire already: only whether the connection may stay."""

    __slots__ = ("keep_alive",)
    __http_exception__ = False

    def __init__(self, *, keep_alive: bool) -> None:
        """``keep_alive`` as aiohttp reads it."""
        self.keep_alive = keep_alive

    async def prepare(self, request: Any) -> None:
        """Nothing left to do."""

    async def write_eof(self) -> None:
        """Nothing left to do."""


KEPT = Sent(keep_alive=True)
CLOSED = Sent(keep_alive=False)


class FailureResponse(Sent):
    """A refusal that aiohttp asks for where no handler has run: it is written when aiohttp prepares it."""

    __slots__ = ("_failure",)

    def __init__(self, failure: ErrorResponse) -> None:
        """The connection is closed afterwards: what follows on it cannot be trusted."""
        super().__init__(keep_alive=False)
        self._failure = failure

    async def prepare(self, request: Any) -> None:
        """Write it."""
        transport = request.protocol.transport
        if transport is not None:
            transport.write(self._failure.as_bytes(keep_alive=False))
