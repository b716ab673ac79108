"""The option ``--history``: a file, or the URL of a shared database. Its client is loaded only if a database is named."""

import importlib
from pathlib import Path
from typing import Any

import click

from kcproxy.errors import HistoryUnusable
from kcproxy.observe.denials.document import Document
from kcproxy.settings import HistorySettings
from kcproxy.settings.database import database_url, has_password, is_database_url
from kcproxy.usage.model import UseRecord

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def history_place(value: str) -> Path | HistorySettings:
    """Read a word of the command line: the path of a file that exists, or a database. Raises click.BadParameter.

    It is a function, because the class ``click.ParamType`` takes a type argument in newer versions of click only.
    """
    if not is_database_url(value):
        return _FILE(value)
    if has_password(value):
        raise click.BadParameter("the URL contains a password, which others can see in the list of processes; use PGPASSFILE or PGPASSWORD")
    try:
        return HistorySettings(url=database_url(value))
    except ValueError as error:
        raise click.BadParameter(f"the URL {error}") from error


def record_of(history: HistorySettings, since_epoch_seconds: float) -> UseRecord:
    """The record of use of a database. Raises HistoryUnusable."""
    found: UseRecord = shared_module("reading").read_record(history, since_epoch_seconds=since_epoch_seconds)
    return found


class HistoryDatabase:
    """A source of denials: the database of several proxies."""

    def __init__(self, history: HistorySettings) -> None:
        """Nothing is read yet."""
        self._history = history

    def groups(self) -> list[Document]:
        """Return all groups, the newest first. Raise HistoryUnusable if that fails."""
        found: list[Document] = shared_module("reading").read_groups(self._history)
        return found

    def denial(self, denial_id: str) -> Document | None:
        """Return one complete denial, or None. Raise HistoryUnusable if that fails."""
        found: Document | None = shared_module("reading").read_denial(self._history, denial_id)
        return found


def shared_module(name: str) -> Any:
    """A module of ``kcproxy.observe.shared``. Raises HistoryUnusable if the client of PostgreSQL is not installed."""
    try:
        return importlib.import_module(f"kcproxy.observe.shared.{name}")
    except ImportError as error:
        raise HistoryUnusable(
            f"the client of PostgreSQL is not installed ({error.name}); pip install '.[postgresql]' in a checkout of kcproxy"
        ) from error
