"""Processes that are killed right after they refused requests: every id that a client received opens after the next start."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import jwt

from devkit.postgres import Postgres
from devkit.servers import FORBIDDEN, RecordingUpstream, read_response
from tests.process.test_serve import Served, served
from tests.process.test_shared_history import shared
from tests.process.test_workers import all_ready, process_ids

USERS = "/admin/realms/demo/users"
BURST = 20
"""The page keeps so many examples of a kind in memory."""


def sqlite(folder: Path) -> str:
    return f'[history]\npath = "{folder / "denials.sqlite"}"\n'


def token_of(client: str) -> str:
    claims = {"iss": "http://localhost:8080/realms/demo", "azp": client, "typ": "Bearer", "exp": 4_000_000_000}
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


async def refused(running: Served, count: int = BURST, client: str = "sync") -> list[str]:
    """The ids of so many refused requests on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    head = f"GET {USERS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token_of(client)}\r\n\r\n".encode()
    ids = []
    for _ in range(count):
        writer.write(head)
        answer = await asyncio.wait_for(read_response(reader), 10)
        ids.append((answer.value("Kcproxy-Denial-Id") or b"").decode())
    writer.close()
    return ids


async def killed(running: Served) -> None:
    running.process.send_signal(signal.SIGKILL)
    await running.process.wait()


def pending_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-pending-*"))


async def missing(running: Served, ids: Sequence[str]) -> list[str]:
    """Those that do not open."""
    return [each for each in ids if (await running.admin(f"/api/denials/{each}"))[0] != 200]


async def all_open(running: Served, ids: Sequence[str]) -> None:
    """Wait until all of them open."""
    async with asyncio.timeout(20):
        while await missing(running, ids):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def counts(running: Served) -> list[int]:
    return [group["count"] for group in json.loads((await running.admin("/api/denials"))[1])["denials"]]


