"""The scenario on real servers: refused, explained, fixed by the command that the explanation printed, and let in."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from kcproxy.cli.scenario import embedded
from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.exchange import Server
from kcproxy.cli.scenario.kcadm import KcadmCalls
from kcproxy.cli.scenario.production import perform
from kcproxy.cli.scenario.request import Request
from kcproxy.cli.scenario.stage import CLIENT_ID, REALM, Stage, stage
from kcproxy.cli.scenario.watch import Collected
from kcproxy.settings import AccountSettings, Secret
from tests.live.conftest import Keycloak

GRANT = f"kcadm.sh add-roles -r {REALM} --uusername service-account-{CLIENT_ID} --cclientid realm-management --rolename view-users"
BOTH = pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.xdist_group("scenario")]


@BOTH
async def test_the_demo_goes_as_the_scenario_says_with_the_servers_own_kcadm(
    keycloak: Keycloak, capsys: pytest.CaptureFixture[str]
) -> None:
    program = keycloak.home / "bin" / "kcadm.sh"
    audience = Collected()
    request = Request(
        upstream=keycloak.base_url,
        admin_realm="master",
        admin_username=keycloak.admin_username,
        admin_password=Secret(keycloak.admin_password),
        kcadm=program,
        version=None,
        as_json=True,
        keep=False,
        replace=True,
    )
    await perform(request, audience)
    audience.closed()
    document = json.loads(capsys.readouterr().out)
    assert document["ok"], document
    assert document["keycloak"] == {"url": keycloak.base_url, "version": keycloak.version, "simulated": False}
    (command,) = [step["command"] for step in document["steps"] if "command" in step]
    assert (command["program"], command["exitCode"]) == (str(program), 0)
    last = [step["exchanges"][-1]["response"] for step in document["steps"] if step["title"].startswith("Attempt 2")]
    assert [(answer["status"], answer["body"]["username"]) for answer in last] == [(200, "john-doe")] * 2


class Silent:
    """An audience that does not look."""

    def opened(self, *, keycloak: str, version: str, simulated: bool) -> None: ...
    def begun(self, title: str) -> None: ...
    def ended(self, step: object) -> None: ...


@asynccontextmanager
async def _prepared(keycloak: Keycloak, session: aiohttp.ClientSession) -> AsyncIterator[Stage]:
    server = Server(session, keycloak.base_url, "Keycloak")
    admin = Admin(server, realm="master", username=keycloak.admin_username, password=Secret(keycloak.admin_password), clock=time.monotonic)
    async with stage(admin, Silent(), replace=True, keep=False) as prepared:
        yield prepared


def _admin(keycloak: Keycloak, session: aiohttp.ClientSession) -> Admin:
    password = Secret(keycloak.admin_password)
    server = Server(session, keycloak.base_url, "Keycloak")
    return Admin(server, realm="master", username=keycloak.admin_username, password=password, clock=time.monotonic)


def _account(prepared: Stage) -> AccountSettings:
    return AccountSettings(realms=(REALM,), token_realm=REALM, client_id=CLIENT_ID, secret=prepared.client_secret)


@BOTH
@pytest.mark.parametrize("injected", [True, False], ids=["the proxy's token", "a token of its own"])
async def test_the_refusal_names_the_role_in_header_json_and_sentence(keycloak: Keycloak, injected: bool) -> None:
    async with aiohttp.ClientSession() as session, _prepared(keycloak, session) as prepared:
        settings = embedded.settings_for(keycloak.base_url, accounts=(_account(prepared),), version=None)
        async with embedded.running(settings) as (url, _):
            proxy = Server(session, url, "kcproxy")
            form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": prepared.client_secret.reveal()}
            _, bearer = await proxy.token(REALM, form, CLIENT_ID)
            assert bearer is not None
            refused = await proxy.send("GET", f"/admin/realms/{REALM}/users/{prepared.user_id}", bearer=None if injected else bearer)
    assert refused.status == 403
    assert refused.header("Kcproxy-Required-Role") == "view-users"
    explanation = refused.json["explanation"]
    assert explanation["required"]["least"] == ["view-users"]
    assert explanation["missing"] == ["view-users"]
    for name in ("service-account-403-forbidden-fix-client", "view-users", "realm-management"):
        assert name in explanation["summary"]
    assert refused.json["error"] == ("unknown_error" if keycloak.version == "24.0.5" else "HTTP 403 Forbidden")
    assert refused.json["errorMessage"] == refused.json["message"] == explanation["summary"]


@BOTH
async def test_200_requests_at_once_on_a_cold_cache_fetch_one_token(keycloak: Keycloak) -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200)) as session,
        _prepared(keycloak, session) as prepared,
        _counting(keycloak.base_url, session) as (counted_url, counts),
    ):
        await KcadmCalls(_admin(keycloak, session)).run(GRANT)
        settings = embedded.settings_for(counted_url, accounts=(_account(prepared),), version=keycloak.version)
        async with embedded.running(settings) as (url, _):
            proxy = Server(session, url, "kcproxy")
            path = f"/admin/realms/{REALM}/users/{prepared.user_id}"
            responses = await asyncio.gather(*(proxy.send("GET", path) for _ in range(200)))
    assert Counter(answer.status for answer in responses) == {200: 200}
    assert counts["token"] == 1
    assert counts["other"] == 200


@asynccontextmanager
async def _counting(upstream: str, session: aiohttp.ClientSession) -> AsyncIterator[tuple[str, Counter[str]]]:
    """A door in front of Keycloak that counts what passes; it keeps Keycloak's own host, so that tokens hold."""
    counts: Counter[str] = Counter()

    async def handle(request: web.Request) -> web.Response:
        counts["token" if request.path.endswith("/protocol/openid-connect/token") else "other"] += 1
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with session.request(request.method, upstream + request.raw_path, headers=headers, data=await request.read()) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() in {"content-type", "location"}}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", counts
    finally:
        await runner.cleanup()
