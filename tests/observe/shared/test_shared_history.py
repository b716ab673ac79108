"""Denials of several instances in one database: each shows those of all, and opens each by its id."""

import asyncio
import signal
import socket
import time
from typing import Any

import asyncpg
import pytest

from devkit.ports import free_port
from devkit.postgres import Postgres
from kcproxy.errors import HistoryUnusable
from kcproxy.observe.denials.course import State
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.shared import denial_rows, history, waiting
from kcproxy.observe.shared.connection import Database, connected
from kcproxy.settings.database import database_url
from tests.admin.stage import deny
from tests.observe.samples import CLIENT, caller, record
from tests.observe.shared.stage import counted, counts, history_of, instance, instances, metric, store_of, until, written


def succeed(observer: LiveObserver, client: str) -> None:
    observer.request_finished(record(status=200, caller=caller(client)))


def state(observer: LiveObserver) -> list[State]:
    return [group.course.state for group in observer.denials.groups()]


async def test_each_instance_shows_the_denials_of_all(database: str) -> None:
    async with instances(database, "one", "two") as (first, second):
        deny(first, "d-1", caller=caller("billing"))
        deny(second, "d-2", caller=caller("billing"))
        deny(second, "d-3", caller=caller("crm"))
        for each in (first, second):
            await counts(each, {"billing": 2, "crm": 1})
            found = {group.summary()["service"]: group.summary()["instances"] for group in each.denials.groups()}
            assert found == {"billing": ["one", "two"], "crm": ["two"]}


async def test_an_id_of_one_instance_resolves_at_the_other_also_beyond_its_memory(database: str) -> None:
    async with instances(database, "one", "two", max_denials=40) as (first, second):
        for number in range(25):
            deny(first, f"d-{number}")
        await written(first)
        await counts(second, {CLIENT: 25})
        for number in range(25):
            found = await store_of(second).look_up(f"d-{number}")
            assert found is not None
            assert (found["id"], found["instance"]) == (f"d-{number}", "one")
        assert await store_of(second).look_up("d-unknown") is None
        group = next(second.denials.groups()).fingerprint
        assert [each["id"] for each in await store_of(second).occurrences(group)][:2] == ["d-24", "d-23"]


async def test_a_change_at_one_instance_reaches_those_who_follow_another(database: str) -> None:
    async with instances(database, "one", "two") as (first, second):
        with second.denials.live.subscribe() as follower:
            assert follower is not None
            deny(first, "d-1")
            changed = await asyncio.wait_for(follower.changes(), 10)
        assert changed == [group.fingerprint for group in first.denials.groups()]


async def test_a_success_at_one_instance_ends_what_another_has_seen_at_all(database: str) -> None:
    async with instances(database, "one", "two", "three") as (first, second, third):
        deny(first, "d-1", caller=caller("billing"))
        await counts(second, {"billing": 1})
        succeed(second, "billing")
        for each in (first, second, third):
            await until(lambda each=each: state(each) == [State.FIXED])  # type: ignore[misc]
        deny(third, "d-2", caller=caller("billing"))
        for each in (first, second, third):
            await until(lambda each=each: state(each) == [State.REGRESSED])  # type: ignore[misc]
        succeed(first, "billing")
        await until(lambda: state(third) == [State.FIXED])


async def test_the_success_of_another_caller_ends_nothing(database: str) -> None:
    async with instances(database, "one", "two") as (first, second):
        deny(first, "d-1", caller=caller("billing"))
        await counts(second, {"billing": 1})
        succeed(second, "crm")
        await written(second)
        assert state(first) == state(second) == [State.FAILS]


