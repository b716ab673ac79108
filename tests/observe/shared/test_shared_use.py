"""The record of use of several instances in one database: added up, written once, and bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devkit.postgres import Postgres
from kcproxy.observe.shared import use_rows
from kcproxy.observe.shared.connection import connected
from kcproxy.observe.shared.reading import read_record
from kcproxy.observe.shared.schema import migrate
from kcproxy.observe.use_history import UseHistory
from kcproxy.observe.use_places import DAY_SECONDS
from kcproxy.observe.use_reader import read_record as read_file
from kcproxy.settings import HistorySettings
from kcproxy.settings.database import database_url
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import Batch, UseTally
from tests.observe.shared.stage import instance, instances, metric
from tests.observe.shared.test_shared_connection import database_of
from tests.observe.test_use_history import START, SYNC, USERS, count


@asynccontextmanager
async def prepared(url: str) -> AsyncIterator[Any]:
    async with connected(database_of(url)) as connection:
        await migrate(connection)
        yield connection


def batch_of(**calls: int) -> Batch:
    tally = UseTally()
    for operation, times in calls.items():
        count(tally, operation, times=times)
    return tally.take()


def numbered(batch: Batch, number: int = 1, *, writer: str = "one", day: int = 0) -> use_rows.NumberedBatch:
    return use_rows.NumberedBatch(writer=writer, number=number, at=float(START + day * DAY_SECONDS), batch=batch)


def history_of(url: str) -> HistorySettings:
    return HistorySettings(url=database_url(url))


async def counts(url: str) -> dict[str, int]:
    record = await asyncio.to_thread(read_record, history_of(url))
    return {use.operation: use.total for use in record.uses}


async def test_calls_of_all_instances_are_added_up(database: str) -> None:
    async with instances(database, "one", "two") as (first, second):
        count(first.use_tally(), times=2)
        count(second.use_tally(), times=3)
        count(second.use_tally(), "GET /admin/realms", outcome=Outcome.REFUSED)
        for _ in range(200):
            if await counts(database) == {USERS: 5, "GET /admin/realms": 1}:
                break
            await asyncio.sleep(0.05)
        assert await counts(database) == {USERS: 5, "GET /admin/realms": 1}
        assert metric(first, "kcproxy_use_dropped_total") == 0


async def test_what_was_counted_last_is_written_when_the_process_ends(database: str) -> None:
    async with instance(database, "one") as first:
        count(first.use_tally(), times=7)
    assert await counts(database) == {USERS: 7}


async def test_calls_while_the_database_is_away_are_written_when_it_is_back(postgres: Postgres, database: str) -> None:
    async with instance(database, "one") as first:
        await asyncio.to_thread(postgres.stop)
        count(first.use_tally(), times=2)
        await asyncio.sleep(0.5)
        count(first.use_tally(), times=3)
        await asyncio.to_thread(postgres.start)
        for _ in range(200):
            if await counts(database) == {USERS: 5}:
                break
            await asyncio.sleep(0.05)
        assert await counts(database) == {USERS: 5}


async def test_the_record_reads_as_that_of_a_file(database: str, tmp_path: Path) -> None:
    tally = UseTally()
    file = UseHistory(tmp_path / "use", tally, keep_days=90, max_rows=1000, now=lambda: float(START))
    known = tally.know(SYNC)
    assert known is not None

    def fill(of: UseTally) -> None:
        caller = of.know(SYNC)
        assert caller is not None
        for outcome, times in zip(Outcome, (1, 2, 3, 4), strict=True):
            for _ in range(times):
                of.count(caller, None, USERS, "variant", outcome)
        of.name_roles(SYNC, {"realm-management": ("view-users", "manage-users")})

    fill(tally)
    file.close()
    other = UseTally()
    fill(other)
    async with prepared(database) as connection:
        await use_rows.write(connection, numbered(other.take()), is_full=False)
        found = await use_rows.read(connection)
    assert found == read_file(tmp_path / "use")


async def test_a_batch_that_is_written_again_counts_once(database: str) -> None:
    async with prepared(database) as connection:
        for number in (1, 1, 2, 2, 1):
            await use_rows.write(connection, numbered(batch_of(a=1), number), is_full=False)
        await use_rows.write(connection, numbered(batch_of(a=1), writer="two"), is_full=False)
        record = await use_rows.read(connection)
    assert [use.total for use in record.uses] == [3]


async def test_days_beyond_the_number_to_keep_are_deleted_with_their_callers(database: str) -> None:
    other = UseCaller(client="old", token_realm="shop", kind=SYNC.kind)
    tally = UseTally()
    count(tally, caller=other)
    async with prepared(database) as connection:
        await use_rows.write(connection, numbered(tally.take()), is_full=False)
        await use_rows.write(connection, numbered(batch_of(a=1), 2, day=10), is_full=False)
        now = float(START + 10 * DAY_SECONDS)
        assert not await use_rows.clean(connection, keep_days=5, max_rows=1000, now_epoch_seconds=now)
        record = await use_rows.read(connection)
        callers = await connection.fetchval("SELECT count(*) FROM kcproxy.callers")
    assert ([use.caller for use in record.uses], set(record.days), callers) == ([SYNC], {20_010}, 1)


async def test_beyond_the_bound_the_oldest_days_go_and_new_kinds_of_calls_are_dropped(database: str) -> None:
    many = {f"operation-{number}": 1 for number in range(30)}
    async with prepared(database) as connection:
        for day in range(3):
            await use_rows.write(connection, numbered(batch_of(**many), day + 1, day=day), is_full=False)
        now = float(START + 2 * DAY_SECONDS)
        is_full = await use_rows.clean(connection, keep_days=90, max_rows=30, now_epoch_seconds=now)
        assert is_full
        assert await connection.fetchval("SELECT count(*) FROM kcproxy.uses") == 30
        batch = batch_of(**{"operation-1": 2, "another": 3})
        assert await use_rows.write(connection, numbered(batch, 9, day=2), is_full=is_full) == 3
        record = await use_rows.read(connection)
    assert {use.operation: use.total for use in record.uses}["operation-1"] == 3


@pytest.mark.parametrize("name", ["nul\x00", "\udcff", "\U0010ffff"])
async def test_names_that_a_database_cannot_hold_are_recorded_readably(database: str, name: str) -> None:
    tally = UseTally()
    for client in (name, "nul\ufffd"):
        count(tally, caller=UseCaller(client=client, token_realm=name, kind=SYNC.kind))
    async with prepared(database) as connection:
        assert await use_rows.write(connection, numbered(tally.take()), is_full=False) == 0
        record = await use_rows.read(connection)
    assert sum(use.total for use in record.uses) == 2
