"""Recent denials in an SQLite file, written by a thread of its own in batches; bounded like what is in memory."""

import errno
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcproxy.observe.denial_document import is_whole
from kcproxy.observe.private_files import is_same, make_private
from kcproxy.settings.file_safety import BESIDE_SQLITE

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 16 * 1024 * 1024
MAX_BYTES = 24 * 1024 * 1024
"""Size of all denials in the file, about; the file itself may be somewhat larger. As with their number, strangers' have a quarter of it."""
MAX_BATCH = 500
BATCH_SECONDS = 0.2
CLOSE_SECONDS = 5.0

ROW_BYTES = 300
"""What a denial takes beyond its document, about."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS denials (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, fingerprint TEXT NOT NULL, verified INTEGER NOT NULL, document BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS kinds (fingerprint TEXT PRIMARY KEY, first_at REAL NOT NULL, count INTEGER NOT NULL, resolved_at REAL);
CREATE INDEX IF NOT EXISTS denials_fingerprint ON denials (fingerprint);
CREATE INDEX IF NOT EXISTS denials_verified ON denials (verified, number);
PRAGMA user_version = 1;
"""
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A denial as it is kept: ``at`` in seconds since the epoch, ``document`` as JSON."""

    id: str
    at: float
    group: str
    verified: bool
    document: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return len(self.document) + ROW_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is kept of a group beyond its denials. Times in seconds since the epoch."""

    fingerprint: str
    first_at: float
    count: int
    resolved_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A group passes again."""

    group: str
    at: float


def _size(item: "Stored | Resolution") -> int:
    return item.size if isinstance(item, Stored) else ROW_BYTES


class History:
    """The file. ``add`` never waits: what the disk is too slow for is dropped and counted."""

    def __init__(self, path: Path, max_denials: int = 1000, *, on_drop: Callable[[int], None] | None = None) -> None:
        """Make the file where there is none, readable by its owner only. OSError or sqlite3.Error where that cannot be.

        An own file that others could read loses those rights, with what SQLite keeps beside it; ``tightened`` names them.
        """
        self._path = path
        self._max_denials = max_denials
        self._on_drop = on_drop
        self._waiting: queue.Queue[Stored | Resolution | None] = queue.Queue(MAX_WAITING)
        self._given_bytes = 0  # changed by who adds only, as the next is by the thread only: so neither needs a lock
        self._taken_bytes = 0
        self._room = _Room(max_denials)
        files = [path, *(path.with_name(path.name + ending) for ending in BESIDE_SQLITE)]
        found = [make_private(file, create=file is path) for file in files]
        self._identity = found[0][0]
        self.tightened = tuple(file for file, (_, wide) in zip(files, found, strict=True) if wide)
        connection = self._open()
        try:
            _prepare(connection, path)
        except sqlite3.Error:
            connection.close()
            raise
        self._thread = threading.Thread(target=self._run, args=(connection,), name="kcproxy-history", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """Size of what is not written yet."""
        return self._given_bytes - self._taken_bytes

    def add(self, stored: Stored | Resolution) -> None:
        """Hand over a denial, or the end of one."""
        size = _size(stored)
        if self.waiting_bytes + size > MAX_WAITING_BYTES:
            self._dropped(1)
            return
        try:
            self._waiting.put_nowait(stored)
        except queue.Full:
            self._dropped(1)
        else:
            self._given_bytes += size

    def load(self) -> list[Stored]:
        """Those kept, the oldest first. What cannot be read back is counted as dropped."""
        with closing(self._open()) as connection:
            return read(connection, self._max_denials, on_unreadable=self._dropped)

    def kinds(self) -> list[Kind]:
        """Every group."""
        with closing(self._open()) as connection:
            return kinds(connection)

    def close(self) -> None:
        """Write what waits, at most for five seconds."""
        ends_at = time.monotonic() + CLOSE_SECONDS
        if self._thread.is_alive():
            try:
                self._waiting.put(None, timeout=CLOSE_SECONDS)
            except queue.Full:
                self._dropped(self._waiting.qsize())  # the disk hangs, and the thread with it; it ends with the process
                return
            self._thread.join(max(ends_at - time.monotonic(), 0.0))

    def _open(self) -> sqlite3.Connection:
        # SQLite follows links; by then the path must not have become one.
        if self._identity is None or not is_same(self._path, self._identity):
            raise OSError(errno.ESTALE, "another file has been put in its place", str(self._path))
        return sqlite3.connect(self._path, timeout=5, check_same_thread=False)  # opened here, used by the thread that writes

    def _dropped(self, count: int) -> None:
        if self._on_drop is not None:
            self._on_drop(count)

    def _run(self, opened: sqlite3.Connection) -> None:
        with closing(opened) as connection:
            for batch in self._batches():
                try:
                    with connection:
                        _write(connection, batch, self._room)
                except sqlite3.Error:
                    # A full disk or a broken file must not end the page; the counter tells.
                    self._dropped(len(batch))
                self._taken_bytes += sum(map(_size, batch))

    def _batches(self) -> Iterator[list[Stored | Resolution]]:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            batch: list[Stored | Resolution] = [first]
            threading.Event().wait(BATCH_SECONDS)  # let a storm gather into one transaction
            while len(batch) < MAX_BATCH and not self._waiting.empty():
                item = self._waiting.get()
                if item is None:
                    yield batch
                    return
                batch.append(item)
            yield batch


def read(connection: sqlite3.Connection, limit: int, *, on_unreadable: Callable[[int], None] | None = None) -> list[Stored]:
    """The newest ``limit`` denials of a history file, the oldest of them first; what is none is counted and left out."""
    rows = connection.execute("SELECT id, at, fingerprint, verified, document FROM denials ORDER BY number DESC LIMIT ?", (limit,))
    found = [_stored(row) for row in rows]
    readable = [stored for stored in reversed(found) if stored is not None]
    if on_unreadable is not None and len(readable) < len(found):
        on_unreadable(len(found) - len(readable))
    return readable


def _stored(row: tuple[Any, ...]) -> Stored | None:
    """A row as it was written; None where the file is damaged or somebody else wrote to it."""
    denial_id, at, group, verified, document = row
    typed = isinstance(denial_id, str) and isinstance(at, int | float) and isinstance(group, str) and isinstance(document, bytes)
    if not typed or not is_whole(document):
        return None
    return Stored(id=denial_id, at=at, group=group, verified=bool(verified), document=document)


def kinds(connection: sqlite3.Connection) -> list[Kind]:
    """Every group of a history file."""
    rows = connection.execute("SELECT fingerprint, first_at, count, resolved_at FROM kinds").fetchall()
    return [Kind(fingerprint=name, first_at=first_at, count=count, resolved_at=resolved_at) for name, first_at, count, resolved_at in rows]


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """DatabaseError where another kcproxy wrote the file, in a format that this one does not know."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, _VERSION}:
        raise sqlite3.DatabaseError(f"{path} is a history of format {version}; this kcproxy knows format {_VERSION}: move the file away")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    check_format(connection, path)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise sqlite3.DatabaseError(f"{path} is damaged ({' '.join(found.split())}): move the file away")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(_SCHEMA)


