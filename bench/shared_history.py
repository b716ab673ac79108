"""The shared history beside the file: what requests of a proxy take, with denials among them.

python -m bench.shared_history [--rounds N] [--requests N]

Each round runs the same paced load on a proxy with an SQLite file, with a PostgreSQL database, and with a database that stands still for the whole
round. A tenth of the requests is refused; the durations are those of the others. Needs the Debian package ``postgresql``.
"""

import argparse
import asyncio
import json
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bench.fleet import Balancer, Seen, client, fleet, invented_token
from devkit.postgres import Postgres, running_postgres

CLIENTS = 8
PAUSE_SECONDS = 0.02
WAYS = ("sqlite", "postgresql", "postgresql that stands still")


async def one_round(way: str, postgres: Postgres, url: str, requests: int) -> Seen:
    """One load on one proxy."""
    with tempfile.TemporaryDirectory() as name:
        history = f'path = "{name}/denials.sqlite"' if way == "sqlite" else f'url = "{url}"'
        async with fleet(Path(name), ["one"], history) as (replicas, _):
            warm, seen = Seen(), Seen()
            await client(invented_token(0), Balancer(replicas), warm, 50, refused_share=0.1)
            with postgres.frozen() if way == WAYS[2] else nullcontext():
                await asyncio.gather(
                    *(
                        client(
                            invented_token(number),
                            Balancer(replicas),
                            seen,
                            requests // CLIENTS,
                            refused_share=0.1,
                            pause_seconds=PAUSE_SECONDS,
                        )
                        for number in range(CLIENTS)
                    )
                )
        return seen


async def compare(rounds: int, requests: int) -> dict[str, Any]:
    """Median and 99th percentile in milliseconds, for each way the best of the rounds, which run in turn."""
    found: dict[str, list[Seen]] = {way: [] for way in WAYS}
    with running_postgres() as postgres:
        postgres.create_database("kcproxy")
        for _ in range(rounds):
            for way in WAYS:
                found[way].append(await one_round(way, postgres, postgres.socket_url("kcproxy"), requests))
    return {
        way: {
            "requests": sum(len(seen.allowed_seconds) for seen in each),
            "p50_ms": round(min(seen.percentile(0.5) for seen in each), 2),
            "p99_ms": round(min(seen.percentile(0.99) for seen in each), 2),
            "p99_ms_of_each_round": [round(seen.percentile(0.99), 2) for seen in each],
        }
        for way, each in found.items()
    }


def main() -> None:
    """Print the comparison as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=4000)
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(compare(asked.rounds, asked.requests)), indent=2))


if __name__ == "__main__":
    main()
