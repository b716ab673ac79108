"""``kcproxy fix``: the commands are shown before anything is changed, only grants are run, and the password appears nowhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import pytest
from click.testing import CliRunner, Result

from devkit.servers import RecordingUpstream
from kcproxy import catalog
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.fix import command
from kcproxy.simulator import SimulatedKeycloak
from tests.process.test_serve import Served, served

PASSWORD = "admin"
REALM, CLIENT = "shop", "shop-backend"


@dataclass(slots=True, kw_only=True)
class Shop:
    """A Keycloak with a realm and a client without roles, and a proxy that has just explained a refusal of its request."""

    keycloak: str
    proxy: Served
    token: str
    denial: str

    async def fix(self, *words: str, typed: str = "", password: str | None = PASSWORD) -> Result:
        environ = {"KEYCLOAK_ADMIN_PASSWORD": password or "", "KCPROXY_CONFIG": str(self.proxy.config)}
        options = ["--admin", f"127.0.0.1:{self.proxy.admin_port}", *words]
        return await asyncio.to_thread(CliRunner().invoke, command, options, input=typed, env=environ)

    async def status(self) -> int:
        """Of the refused request, once more."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession() as http, http.get(f"{self.keycloak}/admin/realms/{REALM}/users", headers=headers) as answer:
            return answer.status


async def ask(http: aiohttp.ClientSession, method: str, url: str, token: str | None = None, **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with http.request(method, url, headers=headers, **more) as answer:
        text = await answer.text()
        return json.loads(text) if text else None


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with SimulatedKeycloak(catalog.load("26.7.5")) as simulator, aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{urlsplit(simulator.url).port}"
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": PASSWORD}
        admin = (await ask(http, "POST", f"{url}/realms/master/protocol/openid-connect/token", data=form))["access_token"]
        await ask(http, "POST", f"{url}/admin/realms", admin, json={"realm": REALM, "enabled": True})
        client = {"clientId": CLIENT, "secret": "s3cret", "serviceAccountsEnabled": True, "publicClient": False}
        await ask(http, "POST", f"{url}/admin/realms/{REALM}/clients", admin, json=client)
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": "s3cret"}
        token = (await ask(http, "POST", f"{url}/realms/{REALM}/protocol/openid-connect/token", data=form))["access_token"]
        upstream = cast("RecordingUpstream", SimpleNamespace(port=urlsplit(url).port))
        async with served(upstream, tmp_path) as proxy:
            refused = await ask(http, "GET", f"http://127.0.0.1:{proxy.port}/admin/realms/{REALM}/users", token)
            yield Shop(keycloak=url, proxy=proxy, token=token, denial=refused["explanation"]["id"])


async def test_the_commands_and_their_undoing_are_shown_and_nothing_is_changed(shop: Shop) -> None:
    result = await shop.fix(shop.denial, "--dry-run")
    assert result.exit_code == Exit.OK, result.output
    command_line = f"kcadm.sh add-roles -r {REALM} --uusername service-account-{CLIENT} --cclientid realm-management --rolename view-users"
    assert command_line in result.stdout
    assert command_line.replace("add-roles", "remove-roles") in result.stdout
    assert await shop.status() == 403


@pytest.mark.parametrize("typed", ["n\n", "\n"])
async def test_without_a_yes_nothing_is_changed(typed: str, shop: Shop) -> None:
    result = await shop.fix(shop.denial, typed=typed)
    assert result.exit_code == Exit.FAILED
    assert f"as admin of realm master at {shop.keycloak}" in result.stderr
    assert "nothing was changed" in result.stderr
    assert await shop.status() == 403


@pytest.mark.parametrize(
    ("words", "typed", "password"), [((), "y\n", PASSWORD), (("--yes",), "", PASSWORD), ((), f"y\n{PASSWORD}\n", None)]
)
async def test_after_a_yes_the_next_request_is_let_in(words: tuple[str, ...], typed: str, password: str | None, shop: Shop) -> None:
    result = await shop.fix(shop.denial, *words, typed=typed, password=password)
    assert result.exit_code == Exit.OK, result.output
    assert "Done." in result.stderr
    assert await shop.status() == 200


async def test_a_wrong_password_changes_nothing_and_is_not_shown(shop: Shop) -> None:
    result = await shop.fix(shop.denial, "--yes", password="wr0ng-passw0rd")
    assert result.exit_code != Exit.OK
    assert "admin cannot log in" in f"{result.output}{result.exception}"
    assert "wr0ng-passw0rd" not in f"{result.output}{result.exception}"
    assert await shop.status() == 403


async def test_an_unknown_denial_is_said_to_be_unknown(shop: Shop) -> None:
    result = await shop.fix("no-such-denial", "--yes")
    assert result.exit_code == Exit.FAILED
    assert "no denial no-such-denial" in result.stderr
