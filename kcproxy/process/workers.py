"""Several processes that share a port: workers that serve, and a supervisor with the admin port.

    supervisor ── forks ──▶ worker, worker, …   each with its own socket (SO_REUSEPORT; a Unix socket is inherited)
        │  ◀─ readiness, denials, metrics ──┘
        └── admin port: health, merged metrics, the page with the denials of all workers

The supervisor forwards SIGTERM and SIGHUP. If a worker ends unexpectedly, all end, and the service manager restarts the proxy.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import generate_latest

from kcproxy.admin.listener import AdminSockets, admin_listeners, admin_sockets
from kcproxy.catalog import Catalog
from kcproxy.errors import SettingsError
from kcproxy.observe.metrics_merge import CONTENT_TYPE, merged
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.setup import live_observer
from kcproxy.process import garbage_collection
from kcproxy.process.ipc import IpcLink, Kind, unpacked
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import Settings
from kcproxy.visible import visible

Serve = Callable[[socket.socket, socket.socket | None], int]
"""Runs a worker: takes its end of the link, and the listening socket if it is inherited; returns the exit code."""

_METRICS_SECONDS = 2.0
_KEPT_SECONDS = 0.1


@dataclass(slots=True)
class Worker:
    """One worker, as the supervisor sees it."""

    pid: int
    end: socket.socket
    link: IpcLink | None = None
    problems: list[str] = field(default_factory=lambda: ["starting"])
    page: asyncio.Future[str] | None = None
    last_page: str | None = None
    kept: list[str] = field(default_factory=list)
    """Ids of denials that are in a pending file of the supervisor, and that the worker still has in its own."""
    exit_code: int | None = None


def fork_workers(settings: Settings, serve: Serve) -> list[Worker]:
    """Fork the workers. Call it before there is an event loop or a thread. Raises SettingsError if the port cannot be opened."""
    opened = listening_socket(settings.listen, name="listen")
    inherited = opened if settings.listen.unix_path is not None else None
    if inherited is None:
        opened.close()  # only to check that the port is free: each worker opens its own socket
    workers: list[Worker] = []
    for _ in range(settings.workers):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            for worker in workers:
                worker.end.close()
            _live_as_worker(serve, theirs, inherited)
        theirs.close()
        workers.append(Worker(pid, ours))
    if inherited is not None:
        inherited.close()
    return workers


def _live_as_worker(serve: Serve, end: socket.socket, inherited: socket.socket | None) -> None:
    """Run a worker. Does not return, so that the parent's code does not run twice."""
    code = 1
    try:
        code = serve(end, inherited)
    except SettingsError as error:
        print("kcproxy:", *map(visible, error.problems), sep="\n  ", file=sys.stderr)  # noqa: T201 - the command line belongs to the parent
        code = 2
    except BaseException:  # noqa: BLE001 - print any error and end the process
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class Supervisor:
    """The process with the admin port."""

    def __init__(self, settings: Settings, workers: Sequence[Worker], catalog: Catalog) -> None:
        """``workers``: as ``fork_workers`` returns them."""
        self._settings = settings
        self._workers = workers
        self._catalog = catalog
        self._stopping = False

    async def live(self) -> int:
        """Run until the last worker has ended. Returns 0 if all of them were stopped."""
        side = admin_sockets(self._settings)
        observer = live_observer(self._settings, self._catalog)
        try:
            return await self._supervise(observer, side)
        finally:
            self._signal(signal.SIGTERM)
            observer.close()

    async def _supervise(self, observer: LiveObserver, side: AdminSockets) -> int:
        listeners = admin_listeners(
            side,
            self._settings,
            observer,
            self._readiness,
            self._metrics_of_all(observer),
            metrics_text=lambda: self._metrics_text(observer),
        )
        for listener in listeners:
            await listener.open()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._signal(signal.SIGHUP))
        observer.log.info("supervising", workers=len(self._workers), admin_listen=str(self._settings.admin_listen))
        observer.noted(self._settings.notes)
        garbage_collection.settle()
        try:
            await asyncio.gather(*(self._watch(worker, observer) for worker in self._workers))
        finally:
            for listener in listeners:
                await listener.close()
        if self._settings.listen.unix_path is not None:
            self._settings.listen.unix_path.unlink(missing_ok=True)
        return max(worker.exit_code or 0 for worker in self._workers)

    async def _watch(self, worker: Worker, observer: LiveObserver) -> None:
        worker.link = await IpcLink.over(worker.end)
        await worker.link.receive(lambda kind, payload: self._handle(worker, observer, kind, payload))
        worker.problems = ["ended"]
        self._acknowledge(worker)
        await worker.link.close()
        _, status = await asyncio.to_thread(os.waitpid, worker.pid, 0)
        worker.exit_code = abs(os.waitstatus_to_exitcode(status))
        if not self._stopping:
            observer.log.error("worker_ended", pid=worker.pid, exit_code=worker.exit_code)
            worker.exit_code = worker.exit_code or 1
            self._stop()

    def _handle(self, worker: Worker, observer: LiveObserver, kind: Kind, payload: bytes) -> None:
        if kind is Kind.READINESS:
            worker.problems = payload.decode().splitlines()
        elif kind is Kind.DENIAL:
            explanation, record = unpacked(payload)
            observer.denials.add(explanation, record)
            self._keep(worker, observer, explanation.id)
        elif kind is Kind.RESOLVED:
            observer.denials.resolved(payload.decode())
        elif kind is Kind.METRICS:
            worker.last_page = payload.decode()
            if worker.page is not None and not worker.page.done():
                worker.page.set_result(worker.last_page)

    def _keep(self, worker: Worker, observer: LiveObserver, denial_id: str) -> None:
        """Tell the worker, a little later and with others, that the supervisor has a denial in a file of its own."""
        if observer.denials.pending is not None and denial_id in observer.denials.pending:
            if not worker.kept:
                asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._acknowledge, worker)
            worker.kept.append(denial_id)

    def _acknowledge(self, worker: Worker) -> None:
        if worker.kept and worker.link is not None:
            worker.link.send(Kind.KEPT, "\n".join(worker.kept).encode())
            worker.kept.clear()

    def _readiness(self) -> list[str]:
        return sorted({problem for worker in self._workers for problem in worker.problems})

    def _stop(self) -> None:
        self._stopping = True
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.exit_code is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, number)

    def _metrics_of_all(self, observer: LiveObserver) -> Middleware:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path != "/metrics":
                return await handler(request)
            text = await self._metrics_text(observer)
            return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

        return middleware

    async def _metrics_text(self, observer: LiveObserver) -> str:
        own = generate_latest(observer.metrics.registry).decode()
        pages = await asyncio.gather(*(self._page(worker) for worker in self._workers))
        return merged(own, [page for page in pages if page is not None])

    async def _page(self, worker: Worker) -> str | None:
        """A worker's metrics, or its previous ones if it does not answer in time: a sum that drops would look like a restart."""
        if worker.link is None or worker.exit_code is not None:
            return worker.last_page
        if worker.page is None or worker.page.done():
            worker.page = asyncio.get_running_loop().create_future()
            worker.link.send(Kind.WANT_METRICS)
        try:
            async with asyncio.timeout(_METRICS_SECONDS):
                return await asyncio.shield(worker.page)
        except TimeoutError:
            return worker.last_page
