"""Short attacks of ``bench.hostile_sockets``: they reach the proxy, and the legitimate client is served."""

from pathlib import Path

import pytest

from bench import hostile_sockets
from bench.hostile_sockets import ATTACKS, ROOT, Felt, Result, table


@pytest.mark.parametrize("number", range(1, len(ATTACKS)))
def test_a_real_caller_is_served_during_each_attack(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_sockets, "WIDTH", 16)
    monkeypatch.setattr(hostile_sockets, "HALF_HEADS", 200)
    monkeypatch.setattr(hostile_sockets, "FLOODS", 50)
    result = ATTACKS[number](ROOT, tmp_path / "attack", 2.0)
    assert result.felt.errors == 0
    assert len(result.felt.seconds) > 3


def test_idle_connections_after_hostile_heads_are_counted(tmp_path: Path) -> None:
    result = hostile_sockets._idle(ROOT, tmp_path / "idle", 128)
    assert "128 connections" in result.note
    assert "refused" not in result.note


def test_the_table_shows_what_failed_beside_what_did_not() -> None:
    good = Result(attack="a", felt=Felt([0.001] * 99, 0), megabytes=69.4)
    bad = Result(attack="a", felt=Felt([0.001], 3), megabytes=80.0, note="something to know")
    lines = table({"before": [bad], "now": [good]}).splitlines()
    assert lines[2] == "| a | - / - / - | 3 of 4 | 80 | 1 / 1 / 1 | 0 of 99 | 69 |"
    assert lines[-1] == "before: something to know."
