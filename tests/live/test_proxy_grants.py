"""Through a running proxy to a real Keycloak: refused with the reason, granted, and let in by the very next request."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from devkit.servers import Events
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.proxy.handler import RequestHandler
from kcproxy.server.server import Server
from kcproxy.settings import AccountSettings, ExplainSettings, Secret, Settings, UpstreamSettings
from tests.live.conftest import Keycloak

pytestmark = pytest.mark.live

BOTH = pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
ROBOT = "robot"


class Realm:
    """A realm of its own with one client, whose service account has no role yet; made and deleted directly at Keycloak."""

    def __init__(self, keycloak: Keycloak, http: aiohttp.ClientSession) -> None:
        self.name = f"proxy-{uuid4().hex[:8]}"
        self._keycloak = keycloak
        self._http = http
        self._headers: dict[str, str] = {}

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        url = self._keycloak.base_url + path
        async with self._http.request(method, url, json=body, headers=self._headers) as answer:
            assert answer.status < 300, f"{method} {path}: {answer.status} {await answer.text()}"
            text = await answer.text()
            return json.loads(text) if text else None

    async def create(self) -> None:
        await self._log_in()
        await self.admin("POST", "/admin/realms", {"realm": self.name, "enabled": True})
        await self._log_in()  # 24.0.5 reads the rights on a new realm from the token
        client = {
            "clientId": ROBOT,
            "secret": "s3cret",
            "serviceAccountsEnabled": True,
            "publicClient": False,
            "standardFlowEnabled": False,
        }
        await self.admin("POST", f"/admin/realms/{self.name}/clients", client)

    async def grant(self, role: str) -> None:
        await self._change("POST", role)

    async def revoke(self, role: str) -> None:
        await self._change("DELETE", role)

    async def delete(self) -> None:
        await self._log_in()
        await self.admin("DELETE", f"/admin/realms/{self.name}")

    async def _change(self, method: str, role: str) -> None:
        base = f"/admin/realms/{self.name}"
        owner = (await self.admin("GET", f"{base}/clients?clientId=realm-management"))[0]["id"]
        robot = (await self.admin("GET", f"{base}/users?username=service-account-{ROBOT}&exact=true"))[0]["id"]
        wanted = await self.admin("GET", f"{base}/clients/{owner}/roles/{role}")
        await self.admin(method, f"{base}/users/{robot}/role-mappings/clients/{owner}", [wanted])

    async def _log_in(self) -> None:
        keycloak = self._keycloak
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": keycloak.admin_username,
            "password": keycloak.admin_password,
        }
        async with self._http.post(f"{keycloak.base_url}/realms/master/protocol/openid-connect/token", data=form) as answer:
            self._headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}


class Proxied:
    """A proxy in front of the server, the realm behind it, and what the proxy has reported."""

    def __init__(self, realm: Realm, url: str, events: Events, http: aiohttp.ClientSession) -> None:
        self.realm = realm
        self.url = url
        self.events = events
        self._http = http

    async def get(self, path: str, **headers: str) -> tuple[int, Any, Any]:
        async with self._http.get(f"{self.url}/admin/realms/{self.realm.name}{path}", headers=headers) as answer:
            text = await answer.text()
            return answer.status, answer.headers, json.loads(text) if text else None


@asynccontextmanager
async def proxied(keycloak: Keycloak) -> AsyncIterator[Proxied]:
    async with aiohttp.ClientSession() as http:
        realm = Realm(keycloak, http)
        await realm.create()
        try:
            async with _proxy(keycloak, realm.name) as (url, events):
                yield Proxied(realm, url, events, http)
        finally:
            await realm.delete()


@asynccontextmanager
async def _proxy(keycloak: Keycloak, realm: str) -> AsyncIterator[tuple[str, Events]]:
    host, _, port = keycloak.base_url.removeprefix("http://").partition(":")
    settings = Settings(
        upstream=UpstreamSettings(scheme="http", host=host, port=int(port)),
        accounts=(AccountSettings(realms=(realm,), token_realm=realm, client_id=ROBOT, secret=Secret("s3cret")),),
        explain=ExplainSettings(keycloak_version=keycloak.version),
    )
    events = Events()
    service = RequestHandler(runtime_of(settings, events), events)
    server = Server(service, settings.limits)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", events
    finally:
        listener.close()
        await server.shutdown(1)
        await dismantle(service.runtime, patience_seconds=1)


@BOTH
async def test_a_grant_works_on_the_very_next_request(keycloak: Keycloak) -> None:
    async with proxied(keycloak) as proxy:
        status, headers, body = await proxy.get("/users")
        assert status == 403
        assert headers["Kcproxy-Cause"] == "role-missing"
        assert ROBOT in body["errorMessage"]
        assert (await proxy.get("/users"))[0] == 403  # a standing refusal, with a token from before the grant
        await proxy.realm.grant("view-users")
        status, _, body = await proxy.get("/users")
        assert status == 200
        assert isinstance(body, list)


@pytest.mark.parametrize("keycloak", ["26.7.5", "26.4.7", "24.0.5"], indirect=True)
async def test_an_empty_list_is_full_on_the_very_next_request_after_the_grant(keycloak: Keycloak) -> None:
    async with proxied(keycloak) as proxy:
        await proxy.realm.grant("query-users")
        await proxy.realm.admin("POST", f"/admin/realms/{proxy.realm.name}/users", {"username": "john-doe", "enabled": True})
        assert (await proxy.get("/users"))[::2] == (200, [])
        await proxy.realm.grant("view-users")
        status, _, found = await proxy.get("/users")
        assert (status, [user["username"] for user in found]) == (200, ["john-doe"])


@BOTH
async def test_many_requests_at_once_on_a_cold_cache_fetch_one_token(keycloak: Keycloak) -> None:
    async with proxied(keycloak) as proxy:
        await proxy.realm.grant("view-users")
        responses = await asyncio.gather(*(proxy.get("/users/count") for _ in range(100)))
        assert {status for status, _, _ in responses} == {200}
        assert [outcome for _, outcome in proxy.events.fetches] == ["ok"]


async def test_a_caller_with_a_token_of_his_own_keeps_it(keycloak: Keycloak) -> None:
    async with proxied(keycloak) as proxy:
        await proxy.realm.grant("view-users")
        status, headers, _ = await proxy.get("/users", Authorization="Bearer nonsense")
        assert status == 401
        assert headers["Kcproxy-Cause"] == "token-malformed"
        assert proxy.events.fetches == []


async def test_a_client_disabled_and_enabled_again_needs_no_restart(keycloak: Keycloak) -> None:
    async with proxied(keycloak) as proxy:
        await proxy.realm.grant("view-users")
        assert (await proxy.get("/users"))[0] == 200
        base = f"/admin/realms/{proxy.realm.name}/clients"
        client = (await proxy.realm.admin("GET", f"{base}?clientId={ROBOT}"))[0]
        await proxy.realm.admin("PUT", f"{base}/{client['id']}", {**client, "enabled": False})
        assert (await proxy.get("/users"))[0] in {401, 502}
        await proxy.realm.admin("PUT", f"{base}/{client['id']}", {**client, "enabled": True})
        await asyncio.sleep(1.1)  # a failed fetch is remembered for a second
        assert (await proxy.get("/users"))[0] == 200
