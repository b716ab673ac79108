"""Four proxies with one shared history, 100,000 denials, killed proxies that come back, a database that is restarted and one that stands still."""

import asyncio
import os
import random
import sys
import time
from pathlib import Path

import pytest

from bench.fleet import Balancer, Replica, Seen, client, fleet, metric, opens, start
from devkit.postgres import Postgres

DENIALS = int(os.environ.get("TEST_DENIALS", "100000"))
CLIENTS = 16
SAMPLE = 500
"""Ids that are opened at each replica; all of them are looked up in the database."""

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(1800)]


async def until_written(replicas: list[Replica]) -> None:
    ends_at = time.monotonic() + 120
    while time.monotonic() < ends_at:
        if not any([await metric(replica, "kcproxy_history_behind_seconds") for replica in replicas]):
            return
        await asyncio.sleep(0.5)
    raise TimeoutError


async def at(seen: Seen, share: float) -> None:
    """Wait until this share of the denials has been seen."""
    while len(seen.denials) < share * DENIALS:  # noqa: ASYNC110 - the clients tell nobody
        await asyncio.sleep(0.1)


async def comes_back(replicas: list[Replica], number: int, folder: Path, upstream_port: int, history: str) -> float:
    """Kill a replica, and start it again in the same place. Returns how many denials it had dropped and counted."""
    dropped = await metric(replicas[number], "kcproxy_history_dropped_total")
    replicas[number].kill()
    replicas[number] = await asyncio.to_thread(start, folder, replicas[number].name, upstream_port, history)
    return dropped


async def test_every_id_opens_at_every_replica_and_none_is_lost_that_is_not_counted(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    name, pending = database.rpartition("/")[2], tmp_path / "pending"
    pending.mkdir()
    history = f'url = "{postgres.socket_url(name)}"\nmax_denials = 1000000\npending_dir = "{pending}"'
    async with fleet(tmp_path, ["one", "two", "three", "four"], history) as (replicas, upstream_port):
        balancer, seen = Balancer(replicas), Seen()
        began = time.monotonic()
        clients = [asyncio.ensure_future(client(number, balancer, seen, DENIALS // CLIENTS)) for number in range(CLIENTS)]
        await at(seen, 0.2)
        dropped = await comes_back(replicas, 2, tmp_path, upstream_port, history)
        await at(seen, 0.4)
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(2)
        dropped += await comes_back(replicas, 0, tmp_path, upstream_port, history)
        await asyncio.sleep(3)
        await asyncio.to_thread(postgres.start)
        await at(seen, 0.7)
        with postgres.frozen():
            await asyncio.sleep(3)
            dropped += await comes_back(replicas, 1, tmp_path, upstream_port, history)
            await asyncio.sleep(2)
        await asyncio.gather(*clients)
        seconds = time.monotonic() - began
        await until_written(replicas)
        stored = set((await asyncio.to_thread(postgres.sql, "SELECT id FROM kcproxy.denials", database=name)).split())
        lost = seen.denials.keys() - stored
        dropped += sum([await metric(replica, "kcproxy_history_dropped_total") for replica in replicas])
        sys.stdout.write(
            f"\n{len(seen.denials)} denials in {seconds:.0f} s, three replicas killed, {len(stored)} stored, {len(lost)} not stored,"
            f" {dropped:.0f} counted; {seen.unanswered} requests without a response\n"
        )
        assert len(lost) <= dropped
        counted = await asyncio.to_thread(postgres.sql, "SELECT sum(count) FROM kcproxy.kinds", database=name)
        assert int(counted) == len(stored)
        sample = random.Random(1).sample(sorted(stored), min(SAMPLE, len(stored)))
        for replica in replicas:
            assert await opens(replica, sample) == []
    assert list(pending.iterdir()) == []
