"""powers.json: the ways with their evidence, and for each version the result of every way with every role."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tools.measure.powers.way import WAYS

SCHEMA = 2
REFUSED_AT_ONCE = "403 at call 1"
WORKS = "works"

Entries = Mapping[tuple[str, str], Mapping[str, Any]]
"""A journal's tries by way and role."""


def with_version(known: Mapping[str, Any], version: str, *, entries: Entries, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The document with one version measured: what it said of that version before is replaced, the ways are described again."""
    outcomes = {name: outcomes_of(entries, name) for name in sorted({name for name, _ in entries})}
    measured = {"basis": "measured", "provenance": dict(provenance), "outcomes": outcomes}
    versions = {**known.get("versions", {}), version: measured}
    kept = known.get("ways", {})
    ways = {name: _described(name, _calls(entries, name) or kept.get(name, {}).get("calls", [])) for name in _in_use(versions)}
    return {"schema": SCHEMA, "ways": ways, "versions": dict(sorted(versions.items(), key=lambda item: _numbers(item[0])))}


def outcomes_of(entries: Entries, name: str) -> dict[str, Any]:
    """What came of one way: the roles with which it works, the reasons of some others, and the reason of all the rest."""
    tried = {role: str(entry["outcome"]) for (each, role), entry in sorted(entries.items()) if each == name}
    works = [role for role, outcome in tried.items() if outcome == WORKS]
    failed = Counter(outcome for outcome in tried.values() if outcome != WORKS)
    rest = failed.most_common(1)[0][0] if failed else ""
    reasons: dict[str, list[str]] = {}
    for role, outcome in tried.items():
        if outcome not in (WORKS, rest):
            reasons.setdefault(outcome, []).append(role)
    return {"works": works} | ({"fails": reasons} if reasons else {}) | ({"rest": rest} if rest else {})


def _calls(entries: Entries, name: str) -> list[str]:
    """The evidence: the calls of a try that worked."""
    return next((list(entry["calls"]) for (each, _), entry in sorted(entries.items()) if each == name and entry["outcome"] == WORKS), [])


def _in_use(versions: Mapping[str, Any]) -> Iterable[str]:
    return sorted({name for version in versions.values() for name in version["outcomes"] if name in WAYS})


def _described(name: str, calls: list[str]) -> dict[str, Any]:
    way = WAYS[name]
    described = {"yields": way.yields.value, "ease": way.ease.value, "says": way.says}
    return described | ({"needs": way.needs} if way.needs else {}) | {"calls": calls}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def text_of(document: Mapping[str, Any]) -> str:
    """The file: a line for each way, and for each way of a version."""
    versions = ",\n".join(f"{json.dumps(version)}: {_version(held)}" for version, held in document["versions"].items())
    return f'{{\n"schema": {document["schema"]},\n"ways": {{\n{_lines(document["ways"])}\n}},\n"versions": {{\n{versions}\n}}\n}}\n'


def _version(held: Mapping[str, Any]) -> str:
    head = "".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in held.items() if key != "outcomes")
    return f'{{\n{head}"outcomes": {{\n{_lines(held["outcomes"])}\n}}}}'


def _lines(mapping: Mapping[str, Any]) -> str:
    return ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in mapping.items())
