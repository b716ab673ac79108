"""Four proxies with one shared history, 100,000 denials, a killed proxy, a database that is restarted and one that stands still."""

import asyncio
import os
import random
import sys
import time
from pathlib import Path

import pytest

from bench.fleet import Balancer, Replica, Seen, client, fleet, metric, opens, ready, start
from devkit.postgres import Postgres

DENIALS = int(os.environ.get("TEST_DENIALS", "100000"))
CLIENTS = 16
SAMPLE = 500
"""Ids that are opened at each replica; all of them are looked up in the database."""
UNWRITTEN_SECONDS = 2.0
"""What a killed proxy has not written yet is not older than this: its batches are a fifth of a second apart."""

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


async def test_every_id_opens_at_every_replica_and_none_is_lost_that_is_not_counted(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    name = database.rpartition("/")[2]
    history = f'url = "{postgres.socket_url(name)}"\nmax_denials = 1000000'
    async with fleet(tmp_path, ["one", "two", "three", "four"], history) as (replicas, upstream_port):
        balancer, seen = Balancer(replicas), Seen()
        began = time.monotonic()
        clients = [asyncio.ensure_future(client(number, balancer, seen, DENIALS // CLIENTS)) for number in range(CLIENTS)]
        await at(seen, 0.2)
        killed_at = time.monotonic()
        replicas[2].kill()
        replicas[2] = await asyncio.to_thread(start, tmp_path, "five", upstream_port, history)
        await ready(replicas[2])
        await at(seen, 0.4)
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(5)
        await asyncio.to_thread(postgres.start)
        await at(seen, 0.7)
        with postgres.frozen():
            await asyncio.sleep(5)
        await asyncio.gather(*clients)
        seconds = time.monotonic() - began
        await until_written(replicas)
        stored = set((await asyncio.to_thread(postgres.sql, "SELECT id FROM kcproxy.denials", database=name)).split())
        lost = seen.denials.keys() - stored
        dropped = sum([await metric(replica, "kcproxy_history_dropped_total") for replica in replicas])
        unwritten = {each for each in lost if seen.denials[each][0] == "three" and killed_at - seen.denials[each][1] < UNWRITTEN_SECONDS}
        sys.stdout.write(
            f"\n{len(seen.denials)} denials in {seconds:.0f} s, {len(stored)} stored, {len(lost)} not stored: {dropped:.0f} counted,"
            f" {len(unwritten)} of the killed replica's last {UNWRITTEN_SECONDS:g} s; {seen.unanswered} requests without a response\n"
        )
        assert len(lost - unwritten) <= dropped
        counted = await asyncio.to_thread(postgres.sql, "SELECT sum(count) FROM kcproxy.kinds", database=name)
        assert int(counted) == len(stored)
        sample = random.Random(1).sample(sorted(stored), min(SAMPLE, len(stored)))
        for replica in replicas:
            assert await opens(replica, sample) == []
