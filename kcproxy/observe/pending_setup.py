"""Creates the pending files of a process: beside the history file, or in the folder that belongs to a shared database."""

import hashlib
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from kcproxy.observe.denials.pending import PendingFiles, PendingPlace, Recovered, are_possible
from kcproxy.observe.log import Log
from kcproxy.settings import DatabaseUrl, HistorySettings, Settings


def pending_files(settings: Settings, log: Log, *, later: Callable[[Callable[[], object]], None] | None = None) -> PendingFiles | None:
    """The files of this process; None if there is no place for them. ``later`` calls a function on the thread of the log, if that is another one."""
    call = later or _now
    place = _place(settings.history)
    if place is None or not are_possible():
        return None
    return PendingFiles(
        place,
        instance=settings.instance or socket.gethostname(),
        on_failure=lambda reason: call(lambda: log.error("history_pending_failed", reason=reason)),
        on_back=lambda count: call(lambda: log.info("history_pending_back", only_in_memory=count)),
    )


def log_recovered(log: Log, found: Recovered) -> None:
    """Say what processes that are gone have left."""
    if found.failure is not None:
        log.error("history_pending_failed", reason=found.failure)
    if found.files:
        log.info("history_recovered", files=found.files, denials=found.denials, lost=found.lost)


def _now(call: Callable[[], object]) -> None:
    call()


def _place(history: HistorySettings) -> PendingPlace | None:
    if history.path is not None:
        return PendingPlace(folder=history.path.parent, prefix=f"{history.path.name}-pending-")
    if history.url is not None and history.pending_dir is not None:
        return PendingPlace(folder=history.pending_dir, prefix=f"kcproxy-pending-{_digest(history.url)}-")
    return None


def _digest(url: DatabaseUrl) -> str:
    """Tells databases apart: what waits for one must not be written to another one. User and TLS may change."""
    parts = urlsplit(url.text)
    names = (parts.netloc.rpartition("@")[2], parts.path, url.options.get("host", ""), url.options.get("port", ""))
    return hashlib.blake2b("\n".join(names).encode(), digest_size=4).hexdigest()
