"""Four proxies with one shared history, 100,000 denials, killed proxies that come back, a database that is restarted and one that stands still."""

import asyncio
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.fleet import Balancer, Replica, Seen, client, fleet, metric, opens, start
from devkit.postgres import Postgres

DENIALS = int(os.environ.get("TEST_DENIALS", "100000"))
CLIENTS = 16
PAUSE_SECONDS = float(os.environ.get("TEST_PAUSE_SECONDS", "0.02"))
"""Of each client between two requests. With less, the denials of an outage exceed the memory, and most are dropped and counted."""
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


@dataclass(slots=True, kw_only=True)
class Fleet:
    """The replicas, what clients saw of them, and how many denials those that were killed had dropped and counted, at most."""

    replicas: list[Replica]
    seen: Seen
    folder: Path
    upstream_port: int
    history: str
    dropped: float = 0.0

    async def kill(self, number: int) -> None:
        """Kill a replica, and start it again in the same place."""
        replica, asked_at = self.replicas[number], time.monotonic()
        dropped = await metric(replica, "kcproxy_history_dropped_total")
        replica.kill()
        if dropped:  # it goes on until the kill, and nothing shows how many more these are
            await asyncio.sleep(0.2)  # until clients have read their last responses
            dropped += sum(name == replica.name and at >= asked_at for name, at in self.seen.denials.values())
        self.dropped += dropped
        self.replicas[number] = await asyncio.to_thread(start, self.folder, replica.name, self.upstream_port, self.history)


async def test_every_id_opens_at_every_replica_and_none_is_lost_that_is_not_counted(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    name, pending = database.rpartition("/")[2], tmp_path / "pending"
    pending.mkdir()
    history = f'url = "{postgres.socket_url(name)}"\nmax_denials = 1000000\npending_dir = "{pending}"'
    async with fleet(tmp_path, ["one", "two", "three", "four"], history) as (replicas, upstream_port):
        balancer, seen = Balancer(replicas), Seen()
        began = time.monotonic()
        killed = Fleet(replicas=replicas, seen=seen, folder=tmp_path, upstream_port=upstream_port, history=history)
        clients = [
            asyncio.ensure_future(client(number, balancer, seen, DENIALS // CLIENTS, pause_seconds=PAUSE_SECONDS))
            for number in range(CLIENTS)
        ]
        await at(seen, 0.2)
        await killed.kill(2)
        await at(seen, 0.4)
        await asyncio.to_thread(postgres.stop)
        await asyncio.sleep(2)
        await killed.kill(0)
        await asyncio.sleep(3)
        await asyncio.to_thread(postgres.start)
        await at(seen, 0.7)
        with postgres.frozen():
            await asyncio.sleep(3)
            await killed.kill(1)
            await asyncio.sleep(2)
        await asyncio.gather(*clients)
        seconds = time.monotonic() - began
        await until_written(replicas)
        stored = set((await asyncio.to_thread(postgres.sql, "SELECT id FROM kcproxy.denials", database=name)).split())
        lost = seen.denials.keys() - stored
        dropped = killed.dropped + sum([await metric(replica, "kcproxy_history_dropped_total") for replica in replicas])
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
