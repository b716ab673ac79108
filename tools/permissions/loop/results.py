"""What became of each call, and its file."""

import json
from collections.abc import Sequence
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
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{version}.json").write_text(json.dumps(document, indent=1, default=list) + "\n", encoding="utf-8")
