"""Writes the catalog's data file from a journal: sorted, one operation per line, the same bytes for the same results."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.measure.run import OWN_REALM, Task
from tools.measure.variants import ADMIN_ROLE_VARIANT

SOURCES = Path(__file__).parent
NOT_MEASURED = "not measured"
COUNTED = re.compile(r" and [0-9]+ more\b")


def program_revision() -> str:
    """What tells two programs apart: the digest of this package's sources."""
    digest = hashlib.sha256()
    for path in sorted([*SOURCES.rglob("*.py"), *SOURCES.rglob("*.java")]):
        digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


REVISION = program_revision()
"""The digest of the sources at the start, even if they change meanwhile."""


def rows(tasks: Sequence[Task], done: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The operations of the data file, from plain trials and their variants."""
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for task in tasks:
        if task.spec.variant:
            continue
        operation = task.operation
        key = (operation.path, operation.method, operation.body)
        variants = [
            (other, done[other.key]) for other in tasks if other.operation is operation and other.spec.variant and other.key in done
        ]
        found.setdefault(key, []).append(_row(task, done.get(task.key), variants))
    merged = [_one_of(found[key]) for key in sorted(found)]
    _name_bodies(merged)
    return merged


def _row(task: Task, entry: Mapping[str, Any] | None, variants: Iterable[tuple[Task, Mapping[str, Any]]]) -> dict[str, Any]:
    operation = task.operation
    row: dict[str, Any] = {"method": operation.method, "path": operation.path}
    if operation.body:
        row["body"] = operation.body
    row["handler"] = operation.handler
    if task.spec.features:
        row["features"] = sorted(task.spec.features)
    if entry is None or "undetermined" in entry:
        # Journals of older programs name the realm that they used.
        row["undetermined"] = NOT_MEASURED if entry is None else OWN_REALM.sub("{realm}", entry["undetermined"])
        return row
    row |= _needs(entry)
    tried = list(variants)
    different = [
        _variant(other, found)
        for other, found in tried
        if "undetermined" not in found and _without_words(_needs(found)) != _without_words(_needs(entry))
    ]
    if different:
        roles = {
            other.spec.variant.removeprefix(ADMIN_ROLE_VARIANT) for other, _ in tried if other.spec.variant.startswith(ADMIN_ROLE_VARIANT)
        }
        row["variants"] = sorted(_joined(different, roles), key=lambda item: str(item["id"]))
    open_cases = [f"not measured {other.spec.says}: {found['undetermined']}" for other, found in tried if "undetermined" in found]
    notes = "; ".join([*filter(None, [_notes(entry)]), *open_cases])
    if notes:
        row["notes"] = notes
    return row


def _needs(entry: Mapping[str, Any]) -> dict[str, Any]:
    needs = _sets(entry)
    if entry["refusal"] != 403:
        needs["refusal"] = entry["refusal"]
    if entry.get("master"):
        needs["master"] = _sets(entry["master"])
    if entry.get("masterRealmRoles"):
        needs["masterRealmRoles"] = entry["masterRealmRoles"]
    return needs


def _sets(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What both kinds of callers have; `useful` only if it is not the same as `anyOf`."""
    found = {"anyOf": entry["anyOf"], "admits": entry["admits"]}
    if entry["reduced"]:
        found["reduced"] = _uncounted(entry["reduced"])
    if entry.get("lacks"):
        found |= {"useful": entry["useful"], "lacks": dict(sorted(entry["lacks"].items()))}
    return found


def _uncounted(reduced: Mapping[str, str]) -> dict[str, str]:
    """Journals of older programs count the fields that are not named; the number hangs on what a realm happens to have set."""
    return {roles: COUNTED.sub(" and others", text) for roles, text in reduced.items()}


def _without_words(needs: Mapping[str, Any]) -> dict[str, Any]:
    """The roles only: a variant that merely shows more or other fields is not kept."""
    words = ("reduced", "lacks")
    plain = {key: value for key, value in needs.items() if key not in words}
    if "master" in plain:
        plain["master"] = {key: value for key, value in plain["master"].items() if key not in words}
    return plain


def _variant(task: Task, entry: Mapping[str, Any]) -> dict[str, Any]:
    spec = task.spec
    return {"id": spec.variant, "when": dict(spec.when), "says": spec.says, **_needs(entry)}


def _joined(variants: list[dict[str, Any]], tried: set[str]) -> list[dict[str, Any]]:
    """Variants for single administration roles with the same needs as one variant for any of those roles."""
    joined: dict[str, list[dict[str, Any]]] = {}
    for variant in variants:
        single = str(variant["id"]).startswith(ADMIN_ROLE_VARIANT)
        needs = {key: value for key, value in variant.items() if key not in ("id", "when", "says")}
        joined.setdefault(json.dumps(needs, sort_keys=True) if single else str(variant["id"]), []).append(variant)
    return [_any_of_roles(same, tried) if len(same) > 1 else same[0] for same in joined.values()]


def _any_of_roles(same: list[dict[str, Any]], tried: set[str]) -> dict[str, Any]:
    roles = sorted(str(variant["id"]).removeprefix(ADMIN_ROLE_VARIANT) for variant in same)
    says = "with any role of realm-management" if set(roles) == tried else f"with a role of realm-management: {', '.join(roles)}"
    return {**same[0], "id": f"{ADMIN_ROLE_VARIANT}{roles[0]}-and-others", "when": {"bodyHasAny": {"name": roles}}, "says": says}


def _notes(entry: Mapping[str, Any]) -> str:
    notes = list(entry["notes"])
    if entry["status"] >= 400 and entry["anyOf"]:
        notes.append(f"realm-admin's own answer was {entry['status']}, after the check")
    if entry["status"] == 401 and not entry["anyOf"]:
        notes.append("takes tokens of the realm master only: every other token gets 401")
    return "; ".join(notes)


def _one_of(same: list[dict[str, Any]]) -> dict[str, Any]:
    """One row if several handlers share method and path and need the same; a request does not distinguish them."""
    first, *others = sorted(same, key=lambda row: ("undetermined" in row, row["handler"]))
    different = [
        other for other in others if "undetermined" not in other and any(other.get(key) != first.get(key) for key in ("anyOf", "admits"))
    ]
    if different:
        raise ValueError(f"{first['method']} {first['path']}: handlers {[row['handler'] for row in same]} need different roles")
    return first


def _name_bodies(found: list[dict[str, Any]]) -> None:
    """Keep `body` only if it tells entries apart."""
    count: dict[tuple[str, str], int] = {}
    for row in found:
        count[row["method"], row["path"]] = count.get((row["method"], row["path"]), 0) + 1
    for row in found:
        if count[row["method"], row["path"]] == 1:
            row.pop("body", None)


def document(
    version: str,
    *,
    provenance: Mapping[str, Any],
    discovery: Any,
    contains: Mapping[str, Iterable[str]],
    operations: Sequence[Mapping[str, Any]],
) -> str:
    """The file's text."""
    head = {
        "schema": 1,
        "keycloak": version,
        "basis": "measured",
        "provenance": dict(provenance),
        "discovery": discovery,
        "roles": {role: sorted(contains[role]) for role in sorted(contains)},
    }
    return text_of(head, operations)


def text_of(head: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> str:
    """A data file: one line for each part of its head and for each operation."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}," for key, value in head.items()]
    body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in operations)
    return "{\n" + "\n".join(lines) + '\n"operations": [\n' + body + "\n]\n}\n"
