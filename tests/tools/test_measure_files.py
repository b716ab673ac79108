"""Powers merged by version, and the table that is documented instead of measured."""

import json
from typing import Any

import pytest

from tools.measure.documented import AUDIENCE, as_26_8, powers_of_26_8
from tools.measure.powers import merged

MODELS = "/admin/realms/{realm}/clients/{client-uuid}/protocol-mappers/models"
CLIENT = "/admin/realms/{realm}/clients/{client-uuid}"


def power(
    versions: list[str], says: str = "Whoever holds manage-users can become an administrator of the whole realm: by a."
) -> dict[str, Any]:
    return {"power": "become-administrator", "says": says, "versions": versions}


def test_a_power_measured_in_the_same_ways_gets_one_more_version() -> None:
    known = {"manage-users": [power(["24.0.5"])]}
    found = merged(known, "26.7.4", {("manage-users", "become-administrator"): ["by a"]})
    assert found == {"manage-users": [power(["24.0.5", "26.7.4"])]}


def test_other_ways_make_another_sentence() -> None:
    known = {"manage-users": [power(["24.0.5"])]}
    found = merged(known, "26.7.4", {("manage-users", "become-administrator"): ["by b", "by c"]})
    assert [item["versions"] for item in found["manage-users"]] == [["24.0.5"], ["26.7.4"]]
    assert found["manage-users"][1]["says"].endswith(": by b or by c.")


def test_measuring_again_replaces_what_the_version_had() -> None:
    known = {"manage-users": [power(["26.7.4"])]}
    assert merged(known, "26.7.4", {}) == {}


def test_versions_are_ordered_as_numbers() -> None:
    known = {"manage-users": [power(["26.7.4", "26.10.0"])]}
    found = merged(known, "26.4.7", {("manage-users", "become-administrator"): ["by a"]})
    assert found["manage-users"][0]["versions"] == ["26.4.7", "26.7.4", "26.10.0"]


def row(method: str, path: str, **needs: Any) -> dict[str, Any]:
    return {"method": method, "path": path, "handler": "X#y", "anyOf": [["manage-clients"]], "admits": [["manage-clients"]], **needs}


def changed(*rows: dict[str, Any]) -> dict[str, Any]:
    head = {
        "schema": 1,
        "keycloak": "26.7.4",
        "basis": "measured",
        "provenance": {"date": "2026-11-23"},
        "discovery": {"a": 1},
        "roles": {},
    }
    document: dict[str, Any] = json.loads(as_26_8({**head, "operations": list(rows)}))
    return document


def test_the_documented_table_says_what_it_is() -> None:
    document = changed()
    assert (document["keycloak"], document["basis"], document["discovery"]) == ("26.8", "documented", {})
    assert document["provenance"]["from"] == "26.7.4"
    assert document["notes"] == [AUDIENCE]


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", MODELS, ["manage-clients", "manage-realm"]),
        ("DELETE", MODELS + "/{id}", ["manage-clients", "manage-realm"]),
        ("GET", MODELS, ["manage-clients"]),
        ("POST", CLIENT + "/roles", ["manage-clients"]),
    ],
)
def test_changing_protocol_mappers_needs_the_realm_besides(method: str, path: str, needed: list[str]) -> None:
    (operation,) = changed(row(method, path))["operations"]
    assert operation["anyOf"] == [needed]


def test_view_clients_sees_a_client_without_its_secret() -> None:
    both = [["manage-clients"], ["view-clients"]]
    (operation,) = changed(row("GET", CLIENT, anyOf=both, admits=both))["operations"]
    assert operation["anyOf"] == [["manage-clients"]]
    assert operation["admits"] == both
    assert operation["reduced"] == {"view-clients": "without fields: secret"}


def test_view_clients_may_not_read_a_secret_itself() -> None:
    both = [["manage-clients"], ["view-clients"]]
    (operation,) = changed(row("GET", CLIENT + "/client-secret", anyOf=both, admits=both))["operations"]
    assert operation["anyOf"] == operation["admits"] == [["manage-clients"]]
    assert "view-clients is refused" in operation["notes"]


def test_what_the_documentation_leaves_open_is_undetermined() -> None:
    (operation,) = changed(row("GET", CLIENT + "/installation/providers/{providerId}"))["operations"]
    assert "anyOf" not in operation
    assert "was not measured" in operation["undetermined"]


def test_powers_are_carried_over_but_for_the_secrets_of_clients() -> None:
    powers = {"manage-users": [power(["24.0.5", "26.7.4"])], "view-clients": [power(["26.7.4"])], "manage-realm": [power(["24.0.5"])]}
    carried = powers_of_26_8(powers, "26.7.4")
    assert {role: items[0]["versions"] for role, items in carried.items()} == {
        "manage-users": ["24.0.5", "26.7.4", "26.8"],
        "view-clients": ["26.7.4"],
        "manage-realm": ["24.0.5"],
    }
