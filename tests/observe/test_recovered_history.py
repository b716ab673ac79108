"""A history file after its process was killed: what was pending is in it once, with its time, and counts once."""

import errno
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kcproxy.catalog import default_version, load
from kcproxy.observe.denials import history as module
from kcproxy.observe.denials.history import History, kinds, read
from kcproxy.observe.denials.pending import PendingFiles, PendingPlace
from kcproxy.observe.denials.pending_lines import Item, line_of
from kcproxy.observe.denials.records import FIXED, Kind, Resolution, Stored
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.setup import live_observer
from kcproxy.settings import HistorySettings, LogSettings, Settings
from tests.observe.samples import explanation, record
from tests.observe.test_denial_history import denial
from tests.observe.test_private_files import UPSTREAM


def of_group(number: int, group: str = "g") -> Stored:
    found = denial(number)
    return Stored(id=found.id, at=found.at, group=group, verified=True, document=found.document, why="role-missing")


def opened(path: Path, **changes: Any) -> History:
    return History(path, pending=PendingFiles(PendingPlace(folder=path.parent, prefix=f"{path.name}-pending-")), **changes)


def left(path: Path, items: Sequence[Item]) -> Path:
    """A pending file of a process that is gone."""
    file = path.with_name(f"{path.name}-pending-left")
    file.write_bytes(b"".join(line_of(item, "one") for item in items))
    return file


def written(path: Path, items: Sequence[Item]) -> None:
    """A history with these items."""
    history = opened(path)
    for item in items:
        history.add(item)
    history.close()


def stored(path: Path) -> tuple[list[Stored], list[Kind]]:
    with closing(sqlite3.connect(path)) as connection:
        return read(connection, 1000), kinds(connection)


@pytest.mark.parametrize("committed", range(6))
def test_what_was_committed_before_the_kill_counts_once(tmp_path: Path, committed: int) -> None:
    items = [of_group(1), of_group(2), of_group(3), of_group(4), of_group(5)]
    path = tmp_path / "h.sqlite"
    written(path, items[:committed])
    file = left(path, items)
    history = opened(path)
    history.close()
    denials, (kind,) = stored(path)
    assert [(each.id, each.at) for each in denials] == [(f"d-{number}", float(number)) for number in range(1, 6)]
    assert (kind.count, kind.first_at, sum(count for _, count in kind.hours)) == (5, 1.0, 5)
    assert not file.exists()


@pytest.mark.parametrize("committed", range(5))
def test_an_end_is_not_repeated_after_a_later_denial(tmp_path: Path, committed: int) -> None:
    items: list[Item] = [of_group(1), Resolution(group="g", at=2.0), of_group(3), Resolution(group="other", at=4.0)]
    path = tmp_path / "h.sqlite"
    written(path, items[:committed])
    left(path, items)
    opened(path).close()
    _, (kind,) = stored(path)
    assert (kind.count, kind.resolved_at) == (2, None)
    assert kind.changes == ((1.0, "role-missing"), (2.0, FIXED), (3.0, "role-missing"))


def test_an_end_that_was_pending_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    written(path, [of_group(1)])
    left(path, [of_group(1), Resolution(group="g", at=2.0)])
    opened(path).close()
    assert stored(path)[1][0].resolved_at == 2.0


def test_more_than_a_batch_is_recovered_within_the_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BATCH", 10)
    path = tmp_path / "h.sqlite"
    left(path, [of_group(number) for number in range(95)])
    history = opened(path, max_denials=40)
    assert history.recovered.denials == 95
    assert [each.id for each in history.load()] == [f"d-{number}" for number in range(65, 95)]  # three quarters are for verified callers
    assert history.kinds()[0].count == 95
    history.close()


def test_a_database_that_cannot_be_written_keeps_the_files_for_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "h.sqlite"
    file = left(path, [of_group(1)])

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", full)
        history = opened(path)
        history.close()
    assert history.recovered.failure == "database or disk is full"
    assert file.exists()
    opened(path).close()
    assert [each.id for each in stored(path)[0]] == ["d-1"]
    assert not file.exists()


def test_nothing_is_left_after_a_normal_end(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    written(path, [of_group(number) for number in range(50)])
    assert list(tmp_path.glob("*-pending-*")) == []


def test_what_a_hanging_disk_has_not_taken_at_the_end_waits_for_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.3)
    path, lost = tmp_path / "h.sqlite", list[int]()
    history = opened(path, on_drop=lost.append)
    with closing(sqlite3.connect(path, isolation_level=None)) as another:
        another.execute("BEGIN EXCLUSIVE")
        for number in range(5):
            history.add(of_group(number))
        history.close()
        another.execute("ROLLBACK")
    history._thread.join(10)
    assert lost == []
    opened(path).close()
    denials, (kind,) = stored(path)
    assert (len(denials), kind.count) == (5, 5)


def test_what_does_not_fit_is_counted_and_not_recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1)
    path, lost = tmp_path / "h.sqlite", list[int]()
    history = opened(path, on_drop=lost.append)
    history.add(of_group(1))
    assert (lost, list(tmp_path.glob("*-pending-*"))) == ([1], [])
    history.close()


def test_a_full_disk_holds_up_nothing_and_is_in_the_log_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, log = tmp_path / "h.sqlite", tmp_path / "log"
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if b'["denial"' in bytes(data[:30]):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    settings = Settings(upstream=UPSTREAM, history=HistorySettings(path=path))
    with log.open("wb") as out:
        observer = live_observer(settings, load(default_version()), log=Log(LogSettings(), sink=LogWriter(out.fileno())))
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            for number in range(3):
                observer.denial_announced(explanation(f"d-{number}"), record())
                observer.denied(explanation(f"d-{number}"), record())
        observer.close()
    assert log.read_text().count(f'"history_pending_failed","reason":"{tmp_path}: No space left on device"') == 1
    assert [each.id for each in stored(path)[0]] == ["d-0", "d-1", "d-2"]


def test_an_announced_denial_is_built_once_unless_its_trace_id_is_known_later(tmp_path: Path) -> None:
    store = DenialStore(history=opened(tmp_path / "h.sqlite"))
    for denial_id, trace_id in (("d-1", None), ("d-2", "4bf92f3577b34da6a3ce929d0e0e4736")):
        store.announce(explanation(denial_id), record(duration_seconds=1.0))
        store.add(explanation(denial_id), record(duration_seconds=2.0, trace_id=trace_id))
    first, second = store.find("d-1"), store.find("d-2")
    assert first is not None
    assert second is not None
    assert (first["durationMs"], first["traceId"]) == (1000.0, None)
    assert (second["durationMs"], second["traceId"]) == (2000.0, "4bf92f3577b34da6a3ce929d0e0e4736")
    store.close()
    assert [each.id for each in stored(tmp_path / "h.sqlite")[0]] == ["d-1", "d-2"]
