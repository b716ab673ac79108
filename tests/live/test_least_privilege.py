"""Three services work with too many roles on a real Keycloak; the commands of ``kcproxy audit`` take them away, and the same work goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devkit.lab import SECRET, Lab, laboratory
from kcproxy.cli.scenario import embedded
from kcproxy.settings import AccountSettings, Secret, UseSettings
from tests.cli.running import run_json
from tests.live.conftest import Keycloak
from tests.live.working_services import Response, Service, run_script, services

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

HELD = {
    "directory-sync": ["realm-admin"],
    "provisioning-job": ["impersonation", "manage-clients", "manage-realm", "manage-users"],
    "console": ["manage-events", "manage-realm", "query-users", "view-identity-providers"],
}
_NEWEST = {
    "directory-sync": ["manage-users"],
    "provisioning-job": ["manage-clients"],
    "console": ["query-users", "view-events", "view-realm"],
}
LEAST = {"26.7.5": _NEWEST, "24.0.5": _NEWEST}


@asynccontextmanager
async def proxy(lab: Lab, working: tuple[Service, ...], record: Path) -> AsyncIterator[str]:
    """A proxy with a record of use. Each run has its own, because older versions read roles from a token that is cached otherwise."""
    accounts = tuple(
        AccountSettings(realms=(lab.realm,), token_realm=lab.realm, client_id=each.client.client_id, secret=Secret(SECRET))
        for each in working
        if each.injected
    )
    settings = embedded.settings_for(lab.keycloak.base_url, accounts=accounts, version=lab.keycloak.version)
    async with embedded.running(replace(settings, use=UseSettings(path=record))) as (url, _):
        yield url


async def work(lab: Lab, working: tuple[Service, ...], record: Path) -> dict[str, list[Response]]:
    """One run of the scripts of these services."""
    async with proxy(lab, working, record) as url:
        return {each.client.client_id: await run_script(lab, each, url) for each in working}


async def granted(lab: Lab, service: Service) -> dict[str, list[str]]:
    """The roles that are granted to the account directly, by client; realm roles by ""."""
    found = await lab.admin("GET", f"/admin/realms/{lab.realm}/users/{service.account}/role-mappings")
    of_clients = {name: sorted(role["name"] for role in each["mappings"]) for name, each in found.get("clientMappings", {}).items()}
    return of_clients | {"": sorted(role["name"] for role in found.get("realmMappings", []))}


def audited(lab: Lab, service: Service, record: Path) -> Any:
    """What the audit prints about a service."""
    words = ["--history", str(record), "--client", service.client.client_id, "--keycloak", lab.keycloak.version]
    words += ["--user", service.user] if service.user else []
    (caller,) = run_json("audit", *words)["callers"]
    return caller


async def carry_out(lab: Lab, steps: list[Any], form: str) -> None:
    """Run the printed commands of the steps in a shell."""
    for step in steps:
        if form == "curl":
            await lab.carry_out_by_curl(step["curl"])
        else:
            await lab.carry_out(step["kcadm"])


@pytest.mark.parametrize("keycloak", ["26.7.5", pytest.param("24.0.5", marks=pytest.mark.live_long)], indirect=True)
async def test_the_least_set_is_enough_nothing_of_it_can_go_and_the_undo_leads_back(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        working = await services(lab)
        before = await work(lab, working, tmp_path / "first")
        assert {status for responses in before.values() for _, status, _ in responses} <= {200, 201, 204}
        grants = {each.client.client_id: await granted(lab, each) for each in working}

        audits = {each.client.client_id: audited(lab, each, tmp_path / "first") for each in working}
        for each, form in zip(working, ("kcadm", "curl", "kcadm"), strict=True):
            await carry_out(lab, audits[each.client.client_id]["change"], form)
        after = await work(lab, working, tmp_path / "second")
        kept = {each.client.client_id: (await granted(lab, each))["realm-management"] for each in working}
        needless = [(each.client.client_id, role) async for each, role in needless_roles(lab, working, audits, after, tmp_path)]
        for each, form in zip(working, ("curl", "kcadm", "curl"), strict=True):
            await carry_out(lab, audits[each.client.client_id]["undo"], form)

        assert {name: audit["held"] for name, audit in audits.items()} == HELD
        assert {name: audit["least"] for name, audit in audits.items()} == LEAST[keycloak.version]
        assert after == before
        assert kept == {name: audit["least"] for name, audit in audits.items()}
        assert needless == []
        assert {each.client.client_id: await granted(lab, each) for each in working} == grants


async def needless_roles(
    lab: Lab, working: tuple[Service, ...], audits: dict[str, Any], expected: dict[str, list[Response]], folder: Path
) -> AsyncIterator[tuple[Service, str]]:
    """Roles of the least sets without which a service gets the same responses."""
    for each in working:
        name = each.client.client_id
        for role in audits[name]["least"]:
            await lab.grant(each.client, role, method="DELETE", to=each.account)
            without = await work(lab, (each,), folder / f"without-{name}-{role}")
            await lab.grant(each.client, role, to=each.account)
            if without[name] == expected[name]:
                yield each, role
