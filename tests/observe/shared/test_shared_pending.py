"""Pending files of instances that share a database: what a killed one had not written is written by its next start, once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devkit.ports import free_port
from devkit.postgres import Postgres
from kcproxy.observe.denials.pending_lines import Item, line_of
from kcproxy.observe.denials.records import Stored
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.pending_setup import pending_files
from kcproxy.observe.shared import denial_rows, history
from kcproxy.observe.shared import waiting as shared_waiting
from tests.admin.stage import deny
from tests.observe.samples import caller
from tests.observe.shared.stage import counts, history_of, instance, metric, settings_of, store_of, until, written


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def files_in(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


def examples(observer: LiveObserver) -> list[Stored]:
    return [each for group in observer.denials.groups() for each in group.examples]


def prefix_of(url: str, folder: Path, observer: LiveObserver) -> str:
    found = pending_files(settings_of(url, "any", pending_dir=folder), observer.log)
    assert found is not None
    return found._place.prefix


def left(url: str, folder: Path, observer: LiveObserver, items: Sequence[Item], name: str = "left") -> Path:
    """A file of an instance ``killed`` that is gone."""
    file = folder / f"{prefix_of(url, folder, observer)}{name}"
    file.write_bytes(b"".join(line_of(item, "killed") for item in items))
    return file


async def denials_of_a_killed_one(url: str, folder: Path, count: int, committed: int) -> tuple[list[Stored], Path]:
    """Denials of which some are in the database, and the file that contains all of them."""
    async with instance(url, "killed") as observer:
        for number in range(committed):
            deny(observer, f"d-{number}", caller=caller("billing"))
        await written(observer)
        pytest.MonkeyPatch().setattr(history_of(observer).waiting, "add", lambda _: None)  # of this observer only
        for number in range(committed, count):
            deny(observer, f"d-{number}", caller=caller("billing"))
        items = examples(observer)
        return items, left(url, folder, observer, items)


@pytest.mark.parametrize("committed", [0, 3, 6])
async def test_what_a_killed_instance_left_is_written_once_under_its_name(database: str, tmp_path: Path, committed: int) -> None:
    items, file = await denials_of_a_killed_one(database, tmp_path, 6, committed)
    async with instance(database, "other") as other, instance(database, "next", pending_dir=tmp_path) as again:
        for each in (other, again):
            await counts(each, {"billing": 6})
        for item in items:
            found = await store_of(other).look_up(item.id)
            assert found is not None
            assert (found["instance"], found["atEpochSeconds"]) == ("killed", round(item.at, 3))
        group = next(again.denials.groups())
        assert (group.instances, group.first_at) == (("killed",), items[0].at)
        await until(lambda: not file.exists())
        assert metric(again, "kcproxy_history_dropped_total") == 0


async def test_what_is_written_is_in_no_file(database: str, tmp_path: Path) -> None:
    async with instance(database, "one", pending_dir=tmp_path) as first:
        for number in range(3):
            deny(first, f"d-{number}")
        assert sum(path.stat().st_size for path in files_in(tmp_path)) > 0
        await written(first)
        await until(lambda: sum(path.stat().st_size for path in files_in(tmp_path)) == 0)
    assert files_in(tmp_path) == []


async def test_what_waits_at_a_normal_end_is_written_by_the_next_start_and_is_no_drop(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    async with instance(database, "one", pending_dir=tmp_path) as first:
        await asyncio.to_thread(postgres.stop)
        await until(lambda: metric(first, "kcproxy_history_connected") == 0)
        deny(first, "d-1", caller=caller("billing"))
    await asyncio.to_thread(postgres.start)
    assert metric(first, "kcproxy_history_dropped_total") == 0
    async with instance(database, "one", pending_dir=tmp_path) as again:
        await counts(again, {"billing": 1})
    assert files_in(tmp_path) == []


async def test_an_instance_that_dies_beside_a_live_one_is_noticed_without_a_new_start(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CLEAN_SECONDS", 0.1)
    async with instance(database, "live", pending_dir=tmp_path) as live:
        _, file = await denials_of_a_killed_one(database, tmp_path, 4, 0)
        await counts(live, {"billing": 4})
        await until(lambda: not file.exists())


async def test_files_of_another_database_are_not_touched(database: str, tmp_path: Path) -> None:
    async with instance(database, "one", pending_dir=tmp_path) as first:
        deny(first, "d-1", caller=caller("billing"))
        other = database.replace(name_of(database), "another")
        file = left(other, tmp_path, first, examples(first))
    async with instance(database, "one", pending_dir=tmp_path) as again:
        await counts(again, {"billing": 1})
        assert file.exists()
    with_tls = f"{database.replace('kcproxy:secret@', 'someone@')}?sslmode=prefer"
    assert prefix_of(with_tls, tmp_path, again) == prefix_of(database, tmp_path, again)


async def test_a_value_that_cannot_be_stored_is_counted_and_holds_up_nothing(database: str, tmp_path: Path) -> None:
    items, file = await denials_of_a_killed_one(database, tmp_path, 3, 0)
    bad = Stored(id="d-\x00", at=items[0].at, group="f" * 16, verified=True, document=items[0].document, why="role-missing")
    file.write_bytes(file.read_bytes() + line_of(bad, "killed") + b"damaged\n")
    async with instance(database, "next", pending_dir=tmp_path) as again:
        await counts(again, {"billing": 3})
        assert metric(again, "kcproxy_history_dropped_total") == 2
        deny(again, "d-new", caller=caller("crm"))
        await counts(again, {"billing": 3, "crm": 1})


async def test_a_failure_within_the_recovery_repeats_and_loses_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, file = await denials_of_a_killed_one(database, tmp_path, 5, 0)
    async with instance(database, "any") as observer:
        left(database, tmp_path, observer, items[:2], "again")  # the same denials in two files
    write, failures = denial_rows.write, [OSError(), LookupError("a bug")]

    async def fails_after_the_commit(*given: Any) -> None:
        await write(*given)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(denial_rows, "write", fails_after_the_commit)
    async with instance(database, "next", pending_dir=tmp_path) as again:
        await counts(again, {"billing": 5})
        await until(lambda: not file.exists())
        assert metric(again, "kcproxy_history_dropped_total") == 0


async def test_an_outage_longer_than_memory_drops_and_counts_and_the_rest_is_in_the_file(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_waiting, "MAX_WAITING", 5)
    dead = database.replace(database.rpartition(":")[2].partition("/")[0], str(free_port()))
    async with instance(dead, "one", wait=False, pending_dir=tmp_path) as first:
        for number in range(8):
            deny(first, f"d-{number}")
    assert metric(first, "kcproxy_history_dropped_total") == 3
    (file,) = files_in(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    async with instance(dead, "one", wait=False, pending_dir=tmp_path) as again:
        waiting = history_of(again).pending
        assert waiting is not None
        assert (metric(again, "kcproxy_history_behind_seconds") or 0) > 0
        found = waiting.read(waiting.leftovers[0])
    assert found is not None
    assert [item.id for item in found.items if isinstance(item, Stored)] == [f"d-{number}" for number in range(5)]
