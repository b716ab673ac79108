"""``kcproxy doctor`` on a real Keycloak: the printed commands make an inspector, and what it says of a client is true."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from devkit.holders import SECRET, settings_text
from devkit.lab import Lab, laboratory
from kcproxy.cli.doctor.inspector_setup import SECRET_FILE, setup_commands
from tests.cli.running import clean_environ
from tests.live.conftest import Keycloak
from tests.live.permission_situations import PermissionSituation, given, one
from tests.live.permission_situations_further import FURTHER
from tests.live.permission_stand import Stand

pytestmark = pytest.mark.live


async def _doctor(lab: Lab, client: str, folder: Path, realm: str = "", below: str = "/users") -> tuple[int, Any]:
    realm = realm or lab.realm
    call = [
        "--realm",
        realm,
        "--client",
        client,
        "GET",
        f"/admin/realms/{realm}{below}",
        "--keycloak",
        lab.keycloak.version,
        "--json",
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kcproxy", "doctor", "-c", str(folder / "kcproxy.toml"), *call),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environ(),
    )
    output, errors = await process.communicate()
    assert output, errors.decode()
    return process.returncode or 0, json.loads(output)


@pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
async def test_an_inspector_made_by_the_printed_commands_answers_rightly(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        setup = setup_commands(lab.realm)
        secret = tmp_path / SECRET_FILE
        await lab.carry_out([line.replace(SECRET_FILE, str(secret)) for line in setup.commands])
        config = setup.config.replace(SECRET_FILE, str(secret))
        (tmp_path / "kcproxy.toml").write_text(f'[upstream]\nurl = "{keycloak.base_url}"\n\n{config}\n')
        client = await lab.make_client()

        code, refused = await _doctor(lab, client.client_id, tmp_path)
        assert (code, refused["verdict"], refused["explanation"]["cause"]) == (3, "no", "role-missing")
        await lab.carry_out(refused["explanation"]["fixes"][0]["kcadm"])

        code, allowed = await _doctor(lab, client.client_id, tmp_path)
        assert (code, allowed["verdict"], allowed["roles"]["counting"]) == (0, "yes", ["query-groups", "query-users", "view-users"])


BY_HOST = one("a policy about a claim", "GET /users/{bob}", "", given("Users view bob", "host"))


@pytest.mark.parametrize("keycloak", ["26.7.5"], indirect=True)
async def test_permissions_by_roles_and_claims_are_judged_by_the_token_that_the_client_would_get(
    keycloak: Keycloak, tmp_path: Path
) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        lab.inspector = await lab.make_inspector()
        realm = await lab.make_realm(adminPermissionsEnabled=True, organizationsEnabled=True)
        await lab.allow_inspector(lab.inspector, realm)
        stand = Stand(lab=lab, realm=realm)
        await stand.build()
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "kcproxy.toml").write_text(settings_text(lab, lab.inspector, str(tmp_path / "secret")))
        kept_back: PermissionSituation = next(each for each in FURTHER if not each.full_scope)
        async with lab.proxy(lab.inspector) as seeing:
            call, _ = await stand.play(kept_back)
            assert call.client is not None
            bob = f"/users/{stand.ids['bob']}"

            refused = await lab.send(seeing, call)
            operators = lab.events.denials[-1]
            assert (refused.status, operators.verdict.cause.value) == (403, kept_back.truth)
            assert kept_back.named in operators.summary
            assert operators.verdict.confidence.value == "likely"
            code, found = await _doctor(lab, call.client.client_id, tmp_path, realm, bob)
            assert (code, found["verdict"]) == (3, "no"), str(found)[:1500]
            assert found["explanation"]["cause"] == kept_back.truth
            await lab.carry_out(found["explanation"]["fixes"][0]["kcadm"])
            assert (await lab.send(seeing, call)).status == 200
            code, found = await _doctor(lab, call.client.client_id, tmp_path, realm, bob)
            assert (code, found["verdict"]) == (0, "yes")

            call, _ = await stand.play(BY_HOST)
            assert call.client is not None
            assert (await lab.send(seeing, call)).status == 200
            _, found = await _doctor(lab, call.client.client_id, tmp_path, realm, bob)
            assert found["verdict"] == "unknown"
            assert "clientHost" in " ".join(found["openBecause"])
