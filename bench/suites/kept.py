"""Stored results, so that suites can be run separately and shown on one page."""

import json
from dataclasses import asdict
from pathlib import Path

from bench.suites.having import WORK
from bench.suites.least import LeastFound, LeastSet
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
    direct, proxied, preserving, envoy = (tuple(content[way]) for way in _WAYS)
    return Found(direct=direct, proxied=proxied, preserving=preserving, envoy=envoy, unavailable=content["unavailable"])


def keep_least(name: str, version: str, found: LeastFound, *, folder: Path = RESULTS) -> None:
    """Store what became of a suite with the least set on a version of Keycloak."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.least-{version}.json").write_text(json.dumps(asdict(found)), encoding="utf-8")


def kept_least(name: str, version: str, *, folder: Path = RESULTS) -> LeastFound | None:
    """What became of a suite with the least set on a version of Keycloak. None if it was not run so."""
    file = folder / f"{name}.least-{version}.json"
    if not file.exists():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    own = content["least_set"]
    clients = {client: tuple(roles) for client, roles in own["clients"].items()}
    wanted = LeastSet(realm_roles=tuple(own["realm_roles"]), clients=clients, open=tuple(own["open"]), whole=tuple(own["whole"]))
    return LeastFound(least_set=wanted, made=tuple(content["made"]), recorded=content["recorded"], least=tuple(content["least"]))
