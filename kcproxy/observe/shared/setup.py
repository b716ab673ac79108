"""Connects the shared history of a process with its observer: what the database reports arrives on the event loop of the process."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from kcproxy.observe.log import Log
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.pending_setup import log_recovered, pending_files
from kcproxy.observe.shared.connection import Database
from kcproxy.observe.shared.denial_rows import SharedKind
from kcproxy.observe.shared.history import Events, Retention, SharedHistory
from kcproxy.observe.shared.store import SharedDenialStore
from kcproxy.settings import Settings
from kcproxy.usage.tally import UseTally

_AT_ONCE = 50
"""Kinds that are taken over in one step of the event loop, which takes a few milliseconds at most."""


class SharedParts:
    """The history and the store of a process with ``history.url``."""

    def __init__(self, settings: Settings, metrics: Metrics, log: Log, uses: UseTally, *, stores_denials: bool) -> None:
        """Nothing is opened yet. The settings have ``history.url``. ``stores_denials``: otherwise only the record of use is written. Call it on the event loop of the process."""
        self._loop = asyncio.get_running_loop()
        self._log = log
        self._observer: LiveObserver | None = None
        events = Events(
            on_drop=metrics.counter("kcproxy_history_dropped_total").inc,
            on_use_drop=metrics.counter("kcproxy_use_dropped_total").inc,
            on_kinds=self._report,
            on_away=lambda reason: self._later(lambda: log.error("history_away", reason=reason)),
            on_left=lambda count: log.warning("history_pending_left", denials=count),
            on_recovered=lambda found: self._later(lambda: log_recovered(log, found)),
            on_back=lambda: self._later(lambda: log.info("history_back", behind_seconds=round(self.history.behind_seconds, 1))),
        )
        self.history = SharedHistory(
            replace(Database.of(settings.history), application=f"kcproxy {settings.instance or ''}".strip()),
            instance=settings.instance,
            tally=uses if settings.use_database is not None else None,
            retention=Retention(max_denials=settings.history.max_denials, keep_days=settings.use.keep_days, max_rows=settings.use.max_rows),
            events=events,
            follows=stores_denials,
            pending=pending_files(settings, log, later=self._later) if stores_denials else None,
        )
        self.store = SharedDenialStore(settings.history.max_denials, self.history)
        metrics.gauge("kcproxy_history_connected").set_function(lambda: self.history.connected)

    def start(self, observer: LiveObserver) -> None:
        """Connect, in the thread of the history."""
        self._observer = observer
        self.history.start()

    def _later(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop of the process has ended
            self._loop.call_soon_threadsafe(call)

    def _report(self, kinds: Sequence[SharedKind], is_all: bool) -> None:
        """Pass on what the database reports, the oldest kinds first, as they would have arrived."""
        oldest_first = list(reversed(kinds)) if is_all else kinds
        for start in range(0, len(oldest_first), _AT_ONCE):
            part = oldest_first[start : start + _AT_ONCE]
            self._later(lambda part=part: self._take(part))  # type: ignore[misc]
        if is_all:
            names = {kind.fingerprint for kind in kinds}
            self._later(lambda: self.store.keep_only(names))

    def _take(self, kinds: Sequence[SharedKind]) -> None:
        self.store.take(kinds)
        if self._observer is not None:
            for kind in kinds:
                self._observer.heard(kind.fingerprint, kind.document)