async def test_every_id_opens_after_a_kill_and_a_new_start(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    async with served(upstream, tmp_path, tail=sqlite(tmp_path)) as running:
        ids = await refused(running)
        await killed(running)
    async with served(upstream, tmp_path, tail=sqlite(tmp_path)) as running:
        assert await missing(running, ids) == []
        assert await counts(running) == [BURST]


async def test_what_a_worker_or_its_supervisor_had_is_there_after_a_kill_of_all(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    async with served(upstream, tmp_path, "workers = 2\n", tail=sqlite(tmp_path)) as running:
        await all_ready(running, 2)
        os.kill(running.process.pid, signal.SIGSTOP)  # so that the workers' denials are nowhere else
        ids = await refused(running)
        workers = process_ids(running)
        await killed(running)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
    async with served(upstream, tmp_path, "workers = 2\n", tail=sqlite(tmp_path)) as running:
        await all_ready(running, 2)
        assert await missing(running, ids) == []
        assert await counts(running) == [BURST]


async def test_a_worker_that_ends_leaves_nothing_that_its_supervisor_has(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    async with served(upstream, tmp_path, "workers = 2\n", tail=sqlite(tmp_path)) as running:
        await all_ready(running, 2)
        ids = await refused(running)
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert pending_files(tmp_path) == []
    async with served(upstream, tmp_path, tail=sqlite(tmp_path)) as running:
        assert await missing(running, ids) == []
        assert await counts(running) == [BURST]
        assert running.events("history_recovered") == []


async def test_a_process_beside_a_live_one_leaves_its_file_alone(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    folders = [tmp_path / name for name in ("old", "new")]
    for folder in folders:
        folder.mkdir()
    async with served(upstream, folders[0], tail=sqlite(tmp_path)) as old:
        await refused(old, 1)
        os.kill(old.process.pid, signal.SIGSTOP)  # it stands still, and its file may contain something
        before = [path.name for path in pending_files(tmp_path)]
        async with served(upstream, folders[1], tail=sqlite(tmp_path)) as new:
            assert [path.name for path in pending_files(tmp_path) if path.name in before] == before
            os.kill(old.process.pid, signal.SIGCONT)
            ids = await refused(old)
            await killed(old)
            await killed(new)
    async with served(upstream, folders[1], tail=sqlite(tmp_path)) as running:
        assert await missing(running, ids) == []
        assert (await running.logged("history_recovered"))["lost"] == 0
        assert sum(await counts(running)) == BURST + 1


async def test_damaged_lines_are_left_out_counted_and_logged(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    async with served(upstream, tmp_path, tail=sqlite(tmp_path)) as running:
        ids = await refused(running)
        await killed(running)
    (file,) = pending_files(tmp_path)
    with file.open("ab") as damaged:
        damaged.write(b'nonsense\n01234567 ["denial","half')
    async with served(upstream, tmp_path, tail=sqlite(tmp_path)) as running:
        assert await missing(running, ids) == []
        assert (await running.logged("history_recovered"))["lost"] == 2
        assert "\nkcproxy_history_dropped_total 2.0\n" in (await running.admin("/metrics"))[1]
        assert pending_files(tmp_path) == []


def postgresql(url: str, folder: Path) -> str:
    return shared(url, folder) + f'pending_dir = "{folder}"\n'


async def test_every_id_opens_at_another_instance_after_a_kill_with_the_database_away(
    upstream: RecordingUpstream, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    upstream.react = lambda _: FORBIDDEN
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    async with served(upstream, two, 'instance = "two"\n', tail=shared(database, two)) as other:
        async with served(upstream, one, 'instance = "one"\n', tail=postgresql(database, one)) as running:
            ids = await refused(running, 60)
            await asyncio.to_thread(postgres.stop)
            try:
                await running.logged("history_away")
                ids += await refused(running, 60)
                await killed(running)
            finally:
                await asyncio.to_thread(postgres.start)
        async with served(upstream, one, 'instance = "one-again"\n', tail=postgresql(database, one)) as again:
            recovered = await again.logged("history_recovered")
            assert recovered["lost"] == 0
            assert recovered["denials"] >= 60
            for each in (other, again):
                await all_open(each, ids)
            assert json.loads((await again.admin(f"/api/denials/{ids[-1]}"))[1])["instance"] == "one"
            assert pending_files(one) == []
    found = await asyncio.to_thread(
        postgres.sql, "SELECT count(*), (SELECT sum(count) FROM kcproxy.kinds) FROM kcproxy.denials", database=database.rpartition("/")[2]
    )
    assert found == "120|120"


async def test_workers_that_are_killed_with_the_database_away_lose_nothing(
    upstream: RecordingUpstream, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    upstream.react = lambda _: FORBIDDEN
    tail = postgresql(database, tmp_path)
    async with served(upstream, tmp_path, "workers = 2\n", tail=tail) as running:
        await all_ready(running, 2)
        with postgres.frozen():
            ids = [each for _ in range(4) for each in await refused(running, 10)]
            workers = process_ids(running)
            await killed(running)
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
    async with served(upstream, tmp_path, "workers = 2\n", tail=tail) as running:
        await all_ready(running, 2)
        await running.logged("history_recovered")
        assert await missing(running, ids) == []
    assert await asyncio.to_thread(postgres.sql, "SELECT sum(count) FROM kcproxy.kinds", database=database.rpartition("/")[2]) == "40"


async def test_two_instances_share_a_folder(upstream: RecordingUpstream, tmp_path: Path, postgres: Postgres, database: str) -> None:
    upstream.react = lambda _: FORBIDDEN
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    tails = [shared(database, folder) + f'pending_dir = "{tmp_path}"\n' for folder in folders]
    async with served(upstream, folders[0], tail=tails[0]) as first, served(upstream, folders[1], tail=tails[1]) as second:
        with postgres.frozen():
            ids = await refused(first) + await refused(second)
            await killed(first)
        async with served(upstream, folders[0], tail=tails[0]) as again:
            await all_open(again, ids)
    assert await asyncio.to_thread(postgres.sql, "SELECT sum(count) FROM kcproxy.kinds", database=database.rpartition("/")[2]) == "40"


async def test_what_waits_at_a_normal_end_is_announced_in_the_log_and_written_later(
    upstream: RecordingUpstream, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    upstream.react = lambda _: FORBIDDEN
    async with served(upstream, tmp_path, tail=postgresql(database, tmp_path)) as running:
        await asyncio.to_thread(postgres.stop)
        try:
            ids = await refused(running)
            running.process.send_signal(signal.SIGTERM)
            assert await running.ended() == 0
        finally:
            await asyncio.to_thread(postgres.start)
        assert running.events("history_pending_left")[0]["denials"] == BURST
    async with served(upstream, tmp_path, tail=postgresql(database, tmp_path)) as running:
        await all_open(running, ids)
        assert "\nkcproxy_history_dropped_total 0.0\n" in (await running.admin("/metrics"))[1]
