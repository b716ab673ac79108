"""Every command with hostile names, from tokens, Keycloak, files and its own words: its raw output holds nothing that cannot be seen."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from click.testing import Result

from devkit.explain.stage import claims_of, jwt_of
from kcproxy import catalog
from kcproxy.admin import app as admin
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.main import COMMANDS
from kcproxy.cli.scenario.exchange import Exchange
from kcproxy.cli.scenario.steps import Check, CommandRun, Step
from kcproxy.cli.scenario.watch import Collected, Terminal
from kcproxy.cli.terminal import bold, columns, document, paint, result
from kcproxy.model import CallerKind
from kcproxy.observe.denials.history import History
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.use_history import UseHistory
from kcproxy.settings import AddressSettings, LogSettings, Settings, UpstreamSettings
from kcproxy.settings.merge import toml_value
from kcproxy.simulator import SimulatedKeycloak
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import UseTally
from kcproxy.visible import visible
from tests.cli.running import process, run
from tests.cli.test_denials import Served
from tests.hostile_text import ALL_AT_ONCE, unseen, unseen_in_output
from tests.observe.samples import caller, explanation, record, target

WILD = ALL_AT_ONCE
SHORT = "x\x1b[31m\x9b\u202e\u2028\r\n\U000e0041"
SERVED = SHORT.replace("\n", "")  # the simulator finds nothing by a name with a line feed
WILD_SERVED = WILD.replace("\n", "")


def clean(done: Result) -> Result:
    """Nothing of what a command wrote may be unseen, on either channel, nor may it have failed in a way of its own."""
    assert unseen_in_output(done.stdout_bytes) == [], done.stdout_bytes
    assert unseen_in_output(done.stderr_bytes) == [], done.stderr_bytes
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def hostile_token() -> str:
    roles = {"realm-management": [WILD, "query-users"], WILD: [WILD], f"{WILD}-realm": ["view-users"]}
    issuer = f"http://localhost:8080/realms/{quote(WILD, safe='')}"
    claims = claims_of(client=WILD, username=f"service-account-{WILD}", iss=issuer, roles=roles, realm_roles=[WILD, "view-users"])
    names = {"sub": WILD, "jti": WILD, "sid": WILD, "scope": WILD, "aud": [WILD], "allowed-origins": [WILD]}
    return jwt_of({**claims, **names, "exp": 4_000_000_000}, kid=WILD, alg=WILD)


@pytest.fixture
def token(tmp_path: Path) -> str:
    file = tmp_path / "token"
    file.write_text(hostile_token(), encoding="utf-8")
    return str(file)


PATHS = [f"/admin/realms/{quote(WILD, safe='')}/users/{SHORT}", "/admin/realms/demo/users", f"/admin/realms/{SHORT}/nothing", f"/{SHORT}"]


@pytest.mark.parametrize("status", [(), ("--status", "401"), ("--status", "403")], ids=str)
@pytest.mark.parametrize("path", PATHS, ids=range(len(PATHS)))
def test_explain_with_a_hostile_token(token: str, path: str, status: tuple[str, ...]) -> None:
    clean(run("explain", "GET", path, "--token-file", token, *status))


def test_explain_gives_a_hostile_name_exactly_as_json(token: str) -> None:
    done = clean(run("explain", "GET", PATHS[0], "--token-file", token, "--json"))

    found = json.loads(done.stdout)["explanation"]
    assert found["caller"]["clientId"] == WILD
    assert WILD in found["caller"]["roles"]
    assert visible(WILD)[:150] in found["summary"]


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "GET", "/admin/realms/demo/users", "--token-file", SHORT),
        ("explain", SHORT, "/admin"),
        ("explain", "GET", f"http://[{SHORT}"),
        ("explain", "GET", "/admin", "--keycloak", SHORT),
        ("roles", "GET", f"/admin/realms/demo/users{SHORT}"),
        ("roles", SHORT),
        ("roles", "--role", SHORT),
        ("roles", "--diff", SHORT, "24.0.5"),
        ("roles", "--calls", SHORT),
        ("roles", f"--{SHORT}"),
        ("doctor", "--realm", SHORT, "--client", SHORT),
        ("doctor", "--realm", SHORT, "--create-inspector"),
        ("doctor", "--realm", SHORT, "--create-inspector", "--json"),
        ("doctor", "--realm", "a\ud800", "--create-inspector"),
        ("doctor", "--realm", "shop", "--client", SHORT, "--upstream", SHORT),
        ("audit", "--since", SHORT),
        ("audit", "--fail-on", SHORT),
        ("audit", "--history", SHORT),
        ("audit", "--prometheus", SHORT),
        ("audit", "--log", SHORT),
        ("upgrade", "--from", SHORT, "--to", "26.7.5"),
        ("upgrade", "--from", "26.7.4", "--to", "26.7.5", "--log", SHORT),
        ("who-can", SHORT, "/admin"),
        ("who-can", "--realm", SHORT, "--role", SHORT, "--upstream", SHORT),
        ("denials", SHORT, "--admin", "127.0.0.1:9"),
        ("denials", "--history", SHORT),
        ("denials", "--admin", SHORT),
        ("fix", SHORT, "--admin", "127.0.0.1:9"),
        ("fix", "x", "--key-file", SHORT),
        ("fix", "x", "--admin", SHORT),
        ("ext-proc", "--listen", SHORT),
        ("ext-proc", "--http", f"unix:/no/such/{SHORT}"),
        ("ext-proc", "--upstream", SHORT),
        ("wait", "--admin", SHORT),
        ("wait", "--config", SHORT, "--timeout", "0"),
        ("wait", "--timeout", SHORT),
        ("check", "--config", SHORT),
        ("check", "--upstream", SHORT),
        ("check", "--upstream", SHORT, "--json"),
        ("serve", "--listen", SHORT, "--upstream", SHORT, "--log-level", SHORT, "--workers", SHORT),
        ("demo", "--keycloak", SHORT),
        ("demo", "--admin-password-file", SHORT),
        ("completion", SHORT),
        ("history", SHORT),
        ("history", "migrate", "--url", f"postgresql://{SHORT}@localhost/x"),
        ("history", "migrate", "--url", f"postgresql://localhost/x?sslmode={SHORT}"),
        (SHORT,),
        (f"--{SHORT}",),
    ],
    ids=lambda words: " ".join(words).encode("unicode_escape").decode(),
)
def test_words_of_the_command_line_are_repeated_visibly(words: tuple[str, ...]) -> None:
    done = clean(run(*words))

    assert done.output


def test_every_command_is_among_those() -> None:
    marks = [mark for mark in test_words_of_the_command_line_are_repeated_visibly.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]

    assert set(COMMANDS) <= {words[0] for words in marks[0].args[1]}


def test_roles_for_calls_of_a_hostile_log(tmp_path: Path) -> None:
    file = tmp_path / "calls"
    file.write_text(
        f"GET /admin/realms/{SHORT.strip()}/users\nGET /admin/realms/x/{SHORT[:9]}\n{SHORT}\nGET /other/{SHORT[:9]}\n", encoding="utf-8"
    )
    for more in ((), ("--json",)):
        clean(run("roles", "--calls", str(file), *more))


def hostile_record(path: Path) -> Path:
    """A record in which client, realms, operation and roles have hostile names."""
    tally = UseTally()
    use_history = UseHistory(path, tally, keep_days=90, max_rows=1000)
    for kind in (CallerKind.SERVICE_ACCOUNT, CallerKind.USER):
        known = tally.know(UseCaller(client=WILD[:200], token_realm=SHORT, kind=kind))
        assert known is not None
        for operation in ("GET /admin/realms/{realm}/users", f"GET /{SHORT}"):
            tally.count(known, SHORT, operation, SHORT, Outcome.FULL)
        tally.name_roles(known.caller, {"realm-management": (SHORT, "realm-admin")})
    use_history.close()
    return path


@pytest.mark.parametrize(
    "words",
    [
        ("audit",),
        ("audit", "--json"),
        ("audit", "--format", "sarif"),
        ("audit", "--as-operations"),
        ("audit", "--client", WILD[:200], "--user", SHORT),
        ("audit", "--client", WILD[:200], "--held", SHORT),
        ("upgrade", "--from", "24.0.5", "--to", "26.7.5"),
        ("upgrade", "--from", "24.0.5", "--to", "26.7.5", "--json"),
    ],
    ids=lambda words: " ".join(words)[:40].encode("unicode_escape").decode(),
)
def test_the_audit_of_a_hostile_record(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = clean(run(*words, "--history", str(hostile_record(tmp_path / "use"))))

    assert done.exit_code in {Exit.OK, Exit.FOUND}, done.output
    assert done.output


def hostile_settings(folder: Path, url: str) -> Path:
    secret = folder / "secret"
    secret.write_text("s", encoding="utf-8")
    secret.chmod(0o600)
    account = f'realm = {toml_value(SERVED)}\nclient_id = {toml_value(SERVED)}\nclient_secret_file = "{secret}"'
    operations = f"operations = [{toml_value(f'GET /{SERVED}')}]"
    file = folder / "kcproxy.toml"
    file.write_text(f'upstream.url = "{url}"\n[[accounts]]\n{account}\n{operations}\n[inspector]\n{account}\n', encoding="utf-8")
    return file


async def _strange(_: web.BaseRequest) -> web.Response:
    """A server whose every answer is hostile."""
    return web.json_response({"error": SHORT, "error_description": WILD, "issuer": WILD, "errorMessage": WILD, "token_endpoint": WILD})


@pytest.fixture
def strange_server() -> Iterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", _strange)
    with Served(app) as served:
        yield f"http://{served.address}"


@pytest.mark.parametrize("more", [(), ("--json",), ("--print",), ("--print", "--offline"), ("--print", "--offline", "--json")], ids=str)
def test_check_of_hostile_settings_with_a_hostile_server(tmp_path: Path, strange_server: str, more: tuple[str, ...]) -> None:
    done = clean(run("check", "--config", str(hostile_settings(tmp_path, strange_server)), *more))

    if "--print" in more and "--json" in more:
        assert SERVED in [item["value"] for item in json.loads(done.stdout)["settings"]]


def test_each_problem_of_the_settings_has_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "kcproxy.toml"
    file.write_text(
        'upstream.url = "http://x"\nlisten = "a\\u001b\\nb"\n"c\\u202e\\nd" = 1\n[log]\nlevel = "e\\u0085f"\n', encoding="utf-8"
    )
    done = clean(run("check", "--config", str(file)))

    assert done.exit_code == Exit.USAGE
    count = int(done.stderr.split()[1])
    assert len(done.stderr.splitlines()) == count + 1


@pytest.fixture
async def keycloak() -> AsyncIterator[str]:
    """A simulated Keycloak in which realm, client, roles and the inspector have hostile names."""
    async with SimulatedKeycloak(catalog.load(catalog.default_version())) as server:
        async with aiohttp.ClientSession() as session:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
            async with session.post(f"{server.url}/realms/master/protocol/openid-connect/token", data=form) as answer:
                headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

            async def call(method: str, path: str, body: Any = None) -> Any:
                async with session.request(method, f"{server.url}/admin/realms{path}", json=body, headers=headers) as answer:
                    assert answer.status < 300, await answer.text()
                    return await answer.json() if answer.content_type == "application/json" and answer.status == 200 else None

            realm = f"/{quote(SERVED, safe='')}"
            await call("POST", "", {"realm": SERVED, "enabled": True})
            for client_id in (SERVED, WILD_SERVED):
                await call("POST", f"{realm}/clients", {"clientId": client_id, "secret": "s", "serviceAccountsEnabled": True})
            (owner,) = await call("GET", f"{realm}/clients?clientId=realm-management")
            (client,) = await call("GET", f"{realm}/clients?clientId={quote(SERVED, safe='')}")
            account = await call("GET", f"{realm}/clients/{client['id']}/service-account-user")
            roles = [
                await call("GET", f"{realm}/clients/{owner['id']}/roles/{role}") for role in ("view-clients", "view-realm", "view-users")
            ]
            await call("POST", f"{realm}/users/{account['id']}/role-mappings/clients/{owner['id']}", roles)
        yield server.url


@pytest.mark.parametrize("more", [(), ("--json",)], ids=str)
@pytest.mark.parametrize("client", [SERVED, WILD_SERVED], ids=["may", "may not"])
async def test_doctor_of_a_hostile_client_in_a_hostile_realm(keycloak: str, tmp_path: Path, client: str, more: tuple[str, ...]) -> None:
    config = str(hostile_settings(tmp_path, keycloak))
    call = ("GET", f"/admin/realms/{quote(SERVED, safe='')}/users")
    done = clean(await asyncio.to_thread(run, "doctor", "--realm", SERVED, "--client", client, "--config", config, *call, *more))

    assert done.exit_code == (Exit.OK if client == SERVED else Exit.DENIED), done.output
    if more and client == WILD_SERVED:
        assert json.loads(done.stdout)["explanation"]["caller"]["clientId"] == WILD_SERVED


@pytest.mark.parametrize("more", [(), ("--json",)], ids=str)
async def test_who_can_in_a_hostile_realm(keycloak: str, tmp_path: Path, more: tuple[str, ...]) -> None:
    config = str(hostile_settings(tmp_path, keycloak))
    call = ("GET", f"/admin/realms/{quote(SERVED, safe='')}/users")
    done = clean(await asyncio.to_thread(run, "who-can", "--config", config, *call, *more))

    assert done.exit_code == Exit.OK, done.output
    if more:
        assert [account["client"] for account in json.loads(done.stdout)["accounts"]] == [SERVED]


async def test_check_of_a_hostile_account(keycloak: str, tmp_path: Path) -> None:
    done = clean(await asyncio.to_thread(run, "check", "--config", str(hostile_settings(tmp_path, keycloak)), "--json"))

    assert f"account {SERVED}" in [finding["what"] for finding in json.loads(done.stdout)["findings"]]


def filled(store: DenialStore) -> None:
    found = explanation(
        "d-1", target=target(realm=WILD, raw_path=f"/{WILD}"), caller=caller(WILD, roles={"realm-management": (WILD,)}),
        summary=WILD, evidence=(WILD, SHORT), hints=(WILD,),
    )  # fmt: skip
    store.add(found, record(status=403))


@pytest.mark.parametrize("more", [(), ("--json",), ("d-1",), ("d-1", "--json"), ("--search", WILD)], ids=str)
@pytest.mark.parametrize("columns", [None, "50"])
def test_denials_with_hostile_names(tmp_path: Path, columns: str | None, more: tuple[str, ...]) -> None:
    store = DenialStore(history=History(tmp_path / "h.sqlite"))
    filled(store)
    store.close()
    done = clean(run("denials", "--history", str(tmp_path / "h.sqlite"), *more, environ={"COLUMNS": columns} if columns else None))

    if more == ("d-1", "--json"):
        assert json.loads(done.stdout)["denial"]["explanation"]["caller"]["clientId"] == WILD


@pytest.mark.parametrize("more", [(), ("--json",)], ids=str)
async def test_denials_that_are_followed(more: tuple[str, ...]) -> None:
    observer = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore())
    filled(observer.denials)
    upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
    app = admin.build(Settings(upstream=upstream, admin_listen=AddressSettings(host="127.0.0.1", port=0)), observer, list)
    with Served(app) as served:
        following = asyncio.create_task(_followed("--follow", "--admin", served.address, *more))
        raw = await following
    observer.close()
    assert unseen_in_output(raw) == []
    if more:
        assert json.loads(raw.splitlines()[0])["who"] == f"service-account-{WILD}"


async def _followed(*words: str) -> bytes:
    """The first lines that it writes."""
    command = [sys.executable, "-m", "kcproxy", "denials", *words]
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    try:
        return await asyncio.wait_for(running.stdout.readline(), 60)
    finally:
        running.kill()
        await running.wait()


def test_demo_against_a_hostile_server(tmp_path: Path, strange_server: str) -> None:
    (tmp_path / "password").write_text("x", encoding="utf-8")
    for more in ((), ("--json",)):
        done = clean(run("demo", "--upstream", strange_server, "--admin-password-file", str(tmp_path / "password"), *more))
        assert done.exit_code == Exit.FAILED


def hostile_step() -> Step:
    body = {"error": WILD, "explanation": {"summary": WILD}}
    exchange = Exchange(
        server=WILD, method="GET", path=f"/{SHORT}", bearer=WILD, status=403, reason=SHORT, headers={"Location": SHORT, "Kcproxy-Cause": SHORT}, body=body
    )  # fmt: skip
    fix = {"summary": WILD, "kcadm": [f"kcadm.sh --x '{WILD}' --y {'y' * 200}"], "warning": WILD}
    found = {"cause": SHORT, "summary": WILD, "required": {"client": WILD}, "missing": [WILD], "evidence": [WILD], "fixes": [fix]}
    ran = CommandRun(line=f"kcadm.sh {WILD}", program=WILD, exit_code=1, output=WILD)
    checks = [Check(ok=False, says=WILD), Check(ok=True, says=SHORT)]
    return Step(title=WILD, exchanges=[exchange], explanation=found, command=ran, note=WILD, checks=checks, attempt=True)


@pytest.mark.parametrize("audience", [Terminal, Collected])
def test_demo_shows_hostile_answers_visibly(audience: type[Terminal | Collected], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    watching = audience()
    watching.opened(keycloak=WILD, version=SHORT, simulated=False)
    watching.begun(WILD)
    watching.ended(hostile_step())
    watching.closed()

    shown = capsysbinary.readouterr().out
    assert unseen_in_output(shown) == []
    if audience is Collected:
        assert json.loads(shown)["steps"][0]["command"]["output"] == WILD


def test_serve_shows_problems_and_notes_visibly(tmp_path: Path) -> None:
    file = tmp_path / "x\x1b[2J\u202e.toml"
    file.write_text('listen = "\\u001b"\n', encoding="utf-8")
    done = process("serve", "--config", str(file), "--workers", "2")

    assert done.returncode == Exit.USAGE
    assert unseen(done.stderr.replace("\n", "") + done.stdout) == []


def test_colours_are_the_programs_own_and_not_a_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("kcproxy.cli.terminal.coloured", lambda: True)
    name = "x\x1b[31m\ufdd0;31\ufdd1"
    result(f"{paint(name, 'green')} {bold('y')} {name}")

    shown = "x⟨U+001B⟩[31m⟨U+FDD0⟩;31⟨U+FDD1⟩"
    assert capsys.readouterr().out == f"\x1b[32m{shown}\x1b[0m \x1b[1my\x1b[0m {shown}\n"


def test_columns_are_as_wide_as_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kcproxy.cli.terminal.coloured", lambda: True)
    monkeypatch.setenv("COLUMNS", "22")
    first, second = columns([(paint("least", "green"), "view-users"), ("a\x1b", "x")])

    assert first.endswith("     view-users")
    assert visible(second) == "a⟨U+001B⟩  x"


def test_a_document_reads_back_as_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    value = {WILD: [SHORT, "\ud800", "é漢😀", {"a": "\x7f\u00a0"}]}
    document(value)

    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert unseen(shown.replace("\n", "")) == []
    assert "é漢😀" in shown
