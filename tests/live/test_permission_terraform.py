"""Printed Terraform of fine-grained admin permissions, applied by the real provider: it opens this call and no other, lasts, and is taken back."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devkit import terraform
from devkit.lab import Attempt, laboratory
from devkit.realserver.distribution import version_numbers
from devkit.terraform import Module
from kcproxy.model import Fix
from tests.live.conftest import Keycloak, Start
from tests.live.permission_situations import SITUATIONS, PermissionSituation
from tests.live.permission_situations_further import FURTHER
from tests.live.permission_situations_reach import REACH
from tests.live.permission_stand import Stand

NEWEST, OLDER = "26.7.5", "26.4.7"
pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]
_LOG = logging.getLogger(__name__)
_FOUND_BEFORE = "a user is created in a hidden group"
"""Keycloak caches a group that it has found by its path, and then no longer asks whether the caller may view it (docs/permissions-evaluation.md)."""
_REASON = "No Terraform is printed: "


@pytest.fixture
def server(request: pytest.FixtureRequest, real_keycloak: Start) -> Keycloak:
    if lacking := terraform.missing():
        pytest.skip(f"printed Terraform is not applied: {lacking}")
    return real_keycloak(request.param)


@dataclass(kw_only=True)
class Terraforming:
    """What was applied of one run, and what was wrong with it."""

    stand: Stand
    proxy: str
    folder: Path
    applied: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    """How many fixes have none, by reason."""
    wrong: list[str] = field(default_factory=list)

    async def play(self, situation: PermissionSituation) -> None:
        """One situation: refused, then every Terraform that makes permissions is applied and taken back."""
        call, control = await self.stand.play(situation)
        await self._get(call)
        for number, fix in enumerate(self.stand.lab.events.denials[-1].fixes):
            name = f"{situation.says}, fix {number}"
            if "_admin_permissions" in (fix.terraform or ""):
                self.applied.append(name)
                self.wrong += [
                    f"{name}: {line}" for line in await self._carried_out(fix, call, control, cached=situation.says == _FOUND_BEFORE)
                ]
            elif any("authz" in line for line in fix.kcadm):
                reason = (fix.warning or "").partition(_REASON)[2]
                self.left_out[reason] += 1
                self.wrong += [] if reason else [f"{name}: no Terraform and no reason"]

    async def _carried_out(self, fix: Fix, call: Attempt, control: Attempt | None, *, cached: bool) -> list[str]:
        keycloak = self.stand.lab.keycloak
        login = terraform.login(keycloak.base_url, keycloak.admin_username, keycloak.admin_password)
        module = Module(self.folder / str(len(self.applied)), login)
        module.write(fix.terraform or "")
        before, permitted = await self._outsider(), await self._policies()
        await asyncio.to_thread(module.apply)
        left, after = await asyncio.to_thread(module.would_change), await self._get(call)
        controlled, outside = (await self._get(control)) if control else 403, await self._outsider()
        await asyncio.to_thread(module.destroy)
        await self._delete_made(call)
        again = await self._get(call)
        found = {
            f"the second plan changes {left}": left is not None,
            f"the call gets {after}": after >= 300,
            f"the control gets {controlled}": controlled != 403,
            f"an account without rights gets {outside}": before == 403 != outside,
            f"after destroy the call gets {again}": again != 403 and not cached,
            "destroy leaves a permission or a policy": await self._policies() != permitted,
        }
        return [text for text, is_wrong in found.items() if is_wrong]

    async def _get(self, attempt: Attempt) -> int:
        return (await self.stand.lab.send(self.proxy, attempt)).status

    async def _delete_made(self, call: Attempt) -> None:
        """The user that the call created: Keycloak looks for the name before it looks at some of the permissions."""
        name = call.json.get("username") if isinstance(call.json, dict) else None
        for user in await self.stand.lab.admin("GET", f"{self.stand.path}/users?exact=true&username={name}") if name else ():
            await self.stand.lab.admin("DELETE", f"{self.stand.path}/users/{user['id']}")

    async def _policies(self) -> set[str]:
        """The IDs of permissions and policies."""
        return {each["id"] for each in await self.stand.lab.admin("GET", f"{self.stand.server}/policy?first=0&max=200")}

    async def _outsider(self) -> int:
        assert self.stand.outsider is not None
        return (await self.stand.lab.send(self.stand.lab.keycloak.base_url, self.stand.outsider)).status


@asynccontextmanager
async def _terraforming(keycloak: Keycloak, folder: Path) -> AsyncIterator[Terraforming]:
    async with laboratory(keycloak, folder) as lab:
        lab.inspector = await lab.make_inspector()
        realm = await lab.make_realm(adminPermissionsEnabled=True, organizationsEnabled=True)
        await lab.allow_inspector(lab.inspector, realm)
        stand = Stand(lab=lab, realm=realm)
        await stand.build()
        async with lab.proxy(lab.inspector) as proxy:
            yield Terraforming(stand=stand, proxy=proxy, folder=folder)


@pytest.mark.parametrize("server", [NEWEST, pytest.param(OLDER, marks=pytest.mark.live_long)], indirect=True)
async def test_terraform_of_every_situation_opens_no_more_lasts_and_is_taken_back(server: Keycloak, tmp_path: Path) -> None:
    version = version_numbers(server.version)[:2]
    async with _terraforming(server, tmp_path) as run:
        for situation in (*SITUATIONS, *FURTHER, *REACH):
            if situation.passes and version >= situation.since:
                await run.play(situation)
        _LOG.info("%s: %d applied, without Terraform: %s", server.version, len(run.applied), dict(run.left_out))
        assert run.wrong == []
        assert len(run.applied) >= 20
