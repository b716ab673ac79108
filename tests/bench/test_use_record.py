"""The record of use is cheap for each request, and bounded under many invented callers."""

from pathlib import Path

from bench.use_record import MAX_ROWS, bounds, cost

CALLS, CALLERS = 60_000, 10_000
MAX_FILE_BYTES = MAX_ROWS * 500
MAX_MEMORY_BYTES = 128 << 20
MAX_SAMPLES = 10_000


def test_record_memory_and_labels_are_bounded_under_many_invented_callers(tmp_path: Path) -> None:
    found = bounds(tmp_path, calls=CALLS, callers=CALLERS)
    assert found["recorded_uses"] <= MAX_ROWS
    assert found["recorded_calls"] + found["dropped_calls"] == CALLS
    assert found["dropped_calls"] > 0
    assert found["file_bytes"] <= MAX_FILE_BYTES
    assert found["memory_growth_bytes"] <= MAX_MEMORY_BYTES
    assert found["metric_samples"] <= MAX_SAMPLES


def test_the_record_costs_less_than_metrics_and_log_line(tmp_path: Path) -> None:
    assert cost(tmp_path).ratio < 1.0
