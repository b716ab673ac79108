"""``kcproxy check``: settings and reachability, all problems at once, against a simulated Keycloak on a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from kcproxy import catalog
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.reachability import version
from kcproxy.settings.load import load
from kcproxy.simulator import SimulatedKeycloak
from tests.cli.running import process, run

SECRET = "tOp-sEcReT-7f3a"


@pytest.fixture
async def keycloak() -> AsyncIterator[str]:
    """The address of a Keycloak with a realm shop, a client shop-backend with a service account, and a path /auth."""
    async with SimulatedKeycloak(catalog.load(catalog.default_version()), base_path="/auth") as server:
        await _prepare(server.url)
        yield server.url


async def _prepare(url: str) -> None:
    form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/realms/master/protocol/openid-connect/token", data=form) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        client = {"clientId": "shop-backend", "secret": SECRET, "serviceAccountsEnabled": True, "publicClient": False}
        for path, body in (("/admin/realms", {"realm": "shop", "enabled": True}), ("/admin/realms/shop/clients", client)):
            async with session.post(url + path, json=body, headers=headers) as created:
                assert created.status == 201


def settings_of(
    folder: Path, url: str, *, secret: str = SECRET, realm: str = "shop", client_id: str = "shop-backend", operations: str = "[]"
) -> dict[str, str]:
    file = folder / "secret"
    file.write_text(secret, encoding="utf-8")
    file.chmod(0o600)
    return {
        "KCPROXY_UPSTREAM": url,
        "KCPROXY_ACCOUNT__REALM": realm,
        "KCPROXY_ACCOUNT__CLIENT_ID": client_id,
        "KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(file),
        "KCPROXY_ACCOUNT__OPERATIONS": operations,
    }


async def check(environ: dict[str, str], *words: str) -> tuple[int, Any]:
    result = await asyncio.to_thread(process, "check", "--json", *words, environ=environ)
    assert SECRET not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.returncode, json.loads(result.stdout)


async def test_everything_is_fine(keycloak: str, tmp_path: Path) -> None:
    code, document = await check(settings_of(tmp_path, keycloak))
    assert (code, document["ok"], document["problems"]) == (Exit.OK, True, [])
    realm, account = (finding for finding in document["findings"] if finding["what"] != "version")
    assert f"Keycloak responds at {keycloak}" in realm["says"]
    assert "gets a token from realm shop; it contains no admin role" in account["says"]


async def test_findings_for_people_stand_on_standard_output(keycloak: str, tmp_path: Path) -> None:
    result = await asyncio.to_thread(process, "check", environ=settings_of(tmp_path, keycloak))
    assert result.returncode == Exit.OK
    assert {line[:4] for line in result.stdout.splitlines()} == {"ok  "}


@pytest.mark.parametrize(
    ("changed", "what", "said"),
    [
        ({"secret": "wrong"}, "account shop-backend", "compare client id, secret and service account"),
        ({"client_id": "admin-cli"}, "account admin-cli", "se a client of your own in realm shop"),
        ({"realm": "shoop"}, "realm shoop", "but has no such realm; create it, or fix the realm"),
        ({"operations": "GET /admin/realms/{name}/users"}, "account shop-backend", "matches no operation of Keycloak"),
    ],
)
async def test_what_does_not_work_is_named_with_a_remedy(keycloak: str, tmp_path: Path, changed: Any, what: str, said: str) -> None:
    code, document = await check(settings_of(tmp_path, keycloak, **changed))
    assert (code, document["ok"]) == (Exit.FAILED, False)
    failed = [finding for finding in document["findings"] if not finding["ok"]]
    assert any(finding["what"] == what and said in f"{finding['says']}; {finding['remedy']}" for finding in failed), failed


@pytest.mark.parametrize(
    ("stated", "fitting", "ok"),
    [
        (None, ("24.0.5", "25.0.6"), True),
        ("24.0.3", ("24.0.5", "25.0.6"), True),
        ("25.0", ("24.0.5", "25.0.6"), True),
        ("26.4.0", ("24.0.5", "25.0.6"), False),
        ("22.0.5", ("24.0.5", "25.0.6"), False),
        ("99.0.1", (catalog.versions()[-1],), True),
        ("99.0.1", ("24.0.5",), False),
    ],
)
def test_a_stated_version_that_the_server_does_not_fit_is_named(stated: str | None, fitting: tuple[str, ...], *, ok: bool) -> None:
    environ = {"KCPROXY_UPSTREAM": "http://localhost:8080"} | ({"KCPROXY_EXPLAIN__KEYCLOAK_VERSION": stated} if stated else {})
    (finding,) = version(load(None, environ, {}), fitting)
    assert finding.ok is ok
    assert f"it responds like Keycloak {fitting[0]}" in finding.says


def test_a_version_is_not_guessed_where_nothing_fits() -> None:
    assert list(version(load(None, {"KCPROXY_UPSTREAM": "http://localhost:8080"}, {}), ())) == []


async def test_a_missing_base_path_is_found(keycloak: str, tmp_path: Path) -> None:
    _, document = await check(settings_of(tmp_path, keycloak.removesuffix("/auth")))
    assert document["findings"][0]["remedy"] == f"write {keycloak} as upstream.url: Keycloak responds there"


async def test_nothing_listens_there(unused_port: int, tmp_path: Path) -> None:
    code, document = await check(settings_of(tmp_path, f"http://127.0.0.1:{unused_port}"))
    assert code == Exit.FAILED
    assert [finding["what"] for finding in document["findings"]] == ["realm shop"]
    assert document["findings"][0]["remedy"].startswith("start Keycloak, or fix upstream.url")


async def test_something_else_than_keycloak_answers(tmp_path: Path, unused_port: int) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<h1>It works!</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_port).start()
    try:
        code, document = await check(settings_of(tmp_path, f"http://127.0.0.1:{unused_port}"))
    finally:
        await runner.cleanup()
    assert code == Exit.FAILED
    assert "responds with 200, but not like Keycloak" in document["findings"][0]["says"]


@pytest.fixture
def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_bad_settings_end_with_2_and_all_problems_on_standard_error() -> None:
    result = process("check", environ={"KCPROXY_WORKERS": "0", "KCPROXY_UPSTREM": "x"})
    assert (result.returncode, result.stdout) == (Exit.USAGE, "")
    first, *problems = result.stderr.splitlines()
    assert first == "kcproxy: 3 problems in the settings"
    assert [problem.split(":")[0].strip() for problem in problems] == ["KCPROXY_UPSTREM", "KCPROXY_WORKERS", "upstream.url"]


def test_bad_settings_as_json() -> None:
    result = process("check", "--json")
    assert result.returncode == Exit.USAGE
    document = json.loads(result.stdout)
    assert (document["ok"], len(document["problems"])) == (False, 1)


def test_every_setting_is_shown_with_its_origin_and_secrets_are_starred(tmp_path: Path) -> None:
    environ = {"KCPROXY_UPSTREAM": "http://localhost:8080", "KCPROXY_ADMIN_KEY": SECRET, "KCPROXY_WORKERS": "2"}
    result = run("check", "--print", "--offline", environ=environ)
    assert result.exit_code == Exit.OK
    assert SECRET not in result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "workers = 2 # environment KCPROXY_WORKERS" in lines
    assert 'admin_key = "***" # environment KCPROXY_ADMIN_KEY' in lines
    assert "limits.max_connections = 4096 # default" in lines


async def test_the_health_probe_asks_the_admin_port(unused_port: int) -> None:
    responses = iter([(200, "ready\n"), (503, "draining\n")])

    async def readyz(_: web.Request) -> web.Response:
        status, text = next(responses)
        return web.Response(status=status, text=text)

    environ = {"KCPROXY_ADMIN_LISTEN": f"0.0.0.0:{unused_port}"}
    assert (await check(environ, "--ready"))[0] == Exit.FAILED
    app = web.Application()
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_port).start()
    try:
        assert await check(environ, "--ready") == (Exit.OK, {"schema": 1, "ready": True, "reason": None})
        code, document = await check(environ, "--ready")
    finally:
        await runner.cleanup()
    assert (code, document["reason"]) == (Exit.FAILED, "503: draining")


def test_files_that_others_can_change_or_read_are_reported_offline(tmp_path: Path) -> None:
    secret, history = tmp_path / "secret", tmp_path / "history"
    for file, mode in ((secret, 0o622), (history, 0o644), (tmp_path / "history-wal", 0o640)):
        file.write_text("s3cret")
        file.chmod(mode)
    environ = {
        "KCPROXY_UPSTREAM": "http://localhost:8080",
        "KCPROXY_ACCOUNT__REALM": "a",
        "KCPROXY_ACCOUNT__CLIENT_ID": "b",
        "KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": str(secret),
        "KCPROXY_HISTORY__PATH": str(history),
    }
    notes = json.loads(run("check", "--offline", "--json", environ=environ).stdout)["notes"]
    assert [note.partition(": ")[2].partition(";")[0] for note in notes] == [
        f"accounts[0].client_secret_file: everybody on this machine can write to {secret} (mode 0622)",
        f"history.path: others can read {history} (mode 0644)",
        f"history.path: others can read {history}-wal (mode 0640)",
    ]
    assert "note: KCPROXY_ACCOUNT__CLIENT_SECRET_FILE: " in run("check", "--offline", environ=environ).output
    history.unlink()
    history.symlink_to(secret)
    refused = run("check", "--offline", "--json", environ=environ)
    assert refused.exit_code == Exit.USAGE
    (problem,) = json.loads(refused.stdout)["problems"]
    assert f"{history} is a symbolic link" in problem
