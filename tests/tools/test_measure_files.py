"""The table and the powers that are documented instead of measured."""

import json
from typing import Any

import pytest

from tools.measure.documented import AUDIENCE, as_26_8, powers_of_26_8

MODELS = "/admin/realms/{realm}/clients/{client-uuid}/protocol-mappers/models"
CLIENT = "/admin/realms/{realm}/clients/{client-uuid}"


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
def test_changing_protocol_mappers_also_needs_manage_realm(method: str, path: str, needed: list[str]) -> None:
    (operation,) = changed(row(method, path))["operations"]
    assert operation["anyOf"] == [needed]


def test_view_clients_sees_a_client_without_its_secret() -> None:
    both = [["manage-clients"], ["view-clients"]]
    (operation,) = changed(row("GET", CLIENT, anyOf=both, admits=both))["operations"]
    assert operation["anyOf"] == [["manage-clients"]]
    assert operation["admits"] == both
    assert operation["reduced"] == {"view-clients": "without fields: secret"}
    assert (operation["useful"], operation["lacks"]) == (both, {"view-clients": ["secret"]})


def test_view_clients_may_not_read_a_secret_itself() -> None:
    both = [["manage-clients"], ["view-clients"]]
    (operation,) = changed(row("GET", CLIENT + "/client-secret", anyOf=both, admits=both))["operations"]
    assert operation["anyOf"] == operation["admits"] == [["manage-clients"]]
    assert "view-clients is refused" in operation["notes"]


def test_what_the_documentation_leaves_open_is_undetermined() -> None:
    (operation,) = changed(row("GET", CLIENT + "/installation/providers/{providerId}"))["operations"]
    assert "anyOf" not in operation
    assert "was not measured" in operation["undetermined"]


def powers(**works: list[str]) -> dict[str, Any]:
    outcomes = {way.replace("_", "-"): {"works": roles, "rest": "403 at call 1"} for way, roles in works.items()}
    return {"schema": 2, "ways": {}, "versions": {"26.7.4": {"basis": "measured", "provenance": {"calls": 9}, "outcomes": outcomes}}}


def test_powers_are_carried_over_as_documented() -> None:
    document = powers_of_26_8(powers(reset_password=["manage-users"]), "26.7.4")
    carried = document["versions"]["26.8"]
    assert (carried["basis"], carried["provenance"]) == ("documented", {"calls": 0, "from": "26.7.4"})
    assert carried["outcomes"]["reset-password"]["works"] == ["manage-users"]
    assert document["versions"]["26.7.4"]["basis"] == "measured"


@pytest.mark.parametrize(
    ("way", "left", "reason"),
    [
        ("read-client-secret", ["manage-clients"], "documented: view-clients reveals no secret"),
        ("read-installation", ["manage-clients"], "undetermined: "),
        ("mapper-with-subject", ["view-clients"], "documented: protocol mappers take managing the realm"),
        ("own-client-with-subject", ["view-clients"], "undetermined: "),
    ],
)
def test_a_documented_change_closes_its_ways_or_leaves_them_open(way: str, left: list[str], reason: str) -> None:
    document = powers_of_26_8(powers(**{way: ["manage-clients", "view-clients"]}), "26.7.4")
    outcome = document["versions"]["26.8"]["outcomes"][way]
    assert outcome["works"] == left
    assert [text.startswith(reason) for text in outcome["fails"]] == [True]
