"""``kcproxy audit --look-up`` on a real server: accounts that hold roles directly, by a composite role and by a group, there and back."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devkit.holders import settings_text
from devkit.lab import SECRET, Client, Lab, laboratory
from kcproxy.cli.exit_codes import Exit
from tests.cli.running import process
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

DIRECT: Mapping[str, tuple[str, ...]] = {
    "alone": ("realm-admin",),
    "beside-composite": ("realm-admin", "view-users"),
    "beside-role": ("manage-users", "query-users"),
    "beside-group": ("manage-clients", "view-users"),
}
"""The direct grants. Two of the accounts hold roles by a composite role of the realm, or by a group, too."""
STEPS: Mapping[str, list[tuple[str, list[str]]]] = {
    "alone": [("add", ["view-users"]), ("remove", ["realm-admin"])],
    "beside-composite": [("remove", ["realm-admin"])],
    "beside-role": [("add", ["view-users"]), ("remove", ["manage-users"])],
    "beside-group": [("remove", ["manage-clients"])],
}
NOTES = {"beside-role": "realm role support still gives view-events", "beside-group": "group /staff still gives manage-events"}


async def accounts(lab: Lab) -> dict[str, Client]:
    """The clients with their grants, and what gives the others."""
    base = f"/admin/realms/{lab.realm}"
    made = {name: await lab.make_client(clientId=name) for name in DIRECT}
    for name, roles in DIRECT.items():
        await lab.grant(made[name], *roles)
    _, events = await lab.role(lab.realm, "realm-management", "view-events")
    _, users = await lab.role(lab.realm, "realm-management", "view-users")
    owner, manage_events = await lab.role(lab.realm, "realm-management", "manage-events")
    await lab.admin("POST", f"{base}/roles", {"name": "support"})
    await lab.admin("POST", f"{base}/roles/support/composites", [events, users])
    support = await lab.admin("GET", f"{base}/roles/support")
    await lab.admin("POST", f"{base}/users/{made['beside-role'].account}/role-mappings/realm", [support])
    await lab.admin("POST", f"{base}/groups", {"name": "staff"})
    (staff,) = await lab.admin("GET", f"{base}/groups?search=staff")
    await lab.admin("POST", f"{base}/groups/{staff['id']}/role-mappings/clients/{owner}", [manage_events])
    await lab.admin("PUT", f"{base}/users/{made['beside-group'].account}/groups/{staff['id']}", {})
    return made


async def state(lab: Lab, client: Client) -> Any:
    """Everything that gives the account roles."""
    base = f"/admin/realms/{lab.realm}/users/{client.account}"
    mapped = await lab.admin("GET", f"{base}/role-mappings")
    groups = await lab.admin("GET", f"{base}/groups")
    of_clients = {name: sorted(role["name"] for role in each["mappings"]) for name, each in mapped.get("clientMappings", {}).items()}
    return of_clients, sorted(role["name"] for role in mapped.get("realmMappings", [])), sorted(group["path"] for group in groups)


def log_of(folder: Path, lab: Lab) -> Path:
    """A log in which each client has read users."""
    file = folder / "kcproxy.log"
    line = {"method": "GET", "path": f"/admin/realms/{lab.realm}/users", "status": 200, "token_realm": lab.realm, "time": time.time()}
    file.write_text("\n".join(json.dumps(line | {"client": name, "account": name}) for name in DIRECT), encoding="utf-8")
    return file


async def test_the_commands_lead_there_and_back_to_exactly_the_old_grants(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        made = await accounts(lab)
        secret, config = tmp_path / "secret", tmp_path / "kcproxy.toml"
        secret.write_text(SECRET, encoding="utf-8")
        secret.chmod(0o600)
        config.write_text(settings_text(lab, await lab.make_inspector(), str(secret)), encoding="utf-8")
        before = {name: await state(lab, client) for name, client in made.items()}
        words = ("--log", str(log_of(tmp_path, lab)), "--config", str(config), "--keycloak", keycloak.version, "--look-up", "--json")
        ran = process("audit", *words)
        assert ran.returncode == Exit.OK, ran.stderr
        callers = {each["client"]: each for each in json.loads(ran.stdout)["callers"]}
        forms = dict(zip(DIRECT, ("kcadm", "curl", "curl", "kcadm"), strict=True))
        for name, form in forms.items():
            await carry_out(lab, callers[name]["change"], form)
        there = {name: (await state(lab, client))[0]["realm-management"] for name, client in made.items()}
        for name, form in forms.items():
            await carry_out(lab, callers[name]["undo"], "curl" if form == "kcadm" else "kcadm")
        after = {name: await state(lab, client) for name, client in made.items()}

    assert {name: [(step["action"], step["roles"]) for step in each["change"]] for name, each in callers.items()} == STEPS
    assert {name: each["notes"][0].partition(":")[0] for name, each in callers.items() if each["notes"]} == NOTES
    assert all("view-users" in roles and set(roles) <= {"view-users", "query-users"} for roles in there.values()), there
    assert after == before


async def carry_out(lab: Lab, steps: list[Any], form: str) -> None:
    for step in steps:
        await (lab.carry_out_by_curl(step["curl"]) if form == "curl" else lab.carry_out(step["kcadm"]))
