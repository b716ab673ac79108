"""A hostile caller: very many denials with different paths, realms and clients, through diagnosis, metrics, log, store and history.

    python -m bench.hostile_denials              1,000,000 denials of 50,000 different paths, realms and clients (some minutes)
    python -m bench.hostile_denials --denials N --different N

Prints what grew: series, label values, bytes of the page of metrics, denials stored, history, resident memory. Exit code 1 where a bound
is passed. Nothing is sent over the network.
"""

import argparse
import os
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import generate_latest

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.explain.api import explain
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Caller, CallerKind, Explanation, RequestFacts
from kcproxy.observe.denials.history import History
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import MAX_DENIAL_SERIES, Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import LogSettings, MetricSettings

MAX_STORED = 1000
MAX_SERIES = 4 * MAX_DENIAL_SERIES + 10_000
MAX_GROWTH_BYTES = 96 * 1024 * 1024
METHODS = ("GET", "POST", "PUT", "DELETE", "BREW")
SHAPES = (
    "/admin/realms/{name}/users/{name}",
    "/admin/realms/{name}/clients",
    "/admin/realms/{name}/{name}/\x1b[2J",
    "/realms/{name}/protocol/openid-connect/token",
    "/{name}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """Sizes after the run."""

    denials: int
    seconds: float
    series: int
    realms: int
    clients: int
    metrics_bytes: int
    stored: int
    stored_bytes: int
    history: int
    memory_growth_bytes: int

    def passed(self) -> list[str]:
        """Exceeded limits."""
        bounds = {
            "series": MAX_SERIES,
            "realms": 60,
            "clients": 60,
            "stored": MAX_STORED,
            "stored_bytes": 20 * 1024 * 1024 + 128 * 1024,
            "history": MAX_STORED,
            "memory_growth_bytes": MAX_GROWTH_BYTES,
        }
        return [f"{name} is {getattr(self, name)}, its bound {bound}" for name, bound in bounds.items() if getattr(self, name) > bound]


def flood(denials: int, different: int, history: Path) -> Grown:
    """Send all denials to a proxy's observer. The client label is on, which is the worse case."""
    metrics = Metrics(MetricSettings(clients=True))
    log = Log(LogSettings(), sink=LogWriter(os.open(os.devnull, os.O_WRONLY)))
    store = DenialStore(MAX_STORED, history=History(history, MAX_STORED))
    table = catalogs.load(catalogs.default_version())
    observer = LiveObserver(metrics, log, store, catalog=table)
    arrivals = hostile(table, denials, different)
    for _, (explanation, record) in zip(range(min(2000, denials)), arrivals, strict=False):
        observer.denied(explanation, record)
    before, began = _resident_bytes(), time.monotonic()
    for explanation, record in arrivals:
        observer.request_started()
        observer.denied(explanation, record)
        observer.request_finished(record)
    seconds = time.monotonic() - began
    observer.close()
    return _grown(metrics, store, history, denials=denials, seconds=seconds, growth=_resident_bytes() - before)


def hostile(table: Catalog, denials: int, different: int) -> Iterator[tuple[Explanation, RequestRecord]]:
    """Refusals as an attacker would cause them: most unverified, some with a token of the attacker's own realm."""
    draw = random.Random(403)
    for number in range(denials):
        name = f"{draw.choice(('x', 'é', '<b>', '%2e'))}{draw.randrange(different)}"
        target = table.target(draw.choice(METHODS), draw.choice(SHAPES).format(name=name))
        status = 403 if draw.random() < 0.2 else 401
        caller = Caller(
            kind=CallerKind.SERVICE_ACCOUNT, client_id=name, username=f"service-account-{name}", realm=name, has_roles_claims=True
        )
        explanation = explain(
            f"{number:x}",
            Inputs(
                request=RequestFacts(target=target),
                caller=caller,
                answer=Answer(status=status, json={"error": f"HTTP {status}"}),
                catalog=table,
                facts=None,
                now_epoch_seconds=1_800_000_000.0,
            ),
        )
        if explanation is not None:
            yield explanation, RequestRecord(target=target, status=status, duration_seconds=0.001, caller=caller)


def _grown(metrics: Metrics, store: DenialStore, history: Path, *, denials: int, seconds: float, growth: int) -> Grown:
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    with closing(sqlite3.connect(history)) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM denials").fetchone()
    return Grown(
        denials=denials,
        seconds=seconds,
        series=len(samples),
        realms=len({sample.labels["realm"] for sample in samples if "realm" in sample.labels}),
        clients=len({sample.labels["client"] for sample in samples if "client" in sample.labels}),
        metrics_bytes=len(generate_latest(metrics.registry)),
        stored=len(store),
        stored_bytes=store.bytes,
        history=kept,
        memory_growth_bytes=growth,
    )


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def main() -> int:
    """Run the program. Returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.hostile_denials", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--denials", type=int, default=1_000_000)
    parser.add_argument("--different", type=int, default=50_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        grown = flood(options.denials, options.different, Path(folder) / "history.sqlite")
    for name in Grown.__slots__:
        print(f"{name:20} {getattr(grown, name):>14,.0f}")
    for line in grown.passed():
        print(f"PASSED A BOUND: {line}", file=sys.stderr)
    return 1 if grown.passed() else 0


if __name__ == "__main__":
    sys.exit(main())
