"""``kcproxy doctor`` on a real Keycloak: the printed commands make an inspector, and what it says of a client is true."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from devkit.lab import Lab, laboratory
from kcproxy.cli.doctor.inspector_setup import SECRET_FILE, setup_commands
from tests.cli.running import clean_environ
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live, pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)]


async def _doctor(lab: Lab, client: str, folder: Path) -> tuple[int, Any]:
    call = [
        "--realm",
        lab.realm,
        "--client",
        client,
        "GET",
        f"/admin/realms/{lab.realm}/users",
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
