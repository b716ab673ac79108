"""The table of a version that could not be measured: the last measured table plus the changes that its documentation names, marked as such.

For 26.8 (upgrade guide of 26.8.2): creating, changing and deleting protocol mappers also needs manage-realm, and view-clients no longer reveals
the secrets of clients (Keycloak's tests say that the operations for secrets refuse it then). The third change is not a role: the Admin REST API
responds with 401 to tokens without its audience (client scope kc-admin-api).
"""

import re
from collections.abc import Mapping
from typing import Any

from tools.measure.writer import text_of

AUDIENCE = (
    "From 26.8 on, the Admin REST API responds with 401 to tokens without its audience, regardless of roles:"
    " the client needs the built-in client scope kc-admin-api."
)
MAPPER_CHANGE = re.compile(r"/protocol-mappers/(models|models/\{[^}]+\}|add-models)$")
CLIENT = "/admin/realms/{realm}/clients/{client-uuid}"
SHOWS_SECRETS = {"/admin/realms/{realm}/clients": "items without fields: secret", CLIENT: "without fields: secret"}
IS_A_SECRET = (f"{CLIENT}/client-secret", f"{CLIENT}/client-secret/rotated")
CONTAINS_A_SECRET = (f"{CLIENT}/installation/providers/{{providerId}}",)
REFUSED = "changed in 26.8: view-clients is refused, according to Keycloak's own test ClientSecretVisibilityTest"
CLOSED_WAYS: tuple[tuple[frozenset[str], frozenset[str], str], ...] = (
    (
        frozenset({"read-client", "read-client-secret", "read-secret-of-client", "secret-in-clients"}),
        frozenset({"view-clients"}),
        "documented: view-clients reveals no secret from 26.8.0 on",
    ),
    (
        frozenset({"read-installation", "secret-in-installation", "private-key-of-client"}),
        frozenset({"view-clients"}),
        "undetermined: whether the change of 26.8.0 also covers this was not measured",
    ),
    (
        frozenset({"mapper-with-subject", "scope-mapper-with-subject"}),
        frozenset({"manage-clients"}),
        "documented: protocol mappers take managing the realm from 26.8 on",
    ),
    (
        frozenset({"own-client-with-subject", "own-client-with-subject-of-user"}),
        frozenset({"manage-clients"}),
        "undetermined: whether a new client may still bring protocol mappers with it was not measured",
    ),
)
"""Ways that the documented changes of 26.8 close, or may close: the ways, the roles, the reason."""
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
    return {**row, **sets, "notes": "changed in 26.8: manage-realm is needed, too"}


def _without_secrets(row: Mapping[str, Any], missing: str) -> dict[str, Any]:
    full = [roles for roles in row["anyOf"] if roles != ["view-clients"]]
    admits = row["admits"] if ["query-clients"] in row["admits"] else [*full, ["view-clients"]]
    changed = {**row, "anyOf": full, "admits": sorted(admits, key=lambda roles: (len(roles), roles))}
    changed["reduced"] = {**row.get("reduced", {}), "view-clients": missing}
    useful = [*row.get("useful", full), ["view-clients"]]
    changed["useful"] = sorted(
        (roles for at, roles in enumerate(useful) if roles not in useful[:at]), key=lambda roles: (len(roles), roles)
    )
    changed["lacks"] = {**row.get("lacks", {}), "view-clients": ["secret"]}
    order = ("method", "path", "handler", "anyOf", "admits", "reduced", "useful", "lacks")
    return {key: changed[key] for key in (*order, *(key for key in changed if key not in order))}


def powers_of_26_8(powers: Mapping[str, Any], measured: str) -> dict[str, Any]:
    """The powers document with 26.8: the last measured version without the ways that the documented changes close.

    If a change may affect a way, and it could not be tried, the way is undetermined for the roles with which it worked.
    """
    last = powers["versions"][measured]
    outcomes = {way: _power_of_26_8(way, outcome) for way, outcome in last["outcomes"].items()}
    documented = {"basis": "documented", "provenance": {**last["provenance"], "from": measured, "calls": 0}, "outcomes": outcomes}
    versions = {version: held for version, held in powers["versions"].items() if version != "26.8"}
    return {**powers, "versions": {**versions, "26.8": documented}}


def _power_of_26_8(way: str, outcome: Mapping[str, Any]) -> dict[str, Any]:
    closed, reason = next(((roles, why) for ways, roles, why in CLOSED_WAYS if way in ways), (frozenset(), ""))
    gone = [role for role in outcome["works"] if role in closed]
    if not gone:
        return dict(outcome)
    works = [role for role in outcome["works"] if role not in closed]
    return {**outcome, "works": works, "fails": {**outcome.get("fails", {}), reason: gone}}
