"""Recent denials in an SQLite file, written in batches by a separate thread; bounded like those in memory (``retention``).

What waits for the thread is also in pending files beside it, which the next start reads if this process is killed.
"""

import json
import queue
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kcproxy.observe.denials.course import HOURS, MAX_CHANGES
from kcproxy.observe.denials.document import is_whole
from kcproxy.observe.denials.pending import PendingFiles, Recovered
from kcproxy.observe.denials.pending_lines import Item, key_of
from kcproxy.observe.denials.records import FIXED, ROW_BYTES, Kind, Stored
from kcproxy.observe.retention import bounds_of
from kcproxy.observe.sqlite_file import SqliteFile

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 16 * 1024 * 1024
MAX_BYTES = 24 * 1024 * 1024
"""Approximate size of all denials in the file; the file itself may be somewhat larger."""
MAX_BATCH = 500
BATCH_SECONDS = 0.2
CLOSE_SECONDS = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS denials (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, fingerprint TEXT NOT NULL, verified INTEGER NOT NULL, document BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS kinds (fingerprint TEXT PRIMARY KEY, first_at REAL NOT NULL, count INTEGER NOT NULL, resolved_at REAL);
CREATE TABLE IF NOT EXISTS changes (fingerprint TEXT NOT NULL, at REAL NOT NULL, what TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS hours (fingerprint TEXT NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (fingerprint, hour));
CREATE INDEX IF NOT EXISTS changes_fingerprint ON changes (fingerprint);
CREATE INDEX IF NOT EXISTS denials_fingerprint ON denials (fingerprint);
CREATE INDEX IF NOT EXISTS denials_verified ON denials (verified, number);
PRAGMA user_version = 1;
"""
_VERSION = 1


def _size(item: Item) -> int:
    return item.size if isinstance(item, Stored) else ROW_BYTES


class History:
    """The history file. ``add`` never waits: denials that cannot be written fast enough are dropped and counted."""

    def __init__(
        self,
        path: Path,
        max_denials: int = 1000,
        *,
        on_drop: Callable[[int], None] | None = None,
        pending: PendingFiles | None = None,
    ) -> None:
        """Create the file, if necessary, readable by its owner only. Raises OSError or sqlite3.Error if that fails.

        ``pending``: files of processes that are gone are written at once, and ``recovered`` says what was in them.

        If others could read the file or those that SQLite creates next to it, their permissions are removed; ``tightened`` has these files.
        """
        self._max_denials = max_denials
        self._on_drop = on_drop
        self.pending = pending
        self.recovered = Recovered()
        self._waiting: queue.Queue[Item | None] = queue.Queue(MAX_WAITING)
        self._given_bytes = 0  # changed by `add` only, and the next by the thread only, so neither needs a lock
        self._taken_bytes = 0
        self._began_at: float | None = None  # monotonic seconds
        self._trimmer = _Trimmer(max_denials)
        self._file = SqliteFile(path)
        self.tightened = self._file.tightened
        connection = self._file.prepared(check_format, _SCHEMA)
        if pending is not None:
            self._recover(connection, pending)
        self._thread = threading.Thread(target=self._run, args=(connection,), name="kcproxy-history", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """Size of the denials that are not written yet."""
        return self._given_bytes - self._taken_bytes

    @property
    def behind_seconds(self) -> float:
        """How long the oldest denial of the batch that is being written has been waiting; 0 if nothing waits."""
        began_at = self._began_at
        return 0.0 if began_at is None else time.monotonic() - began_at

    def add(self, item: Item) -> None:
        """Queue a denial, or the end of a group."""
        if not self.has_room(item):
            self._settle([item])
            self._dropped(1)
            return
        if self.pending is not None:
            self.pending.append(item)  # before the thread can take it
        self._waiting.put_nowait(item)
        self._given_bytes += _size(item)

    def has_room(self, item: Item) -> bool:
        """Whether an item fits. On the thread that adds, it fits until the next one is added."""
        return self.waiting_bytes + _size(item) <= MAX_WAITING_BYTES and not self._waiting.full()

    def load(self) -> list[Stored]:
        """The stored denials, oldest first. Unreadable ones are counted as dropped."""
        with closing(self._file.open()) as connection:
            return read(connection, self._max_denials, on_unreadable=self._dropped)

    def kinds(self) -> list[Kind]:
        """Every group."""
        with closing(self._file.open()) as connection:
            return kinds(connection)

    def close(self) -> None:
        """Write pending denials, for at most five seconds. Later the disk blocks the thread, which ends with the process.

        What it has not written then is in the pending files, or lost and counted.
        """
        ends_at = time.monotonic() + CLOSE_SECONDS
        if self._thread.is_alive():
            try:
                self._waiting.put(None, timeout=CLOSE_SECONDS)
            except queue.Full:
                self._dropped(sum(not self._is_in_a_file(item) for item in tuple(self._waiting.queue)))
            else:
                self._thread.join(max(ends_at - time.monotonic(), 0.0))
        if self.pending is not None:
            self.pending.close()

    def _is_in_a_file(self, item: Item | None) -> bool:
        return self.pending is not None and item is not None and key_of(item) in self.pending

    def _recover(self, connection: sqlite3.Connection, pending: PendingFiles) -> None:
        """Write what processes that are gone have left, and remove each of their files after the commit."""
        pending.take_over()
        for leftover in tuple(pending.leftovers):
            contents = pending.read(leftover)
            if contents is None:
                continue
            try:
                for start in range(0, len(contents.items), MAX_BATCH):
                    with connection:
                        _write(connection, list(_unwritten(connection, contents.items[start : start + MAX_BATCH])), self._trimmer)
            except sqlite3.Error as error:  # the disk is full, or another process has the file for long
                self.recovered.failure = str(error)
                break
            self.recovered.add(contents)
            pending.remove(leftover)
        if self.recovered.lost:
            self._dropped(self.recovered.lost)

    def _settle(self, items: Iterable[Item]) -> None:
        if self.pending is not None:
            self.pending.settle(map(key_of, items))

    def _dropped(self, count: int) -> None:
        if self._on_drop is not None:
            self._on_drop(count)

    def _run(self, opened: sqlite3.Connection) -> None:
        with closing(opened) as connection:
            for batch in self._batches():
                try:
                    with connection:
                        _write(connection, batch, self._trimmer)
                except sqlite3.Error:
                    # A full disk or a broken file must not break the page; the counter shows it.
                    self._dropped(len(batch))
                self._settle(batch)
                self._taken_bytes += sum(map(_size, batch))
                self._began_at = None

    def _batches(self) -> Iterator[list[Item]]:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            batch: list[Item] = [first]
            self._began_at = time.monotonic()
            threading.Event().wait(BATCH_SECONDS)  # collect many denials in one transaction
            while len(batch) < MAX_BATCH and not self._waiting.empty():
                item = self._waiting.get()
                if item is None:
                    yield batch
                    return
                batch.append(item)
            yield batch


def read(connection: sqlite3.Connection, limit: int, *, on_unreadable: Callable[[int], None] | None = None) -> list[Stored]:
    """The newest ``limit`` denials of a history file, oldest first. Invalid rows are counted and omitted."""
    rows = connection.execute("SELECT id, at, fingerprint, verified, document FROM denials ORDER BY number DESC LIMIT ?", (limit,))
    found = [_stored(row) for row in rows]
    readable = [stored for stored in reversed(found) if stored is not None]
    if on_unreadable is not None and len(readable) < len(found):
        on_unreadable(len(found) - len(readable))
    return readable


def _stored(row: tuple[Any, ...]) -> Stored | None:
    """The denial of a row; None if the file is damaged or another program wrote to it."""
    denial_id, at, group, verified, document = row
    typed = isinstance(denial_id, str) and isinstance(at, int | float) and isinstance(group, str) and isinstance(document, bytes)
    if not typed or not is_whole(document):
        return None
    return Stored(id=denial_id, at=at, group=group, verified=bool(verified), document=document, why=json.loads(document)["why"])


def kinds(connection: sqlite3.Connection) -> list[Kind]:
    """Every group of a history file."""
    rows = connection.execute("SELECT fingerprint, first_at, count, resolved_at FROM kinds").fetchall()
    changes, hours = (_by_kind(connection, query) for query in (_CHANGES, _HOURS))
    return [
        Kind(fingerprint=name, first_at=first, count=count, resolved_at=resolved, changes=tuple(changes[name]), hours=tuple(hours[name]))
        for name, first, count, resolved in rows
    ]


def _by_kind(connection: sqlite3.Connection, query: str) -> defaultdict[str, list[Any]]:
    """The rows of a table that has more than one for each kind; none if an older version wrote the file and it is read only."""
    found: defaultdict[str, list[Any]] = defaultdict(list)
    table = query.partition(" FROM ")[2].partition(" ")[0]
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        for name, *values in connection.execute(query):
            found[name].append(tuple(values))
    return found


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raises DatabaseError if another version of kcproxy wrote the file in a format that this one does not know."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, _VERSION}:
        raise sqlite3.DatabaseError(f"{path} is a history of format {version}; this kcproxy knows format {_VERSION}: move the file away")


class _Trimmer:
    """Deletes the oldest denials beyond the bounds."""

    def __init__(self, max_denials: int) -> None:
        self._bounds = {verified: bounds_of(max_denials, MAX_BYTES, verified=verified) for verified in (True, False)}
        self._bytes: dict[bool, int | None] = {True: None, False: None}  # upper bounds of what is stored; None: unknown

    def trim(self, connection: sqlite3.Connection, written: Sequence[Stored]) -> None:
        """Delete what is beyond the bounds after these denials were written."""
        for verified, bounds in self._bounds.items():
            connection.execute(_TRIM, (verified, verified, bounds.max_denials))
            known, more = self._bytes[verified], sum(stored.size for stored in written if stored.verified is verified)
            # Checked only if the bound may be exceeded, because it needs the size of every row.
            self._bytes[verified] = (
                known + more if known is not None and known + more <= bounds.max_bytes else _cut(connection, verified, bounds.max_bytes)
            )


def _cut(connection: sqlite3.Connection, verified: bool, max_bytes: int) -> int:
    """Delete the oldest denials beyond a size. Returns the size of the others."""
    total = 0
    for number, size in connection.execute(_SIZES, (verified,)):
        if total + size + ROW_BYTES > max_bytes:
            connection.execute("DELETE FROM denials WHERE verified = ? AND number <= ?", (verified, number))
            break
        total += size + ROW_BYTES
    return total


def _write(connection: sqlite3.Connection, batch: Sequence[Item], trimmer: _Trimmer) -> None:
    for item in batch:
        if isinstance(item, Stored):
            connection.execute(_INSERT, (item.id, item.at, item.group, item.verified, item.document))
            connection.execute(_COUNT, (item.group, item.at))
            connection.execute(_COUNT_HOUR, (item.group, int(item.at // 3600)))
            connection.execute(_CHANGE, {"name": item.group, "at": item.at, "what": item.why})
        else:
            connection.execute("UPDATE kinds SET resolved_at = ? WHERE fingerprint = ?", (item.at, item.group))
            connection.execute(_CHANGE, {"name": item.group, "at": item.at, "what": FIXED})
    trimmer.trim(connection, [item for item in batch if isinstance(item, Stored)])
    for table in ("kinds", "changes", "hours"):
        connection.execute(f"DELETE FROM {table} WHERE fingerprint NOT IN (SELECT fingerprint FROM denials)")  # noqa: S608 - a constant
    _forget_the_past(connection, batch)


def _unwritten(connection: sqlite3.Connection, items: Sequence[Item]) -> Iterator[Item]:
    """Those of a killed process that were not committed: denials whose id is not stored, and ends without a later denial."""
    ids = [item.id for item in items if isinstance(item, Stored)]
    marks = ",".join("?" * len(ids))
    known = {row[0] for row in connection.execute(f"SELECT id FROM denials WHERE id IN ({marks})", ids)}  # noqa: S608 - marks only
    for item in items:
        if isinstance(item, Stored):
            if item.id not in known:
                yield item
        elif not connection.execute("SELECT 1 FROM denials WHERE fingerprint = ? AND at > ?", (item.group, item.at)).fetchone():
            yield item


def _forget_the_past(connection: sqlite3.Connection, batch: Sequence[Item]) -> None:
    """Keep the changes and hours that ``course`` shows."""
    for name in {item.group for item in batch}:
        connection.execute(_OLD_CHANGES, (name, name, MAX_CHANGES))
        connection.execute(_OLD_HOURS, (name, name, HOURS))


_CHANGES = "SELECT fingerprint, at, what FROM changes ORDER BY rowid"
_HOURS = "SELECT fingerprint, hour, count FROM hours ORDER BY hour"
_COUNT_HOUR = (
    "INSERT INTO hours (fingerprint, hour, count) VALUES (?, ?, 1) ON CONFLICT (fingerprint, hour) DO UPDATE SET count = count + 1"
)
_CHANGE = (
    "INSERT INTO changes (fingerprint, at, what) SELECT :name, :at, :what"
    " WHERE (SELECT what FROM changes WHERE fingerprint = :name ORDER BY rowid DESC LIMIT 1) IS NOT :what"
)
_OLD_CHANGES = (
    "DELETE FROM changes WHERE fingerprint = ?"
    " AND rowid <= (SELECT rowid FROM changes WHERE fingerprint = ? ORDER BY rowid DESC LIMIT 1 OFFSET ?)"
)
_OLD_HOURS = (
    "DELETE FROM hours WHERE fingerprint = ? AND hour <= (SELECT hour FROM hours WHERE fingerprint = ? ORDER BY hour DESC LIMIT 1 OFFSET ?)"
)

_INSERT = "INSERT INTO denials (id, at, fingerprint, verified, document) VALUES (?, ?, ?, ?, ?)"
_COUNT = (
    "INSERT INTO kinds (fingerprint, first_at, count) VALUES (?, ?, 1)"
    " ON CONFLICT (fingerprint) DO UPDATE SET count = count + 1, resolved_at = NULL"
)
_TRIM = (
    "DELETE FROM denials WHERE verified = ? AND number <="
    " (SELECT number FROM denials WHERE verified = ? ORDER BY number DESC LIMIT 1 OFFSET ?)"
)
_SIZES = "SELECT number, length(document) FROM denials WHERE verified = ? ORDER BY number DESC"
