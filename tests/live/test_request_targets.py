"""Request targets against a real Keycloak that normalises paths: a limited key opens nothing but what it is limited to."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from devkit.lab import SECRET, Client, Lab, laboratory
from devkit.servers import Events, Message, read_response
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.proxy.handler import RequestHandler
from kcproxy.server.server import Server
from kcproxy.settings import AccountSettings, ExplainSettings, InboundSettings, Secret, Settings, UpstreamSettings
from tests.live.conftest import Keycloak, Start

pytestmark = pytest.mark.live

NORMALISING = {"24.0.5": (), "26.7.5": ("--http-accept-non-normalized-paths=true",)}
"""The options with which each version answers the attack with another realm's users."""
ATTACKS = (
    "{users}#/../../{other}/users",
    "{users}?#/../../{other}/users",
    "{users}#/../../../realms/{other}/users",
    "/admin/realms/{demo}#/../{other}/users",
    "{users}/#/../../../{other}/users",
    "http://localhost{users}#/../../{other}/users",
    "{users}/%23/../../../{other}/users",
    "{users}/..%2f../{other}/users",
    "{users}/%2e%2e/%2e%2e/{other}/users",
    "{users};/../../{other}/users",
    "{users}\u00e9/../../{other}/users",
    "/admin/realms/{demo}/%252e%252e/{other}/users",
)
REFUSED = 6
"""So many of them, from the first on, have a number sign: they are refused to everybody. Of the others Keycloak answers without a token: 401, or 400."""


@pytest.fixture(params=sorted(NORMALISING))
def keycloak(request: pytest.FixtureRequest, real_keycloak: Start) -> Keycloak:
    return real_keycloak(request.param, options=NORMALISING[request.param])


@dataclass(frozen=True, kw_only=True)
class Limited:
    """A proxy with an account of master for all realms, and a key for the users of one."""

    port: int
    upstream_port: int
    account: Client

    async def send(self, method: str, target: str, *fields: str, body: str = "") -> Message:
        return await exchange(self.port, method, target, "Kcproxy-Key: key", *fields, body=body)

    async def directly(self, token: str, method: str, target: str, body: str = "") -> Message:
        return await exchange(self.upstream_port, method, target, f"Authorization: Bearer {token}", body=body)


async def exchange(port: int, method: str, target: str, *fields: str, body: str = "") -> Message:
    reader, writer = await asyncio.open_connection("localhost", port)
    content = [f"Content-Length: {len(body)}", "Content-Type: application/json"] if body else []
    writer.write("\r\n".join([f"{method} {target} HTTP/1.1", f"Host: localhost:{port}", *fields, *content, "", body]).encode())
    try:
        return await asyncio.wait_for(read_response(reader), 30)
    finally:
        writer.close()


@asynccontextmanager
async def limited(lab: Lab, folder: Path, *, fast: bool) -> AsyncIterator[Limited]:
    account = await lab.make_client("master")
    base = "/admin/realms/master"
    await lab.admin("POST", f"{base}/users/{account.account}/role-mappings/realm", [await lab.admin("GET", f"{base}/roles/admin")])
    file = folder / "keys.toml"
    digest = hashlib.sha256(b"key").hexdigest()
    operations = '["* /admin/realms/{realm}/users", "GET /admin/realms/{realm}/roles*"]'
    file.write_text(f'[[keys]]\nname = "a"\nsha256 = "{digest}"\nrealms = ["{lab.realm}"]\noperations = {operations}\n')
    host, _, port = lab.keycloak.base_url.removeprefix("http://").partition(":")
    settings = Settings(
        upstream=UpstreamSettings(scheme="http", host=host, port=int(port)),
        accounts=(AccountSettings(realms=("*",), token_realm="master", client_id=account.client_id, secret=Secret(SECRET)),),
        explain=ExplainSettings(keycloak_version=lab.keycloak.version),
        inbound=InboundSettings(api_keys_file=file),
    )
    events = Events()
    service = RequestHandler(runtime_of(settings, events), events, fast=fast)
    server = Server(service, settings.limits)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield Limited(port=listener.sockets[0].getsockname()[1], upstream_port=int(port), account=account)
    finally:
        listener.close()
        await server.shutdown(1)
        await dismantle(service.runtime, patience_seconds=1)


@pytest.mark.parametrize("fast", [True, False], ids=["fast path", "general path"])
async def test_no_target_reads_or_creates_a_user_of_another_realm(keycloak: Keycloak, tmp_path: Path, fast: bool) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        other = await lab.make_realm()
        await lab.make_user("victim", other)
        await lab.make_user("own-user")
        users = f"/admin/realms/{lab.realm}/users"
        attacks = [attack.format(users=users, demo=lab.realm, other=other) for attack in ATTACKS]
        async with limited(lab, tmp_path, fast=fast) as proxy:
            token = await lab.token(proxy.account)
            directly = await proxy.directly(token, "GET", attacks[0])
            assert (directly.status, b"victim" in directly.body) == (200, True), "this server does not normalise: the test shows nothing"
            assert (await proxy.send("GET", users)).status == 200  # the way is known to the lane from here on
            for number, attack in enumerate(attacks):
                for method, body in (("GET", ""), ("POST", json.dumps({"username": f"intruder-{number}"}))):
                    answer = await proxy.send(method, attack, body=body)
                    assert answer.status in ({400} if number < REFUSED else {400, 401}), (method, attack, answer)
                    assert (answer.value("kcproxy-error") == b"target") == (number < REFUSED), (method, attack, answer)
                    assert b"victim" not in answer.body
            own = await proxy.send("GET", users)
            created = await proxy.send("POST", users, body=json.dumps({"username": "new-user"}))
        assert (own.status, b"own-user" in own.body, created.status) == (200, True, 201), "the key opens what it is for"
        names = [user["username"] for user in await lab.admin("GET", f"/admin/realms/{other}/users")]
        assert names == ["victim"]


NAMES = (
    "team/admin",
    "team/users",
    "a?b",
    "a#b",
    "a;b",
    "100%",
    "caf\u00e9",
    "a b",
    "a+b",
    "p%41",
    "~a.b",
    "a&b=c",
    "\u4f60\u597d",
    "a\\b",
)
NEVER_WITH_A_TOKEN = {"team/users", "p%41", "a\\b"}
"""Names whose paths some reader could take for another operation's, or that are never plain."""


async def test_keycloak_reads_in_a_plain_path_what_the_proxy_reads(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        roles = f"/admin/realms/{lab.realm}/roles"
        for name in NAMES:
            await lab.admin("POST", roles, {"name": name})
        async with limited(lab, tmp_path, fast=True) as proxy:
            responses = {name: await proxy.send("GET", f"{roles}/{quote(name, safe='')}") for name in NAMES}
    read = {name: json.loads(answer.body)["name"] for name, answer in responses.items() if answer.status == 200}
    assert read == {name: name for name in NAMES if name not in NEVER_WITH_A_TOKEN}
    assert {responses[name].status for name in NEVER_WITH_A_TOKEN} <= {400, 401}
