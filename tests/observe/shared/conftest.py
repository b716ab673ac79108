"""Shorter pauses than an operator would want."""

import pytest

from kcproxy.observe.shared import history


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(history, "LONGEST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(history, "BATCH_SECONDS", 0.05)
