"""The record of use in its file: what is written, how soon, how much, and what is read after a kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kcproxy.model import CallerKind
from kcproxy.observe.use_history import UseHistory
from kcproxy.observe.use_places import DAY_SECONDS
from kcproxy.observe.use_reader import read_record
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import UseTally

USERS = "GET /admin/realms/{realm}/users"
SYNC = UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT, injected=True)
START = 20_000 * DAY_SECONDS


def count(tally: UseTally, operation: str = USERS, *, times: int = 1, caller: UseCaller = SYNC, outcome: Outcome = Outcome.FULL) -> None:
    known = tally.know(caller)
    assert known is not None
    for _ in range(times):
        tally.count(known, "shop", operation, "", outcome)


def recorded(path: Path, *, day: int = 0, max_rows: int = 1000, keep_days: int = 90, **calls: int) -> int:
    """Write these numbers of calls, by operation. Returns how many were dropped."""
    dropped: list[int] = []
    tally = UseTally()
    history = UseHistory(path, tally, keep_days=keep_days, max_rows=max_rows, on_drop=dropped.append, now=lambda: START + day * DAY_SECONDS)
    for operation, times in calls.items():
        count(tally, operation, times=times)
    history.close()
    return sum(dropped)


def test_what_was_counted_is_read_back_and_added_up_over_days(tmp_path: Path) -> None:
    path = tmp_path / "use"
    recorded(path, a=2)
    recorded(path, day=3, a=1, b=1)
    record = read_record(path)
    assert [(use.caller, use.operation, use.counts, use.first_at, use.last_at) for use in record.uses] == [
        (SYNC, "a", {Outcome.FULL: 3}, START, START + 3 * DAY_SECONDS),
        (SYNC, "b", {Outcome.FULL: 1}, START + 3 * DAY_SECONDS, START + 3 * DAY_SECONDS),
    ]
    assert record.days == {20_000, 20_003}
    assert [use.operation for use in read_record(path, since_epoch_seconds=START + 2 * DAY_SECONDS).uses] == ["a", "b"]
    assert read_record(path, since_epoch_seconds=START + 4 * DAY_SECONDS).uses == ()


def test_outcomes_variants_and_roles_are_kept_apart(tmp_path: Path) -> None:
    tally = UseTally()
    history = UseHistory(tmp_path / "use", tally, keep_days=90, max_rows=1000)
    known = tally.know(SYNC)
    assert known is not None
    for outcome, times in zip(Outcome, (1, 2, 3, 4), strict=True):
        for _ in range(times):
            tally.count(known, None, USERS, "admin-role-realm-admin", outcome)
    tally.name_roles(SYNC, {"realm-management": ("view-users", "manage-users")})
    history.close()
    record = read_record(tmp_path / "use")
    (use,) = record.uses
    assert (use.realm, use.variant, list(use.counts.values())) == (None, "admin-role-realm-admin", [1, 2, 3, 4])
    assert record.roles[SYNC].by_owner == {"realm-management": ("view-users", "manage-users")}


def test_days_beyond_the_number_to_keep_are_deleted_with_their_callers(tmp_path: Path) -> None:
    path = tmp_path / "use"
    recorded(path, a=1)
    recorded(path, day=30, keep_days=30, b=1)
    record = read_record(path)
    assert ([use.operation for use in record.uses], set(record.days)) == (["b"], {20_030})
    recorded(path, day=100, keep_days=30)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM callers").fetchone() == (0,)


def test_rows_are_bounded_and_the_oldest_days_go_first(tmp_path: Path) -> None:
    path = tmp_path / "use"
    for day in range(4):
        assert recorded(path, day=day, max_rows=10, **{f"o{number}": 1 for number in range(4)}) == 0
    record = read_record(path)
    assert 20_000 not in record.days
    assert {use.operation for use in record.uses} == {"o0", "o1", "o2", "o3"}


def test_kinds_of_calls_without_room_today_are_dropped_and_known_ones_still_count(tmp_path: Path) -> None:
    path = tmp_path / "use"
    assert recorded(path, max_rows=3, **{f"o{number}": 2 for number in range(5)}) == 4
    assert recorded(path, max_rows=3, o0=5) == 0
    assert {use.operation: use.total for use in read_record(path).uses} == {"o0": 7, "o1": 2, "o2": 2}


def test_two_processes_add_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "use"
    tallies = [UseTally(), UseTally()]
    histories = [UseHistory(path, tally, keep_days=90, max_rows=1000) for tally in tallies]
    for tally in tallies:
        count(tally, times=5)
    for history in histories:
        history.close()
    (use,) = read_record(path).uses
    assert use.total == 10


def test_the_file_is_only_for_its_owner(tmp_path: Path) -> None:
    recorded(tmp_path / "use", a=1)
    assert (tmp_path / "use").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["CREATE TABLE denials (id)", "PRAGMA user_version = 9; CREATE TABLE uses (id)"])
def test_another_file_is_refused_in_words(tmp_path: Path, content: str) -> None:
    path = tmp_path / "use"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(content)
    with pytest.raises(sqlite3.DatabaseError, match=r"use a file of its own|move the file away"):
        UseHistory(path, UseTally(), keep_days=90, max_rows=1000)


KILLED = """
import sys, time
from pathlib import Path
from typing import Any
from tests.observe.test_use_history import count
from kcproxy.observe.use_history import UseHistory
from kcproxy.usage.tally import UseTally
tally = UseTally()
history = UseHistory(Path(sys.argv[1]), tally, keep_days=90, max_rows=1000)
number = 0
while True:
    count(tally)
    number += 1
    print(number, time.time(), flush=True)
    time.sleep(0.01)
"""


def test_a_killed_process_leaves_a_readable_record_at_most_a_second_behind(tmp_path: Path) -> None:
    path = tmp_path / "use"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(150)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    counted = {int(number): float(at) for number, at in (line.split() for line in lines if line.endswith("\n"))}
    (use,) = read_record(path).uses
    last = max(counted)
    assert counted[last] - counted[min(use.total, last)] <= 1.0, f"{use.total} of {last} calls were written"


def test_a_count_is_in_the_file_within_a_second(tmp_path: Path) -> None:
    tally = UseTally()
    history = UseHistory(tmp_path / "use", tally, keep_days=90, max_rows=1000)
    began = time.monotonic()
    count(tally)
    while not read_record(tmp_path / "use").uses:
        assert time.monotonic() - began < 5, "nothing was written"
        time.sleep(0.02)
    history.close()


def test_a_process_sees_nothing_of_a_file_that_another_one_creates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, connect, seen = tmp_path / "use.sqlite", sqlite3.connect, list[list[str]]()

    def look(statement: str) -> None:
        if "uses_day" in statement:
            with closing(connect(path)) as other:
                seen.append([name for (name,) in other.execute("SELECT name FROM sqlite_master")])

    def traced(*given: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **named)
        connection.set_trace_callback(look)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    UseHistory(path, UseTally(), keep_days=90, max_rows=1000).close()
    assert seen == [[]]
