"""Commands against a real Keycloak: ``check`` finds what is wrong, and what ``explain`` judges offline is what the server does."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from kcproxy.cli.exit_codes import Exit
from tests.cli.running import process
from tests.live.conftest import Keycloak

pytestmark = pytest.mark.live

BOTH = pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
SECRET = "tOp-sEcReT-7f3a"
PATHS = ("users", "users/count", "groups", "clients", "roles", "events", "identity-provider/instances", "components")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A realm of its own, whose client's service account may view users."""

    url: str
    realm: str
    token: str
    http: aiohttp.ClientSession


@pytest.fixture
async def shop(keycloak: Keycloak) -> AsyncIterator[Shop]:
    realm = f"commands-{uuid4().hex[:8]}"
    async with aiohttp.ClientSession(keycloak.base_url) as http:

        async def admin(method: str, path: str, body: Any = None) -> Any:
            # A token of its own for each call: 24.0.5 reads the rights on a new realm from the token.
            form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": keycloak.admin_password}
            async with http.post("/realms/master/protocol/openid-connect/token", data=form) as answer:
                headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
            async with http.request(method, path, json=body, headers=headers) as answer:
                assert answer.status < 300, await answer.text()
                return await answer.json(content_type=None) if answer.status == 200 else None

        await admin("POST", "/admin/realms", {"realm": realm, "enabled": True})
        try:
            base = f"/admin/realms/{realm}"
            client = {"clientId": "backend", "secret": SECRET, "serviceAccountsEnabled": True, "publicClient": False}
            await admin("POST", f"{base}/clients", client)
            (made,) = await admin("GET", f"{base}/clients?clientId=backend")
            (owner,) = await admin("GET", f"{base}/clients?clientId=realm-management")
            account = await admin("GET", f"{base}/clients/{made['id']}/service-account-user")
            role = await admin("GET", f"{base}/clients/{owner['id']}/roles/view-users")
            await admin("POST", f"{base}/users/{account['id']}/role-mappings/clients/{owner['id']}", [role])
            form = {"grant_type": "client_credentials", "client_id": "backend", "client_secret": SECRET}
            async with http.post(f"/realms/{realm}/protocol/openid-connect/token", data=form) as answer:
                token = (await answer.json())["access_token"]
            yield Shop(url=keycloak.base_url, realm=realm, token=token, http=http)
        finally:
            await admin("DELETE", f"/admin/realms/{realm}")


def settings_of(shop: Shop, folder: Path, secret: str) -> dict[str, str]:
    file = folder / "secret"
    file.write_text(secret, encoding="utf-8")
    file.chmod(0o600)
    account = {"REALM": shop.realm, "CLIENT_ID": "backend", "CLIENT_SECRET_FILE": str(file)}
    return {"KCPROXY_UPSTREAM": shop.url} | {f"KCPROXY_ACCOUNT__{name}": value for name, value in account.items()}


@BOTH
async def test_check_gets_a_token_and_tells_the_version(keycloak: Keycloak, shop: Shop, tmp_path: Path) -> None:
    environ = settings_of(shop, tmp_path, SECRET) | {"KCPROXY_EXPLAIN__KEYCLOAK_VERSION": keycloak.version}
    result = await asyncio.to_thread(process, "check", "--json", environ=environ)
    assert result.returncode == Exit.OK, result.stdout
    assert "view-users of realm-management" in result.stdout
    assert SECRET not in result.stdout + result.stderr


@BOTH
async def test_check_finds_a_wrong_secret_and_a_wrong_version(keycloak: Keycloak, shop: Shop, tmp_path: Path) -> None:
    other = "22.0.5" if keycloak.version.startswith("26") else "26.7.5"
    environ = settings_of(shop, tmp_path, "wrong") | {"KCPROXY_EXPLAIN__KEYCLOAK_VERSION": other}
    result = await asyncio.to_thread(process, "check", "--json", environ=environ)
    assert result.returncode == Exit.FAILED
    failed = [finding["what"] for finding in json.loads(result.stdout)["findings"] if not finding["ok"]]
    assert failed == ["version", "account backend"]


async def test_what_is_judged_offline_is_what_the_server_does(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(shop.token, encoding="utf-8")
    judged, answered = {}, {}
    for name in PATHS:
        path = f"/admin/realms/{shop.realm}/{name}"
        words = ("explain", "GET", path, "--token-file", str(file), "--keycloak", "26.7.5", "--json")
        result = await asyncio.to_thread(process, *words)
        judged[name] = json.loads(result.stdout)["outcome"] in {"let-in", "reduced"}
        async with shop.http.get(path, headers={"Authorization": f"Bearer {shop.token}"}) as answer:
            answered[name] = answer.status == 200
    assert judged == answered
    assert len(set(answered.values())) == 2
