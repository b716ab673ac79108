"""The lifecycle of one process: bind, serve, reload, drain, end.

bind ─▶ listen ─▶ ready ─▶ SIGHUP or changed file: new runtime, the old one finishes its requests
                     └──▶ SIGTERM or SIGINT: not ready, no new connections, requests in progress finish ─▶ 0
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from kcproxy.admin.connections import MAX_CONNECTIONS
from kcproxy.admin.listener import admin_sockets
from kcproxy.catalog import Catalog, catalog_for
from kcproxy.errors import SettingsError
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.setup import live_observer
from kcproxy.process import garbage_collection
from kcproxy.process.descriptors import DescriptorPlan, raise_limit
from kcproxy.process.handover import hand_over, keeps_version
from kcproxy.process.reload import Reload, WatchedFiles, needs_restart, problems_of
from kcproxy.process.signals import on_signal
from kcproxy.process.status import AdminPort, StatusChannel, SupervisorLink
from kcproxy.process.version_watch import keep_version, settle_now
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.process.workers import Supervisor, fork_workers
from kcproxy.proxy.handler import RequestHandler
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.events import ListenerName
from kcproxy.server.inbound_tls import InboundTls, read_tls
from kcproxy.server.listener import Capacity, Handshakes, Listener
from kcproxy.server.server import Server
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import Settings

_LAST_REQUEST_SECONDS = 0.5
"""How long idle connections stay open after a drain begins. A request in this time is served with ``Connection: close``."""
_SAME_EDIT_SECONDS = 10.0


def run(settings: Settings, *, reload: Reload | None = None, watched: WatchedFiles | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. Raises SettingsError if a listener cannot be opened.

    ``reload`` is called on SIGHUP and if one of ``watched`` changes. If it raises SettingsError, the old settings stay in use.
    """
    os.umask(0o077)  # files are for this user only; a Unix socket has its own mode
    if settings.workers > 1:
        return _run_workers(settings, reload, watched)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(Process(settings, reload=reload, watched=watched).live())


def _run_workers(settings: Settings, reload: Reload | None, watched: WatchedFiles | None) -> int:
    def serve(end: socket.socket, inherited: socket.socket | None) -> int:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(Process(settings, reload=reload, watched=watched, end=end, inherited=inherited).live())

    workers = fork_workers(settings, serve)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(Supervisor(settings, workers, catalog_for(settings.explain.keycloak_version)).live())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The event loop of uvloop if it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop


