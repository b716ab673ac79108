"""Test environment on a real Keycloak: creates realms and clients, provokes refusals through the proxy, and runs fixes exactly as printed."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from yarl import URL

from devkit.kcadm import write_wrapper
from devkit.servers import Events
from kcproxy.keycloak.inspector import LEAST_ROLES
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.proxy.handler import RequestHandler
from kcproxy.server.server import Server
from kcproxy.settings import AccountSettings, ExplainSettings, InspectorSettings, Secret, Settings, UpstreamSettings
from tests.live.conftest import Keycloak

SECRET = "s3cret"


@dataclass(frozen=True, kw_only=True)
class Client:
    """A created client and its service account."""

    realm: str
    client_id: str
    uuid: str
    account: str | None


@dataclass(kw_only=True)
class Attempt:
    """A request to be refused. ``token`` goes into Authorization: Bearer; ``renew``: a new one is needed after a fix, on every version."""

    method: str
    path: str
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    client: Client | None = None
    user: str | None = None
    renew: bool = False


@dataclass(kw_only=True)
class ResponseWriter:
    """The response through the proxy."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def explanation(self) -> dict[str, Any]:
        found = self.body.get("explanation", {}) if isinstance(self.body, dict) else {}
        return found if isinstance(found, dict) else {}

    @property
    def cause(self) -> str | None:
        """From the header, which also exists on responses with an unchanged body."""
        return self.headers.get("Kcproxy-Cause")

    @property
    def causes(self) -> list[str]:
        others = [item["cause"] for item in self.explanation.get("alternatives", [])]
        return [*([self.cause] if self.cause else []), *others]

    @property
    def confidence(self) -> str | None:
        value = self.explanation.get("confidence")
        return value if isinstance(value, str) else None


