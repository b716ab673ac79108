"""The sample project with the built wheel in an environment of its own: red with the sentence, green after the printed command."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.lab import SECRET, Lab, laboratory
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "docs" / "clients" / "sample"
REALM, CLIENT = "403-forbidden-fix", "403-forbidden-fix-client"
SENTENCE = (
    f"service-account-{CLIENT} is missing the role view-users (client realm-management)"
    f" for GET /admin/realms/{{realm}}/users/{{user-id}} in realm {REALM}."
)


def done(*command: str, folder: Path) -> None:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the sample, and an environment with the wheel, which has nothing of this checkout."""
    folder = tmp_path_factory.mktemp("sample") / "project"
    shutil.copytree(SAMPLE, folder)
    done(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT), folder=folder)
    (wheel,) = folder.glob("kcproxy-*.whl")
    done(sys.executable, "-m", "venv", ".venv", folder=folder)
    done(".venv/bin/python", "-m", "pip", "install", "--quiet", f"{wheel}[httpx]", "pytest", folder=folder)
    return folder


@pytest.fixture
async def lab(keycloak: Keycloak, tmp_path: Path) -> AsyncIterator[Lab]:
    async with laboratory(keycloak, tmp_path) as running:
        yield running


async def test_the_sample_is_red_with_the_sentence_and_green_after_the_command(project: Path, lab: Lab) -> None:
    await lab.make_realm(REALM)
    client = await lab.make_client(REALM, clientId=CLIENT)
    user = await lab.make_user("john-doe", REALM)
    assert client.client_id == CLIENT

    code, output = await run_of(project, lab.keycloak, user)
    assert (code, SENTENCE in output) == (1, True), output
    assert "1 failed" in output
    commands = re.findall(r"^kcadm\.sh .+$", output, re.MULTILINE)
    assert commands == [
        f"kcadm.sh add-roles -r {REALM} --uusername service-account-{CLIENT} --cclientid realm-management --rolename view-users"
    ]
    assert SENTENCE in (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert commands[0] in (SAMPLE / "README.md").read_text(encoding="utf-8")

    await lab.carry_out(commands)
    code, output = await run_of(project, lab.keycloak, user)
    assert (code, "1 passed" in output) == (0, True), output


async def run_of(project: Path, keycloak: Keycloak, user: str) -> tuple[int | None, str]:
    environment = {**os.environ, "KEYCLOAK": keycloak.base_url, "CLIENT_SECRET": SECRET, "USER_ID": user}
    ran = await asyncio.create_subprocess_exec(
        ".venv/bin/pytest",
        "-p",
        "no:cacheprovider",
        cwd=project,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await ran.communicate()
    assert SECRET not in output.decode()
    return ran.returncode, output.decode()