async def test_an_instance_that_starts_later_knows_counts_times_and_changes(database: str) -> None:
    async with instance(database, "one") as first:
        deny(first, "d-1", caller=caller("billing"))
        deny(first, "d-2", caller=caller("billing"))
        began_at = next(first.denials.groups()).first_at
    async with instance(database, "two") as second:
        await counts(second, {"billing": 2})
        group = next(second.denials.groups())
        assert (group.first_at, group.instances, [what for _, what in group.course.changes]) == (began_at, ("one",), ["role-missing"])
        labels = first_labels(second)
        assert metric(second, "kcproxy_denial_first_timestamp_seconds", **labels) == began_at
        assert metric(second, "kcproxy_denials_total", **labels) == 0  # the one that saw them counts them
        succeed(second, "billing")
        assert state(second) == [State.FIXED]


def first_labels(observer: LiveObserver) -> dict[str, Any]:
    families = observer.metrics.registry.collect()
    return next(sample.labels for each in families for sample in each.samples if sample.name == "kcproxy_denial_first_timestamp_seconds")


async def test_what_happens_while_the_database_is_away_is_written_when_it_is_back(postgres: Postgres, database: str) -> None:
    async with instances(database, "one", "two") as (first, second):
        deny(first, "d-1", caller=caller("billing"))
        await counts(second, {"billing": 1})
        await asyncio.to_thread(postgres.stop)
        try:
            await until(lambda: metric(first, "kcproxy_history_connected") == 0)
            deny(first, "d-2", caller=caller("billing"))
            deny(second, "d-3", caller=caller("crm"))
            assert counted(first) == {"billing": 2}  # own ones show at once
            assert counted(second) == {"billing": 1, "crm": 1}
            await until(lambda: (metric(first, "kcproxy_history_behind_seconds") or 0) > 0.1)
            with pytest.raises(HistoryUnusable):
                await store_of(first).look_up("d-3")
        finally:
            await asyncio.to_thread(postgres.start)
        for each in (first, second):
            await counts(each, {"billing": 2, "crm": 1})
            assert metric(each, "kcproxy_history_dropped_total") == 0
            await until(lambda each=each: metric(each, "kcproxy_history_behind_seconds") == 0)  # type: ignore[misc]
        found = await store_of(first).look_up("d-3")
        assert found is not None


async def test_a_crash_of_the_database_loses_and_repeats_nothing(postgres: Postgres, database: str) -> None:
    async with instance(database, "one") as first:
        for number in range(300):
            deny(first, f"d-{number}")
            if number == 150:
                await asyncio.to_thread(postgres.stop, signal.SIGQUIT)
                await asyncio.to_thread(postgres.start)
            await asyncio.sleep(0.002)
        await written(first)
        assert metric(first, "kcproxy_history_dropped_total") == 0
        await counts(first, {CLIENT: 300})
    assert postgres.sql("SELECT count(*), sum(count) FROM kcproxy.denials, kcproxy.kinds", database=name_of(database)) == "300|90000"


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


async def test_what_does_not_fit_into_memory_is_dropped_and_counted(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 5)
    dead = database.replace(database.rpartition(":")[2].partition("/")[0], str(free_port()))
    async with instance(dead, "one", wait=False) as first:
        for number in range(8):
            deny(first, f"d-{number}")
        assert metric(first, "kcproxy_history_dropped_total") == 3
        assert counted(first) == {CLIENT: 8}  # the page of this instance has them
    assert metric(first, "kcproxy_history_dropped_total") == 8  # the process has ended before they could be written


