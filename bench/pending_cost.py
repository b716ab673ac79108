"""What a pending file adds to each refused request: the time of the event loop's thread for a stored denial, with the file and without.

python -m bench.pending_cost [FOLDER]

FOLDER is on the disk to measure; default: the temporary folder. A series is 20 denials of 20 callers, as the page gets them. The two ways run in turn.
"""

import dataclasses
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bench.explain_cost import tokens_of
from devkit.explain.stage import BARE_403, NOW, claims_of
from kcproxy import catalog as catalogs
from kcproxy.explain.api import explain
from kcproxy.explain.claims import read_caller
from kcproxy.explain.inputs import Inputs
from kcproxy.model import Answer, Explanation, RequestFacts
from kcproxy.observe.denials.history import History
from kcproxy.observe.denials.pending import PendingFiles, PendingPlace
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.events import RequestRecord

SERIES, CALLERS = 400, 20


def explanations() -> list[Explanation]:
    """One for each caller, with the texts that later ones have in common, as the proxy caches them."""
    table = catalogs.load(catalogs.default_version())
    request = RequestFacts(target=table.target("GET", "/admin/realms/demo/users"), public_url="http://localhost:8080")
    found = []
    for token in tokens_of(claims_of())[:CALLERS]:
        answer = Answer(status=403, json=BARE_403)
        explanation = explain("0", Inputs(request=request, caller=read_caller(token), answer=answer, catalog=table, now_epoch_seconds=NOW))
        assert explanation is not None
        found.append(dataclasses.replace(explanation, kept={}))
    return found


@contextmanager
def store(folder: Path, name: str, *, pending: bool) -> Iterator[DenialStore]:
    """A store with a history file, and with pending files beside it."""
    files = PendingFiles(PendingPlace(folder=folder, prefix=f"{name}-pending-"), instance="one") if pending else None
    with closing(DenialStore(1000, history=History(folder / name, pending=files))) as made:
        yield made


def series_microseconds(denials: DenialStore, given: Sequence[Explanation], ids: Iterator[int]) -> tuple[float, float]:
    """Microseconds for each denial: elapsed, and of the processor."""
    ready = [(dataclasses.replace(each, id=f"{next(ids):016x}"), record_of(each)) for each in given]
    began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
    for explanation, record in ready:
        denials.announce(explanation, record)
        denials.add(explanation, record)
    elapsed, cpu = time.perf_counter_ns() - began, time.thread_time_ns() - began_cpu
    return elapsed / len(ready) / 1000, cpu / len(ready) / 1000


def record_of(explanation: Explanation) -> RequestRecord:
    """A finished request."""
    return RequestRecord(target=explanation.request.target, status=403, duration_seconds=0.002)


def compare(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """All series of both ways."""
    given, ids = explanations(), itertools.count()
    with store(folder, "without", pending=False) as without, store(folder, "with", pending=True) as kept:
        ways = {"without": without, "with": kept}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(SERIES):
            for name, denials in ways.items():
                found[name].append(series_microseconds(denials, given, ids))
            time.sleep(0.005)  # the writer threads write
    return found


def main() -> None:
    """Print both ways: the best of all series, and their median."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        found = compare(Path(name))
    for way, series in found.items():
        elapsed, cpu = zip(*series, strict=True)
        print(
            f"{way:>8} pending files: {min(elapsed):6.1f} µs elapsed (median {statistics.median(elapsed):.1f}),"
            f" {min(cpu):6.1f} µs of the processor (median {statistics.median(cpu):.1f})"
        )


if __name__ == "__main__":
    main()
