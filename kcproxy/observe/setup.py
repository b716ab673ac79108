"""Creates the observer of a process from settings and catalog: metrics, log, store, history, record of use and spans."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from kcproxy.catalog import Catalog
from kcproxy.errors import SettingsError
from kcproxy.observe.denials.known_kinds import known_kinds
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.label_limits import ADMIN_ROLES
from kcproxy.observe.log import Log, configure
from kcproxy.observe.log_console import page_url
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.pending_setup import log_recovered, pending_files
from kcproxy.observe.tracing import spans_from_environment
from kcproxy.settings import Settings
from kcproxy.usage.tally import UseTally

if TYPE_CHECKING:
    from kcproxy.observe.denials.history import History
    from kcproxy.observe.otlp_logs import OtlpLogs
    from kcproxy.observe.shared.setup import SharedParts
    from kcproxy.observe.use_history import UseHistory


def live_observer(settings: Settings, catalog: Catalog, *, log: Log | None = None, stores_denials: bool = True) -> LiveObserver:
    """The observer of one process. Raises SettingsError if a file cannot be used. With ``history.url``, call it on the event loop.

    ``stores_denials``: whether this process writes the history of denials; workers leave that to their supervisor.
    """
    inspectors = () if settings.inspector is None else (settings.inspector.account,)
    metrics = Metrics(
        settings.metrics,
        roles=ADMIN_ROLES.union(catalog.roles),
        accounts=tuple(account.label for account in (*settings.accounts, *inspectors)),
        realms=[realm for account in settings.accounts for realm in (*account.realms, account.token_realm)],
        catalog_version=catalog.version,
    )
    log = log or configure(settings.log, page_url=page_url(settings.admin_listen), instance=settings.instance or "")
    log.export = _log_export(settings, metrics, log)
    uses = UseTally(recording=settings.use_path is not None or settings.use_database is not None)
    shared = _shared(settings, metrics, log, uses, stores_denials=stores_denials)
    history = _history(settings, log, metrics.counter("kcproxy_history_dropped_total").inc) if stores_denials else None
    use_history = _use_history(settings, uses, metrics.counter("kcproxy_use_dropped_total").inc)
    spans = spans_from_environment(
        os.environ, instance=settings.instance or "", scheme="http" if settings.inbound.tls_certificate_file is None else "https"
    )
    store = shared.store if shared is not None and stores_denials else DenialStore(settings.history.max_denials, history=history)
    for kind in known_kinds(store):
        metrics.remember(kind)
    tightened = [file for each in (history, use_history) if each is not None for file in each.tightened]
    if tightened:
        log.warning("history_tightened", files=[str(file) for file in tightened], what="others could read them before")
    writers = [each for each in (history, use_history, None if shared is None else shared.history) if each is not None]
    metrics.gauge("kcproxy_history_behind_seconds").set_function(lambda: max((each.behind_seconds for each in writers), default=0.0))
    observer = LiveObserver(
        metrics,
        log,
        store,
        catalog=catalog,
        spans=spans,
        uses=uses,
        use_history=use_history or (None if shared is None else shared.history),
    )
    if shared is not None:
        shared.start(observer)
    return observer


def _log_export(settings: Settings, metrics: Metrics, log: Log) -> "OtlpLogs | None":
    if not any(os.environ.get(name) for name in ("OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT")):
        return None
    from kcproxy.observe.otlp_logs import logs_from_environment  # noqa: PLC0415 - only a process that exports needs a client of HTTP

    return logs_from_environment(
        os.environ,
        instance=settings.instance or "",
        on_drop=metrics.counter("kcproxy_log_export_dropped_total").inc,
        on_failure=lambda reason: log.warning("log_export_failed", reason=reason),
    )


def _shared(settings: Settings, metrics: Metrics, log: Log, uses: UseTally, *, stores_denials: bool) -> "SharedParts | None":
    if settings.history.url is None or not (stores_denials or settings.use_database):
        return None
    try:
        from kcproxy.observe.shared.setup import SharedParts  # noqa: PLC0415 - only a process with a database needs its client
    except ImportError as error:
        what = f"history.url needs the client of PostgreSQL, which is not installed ({error.name})"
        raise SettingsError([f"{what}; pip install '.[postgresql]' in a checkout of kcproxy"]) from error
    return SharedParts(settings, metrics, log, uses, stores_denials=stores_denials)


def _history(settings: Settings, log: Log, on_drop: Callable[[int], None]) -> "History | None":
    path = settings.history.path
    if path is None:
        return None
    import sqlite3  # noqa: PLC0415 - only a process with a history file needs SQLite

    from kcproxy.observe.denials.history import History  # noqa: PLC0415 - the same

    try:
        history = History(path, settings.history.max_denials, on_drop=on_drop, pending=pending_files(settings, log))
    except OSError as error:
        raise _unusable(error.filename or path, error.strerror or type(error).__name__) from error
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from error
    log_recovered(log, history.recovered)
    return history


def _use_history(settings: Settings, uses: UseTally, on_drop: Callable[[int], None]) -> "UseHistory | None":
    if settings.use_path is None:
        return None
    import sqlite3  # noqa: PLC0415 - only a process with a record needs SQLite

    from kcproxy.observe.use_history import UseHistory  # noqa: PLC0415 - the same

    path, use = settings.use_path, settings.use
    try:
        return UseHistory(path, uses, keep_days=use.keep_days, max_rows=use.max_rows, on_drop=on_drop)
    except OSError as error:
        raise _unusable(error.filename or path, error.strerror or type(error).__name__, "use.path") from error
    except sqlite3.Error as error:
        raise _unusable(path, str(error), "use.path") from error


def _unusable(file: object, why: str, key: str = "history.path") -> SettingsError:
    return SettingsError([f"{key} = {str(file)!r}: {why}; use a file that can be written, or remove the setting"])
