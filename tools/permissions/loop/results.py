"""What became of each call, and its file."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

RESULTS = Path(__file__).resolve().parent / "results"


class Kind(StrEnum):
    """How a call ended."""

    FIXED = "fixed"
    LET_IN = "let in"  # without permissions the caller gets a response, of which permissions decide the content
    ROLE = "role"  # the explanation names a role first, because permissions for this object alone are not enough
    OTHER = "other"
    FAILED = "failed"


class Result(Struct, frozen=True, kw_only=True):
    """One call. ``control``: whether another object was tried, and stayed refused. ``scopes``: those that were taken away one at a time."""

    name: str
    kind: Kind
    reason: str = ""
    control: bool = False
    scopes: int = 0
    permissions: tuple[str, ...] = ()
    confidence: str = ""
    lookups: int = 0


def kept(version: str) -> dict[str, Any]:
    """The kept run of a version, or an empty one."""
    file = RESULTS / f"{version}.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def keep(version: str, *, date: str, results: Sequence[Result]) -> None:
    """Write a run."""
    counts = {str(kind): sum(result.kind is kind for result in results) for kind in Kind}
    document = {
        "keycloak": version,
        "date": date,
        "calls": len(results),
        "counts": counts,
        "controls": sum(result.control for result in results),
        "scopes": sum(result.scopes for result in results),
        "certain": sum(result.confidence == "certain" for result in results),
        "exceptions": [structs.asdict(result) for result in results if result.kind is not Kind.FIXED],
    }
    _write(version, document)


def replaced(run: dict[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """A kept run in which these calls, which were exceptions, ended as they do now."""
    before = {item["name"]: item for item in run["exceptions"]}
    again = {result.name: result for result in results if result.name in before}
    counts = dict(run["counts"])
    for name, result in again.items():
        counts[before[name]["kind"]] -= 1
        counts[str(result.kind)] += 1
    old, new = [before[name] for name in again], [structs.asdict(result) for result in again.values()]
    kept_exceptions = [item for item in run["exceptions"] if item["name"] not in again]
    now = [structs.asdict(result) for result in again.values() if result.kind is not Kind.FIXED]
    return {
        **run,
        "counts": counts,
        "controls": run["controls"] + sum(item["control"] for item in new) - sum(item["control"] for item in old),
        "scopes": run["scopes"] + sum(item["scopes"] for item in new) - sum(item["scopes"] for item in old),
        "certain": run["certain"] + sum(_is_certain(item) for item in new) - sum(_is_certain(item) for item in old),
        "exceptions": sorted([*kept_exceptions, *now], key=lambda item: str(item["name"])),
        "again": [*run.get("again", ()), *({"name": item["name"], "first": f"{item['kind']}: {item['reason']}"} for item in old)],
    }


def keep_again(version: str, results: Sequence[Result]) -> None:
    """Write a run in which some calls were made again."""
    _write(version, replaced(kept(version), results))


def _is_certain(item: Mapping[str, Any]) -> bool:
    return bool(item["confidence"] == "certain")


def _write(version: str, document: Mapping[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{version}.json").write_text(json.dumps(document, indent=1, default=list) + "\n", encoding="utf-8")
