"""What ``kcproxy audit`` reads: records of use, log files or Prometheus, for the window of days that is asked for."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import click

from kcproxy.catalog import Catalog
from kcproxy.cli.admin_port import AdminPort, AdminPortUnreadable
from kcproxy.cli.audit.options import Selection
from kcproxy.cli.audit.prometheus_source import read_prometheus
from kcproxy.cli.audit.proxy_source import record_of_proxy
from kcproxy.cli.history_place import record_of
from kcproxy.cli.inputs import text_of
from kcproxy.errors import KcproxyError
from kcproxy.observe.use_reader import read_record
from kcproxy.settings import HistorySettings, Secret, use_path_beside
from kcproxy.settings.load import admin_address, use_place
from kcproxy.usage.combine import combined
from kcproxy.usage.from_log import record_of_log
from kcproxy.usage.model import UseRecord
from kcproxy.usage.window import Window, window_of


class RecordUnreadable(KcproxyError):
    """For the operator: there is no record of use, or the file is something else."""

    kind = "use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The record, its window, and remarks about lines that could not be used."""

    record: UseRecord
    window: Window
    notes: tuple[str, ...]


def evidence(catalog: Catalog, selection: Selection, *, now: float) -> Evidence:
    """Everything that the sources have in the window. Without sources: the record that the settings name. Raises RecordUnreadable."""
    seconds, since = selection.since_seconds, now - selection.since_seconds
    notes: list[str] = []
    records = [_record(place, since) for place in selection.histories or _default(selection)]
    records += _records_of_proxies(selection, since, notes)
    if selection.prometheus is not None:
        metrics = read_prometheus(selection.prometheus, since_seconds=seconds, now_epoch_seconds=now)
        records.append(metrics.record)
        notes += metrics.notes
    for path in selection.logs:
        reading = record_of_log(catalog, text_of(path, "--log"), since_epoch_seconds=since)
        records.append(reading.record)
        notes += [f"{path}: {len(reading.unreadable)} lines contain no call"] if reading.unreadable else []
        notes += [f"{path}: {len(reading.unknown)} lines are admin calls that the table does not have"] if reading.unknown else []
    record = combined(records)
    window = window_of(record, since_seconds=seconds, now_epoch_seconds=now, is_dated=not selection.logs)
    return Evidence(record=record, window=window, notes=tuple(notes))


def _default(selection: Selection) -> list[Path | HistorySettings]:
    return [] if selection.logs or selection.prometheus or selection.admins else [_configured(selection.config)]


def _records_of_proxies(selection: Selection, since: float, notes: list[str]) -> list[UseRecord]:
    """The records of running proxies. One that cannot be read is noted if there are others; otherwise AdminPortUnreadable is raised."""
    key = Secret(path=selection.key_file) if selection.key_file else None
    found, problems = [], []
    for admin in selection.admins:
        port = AdminPort(admin_address(selection.config, os.environ, {"admin_listen": admin}), key)
        try:
            found.append(record_of_proxy(port, since))
        except AdminPortUnreadable as problem:
            problems.append(problem)
    if problems and not found:
        raise problems[0]
    notes += [f"{problem}; its calls are not included" for problem in problems]
    return found


def _configured(config: Path | None) -> Path | HistorySettings:
    found = use_place(config, os.environ)
    if found is None:
        raise click.UsageError(
            "the settings name no record of use: set use.path, history.path or history.url, or give --history FILE, --admin HOST:PORT, --log FILE or --prometheus URL"
        )
    return found


def _record(place: Path | HistorySettings, since: float) -> UseRecord:
    return record_of(place, since) if isinstance(place, HistorySettings) else _record_of_file(place, since)


def _record_of_file(path: Path, since: float) -> UseRecord:
    beside = use_path_beside(path)
    try:
        try:
            return read_record(path, since_epoch_seconds=since)
        except sqlite3.Error:
            if not beside.exists():
                raise
            return read_record(beside, since_epoch_seconds=since)
    except sqlite3.Error as error:
        raise RecordUnreadable(f"{path} cannot be read as a record of use: {error}") from error