class Process:
    """One serving process."""

    def __init__(
        self,
        settings: Settings,
        *,
        reload: Reload | None = None,
        watched: WatchedFiles | None = None,
        end: socket.socket | None = None,
        inherited: socket.socket | None = None,
    ) -> None:
        """Nothing is opened yet. A worker has its ``end`` of the link to the supervisor instead of an admin port."""
        self.settings = settings
        self._started = settings
        self._end = end
        self._inherited = inherited
        self._reload = reload
        self._watched = watched
        self._stop = asyncio.Event()
        self._refused: tuple[float, list[str]] = (0.0, [])  # when, in monotonic seconds, and why
        self._tasks: set[asyncio.Task[object]] = set()

    async def live(self) -> int:
        """Run from start to end. Returns 0."""
        catalog = catalog_for(self.settings.explain.keycloak_version)
        self._descriptors = raise_limit(self.settings, admin_connections=self._admin_connections)
        main, status = self._bind()
        observer = live_observer(self.settings, catalog, stores_denials=self._end is None)  # of workers, the supervisor stores them
        observer.log.sink.shared = self._end is not None
        undo_capture = observer.log.capture_libraries()
        try:
            await self._serve(observer, catalog, main, status)
        finally:
            observer.close()
            undo_capture()  # last, so that the log has messages of libraries about the end
        return 0

    def stop(self) -> None:
        """Start to drain."""
        self._stop.set()

    @property
    def _admin_connections(self) -> int:
        """Connections of the admin port and of that for probes, if this process has them."""
        return MAX_CONNECTIONS * (1 if self.settings.metrics_listen is None else 2) if self._end is None else 0

    def _bind(self) -> tuple[socket.socket, StatusChannel]:
        if self._end is not None:
            return self._inherited or listening_socket(self.settings.listen, name="listen", shared=True), SupervisorLink(
                self._end, self.stop
            )
        main = listening_socket(self.settings.listen, name="listen")
        try:
            return main, AdminPort(admin_sockets(self.settings))
        except SettingsError:
            main.close()
            raise

    async def _serve(self, observer: LiveObserver, catalog: Catalog, main: socket.socket, status: StatusChannel) -> None:
        self.observer = observer
        self.service = RequestHandler(runtime_of(self.settings, observer, catalog), observer)
        server = Server(self.service, self.settings.limits)
        await status.open(self.settings, observer)
        listener = self.listener = self._data_listener(server, main)
        listener.start()
        try:
            self._listen_to_signals()
            status.report(())
            observer.log.info("listening", **self._addresses(catalog))
            if self._end is None:
                observer.noted(self.settings.notes)
            self._log_descriptors()
            garbage_collection.settle()
            self._start(keep_version(lambda: self.service.runtime, self._use_version))
            await self._stop.wait()
            status.report(("draining",))
            await self._drain(listener, server)
        finally:
            listener.close()
            await self._tidy()
            await status.close()

    def _data_listener(self, server: Server, main: socket.socket) -> Listener:
        limits, state = self.settings.limits, read_tls(self.settings.inbound)
        capacity = Capacity(
            max_connections=self._descriptors.max_connections, open_connections=lambda: server.open_connections, refusal=self.service.refuse
        )
        tls = None if state is None else Handshakes(tls=state, timeout_seconds=limits.head_timeout_seconds, trust=server.trust)
        listener = Listener(main, server, name=ListenerName.DATA, capacity=capacity, observer=self.observer, tls=tls)
        self.observer.watch_connections(ListenerName.DATA, lambda: listener.open_connections)
        return listener

    def _log_descriptors(self) -> None:
        plan = self._descriptors
        if plan.is_lowered:
            self.observer.log.warning(
                "max_connections_lowered", asked=plan.asked, max_connections=plan.max_connections, descriptors=plan.limit
            )

    def _addresses(self, catalog: Catalog) -> dict[str, str]:
        settings = self.settings
        return {
            "listen": str(settings.listen),
            "admin_listen": str(settings.admin_listen),
            **({} if settings.metrics_listen is None else {"metrics_listen": str(settings.metrics_listen)}),
            "upstream": settings.upstream.url,
            "keycloak": catalog.version,
            "accounts": ", ".join(account.client_id for account in settings.accounts) or "none",
        }

    def _use_version(self, runtime: Runtime) -> None:
        self.observer.use_catalog(runtime.catalog)
        self.observer.log.info("keycloak_version", table=runtime.catalog.version, server=runtime.version or "ambiguous")

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGINT"):
            on_signal(loop, name, self.stop)
        on_signal(loop, "SIGHUP", self.reload)
        if self._reload is not None and self._watched is not None:
            self._start(self._watched.watch(self._reload_changed))

    def _start(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _reload_changed(self) -> None:
        self.reload(is_change=True)

    def _refuse_reload(self, problems: list[str], *, is_change: bool) -> None:
        """Count and log a refused reload. A slow edit is seen as several changes: the same problems within seconds are the same refusal."""
        now, (before, known) = time.monotonic(), self._refused
        self._refused = (now, problems)
        if is_change and problems == known and now - before < _SAME_EDIT_SECONDS:
            return
        self.observer.settings_reloaded(successful=False)
        self.observer.log.error("reload_refused", problems=problems)

    def reload(self, *, is_change: bool = False) -> None:
        """Read the settings again and use them. If they cannot be used, log the problems and continue.

        ``is_change``: because a file has changed, not because of a signal.
        """
        try:
            settings, descriptors, tls, runtime = self._read_again()
        except Exception as error:  # noqa: BLE001 - a bug must not stop the file watcher
            self._refuse_reload(list(problems_of(error)), is_change=is_change)
            return
        self._refused = (0.0, [])
        self.listener.use(tls)
        old = self.service.swap(runtime)
        self._descriptors = descriptors
        self.listener.capacity.max_connections = descriptors.max_connections
        self._start(settle_now(runtime))
        self.observer.noted([note for note in settings.notes if note not in self.settings.notes])
        self.settings = settings
        if self._watched is not None:
            self._watched.follow(settings)
        self.observer.settings_reloaded(successful=True)
        self.observer.log.info("reloaded", needs_restart=needs_restart(self._started, settings))
        self._start(dismantle(old, patience_seconds=None))  # ``drain_seconds`` limits the end of the process only

    def _read_again(self) -> tuple[Settings, DescriptorPlan, InboundTls | None, Runtime]:
        """Read and create everything that a reload needs, before anything is changed."""
        if self._reload is None:
            raise SettingsError(["this process was started without a function that reads its settings again"])
        if self._watched is not None:
            self._watched.reading()
        settings = self._reload()
        descriptors = raise_limit(replace(settings, limits=self._started.limits), admin_connections=self._admin_connections)
        return settings, descriptors, read_tls(settings.inbound), self._runtime_after(settings)

    def _runtime_after(self, settings: Settings) -> Runtime:
        """A runtime for new settings, with the state that it takes over from the current one. The server's version is checked again."""
        before = self.service.runtime
        runtime = runtime_of(settings, self.observer, before.catalog if keeps_version(before.settings, settings) else None)
        hand_over(before, runtime)
        return runtime

    async def _drain(self, listener: Listener, server: Server) -> None:
        """Finish the requests in progress, for at most ``drain_seconds``; then abort the others."""
        self.service.draining = True
        self.observer.log.info("draining", in_flight=self.service.in_flight)
        loop = asyncio.get_running_loop()
        await listener.finish(_LAST_REQUEST_SECONDS)
        ends_at = loop.time() + self.settings.drain_seconds
        idle_ends_at = loop.time() + min(_LAST_REQUEST_SECONDS, self.settings.drain_seconds / 2)
        await _until(lambda: not server.open_connections, idle_ends_at)
        server.close_idle()
        await _until(lambda: not self.service.in_flight, ends_at)
        self.observer.log.info("drained", cut_off=self.service.in_flight)
        await server.shutdown(_LAST_REQUEST_SECONDS)

    async def _tidy(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await dismantle(self.service.runtime, patience_seconds=0)
        if self._started.listen.unix_path is not None and self._inherited is None:
            self._started.listen.unix_path.unlink(missing_ok=True)


async def _until(done: Callable[[], bool], deadline: float) -> None:
    """Wait for a rare condition. Polling is simpler than a notification here."""
    loop = asyncio.get_running_loop()
    while not done() and loop.time() < deadline:  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.01)
