"""How a process reports readiness and metrics: on its own admin port, or, as a worker, to its supervisor."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from prometheus_client import generate_latest

from kcproxy.admin.listener import AdminListener, AdminSockets, admin_listeners
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.pending_setup import pending_files
from kcproxy.process.ipc import IpcLink, Kind, RelayingStore
from kcproxy.settings import Settings

_TAKEN_SECONDS = 2.0
"""How long the end of a worker waits for the supervisor, which may be gone or stand still."""


class StatusChannel(Protocol):
    """Reports the state of a process."""

    async def open(self, settings: Settings, observer: LiveObserver) -> None:
        """Start reporting."""
        ...

    def report(self, problems: Sequence[str]) -> None:
        """Report why the process cannot accept requests; empty means ready."""
        ...

    async def close(self) -> None:
        """Stop reporting."""
        ...


class AdminPort:
    """The process's own admin port, and that for probes."""

    def __init__(self, bound: AdminSockets) -> None:
        """``bound``: listening sockets."""
        self._bound = bound
        self._problems: tuple[str, ...] = ("starting",)
        self._listeners: list[AdminListener] = []

    async def open(self, settings: Settings, observer: LiveObserver) -> None:
        """Start the admin applications."""
        self._listeners = admin_listeners(self._bound, settings, observer, lambda: self._problems)
        for listener in self._listeners:
            await listener.open()

    def report(self, problems: Sequence[str]) -> None:
        """Set the result of ``/readyz``."""
        self._problems = tuple(problems)

    async def close(self) -> None:
        """Stop the admin applications."""
        for listener in self._listeners:
            await listener.close()


class SupervisorLink:
    """The link to the supervisor. ``stop`` is called if the supervisor ends: nobody would monitor the worker."""

    def __init__(self, end: socket.socket, stop: Callable[[], None]) -> None:
        """Over the worker's one of a pair of sockets."""
        self._end = end
        self._stop = stop
        self._link: IpcLink | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self, settings: Settings, observer: LiveObserver) -> None:
        """Answer the supervisor, and send it denials from now on."""
        link = self._link = await IpcLink.over(self._end)
        denials = RelayingStore(settings.history.max_denials, link, pending=pending_files(settings, observer.log))
        observer.denials = denials

        def take(kind: Kind, payload: bytes) -> None:
            if kind is Kind.WANT_METRICS:
                link.send(Kind.METRICS, generate_latest(observer.metrics.registry))
            elif kind is Kind.KEPT:
                denials.kept(payload)

        async def read() -> None:
            await link.receive(take)
            self._stop()

        self._reading = asyncio.get_running_loop().create_task(read())

    def report(self, problems: Sequence[str]) -> None:
        """Report to the supervisor."""
        if self._link is not None:
            self._link.send(Kind.READINESS, "\n".join(problems).encode())

    async def close(self) -> None:
        """Send buffered frames, wait until the supervisor has taken them, and close."""
        if self._link is not None and self._reading is not None:
            self._link.end()
            await asyncio.wait([self._reading], timeout=_TAKEN_SECONDS)
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._link is not None:
            await self._link.close()
