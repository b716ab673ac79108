"""SQLite files that the program writes: private, checked when they are opened, and never reached through a link."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

from kcproxy.observe.private_files import is_same, make_private
from kcproxy.settings.file_safety import BESIDE_SQLITE

CheckFormat = Callable[[sqlite3.Connection, Path], None]
"""Raises sqlite3.DatabaseError if the file is something else, or of a format that this version does not know."""


class SqliteFile:
    """A file of our own. ``tightened`` has the files, with those that SQLite creates next to it, whose permissions for others were removed."""

    def __init__(self, path: Path) -> None:
        """Create the file, if necessary, readable by its owner only. Raises OSError if that fails."""
        self.path = path
        files = [path, *(path.with_name(path.name + ending) for ending in BESIDE_SQLITE)]
        found = [make_private(file, create=file is path) for file in files]
        self._identity = found[0][0]
        self.tightened = tuple(file for file, (_, wide) in zip(files, found, strict=True) if wide)

    def open(self) -> sqlite3.Connection:
        """A connection, which another thread may use. Raises OSError if another file has replaced it: SQLite follows links."""
        if self._identity is None or not is_same(self.path, self._identity):
            raise OSError(errno.ESTALE, "another file has replaced it", str(self.path))
        return sqlite3.connect(self.path, timeout=5, check_same_thread=False)

    def prepared(self, check_format: CheckFormat, script: str) -> sqlite3.Connection:
        """A connection to the checked file, with the tables that ``script`` creates at once. Raises OSError or sqlite3.Error."""
        connection = self.open()
        try:
            check_format(connection, self.path)
            _check_pages(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")  # no other process sees half of it
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise sqlite3.DatabaseError(f"{path} is damaged ({' '.join(found.split())}): move the file away")
