"""`kcproxy demo`: the scenario against the simulator, what it shows, what it refuses to touch, and when it fails."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace as changed

from kcproxy import catalog
from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.exchange import Exchange, Server
from kcproxy.cli.scenario.kcadm import KcadmCalls, KcadmProgram, Login, words_of
from kcproxy.cli.scenario.production import perform
from kcproxy.cli.scenario.replay import _checks_of_explained
from kcproxy.cli.scenario.request import Request
from kcproxy.cli.scenario.stage import REALM
from kcproxy.cli.scenario.steps import Check, ScenarioError, Step
from kcproxy.cli.scenario.watch import Collected, Terminal, continued
from kcproxy.settings import Secret
from kcproxy.simulator import SimulatedKeycloak
from tests.cli.running import run

GRANT = (
    f"kcadm.sh add-roles -r {REALM} --uusername service-account-403-forbidden-fix-client --cclientid realm-management --rolename view-users"
)


@pytest.fixture(autouse=True)
def no_server_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEYCLOAK_URL", "KEYCLOAK_HOME", "KEYCLOAK_ADMIN_USERNAME", "KEYCLOAK_ADMIN_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def keycloak() -> AsyncIterator[SimulatedKeycloak]:
    async with SimulatedKeycloak(catalog.load(catalog.default_version())) as simulator:
        yield simulator


@pytest.fixture
async def admin(keycloak: SimulatedKeycloak) -> AsyncIterator[Admin]:
    async with aiohttp.ClientSession() as session:
        yield Admin(
            Server(session, keycloak.url, "Keycloak"), realm="master", username="admin", password=Secret("admin"), clock=time.monotonic
        )


def request(
    upstream: str | None, *, password: str = "admin", kcadm: Path | None = None, keep: bool = False, replace: bool = False
) -> Request:
    return Request(
        upstream=upstream,
        admin_realm="master",
        admin_username="admin",
        admin_password=Secret(password),
        kcadm=kcadm,
        version=None,
        as_json=True,
        keep=keep,
        replace=replace,
    )


def test_the_demo_ends_with_the_user_and_exit_code_0() -> None:
    done = run("demo")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "HTTP 403 Forbidden" in done.stdout
    assert "Kcproxy-Required-Role: view-users" in done.stdout
    assert done.stdout.count("✓ 200 OK with john-doe") == 2
    assert "NOT SO" not in done.stdout
    assert "All checks passed." in done.stdout


def test_as_json_it_is_one_document_with_every_step() -> None:
    done = run("demo", "--json")
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["keycloak"]["simulated"] is True
    attempts = [step for step in document["steps"] if step["title"].startswith("Attempt")]
    statuses = [step["exchanges"][-1]["response"]["status"] for step in attempts]
    assert statuses == [403, 403, 403, 200, 200]
    (fix,) = [step["command"] for step in document["steps"] if "command" in step]
    assert fix == {"line": GRANT, "program": "the demo itself", "exitCode": 0, "output": ""}


@pytest.mark.parametrize("arguments", [("demo",), ("demo", "--json")])
def test_no_token_and_no_secret_is_shown(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    shown = done.stdout + done.stderr
    assert "eyJ" not in shown
    assert not re.search(r"\b[A-Za-z0-9]{32,}\b", shown.replace("-", " "))


def test_the_simulator_can_play_a_version_that_reads_roles_from_the_token() -> None:
    done = run("demo", "--keycloak", "24.0.5", "--json")
    assert done.exit_code == 0, done.stdout + done.stderr


async def test_a_keycloak_with_a_base_path_is_played_too() -> None:
    async with SimulatedKeycloak(catalog.load(catalog.default_version()), base_path="/auth") as server:
        audience = Collected()
        await perform(request(server.url), audience)
    assert audience.ok


async def test_everything_is_removed_afterwards(keycloak: SimulatedKeycloak, admin: Admin) -> None:
    await perform(request(keycloak.url), Collected())
    assert (await admin.call("GET", f"/admin/realms/{REALM}")).status == 404


async def test_a_kept_realm_stays_and_is_replaced_only_on_request(keycloak: SimulatedKeycloak, admin: Admin) -> None:
    await perform(request(keycloak.url, keep=True), Collected())
    assert (await admin.call("GET", f"/admin/realms/{REALM}")).status == 200
    with pytest.raises(ScenarioError, match="--replace"):
        await perform(request(keycloak.url), Collected())
    assert (await admin.call("GET", f"/admin/realms/{REALM}")).status == 200
    audience = Collected()
    await perform(request(keycloak.url, replace=True), audience)
    assert audience.ok


@pytest.mark.parametrize("replace", [False, True])
async def test_a_realm_that_the_demo_did_not_make_is_left_alone(keycloak: SimulatedKeycloak, admin: Admin, replace: bool) -> None:
    await admin.write("POST", "/admin/realms", {"realm": REALM, "enabled": True, "displayName": "precious"})
    with pytest.raises(ScenarioError, match="did not create"):
        await perform(request(keycloak.url, replace=replace), Collected())
    assert (await admin.read(f"/admin/realms/{REALM}"))["displayName"] == "precious"


async def test_a_wrong_password_is_reported_without_being_repeated(keycloak: SimulatedKeycloak) -> None:
    with pytest.raises(ScenarioError, match=r"admin cannot log in .*: 400 Invalid user credentials") as caught:
        await perform(request(keycloak.url, password="not-this-one"), Collected())
    assert "not-this-one" not in str(caught.value)


@pytest.mark.parametrize(("base_path", "called"), [("", "/auth"), ("/auth", "")])
async def test_an_extra_or_missing_base_path_is_reported(base_path: str, called: str) -> None:
    async with SimulatedKeycloak(catalog.load(catalog.default_version()), base_path=base_path) as server:
        with pytest.raises(ScenarioError, match="with or without /auth"):
            await perform(request(server.url.removesuffix("/auth") + called), Collected())


async def test_a_missing_admin_realm_is_reported(keycloak: SimulatedKeycloak) -> None:
    with pytest.raises(ScenarioError, match=r"cannot log in at .*: 404 Realm does not exist"):
        await perform(changed(request(keycloak.url), admin_realm="mastr"), Collected())


async def test_a_server_that_does_not_respond_is_reported(unused_tcp_port: int) -> None:
    with pytest.raises(ScenarioError, match=r"does not respond: Connect call failed"):
        await perform(request(f"http://127.0.0.1:{unused_tcp_port}"), Collected())


def test_an_address_that_is_none_is_a_matter_of_usage() -> None:
    done = run("demo", "--upstream", "nonsense", environ={"KEYCLOAK_ADMIN_PASSWORD": "admin"})
    assert done.exit_code == 2
    assert "--upstream: cannot be used" in done.stderr


def test_without_a_password_for_a_real_server_nothing_is_tried() -> None:
    done = run("demo", "--upstream", "http://127.0.0.1:9")
    assert done.exit_code == 2
    assert "--admin-password-file" in done.stderr


async def test_a_command_that_does_nothing_makes_the_demo_fail_and_clear_up(
    keycloak: SimulatedKeycloak, admin: Admin, tmp_path: Path
) -> None:
    idle = tmp_path / "kcadm.sh"
    idle.write_text("#!/bin/sh\nexit 0\n")
    idle.chmod(0o755)
    audience = Collected()
    await perform(request(keycloak.url, kcadm=idle), audience)
    assert not audience.ok
    assert (await admin.call("GET", f"/admin/realms/{REALM}")).status == 404


async def test_the_real_program_gets_the_very_words_and_the_password_out_of_sight(tmp_path: Path) -> None:
    program = tmp_path / "kcadm.sh"
    program.write_text(
        '#!/bin/sh\necho "$@ | $KC_CLI_PASSWORD | $KC_OPTS" >> "$(dirname "$0")/calls"\nhead -c 6 >> "$(dirname "$0")/typed"\n'
    )
    program.chmod(0o755)
    login = Login(server_url="http://keycloak", realm="master", username="admin", password=Secret("hidden"))
    done = await KcadmProgram(program, login).run(GRANT)
    first, second = (tmp_path / "calls").read_text().splitlines()
    assert (done.exit_code, done.line) == (0, GRANT)
    assert first.startswith("config credentials --server http://keycloak --realm master --user admin | hidden | -Duser.home=")
    assert second.startswith(f"{GRANT.removeprefix('kcadm.sh ')} |  | -Duser.home=")
    assert (tmp_path / "typed").read_text() == "hidden"
    home = first.rpartition("=")[2]
    assert not os.path.exists(home)  # noqa: ASYNC240, PTH110 - one look


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143)])
async def test_an_interrupted_demo_still_clears_up(
    keycloak: SimulatedKeycloak, admin: Admin, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    slow = tmp_path / "kcadm.sh"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    command = ["-m", "kcproxy", "demo", "--upstream", keycloak.url, "--kcadm", str(slow)]
    demo = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env=os.environ | {"KEYCLOAK_ADMIN_PASSWORD": "admin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert demo.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"The fix" not in (line := await demo.stdout.readline()):
                assert line, "the demo ended before it came to the fix"
            demo.send_signal(number)
            rest = (await demo.stdout.read()).decode()
            assert await demo.wait() == code
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()
    assert "Traceback" not in rest
    assert f"the realm {REALM} is deleted" in rest
    assert (await admin.call("GET", f"/admin/realms/{REALM}")).status == 404


@pytest.mark.parametrize("line", ["rm -rf /", "kcadm.sh delete realms/master", "kcadm.sh add-roles; reboot", "kcadm.sh"])
def test_nothing_but_a_grant_is_ever_carried_out(line: str) -> None:
    with pytest.raises(ScenarioError):
        words_of(line)


async def test_a_grant_to_a_missing_account_is_reported(admin: Admin) -> None:
    await admin.write("POST", "/admin/realms", {"realm": REALM, "enabled": True})
    with pytest.raises(ScenarioError, match="gave 0 entries"):
        await KcadmCalls(admin).run(GRANT)


@pytest.mark.parametrize("line", ["kcadm.sh add-roles -r x --uusername y --cclientid z", "kcadm.sh add-roles -r x --gname g --rolename r"])
async def test_a_grant_that_the_demo_cannot_read_is_reported(admin: Admin, line: str) -> None:
    with pytest.raises(ScenarioError, match="kcadm command"):
        await KcadmCalls(admin).run(line)


def _refused(**changes: Any) -> tuple[Exchange, dict[str, Any]]:
    summary = "service-account-403-forbidden-fix-client lacks view-users of realm-management"
    explanation: dict[str, Any] = {"required": {"least": ["view-users"]}, "missing": ["view-users"], "summary": summary}
    explanation |= changes.pop("explanation", {})
    values: dict[str, Any] = {"status": 403, "headers": {"kcproxy-required-role": "view-users"}, "body": {"error": "HTTP 403 Forbidden"}}
    values |= changes
    return Exchange(server="kcproxy", method="GET", path="/", bearer=None, reason="Forbidden", **values), explanation


def test_a_refusal_as_it_should_be_passes_every_check() -> None:
    assert all(check.ok for check in _checks_of_explained(*_refused()))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 401},
        {"headers": {}},
        {"headers": {"Kcproxy-Required-Role": "realm-admin"}},
        {"body": {}},
        {"explanation": {"missing": []}},
        {"explanation": {"required": {"least": ["manage-users"]}}},
        {"explanation": {"required": None}},
        {"explanation": {"summary": "something is missing"}},
    ],
    ids=str,
)
def test_each_deviation_is_noticed(changes: dict[str, Any]) -> None:
    assert sum(not check.ok for check in _checks_of_explained(*_refused(**changes))) == 1


def test_what_did_not_come_true_is_marked_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.begun("A step")
    terminal.ended(Step(title="A step", checks=[Check(ok=True, says="fine"), Check(ok=False, says="the answer is 42")]))
    terminal.closed()
    shown = capsys.readouterr().out
    assert "✗ FAILED: the answer is 42" in shown
    assert "1 of the checks" in shown
    assert not terminal.ok


def test_a_command_over_several_lines_is_still_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = continued(GRANT)
    assert len(lines) > 1
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert " ".join(line.removesuffix("\\").strip() for line in lines) == GRANT
