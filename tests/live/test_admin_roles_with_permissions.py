"""Assigning roles of realm-management, and composites of mixed owners, in realms with fine-grained admin permissions on and off."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from devkit.lab import Attempt, Client, Lab, laboratory
from kcproxy.model import Cause, Confidence, Verdict
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

OWNER = "realm-management"


@dataclass(slots=True)
class Stage:
    """A realm with a user, a group, a realm role, two clients with a role each, and the proxies in front of it."""

    lab: Lab
    realm: str
    plain: str
    seeing: str
    ids: dict[str, str]
    roles: dict[str, Any]

    async def attempt(self, call: str, body: list[Any], *roles: str) -> Attempt:
        caller: Client = await self.lab.make_client(self.realm)
        await self.lab.grant(caller, *roles)
        method, _, path = call.partition(" ")
        path = f"/admin/realms/{self.realm}{path.format(**self.ids)}"
        return Attempt(method=method, path=path, token=await self.lab.token(caller), client=caller, json=body)


async def staged(lab: Lab, plain: str, seeing: str, *, permissions: bool) -> Stage:
    realm = await lab.make_realm(adminPermissionsEnabled=permissions)
    assert lab.inspector is not None
    await lab.allow_inspector(lab.inspector, realm)
    base = f"/admin/realms/{realm}"
    await lab.admin("POST", f"{base}/groups", {"name": "staff"})
    ids = {
        "user": await lab.make_user("bob", realm),
        "group": (await lab.admin("GET", f"{base}/groups?search=staff"))[0]["id"],
        "c0": (await lab.make_client(realm, clientId="c0")).uuid,
        "c1": (await lab.make_client(realm, clientId="c1")).uuid,
    }
    for client, name in (("c0", "c0-a"), ("c1", "c1-a")):
        await lab.admin("POST", f"{base}/clients/{ids[client]}/roles", {"name": name})
    for name in ("r0", "r1"):
        await lab.admin("POST", f"{base}/roles", {"name": name})
    roles = {name: await lab.admin("GET", f"{base}/roles/{name}") for name in ("r0", "r1")}
    roles |= {name: await lab.admin("GET", f"{base}/clients/{ids[name[:2]]}/roles/{name}") for name in ("c0-a", "c1-a")}
    ids["owner"], roles["view-users"] = await lab.role(realm, OWNER, "view-users")
    ids |= {name: str(role["id"]) for name, role in roles.items()}
    return Stage(lab=lab, realm=realm, plain=plain, seeing=seeing, ids=ids, roles=roles)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages(keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[bool, Stage]]:
    folder: Path = tmp_path_factory.mktemp("admin-roles")
    async with laboratory(keycloak, folder) as lab:
        lab.inspector = await lab.make_inspector()
        async with lab.proxy() as plain, lab.proxy(lab.inspector) as seeing:
            yield {switch: await staged(lab, plain, seeing, permissions=switch) for switch in (True, False)}


async def operators(stage: Stage, attempt: Attempt) -> Verdict:
    answer = await stage.lab.send(stage.seeing, attempt)
    assert answer.status == 403, answer.status
    return stage.lab.events.denials[-1].verdict


MAP = "POST /users/{user}/role-mappings/clients/{owner}"
ASSIGNED = (
    MAP,
    "POST /groups/{group}/role-mappings/clients/{owner}",
    "POST /roles/r0/composites",
    "POST /roles-by-id/{r0}/composites",
    "POST /clients/{c0}/roles/c0-a/composites",
    "DELETE /users/{user}/role-mappings/clients/{owner}",
)


@pytest.mark.parametrize("roles", [(), ("manage-users", "manage-clients", "manage-realm")], ids=["none", "three"])
@pytest.mark.parametrize("call", ASSIGNED)
async def test_with_permissions_on_only_realm_admin_assigns_admin_roles(
    stages: dict[bool, Stage], call: str, roles: tuple[str, ...]
) -> None:
    stage = stages[True]
    body = [stage.roles["view-users"]]
    verdict = await operators(stage, await stage.attempt(call, body, *roles))
    assert (verdict.cause, verdict.confidence) == (Cause.ESCALATION_GUARD, Confidence.CERTAIN)
    assert "only realm-admin can assign" in stage.lab.events.denials[-1].summary

    alone = await stage.lab.send(stage.plain, await stage.attempt(call, body, *roles))
    assert alone.confidence != "certain"
    assert Cause.ESCALATION_GUARD.value in alone.causes
    assert (await stage.lab.send(stage.plain, await stage.attempt(call, body, "realm-admin"))).status == 204


async def test_with_permissions_off_the_measured_role_is_enough(stages: dict[bool, Stage]) -> None:
    stage = stages[False]
    body = [stage.roles["view-users"]]
    verdict = await operators(stage, await stage.attempt(MAP, body))
    assert (verdict.cause, verdict.missing) == (Cause.ROLE_MISSING, ("manage-users",))
    assert (await stage.lab.send(stage.plain, await stage.attempt(MAP, body, "manage-users"))).status == 204


COMPOSITES = (
    ("POST /roles/r0/composites", "c0-a", ("manage-clients", "manage-realm")),
    ("POST /roles-by-id/{r0}/composites", "c0-a", ("manage-clients", "manage-realm")),
    ("POST /roles-by-id/{r0}/composites", "r1", ("manage-realm",)),
    ("POST /roles-by-id/{c0-a}/composites", "c1-a", ("manage-clients",)),
    ("POST /roles-by-id/{c0-a}/composites", "r1", ("manage-clients", "manage-realm")),
    ("POST /clients/{c0}/roles/c0-a/composites", "r1", ("manage-clients", "manage-realm")),
)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "id and name"])
@pytest.mark.parametrize(("call", "role", "required"), COMPOSITES)
async def test_composites_require_the_roles_for_both_owners(
    stages: dict[bool, Stage], call: str, role: str, required: tuple[str, ...], *, whole: bool
) -> None:
    stage = stages[False]
    found = stage.roles[role]
    body = [found if whole else {"id": found["id"], "name": found["name"]}]
    verdict = await operators(stage, await stage.attempt(call, body))
    assert (verdict.cause, verdict.confidence, tuple(sorted(verdict.missing))) == (Cause.ROLE_MISSING, Confidence.CERTAIN, required)

    alone = await stage.lab.send(stage.plain, await stage.attempt(call, body))
    assert alone.confidence != "certain"
    for fewer in required if len(required) > 1 else ():
        others = [name for name in required if name != fewer]
        assert (await stage.lab.send(stage.plain, await stage.attempt(call, body, *others))).status == 403
    assert (await stage.lab.send(stage.plain, await stage.attempt(call, body, *required))).status == 204
    await stage.lab.admin("DELETE", (await stage.attempt(call, body)).path, body)
