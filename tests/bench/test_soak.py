"""A short soak test: faults, restarts and disconnects, and nothing hangs, leaks or happens twice."""

import random
from pathlib import Path

from bench.callers import FastCounter
from bench.faulty import FaultyKeycloak
from bench.soak import Plan, Watch, _problems, soak


async def test_faults_and_restarts_of_the_upstream_lose_no_write_and_hang_no_caller(tmp_path: Path) -> None:
    outcome = await soak(Plan(seconds=5.0, connections=24, pause_seconds=0.02, restart_every_seconds=2.0, slow_connections=50), tmp_path)
    assert outcome.problems == []
    assert outcome.tally.responses["user", "200"] > 100
    assert outcome.tally.responses["create", "201"] > 20
    assert sum(outcome.upstream.faults.values()) > 10
    denial_enricher = sum(number for (_, status), number in outcome.tally.responses.items() if status in {"502", "503", "504"})
    assert denial_enricher > 0, "the faults were felt, and answered clearly"


def test_a_write_that_happened_twice_is_found() -> None:
    upstream = FaultyKeycloak(random.Random(1))
    upstream.written["marie"] = 2
    tally = FastCounter()
    tally.responses["user", "200"] = 1
    found = _problems(Plan(seconds=1, connections=1), tally, upstream, Watch(1, megabytes=[50.0, 50.0]), before=5, after=5)
    assert found == ["1 writes were executed twice"]


def test_a_leak_is_found() -> None:
    tally = FastCounter()
    tally.responses["user", "200"] = 1
    watch = Watch(1, megabytes=[50.0, 60.0, 70.0, 80.0, 90.0])
    found = _problems(Plan(seconds=600, connections=1), tally, FaultyKeycloak(random.Random(1)), watch, before=5, after=500)
    assert found == ["descriptors: 5 before, 500 after", "memory grew by 30.0 MB"]


def test_a_write_that_was_acknowledged_and_never_executed_is_found() -> None:
    tally = FastCounter(acknowledged={"marie"})
    tally.responses["user", "200"] = 1
    found = _problems(
        Plan(seconds=1, connections=1), tally, FaultyKeycloak(random.Random(1)), Watch(1, megabytes=[1.0, 1.0]), before=1, after=1
    )
    assert found == ["1 writes were acknowledged and never executed"]