class Lab:
    """One server, an administrator's session on it, and the realm that most cases share."""

    def __init__(self, keycloak: Keycloak, http: aiohttp.ClientSession, folder: Path) -> None:
        self.keycloak, self.http, self.folder = keycloak, http, folder
        self.realm = f"cases-{uuid4().hex[:8]}"
        self._realms: list[str] = []
        self._masters: list[str] = []
        self._headers: dict[str, str] = {}
        self.inspector: Client | None = None
        self.events = Events()  # of the proxy that was started last
        self._kcadm_logged_in_at = -1000.0

    # Keycloak directly

    async def log_in(self) -> None:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
        self._headers = {"Authorization": f"Bearer {(await self.grant_token('master', form))['access_token']}"}

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        status, found, text = await self._admin_once(method, path, body)
        if status == 401:  # the session of the administrator is short
            await self.log_in()
            status, found, text = await self._admin_once(method, path, body)
        assert status < 300, f"{method} {path}: {status} {text}"
        return found

    async def _admin_once(self, method: str, path: str, body: Any) -> tuple[int, Any, str]:
        url = URL(self.keycloak.base_url + path, encoded=True)
        async with self.http.request(method, url, json=body, headers=self._headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else None, text

    async def grant_token(self, realm: str, form: Mapping[str, str], *, host: str | None = None) -> Any:
        url = URL(f"{self.keycloak.base_url}/realms/{quote(realm, safe='')}/protocol/openid-connect/token", encoded=True)
        headers = {"Host": host} if host else {}
        async with self.http.post(url, data=form, headers=headers) as answer:
            return await answer.json()

    async def make_realm(self, name: str | None = None, **settings: Any) -> str:
        name = name or f"cases-{uuid4().hex[:8]}"
        await self.admin("POST", "/admin/realms", {"realm": name, "enabled": True, **settings})
        self._realms.append(name)
        await self.log_in()  # older versions read the rights on a new realm from the token
        return name

    async def make_client(self, realm: str | None = None, **settings: Any) -> Client:
        realm = realm or self.realm
        client_id = settings.pop("clientId", f"app-{uuid4().hex[:8]}")
        wanted = {"clientId": client_id, "secret": SECRET, "serviceAccountsEnabled": True, "publicClient": False}
        wanted |= {"directAccessGrantsEnabled": True, "standardFlowEnabled": False, **settings}
        base = f"/admin/realms/{quote(realm, safe='')}"
        await self.admin("POST", f"{base}/clients", wanted)
        uuid = (await self.admin("GET", f"{base}/clients?clientId={quote(client_id, safe='')}"))[0]["id"]
        if realm == "master":
            self._masters.append(uuid)
        account = None
        if wanted["serviceAccountsEnabled"]:
            account = (await self.admin("GET", f"{base}/clients/{quote(uuid, safe='')}/service-account-user"))["id"]
        return Client(realm=realm, client_id=client_id, uuid=uuid, account=account)

    async def make_user(self, name: str, realm: str | None = None, **settings: Any) -> str:
        base = f"/admin/realms/{realm or self.realm}"
        details = {"username": name, "enabled": True, "email": f"{name}@example.com", "firstName": "A", "lastName": "B"}
        secret = [{"type": "password", "value": SECRET, "temporary": False}]
        await self.admin("POST", f"{base}/users", {**details, "credentials": secret, **settings})
        return str((await self.admin("GET", f"{base}/users?username={name}&exact=true"))[0]["id"])

    async def role(self, realm: str, owner: str, name: str) -> tuple[str, Any]:
        base = f"/admin/realms/{realm}"
        uuid = (await self.admin("GET", f"{base}/clients?clientId={owner}"))[0]["id"]
        return uuid, await self.admin("GET", f"{base}/clients/{uuid}/roles/{name}")

    async def grant(
        self, client: Client, *roles: str, owner: str = "realm-management", method: str = "POST", to: str | None = None
    ) -> None:
        for name in roles:
            uuid, role = await self.role(client.realm, owner, name)
            await self.admin(method, f"/admin/realms/{client.realm}/users/{to or client.account}/role-mappings/clients/{uuid}", [role])

    async def let_through(self, client: Client, *roles: str) -> None:
        for name in roles:
            uuid, role = await self.role(client.realm, "realm-management", name)
            await self.admin("POST", f"/admin/realms/{client.realm}/clients/{client.uuid}/scope-mappings/clients/{uuid}", [role])

    async def token(
        self, client: Client, *, user: str | None = None, host: str | None = None, kind: str = "access_token", **form: str
    ) -> str:
        who = {"grant_type": "password", "username": user, "password": SECRET} if user else {"grant_type": "client_credentials"}
        granted = await self.grant_token(client.realm, {"client_id": client.client_id, "client_secret": SECRET, **who, **form}, host=host)
        assert kind in granted, granted
        return str(granted[kind])

    async def change(self, client: Client, **settings: Any) -> None:
        path = f"/admin/realms/{client.realm}/clients/{client.uuid}"
        await self.admin("PUT", path, {**await self.admin("GET", path), **settings})

    async def set_realm(self, realm: str, **settings: Any) -> None:
        await self.admin("PUT", f"/admin/realms/{realm}", {**await self.admin("GET", f"/admin/realms/{realm}"), **settings})

    async def rename_realm(self, realm: str, name: str) -> None:
        await self.admin("PUT", f"/admin/realms/{realm}", {"realm": name})
        self._realms[self._realms.index(realm)] = name

    # through the proxy

    async def send(self, proxy: str, attempt: Attempt) -> ResponseWriter:
        headers = dict(attempt.headers)
        if attempt.token is not None:
            headers.setdefault("Authorization", f"Bearer {attempt.token}")
        url = URL(proxy + attempt.path, encoded=True)
        async with self.http.request(attempt.method, url, headers=headers, json=attempt.json, data=attempt.form) as answer:
            text = await answer.text()
            body = json.loads(text) if text.startswith(("{", "[")) else text
            return ResponseWriter(status=answer.status, headers=answer.headers, body=body)

    @asynccontextmanager
    async def proxy(
        self, inspector: Client | None = None, *, preserve_host: bool = False, accounts: tuple[AccountSettings, ...] = (), **explain: Any
    ) -> AsyncIterator[str]:
        host, _, port = self.keycloak.base_url.removeprefix("http://").partition(":")
        settings = Settings(
            upstream=UpstreamSettings(scheme="http", host=host, port=int(port), preserve_host=preserve_host),
            explain=ExplainSettings(keycloak_version=self.keycloak.version, **explain),
            accounts=accounts,
            inspector=self._inspector(inspector) if inspector else None,
        )
        events = self.events = Events()
        service = RequestHandler(runtime_of(settings, events), events)
        server = Server(service, settings.limits)
        listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        finally:
            listener.close()
            await server.shutdown(1)
            await dismantle(service.runtime, patience_seconds=1)

    @staticmethod
    def _inspector(client: Client) -> InspectorSettings:
        account = AccountSettings(realms=("*",), token_realm=client.realm, client_id=client.client_id, secret=Secret(SECRET))
        # A server under test shares two cores with everything else, so the budget is large.
        return InspectorSettings(account=account, budget_seconds=20.0, max_lookups_per_second=1000.0)

    async def make_inspector(self) -> Client:
        """An account of master with only the roles that the inspector needs."""
        client = await self.make_client("master")
        await self.allow_inspector(client, self.realm)
        await self.allow_inspector(client, "master")
        return client

    async def allow_inspector(self, client: Client, realm: str) -> None:
        await self.grant(client, *LEAST_ROLES, owner=f"{realm}-realm")

    # run fixes

    async def carry_out(self, commands: list[str]) -> None:
        """Run kcadm commands exactly as printed, in a shell with the server and the administrator's login."""
        home = self.folder / "kcadm"
        home.mkdir(exist_ok=True)
        write_wrapper(home, self.keycloak.home)
        login = f"kcadm.sh config credentials --server {self.keycloak.base_url} --realm master --user admin --password admin"
        fresh = time.monotonic() - self._kcadm_logged_in_at < 20  # its token lives for a minute, and a busy machine is slow
        if not fresh:
            await self._shell(login, home)
            self._kcadm_logged_in_at = time.monotonic()
        for command in commands:
            await self._shell(command, home)

    async def carry_out_by_curl(self, commands: list[str]) -> None:
        """Run the curl commands in one shell, as if they were pasted."""
        await self.log_in()
        token = self._headers["Authorization"].removeprefix("Bearer ")
        await self._shell("set -e\n" + "\n".join(commands), self.folder, KEYCLOAK_URL=self.keycloak.base_url, ADMIN_TOKEN=token)

    @staticmethod
    async def _shell(command: str, home: Path, **variables: str) -> None:
        environment = {**os.environ, **variables, "PATH": f"{home}:{os.environ['PATH']}"}
        process = await asyncio.create_subprocess_shell(
            command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{command}\n{output.decode()}"

    async def clean_up(self) -> None:
        await self.log_in()
        for uuid in self._masters:
            await self.admin("DELETE", f"/admin/realms/master/clients/{uuid}")
        for realm in reversed(self._realms):
            await self.admin("DELETE", f"/admin/realms/{quote(realm, safe='')}")


@asynccontextmanager
async def laboratory(keycloak: Keycloak, folder: Path) -> AsyncIterator[Lab]:
    """A lab with its shared realm, cleaned up afterwards."""
    async with aiohttp.ClientSession() as http:
        lab = Lab(keycloak, http, folder)
        await lab.log_in()
        await lab.make_realm(lab.realm)
        try:
            yield lab
        finally:
            await lab.clean_up()
