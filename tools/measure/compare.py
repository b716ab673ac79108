"""Compares two data files: the content of each operation, without date and number of calls."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMPARED = (
    "anyOf",
    "admits",
    "reduced",
    "useful",
    "lacks",
    "refusal",
    "master",
    "masterRealmRoles",
    "features",
    "variants",
    "notes",
    "undetermined",
)
HEADS = ("schema", "keycloak", "basis", "discovery", "roles")


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """One line for each thing that differs; none for equal measurements."""
    found = [f"{key} differ" for key in HEADS if first.get(key) != second.get(key)]
    rows, others = _by_name(first), _by_name(second)
    found += [f"only in the first: {name}" for name in sorted(rows.keys() - others.keys())]
    found += [f"only in the second: {name}" for name in sorted(others.keys() - rows.keys())]
    for name in sorted(rows.keys() & others.keys()):
        for key in COMPARED:
            if rows[name].get(key) != others[name].get(key):
                found += [f"{name}: {key}: {json.dumps(rows[name].get(key))} / {json.dumps(others[name].get(key))}"]
    return found


def compared(first: Path, second: Path) -> list[str]:
    """The differences of two files."""
    return differences(json.loads(first.read_text()), json.loads(second.read_text()))


def _by_name(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {" ".join((row["method"], row["path"], row.get("body", ""))).strip(): row for row in document["operations"]}