async def test_a_database_that_does_not_respond_holds_up_nothing(
    postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOK_UP_SECONDS", 0.5)
    async with instance(database, "one") as first:
        with postgres.frozen():
            began_at = time.monotonic()
            for number in range(100):
                deny(first, f"d-{number}")
            assert time.monotonic() - began_at < 0.5
            with pytest.raises(HistoryUnusable, match="does not respond in time"):
                await store_of(first).look_up("another")
        await written(first)
        await counts(first, {CLIENT: 100})


async def test_an_instance_that_is_killed_within_a_transaction_holds_up_no_other(postgres: Postgres, database: str) -> None:
    async with instance(database, "one") as first:
        deny(first, "d-1")
        await written(first)
        other = await asyncpg.connect(database)
        await other.execute("BEGIN; SELECT * FROM kcproxy.kinds FOR UPDATE")
        deny(first, "d-2")
        await asyncio.sleep(0.3)
        assert len(history_of(first).waiting) == 1
        other.terminate()  # as when its process is killed: no ROLLBACK is sent
        await written(first)


async def test_a_value_that_cannot_be_stored_is_dropped_alone(database: str) -> None:
    async with instance(database, "one") as first:
        deny(first, "d-1")
        deny(first, "d-\x00", caller=caller("other"))
        deny(first, "d-3")
        await written(first)
        assert metric(first, "kcproxy_history_dropped_total") == 1
        assert await store_of(first).history.find("d-3") is not None


async def test_a_batch_that_is_written_twice_counts_once(database: str) -> None:
    async with instance(database, "one") as first:
        deny(first, "d-1", caller=caller("billing"))
        group = next(first.denials.groups())
        item = group.examples[-1]
        await written(first)
        url = database_url(database)
        async with connected(Database(url=url, password=url.password)) as connection:
            await denial_rows.write(connection, [item], "one")
            await denial_rows.write(connection, [item, item], "one")
            (kind,) = await denial_rows.newest_kinds(connection, 10)
        assert kind.state.count == 1


async def test_denials_beyond_the_bounds_are_deleted_but_the_newest_of_each_kind_stays(postgres: Postgres, database: str) -> None:
    async with instance(database, "one", max_denials=40) as first:
        deny(first, "rare", caller=caller("rare"))
        for number in range(300):
            deny(first, f"d-{number}", caller=caller("frequent"))
        await written(first)

        async def stored() -> int:
            return int(await asyncio.to_thread(postgres.sql, "SELECT count(*) FROM kcproxy.denials", database=name_of(database)))

        for _ in range(100):
            if await stored() <= 31:
                break
            deny(first, f"more-{time.monotonic()}", caller=caller("frequent"))
            await asyncio.sleep(0.1)
        assert 25 <= await stored() <= 160  # three quarters of the slots are for verified callers
        assert await store_of(first).history.find("rare") is not None


async def test_kinds_beyond_the_bounds_disappear_from_every_list(database: str) -> None:
    async with instances(database, "one", "two", max_denials=20) as (first, second):
        for number in range(200):
            deny(first, f"d-{number}", caller=caller(f"c-{number}"))
            await asyncio.sleep(0.001)
        await until(lambda: len(list(second.denials.groups())) <= 15 and not len(history_of(first).waiting))


async def test_a_connection_that_is_cut_off_is_opened_again_and_its_changes_are_not_missed(postgres: Postgres, database: str) -> None:
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    async with instances(database, "one", "two") as (first, second):
        for number in range(3):
            deny(first, f"d-{number}", caller=caller("billing"))
            await asyncio.to_thread(postgres.sql, cut, database=name_of(database))
        await counts(second, {"billing": 3})
        for each in (first, second):
            await until(lambda each=each: metric(each, "kcproxy_history_connected") == 1)  # type: ignore[misc]
            assert history_of(each).reason is None


async def test_an_error_that_nobody_expected_does_not_end_the_writing(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write, failures = denial_rows.write, [asyncpg.InternalClientError("cannot switch to state 15"), LookupError("a bug")]

    async def fails_at_first(*given: Any) -> None:
        if failures:
            raise failures.pop()
        await write(*given)

    monkeypatch.setattr(denial_rows, "write", fails_at_first)
    async with instance(database, "one") as first:
        deny(first, "d-1")
        await written(first)
        assert metric(first, "kcproxy_history_dropped_total") == 0
        assert await store_of(first).history.find("d-1") is not None


def test_a_history_that_was_never_started_is_closed_without_waiting(database: str) -> None:
    url = database_url(database)
    made = history.SharedHistory(Database(url=url), instance=None, tally=None, retention=history.Retention(), events=history.Events())
    assert made.instance == socket.gethostname()
    made.close()
    made.close()
