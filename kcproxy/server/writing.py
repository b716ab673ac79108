"""The sending side of a connection: what is written, and when the client has read enough of it."""

import asyncio

from kcproxy.server.request_body import ClientDisconnected


class WritingProtocol(asyncio.Protocol):
    """``transport`` is None before the connection and after it. ``writing_paused``: the client reads more slowly than the proxy writes."""

    __slots__ = ("_drain_waiter", "transport", "writing_paused")

    def __init__(self) -> None:
        """Not connected yet."""
        self.transport: asyncio.Transport | None = None
        self.writing_paused = False
        self._drain_waiter: asyncio.Future[None] | None = None

    # called by the handler

    def write(self, data: bytes) -> None:
        """Send. Raises ClientDisconnected if the connection is closed."""
        if self.transport is None or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(data)

    def write_parts(self, parts: tuple[bytes, ...]) -> None:
        """Send several pieces. Raises ClientDisconnected if the connection is closed."""
        if self.transport is None or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.writelines(parts)

    async def drained(self) -> None:
        """Wait until the client has read enough of what was written. Raises ClientDisconnected if it disconnects."""
        if self.transport is None:
            raise ClientDisconnected
        if self.writing_paused:
            self._drain_waiter = asyncio.get_running_loop().create_future()
            try:
                await self._drain_waiter
            finally:
                self._drain_waiter = None

    # called by the event loop

    def pause_writing(self) -> None:
        """The client reads more slowly than the proxy writes."""
        self.writing_paused = True

    def resume_writing(self) -> None:
        """The client has caught up, or disconnected."""
        self.writing_paused = False
        waiter = self._drain_waiter
        if waiter is not None and not waiter.done():
            if self.transport is None:
                waiter.set_exception(ClientDisconnected())
            else:
                waiter.set_result(None)
