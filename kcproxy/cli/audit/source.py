"""What ``kcproxy audit`` reads: records of use, log files or Prometheus, for the window of days that is asked for."""

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult

import click

from kcproxy.catalog import Catalog
from kcproxy.cli.audit.prometheus_source import read_prometheus
from kcproxy.cli.history_place import record_of
from kcproxy.cli.inputs import text_of
from kcproxy.errors import KcproxyError
from kcproxy.observe.use_reader import read_record
from kcproxy.settings import HistorySettings, use_path_beside
from kcproxy.settings.load import use_place
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


def evidence(
    catalog: Catalog,
    *,
    histories: Sequence[Path | HistorySettings],
    logs: Sequence[Path],
    prometheus: SplitResult | None,
    config: Path | None,
    since_seconds: float,
    now: float,
) -> Evidence:
    """Everything that the sources have since then. Without sources: the record that the settings name. Raises RecordUnreadable."""
    since = now - since_seconds
    records = [_record(path, since) for path in histories or ([] if logs or prometheus else [_configured(config)])]
    notes: list[str] = []
    if prometheus is not None:
        metrics = read_prometheus(prometheus, since_seconds=since_seconds, now_epoch_seconds=now)
        records.append(metrics.record)
        notes += metrics.notes
    for path in logs:
        reading = record_of_log(catalog, text_of(path, "--log"), since_epoch_seconds=since)
        records.append(reading.record)
        notes += [f"{path}: {len(reading.unreadable)} lines contain no call"] if reading.unreadable else []
        notes += [f"{path}: {len(reading.unknown)} lines are admin calls that the table does not have"] if reading.unknown else []
    record = combined(records)
    window = window_of(record, since_seconds=since_seconds, now_epoch_seconds=now, is_dated=not logs)
    return Evidence(record=record, window=window, notes=tuple(notes))


def _configured(config: Path | None) -> Path | HistorySettings:
    found = use_place(config, os.environ)
    if found is None:
        raise click.UsageError(
            "the settings name no record of use: set use.path, history.path or history.url, or give --history FILE, --log FILE or --prometheus URL"
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
