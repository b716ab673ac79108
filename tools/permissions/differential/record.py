"""Recorded comparisons: small enough to be kept as a fixture, and all that an offline test needs to ask the evaluator again."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import asdict

from tools.permissions.differential.ask import Answered, Read
from tools.permissions.differential.generate import CALLERS
from tools.permissions.differential.realm import SmallRealm

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CLAIMS = ("azp", "sub", "scope", "email", "preferred_username", "groups", "address", "clientId")
KEPT = ("id", "name", "type", "resourceType", "logic", "decisionStrategy", "config")


def head(realm: SmallRealm) -> dict[str, Any]:
    """The first line of a record: the version, the callers, and the objects."""
    identities = {}
    for caller in CALLERS:
        known = asdict(realm.identities[caller])
        known["claims"] = {name: value for name, value in known["claims"].items() if name in CLAIMS}
        identities[caller] = {key: sorted(value) if isinstance(value, frozenset) else value for key, value in known.items()}
    return {
        "keycloak": realm.version.text,
        "groupPaths": dict(realm.names.group_paths),
        "clientScopeNames": dict(realm.names.client_scope_names),
        "identities": identities,
    }


def case(seed: int, realm: SmallRealm, read: Read, responses: Sequence[Answered]) -> dict[str, Any]:
    """One configuration with its responses."""
    return {
        "seed": seed,
        "permissions": [_slim(item) for item in read.permissions],
        "policies": [_slim(item) for item in read.policies],
        "associated": {owner: [{"id": item["id"]} for item in items] for owner, items in read.associated.items()},
        "resources": {owner: _names(items) for owner, items in read.resources.items()},
        "scopes": {owner: _names(items) for owner, items in read.scopes.items()},
        "answers": [
            {
                "caller": each.caller,
                "probe": each.question.probe,
                "needs": [_need(realm, *need) for need in each.question.needs],
                "status": each.status,
                "evaluated": list(each.evaluated),
            }
            for each in responses
        ],
    }


def _need(realm: SmallRealm, type_name: str, label: str, scope: str) -> dict[str, Any]:
    asked = realm.asked(type_name, label)
    return {"type": type_name, "id": asked.id, "groups": asked.groups, "scope": scope}


def _slim(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: item[key] for key in KEPT if key in item}
    return kept | {key: _names(item[key]) for key in ("resourcesData", "scopesData") if key in item}


def _names(items: Any) -> list[dict[str, Any]]:
    return [{"name": item["name"]} for item in items]


def lines(documents: Sequence[Mapping[str, Any]], ids: Mapping[str, str]) -> Iterator[str]:
    """The documents, one a line, with short labels in place of ids."""
    labels = {identifier: label for label, identifier in ids.items() if not label.startswith("policy:")}

    def short(match: re.Match[str]) -> str:
        return labels.setdefault(match[0], f"id-{len(labels)}")

    for document in documents:
        yield UUID.sub(short, json.dumps(document, separators=(",", ":"), sort_keys=True))
