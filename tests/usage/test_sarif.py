"""Findings as SARIF 2.1.0: one for each held role, with what the standard requires of a result."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from devkit.sarif import violations
from kcproxy import catalog
from kcproxy.model import CallerKind
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord
from kcproxy.usage.sarif import Rule, sarif_document
from kcproxy.usage.window import Window

TABLE = catalog.load("26.7.5")
WINDOW = Window(since_epoch_seconds=0.0, now_epoch_seconds=86_400.0 * 30, days=30, seen=29)


def audited(*roles: str, client: str = "sync") -> tuple[Audit, ...]:
    caller = UseCaller(client=client, token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)
    use = Use(caller=caller, realm="shop", operation="GET /admin/realms/{realm}/users", counts={Outcome.FULL: 2})
    named = NamedRoles(by_owner={"realm-management": roles})
    return audits(TABLE, UseRecord(uses=(use,), roles={caller: named}, days=frozenset({1})))


@pytest.mark.parametrize(
    ("roles", "found"),
    [
        (("view-users",), []),
        (("view-users", "view-events"), [("unused-role", "warning", "view-events")]),
        (("manage-users",), [("excessive-role", "warning", "manage-users"), ("escalation", "error", "manage-users")]),
        (("realm-admin",), [("excessive-role", "warning", "realm-admin"), ("escalation", "error", "realm-admin")]),
    ],
)
def test_each_held_role_that_is_not_needed_is_a_finding(roles: tuple[str, ...], found: list[tuple[str, str, str]]) -> None:
    (run,) = sarif_document(TABLE, WINDOW, audited(*roles), program_version="1.2.3")["runs"]
    results = run["results"]
    names = [(r["ruleId"], r["level"], r["locations"][0]["logicalLocations"][0]["name"]) for r in results]
    assert names == found
    assert {r["ruleId"] for r in results} <= {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {rule.value for rule in Rule}


def test_the_document_has_what_the_standard_requires() -> None:
    document = sarif_document(TABLE, WINDOW, audited("realm-admin"), program_version="1.2.3")
    assert (document["version"], "sarif-schema-2.1.0" in document["$schema"]) == ("2.1.0", True)
    (run,) = document["runs"]
    assert (run["tool"]["driver"]["name"], run["tool"]["driver"]["semanticVersion"]) == ("kcproxy", "1.2.3")
    assert run["properties"]["window"] == "30 days, of which the proxy saw 29"
    for result in run["results"]:
        assert result["message"]["text"].startswith("sync (realm shop) holds realm-admin of realm-management, and ")
        (location,) = result["locations"]
        artifact = location["physicalLocation"]["artifactLocation"]
        assert artifact["uri"] == "realms/shop/clients?clientId=sync"
        assert artifact["uriBaseId"] in run["originalUriBaseIds"]


@pytest.mark.parametrize("client", ["sync", "a&b/ü", "\u202e{}%", "x" * 255, ""])
@pytest.mark.parametrize("roles", [(), ("view-users",), ("realm-admin",), ("manage-users", "view-events", "impersonation")])
def test_every_document_obeys_the_published_schema(roles: tuple[str, ...], client: str) -> None:
    document = sarif_document(TABLE, WINDOW, audited(*roles, client=client), program_version="1.2.3")
    assert violations(json.loads(json.dumps(document))) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda run: run.pop("tool"), "$.runs[0]"),
        (lambda run: run["results"][0].pop("message"), "$.runs[0].results[0]"),
        (lambda run: run["results"][0].update(level="bad"), "$.runs[0].results[0].level"),
        (lambda run: run["results"][0]["locations"][0].update(made_up=1), "$.runs[0].results[0].locations[0]"),
    ],
)
def test_the_schema_finds_what_is_wrong(change: Callable[[Any], object], place: str) -> None:
    document = sarif_document(TABLE, WINDOW, audited("realm-admin"), program_version="1.2.3")
    change(document["runs"][0])
    assert [found.partition(": ")[0] for found in violations(document)] == [place]


def test_a_finding_keeps_its_fingerprint_and_shares_it_with_no_other() -> None:
    found = [*audited("realm-admin", "view-events"), *audited("realm-admin", client="other")]
    prints = [
        result["partialFingerprints"]["heldRole/v1"]
        for _ in range(2)
        for result in sarif_document(TABLE, WINDOW, found, program_version="1")["runs"][0]["results"]
    ]
    half = len(prints) // 2
    assert prints[:half] == prints[half:]
    assert len(set(prints)) == half


def test_names_from_outside_are_quoted_in_addresses() -> None:
    document = sarif_document(TABLE, WINDOW, audited("realm-admin", client="a&b/ü"), program_version="1")
    assert "realms/shop/clients?clientId=a%26b%2F%C3%BC" in json.dumps(document)
