"""Samples become medians, ratios and verdicts."""

from pathlib import Path
from tempfile import gettempdir

import pytest

from bench.measure import Samples
from bench.peers import BEFORE
from bench.report import Target, comparison, document, target_table, targets
from bench.scenarios import SCENARIOS, SMALL


def samples(cpu: float) -> Samples:
    found = Samples(latencies=[0.0002, 0.0003, 0.0004], idle_megabytes=40.0, loaded_megabytes=60.0)
    found.start_seconds = [0.3, 0.4, 0.9]
    found.start_cpu_seconds = [0.1, 0.2, 0.2]
    for scenario in SCENARIOS:
        found.cpu_microseconds[scenario.name] = [cpu * 9, cpu, cpu / 9]
        found.per_second[scenario.name] = [1.0, 1000.0, 2000.0]
    return found


FOUND = {"direct": Samples(latencies=[0.0001, 0.0002, 0.0003]), "nginx": samples(40.0), "naive": samples(400.0), "kcproxy": samples(120.0)}


def test_the_median_over_rounds_counts() -> None:
    assert (FOUND["kcproxy"].cpu(SMALL), FOUND["kcproxy"].rate(SMALL)) == (120.0, 1000.0)


def test_targets_are_ratios_to_the_peers_of_the_same_run() -> None:
    listed = {target.name: target for target in targets(FOUND, keycloak_microseconds=1200.0)}
    assert listed["CPU of a small GET, of nginx's"].value == 3.0
    assert listed["CPU of a small GET, of the naive proxy's"].value == 0.3
    assert listed["CPU of a small GET, of Keycloak's own for it"].value == 0.1
    assert listed["start to ready"].value == 0.4
    assert listed["start to ready, CPU time"].value == 0.2


def test_a_peer_that_is_not_there_sets_no_target() -> None:
    names = [target.name for target in targets({"direct": FOUND["direct"], "kcproxy": FOUND["kcproxy"]}, keycloak_microseconds=1200.0)]
    assert not any("nginx" in name or "naive" in name for name in names)


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.0, "aim reached"), (2.0, "aim reached"), (2.1, "reached"), (3.3, "reached"), (3.31, "MISSED")]
)
def test_a_target_is_judged_by_what_it_must_and_what_it_aims_at(value: float, verdict: str) -> None:
    assert Target(name="x", value=value, must=3.3, aim=2.0, unit="").verdict == verdict


def test_the_document_names_the_machine_and_no_path_of_it() -> None:
    text = document(FOUND, targets(FOUND, keycloak_microseconds=1200.0), rounds=3, seconds=2.0)
    assert "cores" in text.splitlines()[0]
    assert "| kcproxy | 120 / 120 / 120 | 8333 | 0.33 | 3.33 | 1000 | 100 / 100 | 40 / 60 |" in text
    for place in (Path.home(), Path.cwd(), Path(gettempdir())):
        assert str(place) not in text


def test_a_missed_target_is_shouted() -> None:
    listed = targets(FOUND | {"kcproxy": samples(4000.0)}, keycloak_microseconds=1200.0)
    assert "MISSED" in "\n".join(target_table(listed))


def test_two_installations_are_compared_pair_by_pair() -> None:
    assert comparison(FOUND) == []
    before = samples(100.0)
    before.cpu_microseconds["user"] = [1080.0, 100.0, 10.0]  # against 1080, 120 and 13.3
    lines = comparison({**FOUND, BEFORE: before})
    assert lines[3] == "| user | 100 | 120 | 1.200 | 1.000 to 1.333 |"
    assert lines[4].startswith("| 403 | 100 | 120 | 1.200 |")
