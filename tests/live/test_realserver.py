"""The server tool against real distributions (two boots each when a version is used for the second time)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from tests.live.conftest import Keycloak, Start

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


@pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
async def test_the_admin_can_log_in_and_the_version_is_the_one_asked_for(keycloak: Keycloak) -> None:
    login = {"grant_type": "password", "client_id": "admin-cli", "username": keycloak.admin_username, "password": keycloak.admin_password}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{keycloak.base_url}/realms/master/protocol/openid-connect/token", data=login) as answer:
            token = (await answer.json())["access_token"]
        async with session.get(f"{keycloak.base_url}/admin/serverinfo", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert (await answer.json())["systemInfo"]["version"] == keycloak.version


def test_the_same_server_is_given_again(real_keycloak: Start) -> None:
    assert real_keycloak("26.7.5") == real_keycloak("26.7.5")


def test_kcadm_of_the_home_can_be_run(keycloak: Keycloak) -> None:
    assert os.access(keycloak.home / "bin" / "kcadm.sh", os.X_OK)


def test_a_command_gets_the_server_and_gives_its_exit_code() -> None:
    check = 'import os, sys, urllib.request as r; r.urlopen(os.environ["KEYCLOAK_URL"] + "/realms/master"); sys.exit(7)'
    command = [sys.executable, "-m", "devkit.realserver", "run", "26.7.5", "--", sys.executable, "-c", check]
    assert subprocess.run(command, check=False).returncode == 7


def test_a_killed_owner_leaves_neither_server_nor_folder_behind() -> None:
    report = 'import os, time; print(os.environ["KEYCLOAK_HOME"], flush=True); time.sleep(600)'
    command = [sys.executable, "-m", "devkit.realserver", "run", "26.7.5", "--", sys.executable, "-c", report]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as owner:
        assert owner.stdout is not None
        try:
            home = Path(owner.stdout.readline().strip())
            assert _processes_of(home)
        finally:
            os.killpg(owner.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (home.exists() or _processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not home.exists()
    assert not _processes_of(home)


def _processes_of(home: Path) -> list[str]:
    lines = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if f"kc.home.dir={home}" in line]
