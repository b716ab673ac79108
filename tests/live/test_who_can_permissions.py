"""``kcproxy who-can`` by fine-grained permissions on a real server: what it says of each account is what Keycloak does for it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from devkit.holders import settings_text
from devkit.lab import SECRET, Client, Lab, laboratory
from kcproxy.cli.exit_codes import Exit
from tests.cli.running import process
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

CLIENTS = ("by-client", "by-account", "by-role", "nobody")
USERS = ("ann", "cem", "eve", "mia", "off")
"""By a user policy; by a group policy; by a role policy; by none; disabled, and named by the user policy."""


@dataclass(slots=True, kw_only=True)
class Stand:
    """A realm with permissions on user bob, and accounts that policies name in different ways."""

    lab: Lab
    realm: str
    config: Path
    clients: dict[str, Client] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    server: str = ""

    async def build(self) -> None:
        admin, path = self.lab.admin, f"/admin/realms/{self.realm}"
        self.server = f"{path}/clients/{(await admin('GET', path))['adminPermissionsClient']['id']}/authz/resource-server"
        for name in ("staff", "other"):
            await admin("POST", f"{path}/groups", {"name": name})
        groups = {group["name"]: group["id"] for group in await admin("GET", f"{path}/groups")}
        for name in ("bob", "carol", *USERS):
            self.ids[name] = await self.lab.make_user(name, self.realm, enabled=name != "off", groups=["/staff"] if name == "cem" else [])
        self.clients = {name: await self.lab.make_client(self.realm, clientId=name) for name in CLIENTS}
        self.clients["viewer"] = await self.lab.make_client(self.realm, clientId="viewer")
        await self.lab.grant(self.clients["viewer"], "view-users")
        await admin("POST", f"{path}/roles", {"name": "reader"})
        reader = await admin("GET", f"{path}/roles/reader")
        for account in (self.ids["eve"], self.clients["by-role"].account):
            await admin("POST", f"{path}/users/{account}/role-mappings/realm", [reader])
        policies: dict[str, tuple[str, dict[str, Any]]] = {
            "client": ("client", {"clients": [self.clients["by-client"].uuid]}),
            "users": ("user", {"users": [self.ids["ann"], self.ids["off"], self.clients["by-account"].account]}),
            "group": ("group", {"groups": [{"id": groups["staff"], "extendChildren": False}]}),
            "role": ("role", {"roles": [{"id": reader["id"]}]}),
        }
        made = {name: await self.policy(name, kind, body) for name, (kind, body) in policies.items()}
        either = await self.policy("either", "aggregate", {"policies": list(made.values()), "decisionStrategy": "AFFIRMATIVE"})
        await self.permit("View bob", ["view"], either)
        await self.permit("Manage bob", ["manage"], made["users"])

    async def policy(self, name: str, kind: str, body: dict[str, Any]) -> str:
        return str((await self.lab.admin("POST", f"{self.server}/policy/{kind}", {"name": name, **body}))["id"])

    async def permit(self, name: str, scopes: list[str], policy: str) -> None:
        body = {"name": name, "resourceType": "Users", "scopes": scopes, "policies": [policy], "resources": [self.ids["bob"]]}
        await self.lab.admin("POST", f"{self.server}/permission/scope", body)

    async def says(self, method: str, path: str) -> Any:
        words = (method, f"/admin/realms/{self.realm}{path}", "--config", str(self.config), "--keycloak", self.lab.keycloak.version)
        ran = await asyncio.to_thread(process, "who-can", *words, "--json")
        assert ran.returncode == Exit.OK, ran.stderr
        return json.loads(ran.stdout)

    async def truth(self, method: str, path: str, body: Any = None) -> set[str]:
        """The accounts whose own call succeeds."""
        allowed = set()
        callers: list[tuple[str, Client, str | None]] = [(name, client, None) for name, client in self.clients.items()]
        callers += [(name, self.clients["nobody"], name) for name in USERS if name != "off"]
        for name, client, user in callers:
            token = await self.lab.token(client, user=user)
            url = URL(f"{self.lab.keycloak.base_url}/admin/realms/{self.realm}{path}", encoded=True)
            async with self.lab.http.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}) as response:
                if response.status < 300:
                    allowed.add(name)
        return allowed


@pytest.fixture
async def stand(keycloak: Keycloak, tmp_path: Path) -> AsyncIterator[Stand]:
    async with laboratory(keycloak, tmp_path) as lab:
        realm = await lab.make_realm(adminPermissionsEnabled=True)
        inspector = await lab.make_inspector()
        await lab.allow_inspector(inspector, realm)
        secret, config = tmp_path / "secret", tmp_path / "kcproxy.toml"
        secret.write_text(SECRET, encoding="utf-8")
        secret.chmod(0o600)
        config.write_text(settings_text(lab, inspector, str(secret)), encoding="utf-8")
        made = Stand(lab=lab, realm=realm, config=config)
        await made.build()
        yield made


def named(found: Any, realm: str) -> set[str]:
    return {each["client"] or each["username"] for each in found["accounts"] if each["realm"] == realm}


async def test_every_account_that_permissions_allow_is_named_and_no_other(stand: Stand) -> None:
    bob, carol = stand.ids["bob"], stand.ids["carol"]
    calls = (("GET", f"/users/{bob}", None), ("GET", f"/users/{carol}", None), ("PUT", f"/users/{bob}", {"firstName": "Bob"}))
    said = {(method, path): await stand.says(method, path) for method, path, _ in calls}
    truth = {(method, path): await stand.truth(method, path, body) for method, path, body in calls}

    assert truth["GET", f"/users/{bob}"] == {"by-client", "by-account", "by-role", "viewer", "ann", "cem", "eve"}
    assert {call: named(found, stand.realm) for call, found in said.items()} == truth
    assert {call: found["notes"] for call, found in said.items() if not found["complete"]} == {}
    by = {each["client"] or each["username"]: (each["answer"], each["by"]) for each in said["GET", f"/users/{bob}"]["accounts"]}
    assert by["ann"] == ("yes", ["permission View bob"])
    assert by["viewer"] == ("yes", ["view-users of realm-management"])


async def test_a_policy_that_names_nobody_makes_the_answer_incomplete(stand: Stand) -> None:
    late = await stand.policy("late", "time", {"notBefore": "2020-01-01 00:00:00"})
    await stand.permit("Later", ["view"], late)
    found = await stand.says("GET", f"/users/{stand.ids['bob']}")
    assert not found["complete"]
    assert any("does not name accounts" in note for note in found["notes"])
