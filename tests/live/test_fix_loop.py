"""The loop over a sample of every kind of call: refused and explained, allowed after the printed commands, refused with any role removed."""

from pathlib import Path

import pytest

from tests.live.conftest import Keycloak
from tools.fixloop.__main__ import sampled
from tools.fixloop.needs import Case, cases_of
from tools.fixloop.results import Journal, Kind
from tools.fixloop.run import LoopSetup, loop
from tools.measure.stage import Version

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

SAMPLE = {
    "GET ~/users/{user-id}": Kind.FIXED,
    "GET ~/users": Kind.FIXED,
    "GET ~/users/{user-id}/role-mappings": Kind.FIXED,
    "POST ~/users": Kind.FIXED,
    "DELETE ~/groups/{group-id}": Kind.FIXED,
    "PUT ~/client-policies/profiles": Kind.FIXED,
    "POST ~/partial-export with exportClients=true and exportGroupsAndRoles=true": Kind.FIXED,
    "POST ~/users/{user-id}/role-mappings/clients/{client-id} with manage-events of realm-management": Kind.FIXED,
    "DELETE ~": Kind.FIXED,
    "GET /admin/serverinfo": Kind.FIXED,
    "GET ~/ui-ext/available-roles/clients/{id}": Kind.COMPLETED,
    "GET ~/roles-by-id/{role-id} when the role belongs to a client": Kind.BY_TARGET,
    "POST ~/users/{user-id}/impersonation when the user holds an administrator's roles": Kind.BY_TARGET,
    "POST /admin/realms": Kind.CLOSED,
    "GET /admin/{realm}/console/whoami": Kind.OTHER,
}


def chosen(version: str) -> list[Case]:
    return [case for case in cases_of(version) if short(case.name) in SAMPLE]


def short(name: str) -> str:
    return name.replace("/admin/realms/{realm}", "~")


async def test_a_sample_of_every_kind_of_call_goes_round(keycloak: Keycloak, tmp_path: Path) -> None:
    cases = chosen(keycloak.version)
    journal = Journal(path=tmp_path / "journal.jsonl")
    setup = LoopSetup(
        version=Version(text=keycloak.version), base_url=keycloak.base_url, distribution=keycloak.home, folder=tmp_path / "loop"
    )
    await loop(setup, cases, journal, workers=2, in_shell=sampled(cases, 2))

    results = {short(result.name): result for result in journal.done.values()}
    assert {name: result.reason for name, result in results.items() if result.kind is Kind.FAILED} == {}
    assert {name: result.kind for name, result in results.items()} == SAMPLE
    assert sum(result.in_shell for result in results.values()) == 2
    fixed = [result for result in results.values() if result.kind in {Kind.FIXED, Kind.COMPLETED}]
    assert all(result.explained and result.commands and set(result.without) == set(result.roles) for result in fixed)
    assert results["GET ~/users/{user-id}"].roles == ("view-users",)
