"""The lifecycle of one process: bind, serve, reload, drain, end.

bind ─▶ listen ─▶ ready ─▶ SIGHUP or changed file: new runtime, the old one finishes its requests
                     └──▶ SIGTERM or SIGINT: not ready, no new connections, requests in progress finish ─▶ 0
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from kcproxy.admin.connections import MAX_CONNECTIONS
from kcproxy.admin.listener import admin_sockets
from kcproxy.catalog import Catalog, catalog_for
from kcproxy.errors import SettingsError
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.setup import live_observer
from kcproxy.process import garbage_collection
from kcproxy.process.front import Front
from kcproxy.process.handover import hand_over, keeps_version
from kcproxy.process.proxy_front import ProxyFront
from kcproxy.process.reload import Reload, WatchedFiles, needs_restart, problems_of
from kcproxy.process.signals import on_signal
from kcproxy.process.status import AdminPort, StatusChannel, SupervisorLink
from kcproxy.process.version_watch import keep_version, settle_now
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.process.workers import Supervisor, fork_workers
from kcproxy.proxy.runtime import Runtime
from kcproxy.settings import Settings

_SAME_EDIT_SECONDS = 10.0

NewFront: TypeAlias = Callable[[Settings], Front]
"""Creates the front of a process that has its own admin port, for the settings of the start."""


def run(settings: Settings, *, reload: Reload | None = None, watched: WatchedFiles | None = None, front: NewFront | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. Raises SettingsError if a listener cannot be opened.

    ``reload`` is called on SIGHUP and if one of ``watched`` changes. If it raises SettingsError, the old settings stay in use. ``front``: what
    one process serves; without it, the proxy, in as many processes as the settings say.
    """
    os.umask(0o077)  # files are for this user only; a Unix socket has its own mode
    if settings.workers > 1 and front is None:
        return _run_workers(settings, reload, watched)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(Process(settings, reload=reload, watched=watched, front=front).live())


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
        front: NewFront | None = None,
    ) -> None:
        """Nothing is opened yet. A worker has its ``end`` of the link to the supervisor instead of an admin port.

        ``front``: what it serves, if not the proxy.
        """
        self.settings = settings
        self._started = settings
        self._end = end
        if front is not None:
            self._front = front(self._started)
        else:
            own = self._admin_connections
            self._front = ProxyFront(self._started, admin_connections=own, inherited=inherited, is_worker=end is not None)
        self._reload = reload
        self._watched = watched
        self._stop = asyncio.Event()
        self._refused: tuple[float, list[str]] = (0.0, [])  # when, in monotonic seconds, and why
        self._tasks: set[asyncio.Task[object]] = set()

    async def live(self) -> int:
        """Run from start to end. Returns 0."""
        catalog = catalog_for(self.settings.explain.keycloak_version)
        status = self._bind()
        observer = live_observer(self.settings, catalog, stores_denials=self._end is None)  # of workers, the supervisor stores them
        observer.log.sink.shared = self._end is not None
        undo_capture = observer.log.capture_libraries()
        try:
            await self._serve(observer, catalog, status)
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

    def _bind(self) -> StatusChannel:
        self._front.bind()
        if self._end is not None:
            return SupervisorLink(self._end, self.stop)
        try:
            return AdminPort(admin_sockets(self.settings))
        except SettingsError:
            self._front.unbind()
            raise

    async def _serve(self, observer: LiveObserver, catalog: Catalog, status: StatusChannel) -> None:
        self.observer = observer
        front, self.runtime = self._front, self._runtime_of(self.settings, catalog)
        await status.open(self.settings, observer)
        try:
            await front.open(self.runtime, observer)
            await front.start()
            self._listen_to_signals()
            status.report(())
            observer.log.info("listening", **self._addresses(catalog))
            if self._end is None:
                observer.noted(self.settings.notes)
            front.log_limits()
            garbage_collection.settle()
            self._start(keep_version(lambda: self.runtime, self._use_version))
            await self._stop.wait()
            status.report(("draining",))
            await front.drain(self.settings.drain_seconds)
        finally:
            await self._tidy()
            await status.close()

    def _addresses(self, catalog: Catalog) -> dict[str, str]:
        settings = self.settings
        return {
            **self._front.addresses,
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
            settings, use = self._read_again()
            runtime = self._runtime_after(settings)
        except Exception as error:  # noqa: BLE001 - a bug must not stop the file watcher
            self._refuse_reload(list(problems_of(error)), is_change=is_change)
            return
        self._refused = (0.0, [])
        old, self.runtime = self.runtime, runtime
        use(runtime)
        self._start(settle_now(runtime))
        self.observer.noted([note for note in settings.notes if note not in self.settings.notes])
        self.settings = settings
        if self._watched is not None:
            self._watched.follow(settings)
        self.observer.settings_reloaded(successful=True)
        self.observer.log.info("reloaded", needs_restart=needs_restart(self._started, settings))
        self._start(dismantle(old, patience_seconds=None))  # ``drain_seconds`` limits the end of the process only

    def _read_again(self) -> tuple[Settings, Callable[[Runtime], None]]:
        """Read everything that a reload needs, before anything is changed."""
        if self._reload is None:
            raise SettingsError(["this process was started without a function that reads its settings again"])
        if self._watched is not None:
            self._watched.reading()
        settings = self._reload()
        return settings, self._front.reading(settings)

    def _runtime_of(self, settings: Settings, catalog: Catalog | None) -> Runtime:
        return runtime_of(settings, self.observer, catalog, max_lookup_seconds=self._front.max_lookup_seconds)

    def _runtime_after(self, settings: Settings) -> Runtime:
        """A runtime for new settings, with the state that it takes over from the current one. The server's version is checked again."""
        before = self.runtime
        runtime = self._runtime_of(settings, before.catalog if keeps_version(before.settings, settings) else None)
        hand_over(before, runtime)
        return runtime

    async def _tidy(self) -> None:
        await self._front.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await dismantle(self.runtime, patience_seconds=0)
