"""The record of use in an SQLite file: written at most a second behind by a separate thread, bounded in rows and in days.

Several processes may write to one file: what they write is added up. A day's row of a kind of call is one row, so a call of a known kind
changes a row and adds none.

Bounds: rows older than ``keep_days`` are deleted. If there are more than ``max_rows``, the oldest days are deleted, but never today's;
kinds of calls that are new today and have no room are dropped and counted.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from kcproxy.observe.sqlite_file import SqliteFile
from kcproxy.observe.use_places import DAY_SECONDS, by_place
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import Batch, UseTally

SECONDS_BEHIND = 0.4
"""How long the thread collects before it writes."""
HEARTBEAT_SECONDS = 600.0
"""How often the record notes that the proxy runs, if there are no calls."""
CLOSE_SECONDS = 5.0
FORMAT = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS callers (
  id INTEGER PRIMARY KEY, client TEXT NOT NULL, token_realm TEXT NOT NULL, kind TEXT NOT NULL, injected INTEGER NOT NULL,
  roles TEXT, roles_at REAL, UNIQUE (client, token_realm, kind, injected)
);
CREATE TABLE IF NOT EXISTS uses (
  caller INTEGER NOT NULL, realm TEXT NOT NULL, operation TEXT NOT NULL, variant TEXT NOT NULL, day INTEGER NOT NULL,
  "full" INTEGER NOT NULL, reduced INTEGER NOT NULL, refused INTEGER NOT NULL, error INTEGER NOT NULL,
  first_at REAL NOT NULL, last_at REAL NOT NULL, PRIMARY KEY (caller, realm, operation, variant, day)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uses_day ON uses (day);
CREATE TABLE IF NOT EXISTS days (day INTEGER PRIMARY KEY);
PRAGMA user_version = 1;
"""
_CALLER = "INSERT INTO callers (client, token_realm, kind, injected) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_CALLER_ID = "SELECT id FROM callers WHERE client = ? AND token_realm = ? AND kind = ? AND injected = ?"
_ADD = """
UPDATE uses SET "full" = "full" + ?, reduced = reduced + ?, refused = refused + ?, error = error + ?, last_at = max(last_at, ?)
WHERE caller = ? AND realm = ? AND operation = ? AND variant = ? AND day = ?
"""
_INSERT = "INSERT INTO uses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class UseHistory:
    """The file and the thread that writes it. Nothing here is ever waited for, except ``close``."""

    def __init__(
        self,
        path: Path,
        tally: UseTally,
        *,
        keep_days: int,
        max_rows: int,
        on_drop: Callable[[int], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Create the file, if necessary, readable by its owner only. Raises OSError or sqlite3.Error if that fails.

        ``tightened`` has the files whose permissions for others were removed. ``now`` gives seconds since the epoch.
        """
        self._tally, self._on_drop, self._now = tally, on_drop, now
        file = SqliteFile(path)
        self.tightened = file.tightened
        connection = file.prepared(check_format, _SCHEMA)
        connection.execute("PRAGMA synchronous = NORMAL")
        self._writer = _Writer(connection, keep_days=keep_days, max_rows=max_rows)
        self._began_at: float | None = None  # monotonic seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(connection,), name="kcproxy-use", daemon=True)
        self._thread.start()

    @property
    def behind_seconds(self) -> float:
        """How long the batch that is being written has been waiting; 0 if none is."""
        began_at = self._began_at
        return 0.0 if began_at is None else time.monotonic() - began_at

    def close(self) -> None:
        """Write what was counted, for at most five seconds."""
        self._ending.set()
        self._tally.wake.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self, opened: sqlite3.Connection) -> None:
        with closing(opened) as connection:
            is_last = False
            while not is_last:
                is_last = self._ending.is_set()
                self._write(connection, self._tally.take())
                if not is_last:
                    self._tally.wake.wait(HEARTBEAT_SECONDS)
                    self._ending.wait(SECONDS_BEHIND)

    def _write(self, connection: sqlite3.Connection, batch: Batch) -> None:
        self._began_at = time.monotonic()
        dropped = batch.dropped
        try:
            with connection:
                dropped += self._writer.write(batch, self._now())
        except sqlite3.Error:
            dropped += sum(batch.counts.values())  # a full disk or a broken file must not stop the proxy; the counter shows it
        self._began_at = None
        if dropped and self._on_drop is not None:
            self._on_drop(dropped)


class _Writer:
    """Adds batches to the tables, within the bounds."""

    def __init__(self, connection: sqlite3.Connection, *, keep_days: int, max_rows: int) -> None:
        self._connection = connection
        self._keep_days, self._max_rows = keep_days, max_rows
        self._rows = -1  # of the table; counted again when the day changes and when the bound may be reached
        self._day = -1
        self._is_full = False  # for the rest of the batch
        self._ids: dict[UseCaller, int] = {}  # of callers of the batch

    def write(self, batch: Batch, now_epoch_seconds: float) -> int:
        """Add a batch. Returns how many calls had no room."""
        day = int(now_epoch_seconds // DAY_SECONDS)
        if day != self._day:
            self._begin(day)
        self._is_full = False
        self._ids.clear()  # another process may have deleted a caller
        dropped = 0
        for (caller, realm, operation, variant), counts in by_place(batch).items():
            dropped += self._add((self._id(caller), realm, operation, variant, day), counts, now_epoch_seconds)
        for caller, by_owner in batch.roles.items():
            roles = json.dumps(by_owner, sort_keys=True)
            values = (roles, now_epoch_seconds, self._id(caller))
            self._connection.execute("UPDATE callers SET roles = ?, roles_at = ? WHERE id = ?", values)
        return dropped

    def _begin(self, day: int) -> None:
        """Note the day, and delete what is too old."""
        run = self._connection.execute
        run("INSERT INTO days VALUES (?) ON CONFLICT DO NOTHING", (day,))
        run("DELETE FROM days WHERE day <= ?", (day - self._keep_days,))
        run("DELETE FROM uses WHERE day <= ?", (day - self._keep_days,))
        run("DELETE FROM callers WHERE id NOT IN (SELECT caller FROM uses)")
        self._day, self._rows = day, self._count()

    def _id(self, caller: UseCaller) -> int:
        known = self._ids.get(caller)
        if known is not None:
            return known
        named = (caller.client, caller.token_realm, caller.kind.value, caller.injected)
        found = self._connection.execute(_CALLER_ID, named).fetchone()
        if found is None:
            self._connection.execute(_CALLER, named)
            found = self._connection.execute(_CALLER_ID, named).fetchone()
        number = self._ids[caller] = int(found[0])
        return number

    def _add(self, place: tuple[int, str, str, str, int], counts: dict[Outcome, int], now: float) -> int:
        numbers = [counts.get(outcome, 0) for outcome in Outcome]
        if self._connection.execute(_ADD, (*numbers, now, *place)).rowcount:
            return 0
        if self._rows >= self._max_rows:
            self._is_full = self._is_full or not self._make_room()
            if self._is_full:
                return sum(numbers)
        self._connection.execute(_INSERT, (*place, *numbers, now, now))
        self._rows += 1
        return 0

    def _make_room(self) -> bool:
        """Delete the oldest days until a tenth is free. Today's rows stay."""
        self._rows = self._count()  # other processes write too
        while self._rows > self._max_rows * 0.9:
            (oldest,) = self._connection.execute("SELECT min(day) FROM uses").fetchone()
            if oldest is None or oldest >= self._day:
                break
            self._connection.execute("DELETE FROM uses WHERE day = ?", (oldest,))
            self._connection.execute("DELETE FROM days WHERE day <= ?", (oldest,))
            self._rows = self._count()
        return self._rows < self._max_rows

    def _count(self) -> int:
        (rows,) = self._connection.execute("SELECT count(*) FROM uses").fetchone()
        return int(rows)


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raises DatabaseError if the file is no record of use, or one in a format that this version does not know."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "uses" not in tables:
        raise sqlite3.DatabaseError(f"{path} is another SQLite file: use a file of its own for the record of use")
    if version not in {0, FORMAT}:
        raise sqlite3.DatabaseError(
            f"{path} is a record of use of format {version}; this kcproxy knows format {FORMAT}: move the file away"
        )
