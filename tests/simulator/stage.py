"""A realm in a simulated server with one service account, ready to be given roles."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from kcproxy.catalog import Catalog
from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.exchange import Bearer, Exchange, Server
from kcproxy.settings import Secret
from kcproxy.simulator import SimulatedKeycloak

REALM = "demo"
FORM = {"grant_type": "client_credentials", "client_id": "backend", "client_secret": "secret"}


class Clock:
    """Time that only goes on if the test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    server: Server
    admin: Admin
    clock: Clock
    client: dict[str, Any]
    account_id: str
    user_id: str

    async def as_admin(self, method: str, path: str, content: Any = None) -> Exchange:
        return await self.admin.call(method, f"/admin/realms/{REALM}{path}", content)

    async def call(self, bearer: Bearer | None, method: str, path: str, content: Any = None) -> Exchange:
        return await self.server.send(method, f"/admin/realms/{REALM}{path}", bearer=bearer, content=content)

    async def token(self) -> Bearer:
        _, bearer = await self.server.token(REALM, FORM, "backend")
        assert bearer is not None
        return bearer

    async def grant(self, *roles: str, method: str = "POST") -> None:
        (owner,) = (await self.as_admin("GET", "/clients?clientId=realm-management")).body
        found = [(await self.as_admin("GET", f"/clients/{owner['id']}/roles/{role}")).body for role in roles]
        done = await self.as_admin(method, f"/users/{self.account_id}/role-mappings/clients/{owner['id']}", found)
        assert done.status == 204

    async def revoke(self, *roles: str) -> None:
        await self.grant(*roles, method="DELETE")


@asynccontextmanager
async def stage(table: Catalog, *, version: str | None = None, base_path: str = "") -> AsyncIterator[Stage]:
    clock = Clock()
    async with (
        aiohttp.ClientSession() as session,
        SimulatedKeycloak(table, version=version, base_path=base_path, clock=clock) as keycloak,
    ):
        server = Server(session, keycloak.url, "simulator")
        admin = Admin(server, realm="master", username="admin", password=Secret("admin"), clock=clock)
        await admin.write("POST", "/admin/realms", {"realm": REALM, "enabled": True})
        base = f"/admin/realms/{REALM}"
        wanted = {"clientId": "backend", "secret": "secret", "serviceAccountsEnabled": True}
        await admin.write("POST", f"{base}/clients", wanted)
        (client,) = await admin.read(f"{base}/clients?clientId=backend")
        account = await admin.read(f"{base}/clients/{client['id']}/service-account-user")
        user = await admin.write("POST", f"{base}/users", {"username": "john-doe", "enabled": True})
        user_id = (user.header("Location") or "").rpartition("/")[2]
        yield Stage(server=server, admin=admin, clock=clock, client=client, account_id=account["id"], user_id=user_id)
