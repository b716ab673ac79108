"""The table of a version that could not be had: the last measured one with the changes that its documentation names, marked so.

For 26.8 (upgrade guide of 26.8.2): protocol mappers are created, changed and deleted only by who may also manage the realm, and
view-clients no longer reveals the secrets of clients (that their own operations refuse it then, Keycloak's tests say). The third change is no role: the Admin REST API answers 401 to tokens whose
audience lacks it (client scope kc-admin-api).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from tools.measure.writer import text_of

AUDIENCE = (
    "From 26.8 the Admin REST API answers 401, whatever the roles, to tokens whose audience does not name it:"
    " the client needs the built-in client scope kc-admin-api."
)
MAPPER_CHANGE = re.compile(r"/protocol-mappers/(models|models/\{[^}]+\}|add-models)$")
CLIENT = "/admin/realms/{realm}/clients/{client-uuid}"
SHOWS_SECRETS = {"/admin/realms/{realm}/clients": "items without fields: secret", CLIENT: "without fields: secret"}
IS_A_SECRET = (f"{CLIENT}/client-secret", f"{CLIENT}/client-secret/rotated")
CONTAINS_A_SECRET = (f"{CLIENT}/installation/providers/{{providerId}}",)
REFUSED = "changed in 26.8: view-clients is refused, as Keycloak's own test ClientSecretVisibilityTest says"
UNKNOWN = "view-clients no longer reveals secrets from 26.8.0 on; whether this call is then refused or answers without the secret was not measured"


def as_26_8(measured: Mapping[str, Any]) -> str:
    """The text of 26.8's file, from 26.7's document."""
    head = {key: measured[key] for key in ("schema", "keycloak", "basis", "provenance", "discovery", "roles")}
    provenance = {**measured["provenance"], "from": measured["keycloak"], "calls": 0}
    head |= {"keycloak": "26.8", "basis": "documented", "provenance": provenance, "discovery": {}, "notes": [AUDIENCE]}
    return text_of(head, [_changed(row) for row in measured["operations"]])


def _changed(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["method"] != "GET" and MAPPER_CHANGE.search(row["path"]) and "anyOf" in row:
        return _with_manage_realm(row)
    if row["method"] == "GET" and row["path"] in IS_A_SECRET and "anyOf" in row:
        without = {key: [roles for roles in row[key] if "view-clients" not in roles] for key in ("anyOf", "admits")}
        return {**row, **without, "notes": REFUSED}
    if row["method"] == "GET" and row["path"] in CONTAINS_A_SECRET:
        return {key: value for key, value in row.items() if key not in ("anyOf", "admits", "reduced", "variants")} | {
            "undetermined": UNKNOWN
        }
    if row["method"] == "GET" and row["path"] in SHOWS_SECRETS:
        return _without_secrets(row, SHOWS_SECRETS[row["path"]])
    return dict(row)


def _with_manage_realm(row: Mapping[str, Any]) -> dict[str, Any]:
    sets = {key: [sorted({*roles, "manage-realm"}) for roles in row[key]] for key in ("anyOf", "admits")}
    return {**row, **sets, "notes": "changed in 26.8: managing the realm is needed besides"}


def _without_secrets(row: Mapping[str, Any], missing: str) -> dict[str, Any]:
    full = [roles for roles in row["anyOf"] if roles != ["view-clients"]]
    admits = row["admits"] if ["query-clients"] in row["admits"] else [*full, ["view-clients"]]
    changed = {**row, "anyOf": full, "admits": sorted(admits, key=lambda roles: (len(roles), roles))}
    changed["reduced"] = {**row.get("reduced", {}), "view-clients": missing}
    order = ("method", "path", "handler", "anyOf", "admits", "reduced")
    return {key: changed[key] for key in (*order, *(key for key in changed if key not in order))}


def powers_of_26_8(powers: Mapping[str, list[dict[str, Any]]], measured: str) -> dict[str, list[dict[str, Any]]]:
    """The powers file with 26.8 where the last measured version has the power, but for what the change takes from view-clients."""
    carried: dict[str, list[dict[str, Any]]] = {}
    for role, items in powers.items():
        for item in items:
            versions = [version for version in item["versions"] if version != "26.8"]
            holds = measured in versions and role != "view-clients"
            carried.setdefault(role, []).append({**item, "versions": [*versions, "26.8"] if holds else versions})
    return carried


def powers_text(powers: Mapping[str, Any]) -> str:
    """The powers file."""
    return json.dumps(powers, indent=1) + "\n"
