"""What panels count is what happened: events in series that began in the range shown, however many there were before the first scrape."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.dashboards.queries import filled
from tools.dashboards.panels import START, counted, counted_from_start, counted_per_minute, rate_from_start

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed")

TOTAL, FIRST = "kcproxy_denials_total", "kcproxy_denial_first_timestamp_seconds"
AT_MINUTES = 60
RANGE_SECONDS = 1800

# Scraped once a minute: the counter and the time of its first event, a pair a series; and how many events were in the last half an hour.
CASES: dict[str, tuple[tuple[tuple[str, str], ...], float]] = {
    "one single event": (((("_x50 1x10"), "_x50 2990x10"),), 1),
    "a burst before the first scrape": ((("_x50 7x10", "_x50 2990x10"),), 7),
    "a steady stream of which every event is counted once": ((("_x50 1+30x10", "_x50 3000x10"),), 301),
    "a burst, and more later": ((("_x50 7x4 9x6", "_x50 2990x10"),), 9),
    "an event in the last minute": ((("_x60 3", "_x60 3590"),), 3),
    "two instances": ((("_x50 7x10", "_x50 2990x10"), ("_x40 1x20", "_x40 2390x20")), 8),
    "none of late": ((("5x60", "0x60"),), 0),
    "known for long, and one more": ((("5x50 6x10", "0x60"),), 1),
    "an instance that has gone": ((("_x40 4x5 stale", "_x40 2390x5 stale"),), 4),
    "a restart of a process that had refused before": ((("5x39 9x5 2x15", "0x44 2700x15"),), 6),
    "nothing at all": ((), 0),
    "a burst, and a restart with a history": ((("_x40 5x9 0x10", "_x40 2390x20"),), 5),
    "a burst, a restart, and two more": ((("_x40 5x9 0x5 2x5", "_x40 2390x20"),), 7),
}


@pytest.mark.parametrize("case", CASES)
def test_events_in_the_range_shown_are_counted(case: str, tmp_path: Path) -> None:
    pairs, expected = CASES[case]
    found = f"round({counted(TOTAL, FIRST)}) or vector(0)"
    assert_value(pairs, filled(found, window_seconds=RANGE_SECONDS), expected, AT_MINUTES, tmp_path)


# The same for counters without such a time: the counter and the start of its process.
STARTS: dict[str, tuple[tuple[tuple[str, str], ...], float]] = {
    "a burst before the first scrape of a new process": ((("_x50 7x10", "_x49 2930x11"),), 7),
    "a burst of a process that was known before": ((("_x50 7x10", "0x60"),), 7),
    "a series that was known before": ((("5x50 6x10", "0x60"),), 1),
    "an old process whose scrapes begin only now": ((("_x50 700x10", "_x50 0x10"),), 0),
    "a burst, and a restart": ((("_x40 5x9 1x10", "0x49 2990x10"),), 6),
    "a restart of a process that had counted before": ((("5x39 9x5 2x15", "0x44 2700x15"),), 6),
}


@pytest.mark.parametrize("case", STARTS)
def test_events_of_a_series_without_a_time_are_counted_from_the_start_of_the_process(case: str, tmp_path: Path) -> None:
    pairs, expected = STARTS[case]
    found = f"round({counted_from_start(TOTAL)}) or vector(0)"
    assert_value(pairs, filled(found, window_seconds=RANGE_SECONDS), expected, AT_MINUTES, tmp_path, names=(TOTAL, START))


RATES: dict[str, tuple[tuple[str, str], int, float]] = {
    "the step in which a series appears": (("_x10 7x20", "0x30"), 10, 7),
    "the step behind it": (("_x10 7x20", "0x30"), 11, 0),
    "a series that grows": (("0+3x30", "0x30"), 20, 3),
    "a gap in the scrapes": (("5x9 stale _x9 5x10", "0x9 stale _x9 0x10"), 20, 0),
    "the first scrape of an old process": (("_x10 700x20", "_x10 0x20"), 10, 0),
    "the first scrape of a new process": (("_x10 7x20", "_x10 590x20"), 10, 7),
}


@pytest.mark.parametrize("case", RATES)
def test_the_first_value_of_a_series_counts_if_its_process_was_known(case: str, tmp_path: Path) -> None:
    pair, at_minutes, expected = RATES[case]
    expr = rate_from_start(TOTAL).replace("$__rate_interval", "4m")
    found = f"round({expr} * 60) or vector(0)"
    assert_value((pair,), filled(found, window_seconds=60), expected, at_minutes, tmp_path, names=(TOTAL, START))


STEPS: dict[str, tuple[tuple[str, str], int, float]] = {
    "the step in which a series appears": (("_x10 7x20", "_x10 590x20"), 10, 7),
    "the step behind it": (("_x10 7x20", "_x10 590x20"), 11, 0),
    "a series that grows": (("0+3x30", "0x30"), 20, 3),
    "a gap in the scrapes of an old series": (("5x9 stale _x9 5x10", "0x9 stale _x9 0x10"), 20, 0),
}


@pytest.mark.parametrize("case", STEPS)
def test_events_over_time_are_counted_in_the_minute_in_which_they_are_first_seen(case: str, tmp_path: Path) -> None:
    pair, at_minutes, expected = STEPS[case]
    expr = counted_per_minute(TOTAL, FIRST).replace("$__rate_interval", "4m")
    assert_value((pair,), filled(f"round({expr}) or vector(0)", window_seconds=60), expected, at_minutes, tmp_path)


def assert_value(
    pairs: tuple[tuple[str, str], ...],
    expr: str,
    expected: float,
    at_minutes: int,
    folder: Path,
    *,
    names: tuple[str, str] = (TOTAL, FIRST),
) -> None:
    labels = [f'{{job="kcproxy", instance="{number}", realm="r"}}' for number in range(len(pairs))]
    series = [
        {"series": f"{name}{label}", "values": values}
        for label, pair in zip(labels, pairs, strict=True)
        for name, values in zip(names, pair, strict=True)
    ]
    sample = {"expr": expr, "eval_time": f"{at_minutes}m", "exp_samples": [{"labels": "{}", "value": expected}]}
    document = {"evaluation_interval": "1m", "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [sample]}]}
    file = folder / "case.yaml"
    file.write_text(yaml.safe_dump(document))
    run = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