class _Room:
    """How much the file may hold: the same shares as in memory, so that strangers' denials get a quarter."""

    def __init__(self, max_denials: int) -> None:
        self._max_denials = {True: max_denials - max_denials // 4, False: max_denials // 4}
        self._bytes: dict[bool, int | None] = {True: None, False: None}  # at most that much is there; None: not looked at yet

    def trim(self, connection: sqlite3.Connection, written: Sequence[Stored]) -> None:
        """Forget the oldest beyond it."""
        for verified, keep in self._max_denials.items():
            connection.execute(_TRIM, (verified, verified, keep))
            known, more = self._bytes[verified], sum(stored.size for stored in written if stored.verified is verified)
            max_bytes = MAX_BYTES * 3 // 4 if verified else MAX_BYTES // 4
            # Looked at only where it may be too much: then all sizes have to be read.
            self._bytes[verified] = (
                known + more if known is not None and known + more <= max_bytes else _cut(connection, verified, max_bytes)
            )


def _cut(connection: sqlite3.Connection, verified: bool, max_bytes: int) -> int:
    """Forget the oldest beyond a size; the size of those that stay."""
    total = 0
    for number, size in connection.execute(_SIZES, (verified,)):
        if total + size + ROW_BYTES > max_bytes:
            connection.execute("DELETE FROM denials WHERE verified = ? AND number <= ?", (verified, number))
            break
        total += size + ROW_BYTES
    return total


def _write(connection: sqlite3.Connection, batch: Sequence[Stored | Resolution], room: _Room) -> None:
    for item in batch:
        if isinstance(item, Stored):
            connection.execute(_INSERT, (item.id, item.at, item.group, item.verified, item.document))
            connection.execute(_COUNT, (item.group, item.at))
        else:
            connection.execute("UPDATE kinds SET resolved_at = ? WHERE fingerprint = ?", (item.at, item.group))
    room.trim(connection, [item for item in batch if isinstance(item, Stored)])
    connection.execute("DELETE FROM kinds WHERE fingerprint NOT IN (SELECT fingerprint FROM denials)")


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
