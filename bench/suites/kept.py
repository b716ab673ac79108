"""Stored results, so that suites can be run separately and shown on one page."""

import json
from pathlib import Path

from bench.suites.having import WORK
from bench.suites.outcome import Found

RESULTS = WORK / "results"
_WAYS = ("direct", "proxied", "preserving", "envoy")


def keep(name: str, found: Found, *, folder: Path = RESULTS) -> None:
    """Store the result of a suite."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {way: [dict(run) for run in getattr(found, way)] for way in _WAYS}
    (folder / f"{name}.json").write_text(json.dumps({**content, "unavailable": found.unavailable}), encoding="utf-8")


def kept(name: str, *, folder: Path = RESULTS) -> Found | None:
    """The stored result of a suite. None if there is none."""
    file = folder / f"{name}.json"
    if not file.exists():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    return Found(**{way: tuple(content[way]) for way in _WAYS}, unavailable=content["unavailable"])
