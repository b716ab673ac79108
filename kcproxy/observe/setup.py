"""Creates the observer of a process from settings and catalog: metrics, log, store, history and spans."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from kcproxy.catalog import Catalog
from kcproxy.errors import SettingsError
from kcproxy.observe.denial_store import DenialStore
from kcproxy.observe.label_limits import ADMIN_ROLES
from kcproxy.observe.log import Log, configure
from kcproxy.observe.log_console import page_url
from kcproxy.observe.metrics import KnownKind, Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.retention import is_verified
from kcproxy.observe.tracing import spans_from_environment
from kcproxy.settings import HistorySettings, Settings

if TYPE_CHECKING:
    from kcproxy.observe.denial_history import History


def live_observer(settings: Settings, catalog: Catalog, *, log: Log | None = None) -> LiveObserver:
    """The observer of one process. Raises SettingsError if the history file cannot be used."""
    inspectors = () if settings.inspector is None else (settings.inspector.account,)
    metrics = Metrics(
        settings.metrics,
        roles=ADMIN_ROLES.union(catalog.roles),
        accounts=tuple(account.client_id for account in (*settings.accounts, *inspectors)),
        realms=[realm for account in settings.accounts for realm in (*account.realms, account.token_realm)],
        catalog_version=catalog.version,
    )
    dropped = metrics.counter("kcproxy_history_dropped_total")
    history = _history(settings.history, dropped.inc)
    store = DenialStore(settings.history.max_denials, history=history)
    spans = spans_from_environment(
        os.environ, instance=settings.instance or "", scheme="http" if settings.inbound.tls_certificate_file is None else "https"
    )
    for kind in known_kinds(store):
        metrics.remember(kind)
    log = log or configure(settings.log, page_url=page_url(settings.admin_listen), instance=settings.instance or "")
    if history is not None and history.tightened:
        log.warning("history_tightened", files=[str(file) for file in history.tightened], what="others could read them before")
    return LiveObserver(metrics, log, store, catalog=catalog, spans=spans)


def known_kinds(store: DenialStore) -> Iterator[KnownKind]:
    """The kinds of denial that the history knows, as the metrics name them."""
    for group in store.groups():
        newest = group.latest
        explanation = newest["explanation"]
        method, _, operation = newest["what"].partition(" ")
        yield KnownKind(
            operation=operation[1:-1] if operation.startswith("(") else f"{method} {operation}",
            realm=newest["realm"],
            cause=newest["why"],
            missing=tuple(explanation["missing"]),
            client=explanation["caller"]["clientId"],
            is_proven=is_verified(newest["status"]),
            first_at=group.first_at,
            last_at=group.last_at,
            resolved_at=group.resolved_at,
        )


def _history(settings: HistorySettings, on_drop: Callable[[int], None]) -> "History | None":
    if settings.path is None:
        return None
    import sqlite3  # noqa: PLC0415 - only a process with a history file needs SQLite

    from kcproxy.observe.denial_history import History  # noqa: PLC0415 - the same

    try:
        return History(settings.path, settings.max_denials, on_drop=on_drop)
    except OSError as error:
        raise _unusable(error.filename or settings.path, error.strerror or type(error).__name__) from error
    except sqlite3.Error as error:
        raise _unusable(settings.path, str(error)) from error


def _unusable(file: object, why: str) -> SettingsError:
    return SettingsError([f"history.path = {str(file)!r}: {why}; use a file that can be written, or remove the setting"])
