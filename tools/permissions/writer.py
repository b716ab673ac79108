"""Write the table of permissions from a journal: sorted, one operation a line, the same bytes for the same findings."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.measure.behind import Features
from tools.measure.run import Task, operations_of
from tools.measure.spec import Operation
from tools.measure.writer import text_of
from tools.permissions.objects import TYPES
from tools.permissions.terms import Term, is_role, term_of

SOURCES = Path(__file__).parent
LEVELS = ("anyOf", "shows", "admits")
PLAIN_KEYS = {
    "otp-user": "user",
    "administrator": "user",
    "administrators": "group",
    "az-client": "client",
    "saml-client": "client",
    "management": "client",
    "organization.group": "group",
}
"""Fixtures that play the part of a plainer one: named so in the table if that name is free."""

V1 = "admin-fine-grained-authz:v1"
V1_WHY = "part of version 1 of fine-grained admin permissions, which cannot be on together with version 2"


def revision() -> str:
    """What tells two programs apart: the digest of this package's sources."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def rows(version: str, tasks: Sequence[Task], known: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The table's operations; what was not measured is there with the reason."""
    features = Features(version)
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for operation in operations_of(version):
        row = _row(operation, features.needed(operation), [task for task in tasks if task.operation.key == operation.key], known)
        key = (operation.path, operation.method, operation.body)
        if key not in found or "undetermined" in found[key]:
            found[key] = row
    result = [found[key] for key in sorted(found)]
    _name_bodies(result)
    return result


def _row(operation: Operation, features: Sequence[str], tasks: Iterable[Task], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"method": operation.method, "path": operation.path, "body": operation.body, "handler": operation.handler}
    if not operation.body:
        del row["body"]
    if features:
        row["features"] = list(features)
        reason = V1_WHY if V1 in features or any(name.startswith("admin-fine-grained-authz") for name in features) else "behind a feature"
        return row | {"undetermined": f"not measured: {reason}"}
    plain = next((known[task.key] for task in tasks if not task.spec.variant and task.key in known), None)
    if plain is None:
        return row | {"undetermined": "not measured"}
    if "undetermined" in plain:
        return row | {"undetermined": plain["undetermined"]}
    needs = needs_of(plain)
    variants = [
        {"id": task.spec.variant, "when": dict(task.spec.when), "says": task.spec.says, **other}
        for task in tasks
        if task.spec.variant and task.key in known and "undetermined" not in known[task.key]
        for other in [needs_of(known[task.key])]
        if _sets_only(other) != _sets_only(needs)
    ]
    not_known = [f"not measured {task.spec.says}: {known[task.key]['undetermined']}" for task in tasks if _is_open(task, known)]
    row |= needs
    if not_known:
        row["notes"] = [*row.get("notes", ()), *not_known]
    return row | ({"variants": sorted(variants, key=lambda item: str(item["id"]))} if variants else {})


def _is_open(task: Task, known: Mapping[str, Mapping[str, Any]]) -> bool:
    return bool(task.spec.variant) and "undetermined" in known.get(task.key, {})


def needs_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a journal's entry says of one way to call an operation."""
    if entry["closed"]:
        return {"closed": True}
    renamed = _names(entry)
    needs: dict[str, Any] = {level: _renamed_sets(entry[level], renamed) for level in LEVELS}
    if needs["shows"] == needs["admits"]:
        del needs["shows"]
    query = entry.get("withQueryRole")
    if query:
        needs["withQueryRole"] = {level: _renamed_sets(query[level], renamed) for level in LEVELS if level in needs}
    reduced = {"+".join(sorted(_renamed(terms.split("+"), renamed))): text for terms, text in entry["reduced"].items()}
    if reduced:
        needs["reduced"] = dict(sorted(reduced.items()))
    if entry["refusals"] not in ([403], []):
        needs["refusals"] = entry["refusals"]
    used = {term_of(text).target for sets in _all_sets(needs) for terms in sets for text in terms if not is_role(text)} - {""}
    objects = {renamed.get(key, key): {"type": TYPES[key], **_place(place, renamed)} for key, place in entry["objects"].items()}
    if used:
        needs = {"objects": _told_apart({key: objects[key] for key in sorted(objects) if key in used}), **needs}
    needs["controls"] = entry["control"]["checked"]
    notes = [_open_control(item, renamed) for item in entry["control"]["open"]] + entry["notes"][:3]
    return needs | ({"notes": notes} if notes else {})


def _told_apart(objects: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Roles in one place of a list, of the realm and of a client: which of them each key is."""
    places = [tuple(sorted(place.items())) for place in objects.values()]
    return {
        key: {**place, "roleOf": "client" if key.endswith("client-role") else "realm"}
        if places.count(tuple(sorted(place.items()))) > 1
        else place
        for key, place in objects.items()
    }


def _all_sets(needs: Mapping[str, Any]) -> list[Any]:
    return [needs[level] for level in LEVELS if level in needs] + list(needs.get("withQueryRole", {}).values())


def _place(place: Mapping[str, str], renamed: Mapping[str, str]) -> dict[str, str]:
    return {where: renamed.get(name, name) for where, name in place.items()}


def _open_control(item: Mapping[str, Any], renamed: Mapping[str, str]) -> str:
    return f"with {'+'.join(_renamed(item['set'], renamed))} for another {renamed.get(item['object'], item['object'])} it is open, too"


def _names(entry: Mapping[str, Any]) -> dict[str, str]:
    """Fixtures by the plainer names, where two do not get the same."""
    taken = set(entry["objects"])
    renamed: dict[str, str] = {}
    for key in sorted(entry["objects"]):
        name = PLAIN_KEYS.get(key)
        if name and name not in taken:
            renamed[key] = name
            taken.add(name)
    return renamed


def _renamed_sets(sets: Iterable[Iterable[str]], renamed: Mapping[str, str]) -> list[list[str]]:
    return sorted((sorted(_renamed(terms, renamed)) for terms in sets), key=lambda terms: (len(terms), terms))


def _renamed(terms: Iterable[str], renamed: Mapping[str, str]) -> list[str]:
    return [_one_renamed(text, renamed) for text in terms]


def _one_renamed(text: str, renamed: Mapping[str, str]) -> str:
    if is_role(text):
        return text
    term = term_of(text)
    return str(Term(type=term.type, scope=term.scope, target=renamed.get(term.target, term.target)))


def _sets_only(needs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in needs.items() if key in {*LEVELS, "withQueryRole", "closed"}}


def _name_bodies(found: list[dict[str, Any]]) -> None:
    count: dict[tuple[str, str], int] = {}
    for row in found:
        count[row["method"], row["path"]] = count.get((row["method"], row["path"]), 0) + 1
    for row in found:
        if count[row["method"], row["path"]] == 1:
            row.pop("body", None)


def document(version: str, *, date: str, facts: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> str:
    """The file's text."""
    head = {
        "schema": 1,
        "keycloak": version,
        "basis": "measured",
        "provenance": {"date": date, "program": revision(), "attempts": facts["attempts"]},
        "types": facts["types"],
        "throughGroups": facts.get("throughGroups", {}),
        "queryRoles": facts["queryRoles"],
    }
    return text_of(head, operations)


def has_undetermined(row: Mapping[str, Any]) -> bool:
    """Whether a row is not known for another reason than a feature that is off."""
    return "undetermined" in row and not re.match("not measured: (part|behind)", str(row["undetermined"]))
