"""Printed commands and playbooks on a real server, for every cause that prints them: the roles are there, and every other grant still is.

Terraform: test_printed_terraform.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.kcadm import write_wrapper
from devkit.shells import SHELLS, program
from tests.live.conftest import Keycloak, Start
from tests.live.printed import Admin, Printed, Stage, one_for_each_cause, printed, printed_clients

VERSIONS = ["26.7.5", "24.0.5"]
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("printed-fixes"),
]
BOTH = pytest.mark.parametrize("stage", VERSIONS, indirect=True)
NEWEST = pytest.mark.parametrize("stage", VERSIONS[:1], indirect=True)
_EVERY_TIME = {(VERSIONS[0], "bash"), (VERSIONS[1], "dash")}
KCADM = [
    pytest.param(version, shell, marks=() if (version, shell) in _EVERY_TIME else pytest.mark.live_long)
    for version, shell in (*((VERSIONS[0], shell) for shell in SHELLS), (VERSIONS[1], "dash"))
]
"""Each command starts a JVM, so one shell of each version is tried every time. The words are quoted as for curl, which every shell runs."""
PLAYBOOK = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, real_keycloak: Start) -> Iterator[Stage]:
    made = Stage(Admin(real_keycloak(request.param)))
    made.set_up()
    yield made
    made.tear_down()


@pytest.fixture
def fixes() -> list[Printed]:
    return printed()


def environment(stage: Stage, folder: Path) -> dict[str, str]:
    path = f"{folder}:{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "KEYCLOAK_URL": stage.admin.keycloak.base_url,
        "ADMIN_TOKEN": stage.admin.token(),
        "HOME": str(folder),
    }


def run(shell: str, script: str, folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    file = folder / "script"
    file.write_text(script, encoding="utf-8")
    flags = ("-f",) if shell == "zsh" else ()
    return subprocess.run(
        [program(shell), *flags, str(file)],
        env=variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def log_in(keycloak: Keycloak, folder: Path) -> None:
    """``kcadm.sh`` on the path, with the administrator's login in a configuration of its own."""
    wrapper = write_wrapper(folder, keycloak.home)
    login = ["config", "credentials", "--server", keycloak.base_url, "--realm", "master"]
    user = ["--user", keycloak.admin_username, "--password", keycloak.admin_password]
    subprocess.run([str(wrapper), *login, *user], check=True, capture_output=True)


@pytest.mark.parametrize(("stage", "shell"), KCADM, indirect=["stage"])
def test_kcadm_commands_of_every_cause(stage: Stage, fixes: list[Printed], shell: str, tmp_path: Path) -> None:
    for one in one_for_each_cause(fixes):
        log_in(stage.admin.keycloak, tmp_path)
        stage.reset(one)
        ran = run(shell, stage.real("\n".join(one.fix.kcadm), one), tmp_path, environment(stage, tmp_path))
        assert (ran.returncode, stage.left(one)) == (0, stage.expected(one)), (one, ran)


@BOTH
@pytest.mark.parametrize("shell", SHELLS)
def test_curl_commands_of_every_fix(stage: Stage, fixes: list[Printed], shell: str, tmp_path: Path) -> None:
    for one in fixes:
        stage.reset(one)
        ran = run(shell, stage.real("\n".join(one.fix.curl), one), tmp_path, environment(stage, tmp_path))
        assert (ran.returncode, ran.stderr, stage.left(one)) == (0, "", stage.expected(one)), (one, ran)


@pytest.mark.parametrize(("stage", "shell"), KCADM, indirect=["stage"])
@pytest.mark.parametrize("form", ["kcadm", "curl"])
def test_commands_for_a_client_of_your_own_create_it_and_store_its_secret(stage: Stage, shell: str, form: str, tmp_path: Path) -> None:
    log_in(stage.admin.keycloak, tmp_path)
    for fix in printed_clients():
        for old in stage.admin("GET", "/demo/clients?clientId=my-service"):
            stage.admin("DELETE", f"/demo/clients/{old['id']}")
        ran = run(shell, "\n".join(getattr(fix, form)), tmp_path, environment(stage, tmp_path))
        assert ran.returncode == 0, ran
        client = stage.admin.client("demo", "my-service")
        assert (client["publicClient"], client["serviceAccountsEnabled"], client["standardFlowEnabled"]) == (False, True, False)
        secret = tmp_path / "my-service-secret"
        assert (secret.read_text(encoding="utf-8").strip(), secret.stat().st_mode & 0o077) == (client["secret"], 0)


@NEWEST
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("missing", ["ADMIN_TOKEN", "KEYCLOAK_URL"])
def test_curl_commands_without_login_end_with_one_message(
    stage: Stage, fixes: list[Printed], shell: str, missing: str, tmp_path: Path
) -> None:
    variables = environment(stage, tmp_path)
    del variables[missing]
    ran = run(shell, "\n".join(fixes[0].fix.curl), tmp_path, variables)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"{missing} is not set: ")
    assert ran.stderr.count("\n") == 1


@NEWEST
@pytest.mark.parametrize("shell", SHELLS)
def test_curl_commands_with_a_wrong_token_end_with_one_message(stage: Stage, fixes: list[Printed], shell: str, tmp_path: Path) -> None:
    ran = run(shell, "\n".join(fixes[0].fix.curl), tmp_path, {**environment(stage, tmp_path), "ADMIN_TOKEN": "x"})
    assert ran.returncode != 0
    assert "401" in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("stage", [VERSIONS[0], pytest.param(VERSIONS[1], marks=pytest.mark.live_long)], indirect=True)
def test_a_playbook_of_every_fix_changes_what_is_missing_once(stage: Stage, fixes: list[Printed], tmp_path: Path) -> None:
    if PLAYBOOK is None:
        pytest.skip("ansible-playbook is not installed: pip install --group ansible")
    for one in one_for_each_cause(fixes):
        stage.reset(one)
        playbook = tmp_path / "fix.yml"
        playbook.write_text(stage.real(one.fix.ansible or "", one), encoding="utf-8")
        changed = [_changed(stage, playbook) for _ in range(2)]
        assert (changed[0] > 0, changed[1], stage.left(one)) == (True, 0, stage.expected(one)), one


def _changed(stage: Stage, playbook: Path) -> int:
    variables = environment(stage, playbook.parent) | {
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    ran = subprocess.run([PLAYBOOK or "", str(playbook)], env=variables, capture_output=True, text=True, check=False)
    document = json.loads(ran.stdout)
    (stats,) = document["stats"].values()
    assert (stats["failures"], stats["unreachable"]) == (0, 0), ran.stdout
    return int(stats["changed"])
