"""A hostile caller cannot make labels, store or history grow. The full measure of it is ``python -m bench.hostile_denials``."""

from dataclasses import replace
from pathlib import Path

from bench.hostile_denials import flood


def test_thousands_of_invented_paths_realms_and_clients_stay_within_bounds(tmp_path: Path) -> None:
    grown = flood(4000, 2000, tmp_path / "h.sqlite")
    assert grown.passed() == []
    assert grown.stored > 500  # they were kept, not thrown away


def test_the_measure_notices_what_grows(tmp_path: Path) -> None:
    grown = flood(50, 50, tmp_path / "h.sqlite")
    assert replace(grown, series=1_000_000).passed() == ["series is 1000000, its bound 18000"]
