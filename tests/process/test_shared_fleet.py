"""Four proxies before a real Keycloak with one shared history, 100,000 denials, killed proxies that come back, a database that is restarted and one that stands still."""

import asyncio
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bench.fleet import Balancer, Replica, Seen, client, fleet, invented_token, metric, opens, start
from devkit.lab import Lab
from devkit.postgres import Postgres
from tests.live.conftest import Keycloak, keycloak, real_keycloak

__all__ = ["keycloak", "real_keycloak"]  # fixtures that pytest finds by their names

DENIALS = int(os.environ.get("TEST_DENIALS", "100000"))
CLIENTS = 16
PAUSE_SECONDS = float(os.environ.get("TEST_PAUSE_SECONDS", "0.02"))
"""Of each client between two requests. With less, the denials of an outage exceed the memory, and most are dropped and counted."""
REALM = "shop"
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
    upstream_url: str
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
        self.replicas[number] = await asyncio.to_thread(start, self.folder, replica.name, self.upstream_url, self.history)


async def test_before_a_real_keycloak_no_denial_is_lost_that_is_not_counted(
    tmp_path: Path, postgres: Postgres, database: str, keycloak: Keycloak
) -> None:
    async with aiohttp.ClientSession() as http:
        lab = Lab(keycloak, http, tmp_path)
        await lab.log_in()
        tokens = await tokens_without_roles(lab)
        try:
            await survive(tmp_path, postgres, database, tokens, upstream_url=keycloak.base_url)
        finally:
            await lab.admin("DELETE", f"/admin/realms/{REALM}")


async def test_before_a_fast_upstream_no_denial_is_lost_that_is_not_counted(tmp_path: Path, postgres: Postgres, database: str) -> None:
    await survive(tmp_path, postgres, database, [invented_token(number) for number in range(CLIENTS)])


async def tokens_without_roles(lab: Lab) -> list[str]:
    """One token for each client, valid for an hour, whose service account has no admin role."""
    await lab.admin("POST", "/admin/realms", {"realm": REALM, "enabled": True, "accessTokenLifespan": 3600})
    clients = [await lab.make_client(REALM, clientId=f"caller-{number}") for number in range(CLIENTS)]
    return [await lab.token(each) for each in clients]


async def survive(folder: Path, postgres: Postgres, database: str, tokens: list[str], *, upstream_url: str | None = None) -> None:
    """Kill replicas, stop the database and freeze it while clients are refused; afterwards every id opens everywhere, or was counted as dropped."""
    name, pending = database.rpartition("/")[2], folder / "pending"
    pending.mkdir()
    history = f'url = "{postgres.socket_url(name)}"\nmax_denials = 1000000\npending_dir = "{pending}"'
    async with fleet(folder, ["one", "two", "three", "four"], history, upstream_url=upstream_url) as (replicas, url):
        balancer, seen = Balancer(replicas), Seen()
        began = time.monotonic()
        killed = Fleet(replicas=replicas, seen=seen, folder=folder, upstream_url=url, history=history)
        clients = [
            asyncio.ensure_future(client(token, balancer, seen, DENIALS // CLIENTS, pause_seconds=PAUSE_SECONDS)) for token in tokens
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
