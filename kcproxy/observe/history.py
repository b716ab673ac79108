"""Recent denials in an SQLite file, written by a thread of its own in batches; bounded like what is in memory."""

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

MAX_WAITING = 10_000
MAX_BATCH = 500
BATCH_SECONDS = 0.2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS denials (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, fingerprint TEXT NOT NULL, verified INTEGER NOT NULL, document BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS kinds (fingerprint TEXT PRIMARY KEY, first_at REAL NOT NULL, count INTEGER NOT NULL, resolved_at REAL);
CREATE INDEX IF NOT EXISTS denials_fingerprint ON denials (fingerprint);
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
        return len(self.document) + 300


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


class History:
    """The file. ``add`` never waits: what the disk is too slow for is dropped and counted."""

    def __init__(self, path: Path, max_denials: int = 1000, *, on_drop: Callable[[int], None] | None = None) -> None:
        """Make the file where there is none, readable by its owner only. OSError or sqlite3.Error where that cannot be."""
        self._path = path
        self._max_denials = max_denials
        self._on_drop = on_drop
        self._waiting: queue.Queue[Stored | Resolution | None] = queue.Queue(MAX_WAITING)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(self._open()) as connection:
            _prepare(connection, path)
        self._thread = threading.Thread(target=self._run, name="kcproxy-history", daemon=True)
        self._thread.start()

    def add(self, stored: Stored | Resolution) -> None:
        """Hand over a denial, or the end of one."""
        try:
            self._waiting.put_nowait(stored)
        except queue.Full:
            self._dropped(1)

    def load(self) -> list[Stored]:
        """Those kept, the oldest first."""
        with closing(self._open()) as connection:
            return read(connection, self._max_denials)

    def kinds(self) -> list[Kind]:
        """Every group."""
        with closing(self._open()) as connection:
            return kinds(connection)

    def close(self) -> None:
        """Write what waits, at most for five seconds."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(timeout=5)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5)

    def _dropped(self, count: int) -> None:
        if self._on_drop is not None:
            self._on_drop(count)

    def _run(self) -> None:
        with closing(self._open()) as connection:
            for batch in self._batches():
                try:
                    with connection:
                        _write(connection, batch, self._max_denials)
                except sqlite3.Error:
                    # A full disk or a broken file must not end the page; the counter tells.
                    self._dropped(len(batch))

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


def read(connection: sqlite3.Connection, limit: int) -> list[Stored]:
    """The newest ``limit`` denials of a history file, the oldest of them first."""
    rows = connection.execute(
        "SELECT id, at, fingerprint, verified, document FROM denials ORDER BY number DESC LIMIT ?", (limit,)
    ).fetchall()
    return [
        Stored(id=i, at=at, group=group, verified=bool(verified), document=bytes(text)) for i, at, group, verified, text in reversed(rows)
    ]


def kinds(connection: sqlite3.Connection) -> list[Kind]:
    """Every group of a history file."""
    rows = connection.execute("SELECT fingerprint, first_at, count, resolved_at FROM kinds").fetchall()
    return [Kind(fingerprint=name, first_at=first_at, count=count, resolved_at=resolved_at) for name, first_at, count, resolved_at in rows]


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, _VERSION}:
        raise sqlite3.DatabaseError(f"{path} is a history of format {version}; this kcproxy writes format {_VERSION}: move the file away")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(_SCHEMA)


def _write(connection: sqlite3.Connection, batch: list[Stored | Resolution], max_denials: int) -> None:
    for item in batch:
        if isinstance(item, Stored):
            connection.execute(_INSERT, (item.id, item.at, item.group, item.verified, item.document))
            connection.execute(_COUNT, (item.group, item.at))
        else:
            connection.execute("UPDATE kinds SET resolved_at = ? WHERE fingerprint = ?", (item.at, item.group))
    # The same shares as in memory: strangers' denials get a quarter of the room.
    for verified, keep in ((1, max_denials - max_denials // 4), (0, max_denials // 4)):
        connection.execute(_TRIM, (verified, verified, keep))
    connection.execute("DELETE FROM kinds WHERE fingerprint NOT IN (SELECT fingerprint FROM denials)")


_INSERT = "INSERT INTO denials (id, at, fingerprint, verified, document) VALUES (?, ?, ?, ?, ?)"
_COUNT = (
    "INSERT INTO kinds (fingerprint, first_at, count) VALUES (?, ?, 1)"
    " ON CONFLICT (fingerprint) DO UPDATE SET count = count + 1, resolved_at = NULL"
)
_TRIM = (
    "DELETE FROM denials WHERE verified = ? AND number NOT IN (SELECT number FROM denials WHERE verified = ? ORDER BY number DESC LIMIT ?)"
)
