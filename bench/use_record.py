"""The record of use: its cost for each request, and its bounds under many invented callers.

python -m bench.use_record [--calls N] [--callers N]

The cost is CPU time of the thread that serves: what the exchange's end takes with the record of use, less what it takes without. The ratio compares it
with the whole end of an exchange (record, metrics, log line), which the same load of the machine slows down as much.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from kcproxy import catalog as catalogs
from kcproxy.http1.headers import RequestFields
from kcproxy.model import CallerKind
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.use_history import UseHistory
from kcproxy.observe.use_reader import read_record
from kcproxy.proxy.caller_identity import CallerIdentities
from kcproxy.proxy.exchange import Exchange
from kcproxy.settings import LogSettings, MetricSettings
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import UseTally

LIMIT_MICROSECONDS = 2.0
SERIES, ROUNDS = 60, 500
MAX_ROWS = 20_000
PATH = "/admin/realms/shop/users/count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU time of the record for one request, and of the whole end of an exchange without it."""

    record_microseconds: float
    without_microseconds: float

    @property
    def ratio(self) -> float:
        """The cost of the record, compared with everything else at the end of an exchange."""
        return self.record_microseconds / self.without_microseconds


def _best(work: Callable[[], object]) -> float:
    """CPU microseconds of one call: the best of many short series, so that other load does not count."""
    series = []
    for _ in range(SERIES):
        began = time.thread_time_ns()
        for _ in range(ROUNDS):
            work()
        series.append((time.thread_time_ns() - began) / ROUNDS / 1000)
    return min(series)


def cost(folder: Path) -> Cost:
    """The cost for a small GET of a caller with a token of its own, the more expensive kind."""
    table = catalogs.load(catalogs.default_version())
    claims = {"iss": "http://localhost:8080/realms/shop", "azp": "sync", "preferred_username": "service-account-sync"}
    bearer = jwt.encode(claims, "k" * 32, algorithm="HS256").encode()
    fields = RequestFields([], {b"authorization": b"Bearer " + bearer})
    exchange = Exchange(table.target("GET", PATH), PATH, fields, 0.0, "127.0.0.1")
    exchange.status = 200
    with Observed(folder) as observer:
        identities = CallerIdentities(observer.use_tally())

        def without() -> None:
            observer.request_finished(exchange.record(0.001))

        def recorded() -> None:
            record = exchange.record(0.001)
            identities.describe(record, exchange, table)
            observer.request_finished(record)

        recorded()
        pairs = [(_best(recorded), _best(without)) for _ in range(3)]
    with_record, without_record = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    return Cost(record_microseconds=with_record - without_record, without_microseconds=without_record)


class Observed:
    """An observer with a record of use, whose log goes nowhere, until the context ends."""

    def __init__(self, folder: Path) -> None:
        self.tally, self.dropped = UseTally(), 0
        self.path = folder / "use"
        self.metrics = Metrics(MetricSettings(clients=True))
        history = UseHistory(self.path, self.tally, keep_days=90, max_rows=MAX_ROWS, on_drop=self._drop)
        log = Log(LogSettings(level="error"), sink=LogWriter())
        self.observer = LiveObserver(self.metrics, log, DenialStore(), uses=self.tally, use_history=history)

    def _drop(self, number: int) -> None:
        self.dropped += number

    def __enter__(self) -> LiveObserver:
        return self.observer

    def __exit__(self, *_: object) -> None:
        self.observer.close()


def bounds(folder: Path, *, calls: int, callers: int) -> dict[str, Any]:
    """Many calls of many invented callers, each with realms of its own: what memory, file and labels take."""
    made = Observed(folder)
    names = [UseCaller(client=f"invented-{number}", token_realm=f"realm-{number % 97}", kind=CallerKind.USER) for number in range(callers)]
    operations = [entry.operation.key for entry in catalogs.load(catalogs.default_version()).operations]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with made:
        for number in range(calls):
            known = made.tally.know(names[number % callers])
            if known is not None:
                operation = operations[number % len(operations)]
                made.tally.count(known, f"invented-{number}", operation, "", Outcome.REFUSED if number % 3 else Outcome.FULL)
                made.metrics.operation_used(known, operation, Outcome.FULL)
    record = read_record(made.path)
    series = sum(1 for family in made.metrics.registry.collect() for _ in family.samples)
    return {
        "calls": calls,
        "callers": callers,
        "seconds": round(time.monotonic() - began, 1),
        "recorded_uses": len(record.uses),
        "recorded_calls": sum(use.total for use in record.uses),
        "dropped_calls": made.dropped,
        "file_bytes": sum(file.stat().st_size for file in folder.iterdir()),
        "memory_growth_bytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024,
        "metric_samples": series,
    }


def main() -> None:
    """Print both as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--callers", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = cost(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        result = bounds(Path(folder), calls=asked.calls, callers=asked.callers)
    costs = {"microseconds": round(found.record_microseconds, 2), "ratio": round(found.ratio, 3), "limit_microseconds": LIMIT_MICROSECONDS}
    print(json.dumps({"cost": costs, "bounds": result}, indent=2))


if __name__ == "__main__":
    main()
