"""Callers: service accounts with exactly one set of roles, created when first needed, with cached tokens."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tools.measure.http import Server, path_segment
from tools.measure.sets import RoleSet
from tools.measure.stage import LIFESPAN_SECONDS, PASSWORD, Realm, roles_of

CALLER_SECRET = "caller-secret"


class Kind(StrEnum):
    """The realm and the kind of a caller."""

    SERVICE_ACCOUNT = "service-account"
    HUMAN = "human"
    CONSOLE = "console"
    MASTER = "master"
    MASTER_REALM_ROLES = "master-realm-roles"


@dataclass(slots=True, kw_only=True)
class Callers:
    """The callers of one realm of the stage."""

    realm: Realm
    ready: Mapping[str, str] = field(default_factory=dict)
    """Service accounts that came with the realm: role to client."""
    _tokens: dict[tuple[Kind, RoleSet], "asyncio.Task[str]"] = field(default_factory=dict)
    _master: "asyncio.Task[MasterRoles] | None" = None
    _master_clients: list[str] = field(default_factory=list)

    async def token(self, roles: RoleSet, kind: Kind = Kind.SERVICE_ACCOUNT) -> str:
        """The access token of the caller with exactly these roles."""
        key = (kind, roles)
        if key not in self._tokens:
            makers = {
                Kind.SERVICE_ACCOUNT: self._service_account,
                Kind.HUMAN: self._human,
                Kind.CONSOLE: self._console,
                Kind.MASTER: self._master_account,
                Kind.MASTER_REALM_ROLES: self._master_realm_account,
            }
            self._tokens[key] = asyncio.ensure_future(makers[kind](roles))
        return await self._tokens[key]

    def spent(self, roles: RoleSet, kind: Kind) -> None:
        """Make a new caller the next time: this one's session has ended."""
        self._tokens.pop((kind, roles), None)

    async def master_roles(self) -> "MasterRoles":
        """The roles of `{realm}-realm` in the master realm."""
        if self._master is None:
            self._master = asyncio.ensure_future(_learn_master(self.realm.server, self.realm.name))
        return await self._master

    async def forget(self) -> None:
        """Remove this realm's callers from the master realm."""
        for client in self._master_clients:
            await self.realm.server.ask("DELETE", f"/admin/realms/master/clients/{client}")
        self._master_clients.clear()

    async def _service_account(self, roles: RoleSet) -> str:
        realm = self.realm
        if len(roles) == 1 and next(iter(roles)) in self.ready:
            return await client_token(realm.server, realm.name, self.ready[next(iter(roles))])
        name = f"caller-{realm.names.next()}"
        async with realm.still:
            await _make_account(realm.server, realm.path, name, realm.management_id, [realm.roles[role] for role in sorted(roles)])
        return await client_token(realm.server, realm.name, name)

    async def _master_account(self, roles: RoleSet) -> str:
        name = f"caller-{self.realm.names.next()}"
        master = await self.master_roles()
        granted = [master.roles[role] for role in sorted(roles)]
        client = await _make_account(self.realm.server, "/admin/realms/master", name, master.client_id, granted)
        self._master_clients.append(client)
        return await client_token(self.realm.server, "master", name)

    async def _master_realm_account(self, roles: RoleSet) -> str:
        """An account of master with realm roles such as create-realm."""
        server, name = self.realm.server, f"caller-{self.realm.names.next()}"
        client = await _make_account(server, "/admin/realms/master", name, "", [])
        self._master_clients.append(client)
        user = (await server.admin("GET", f"/admin/realms/master/clients/{client}/service-account-user")).body
        granted = [(await server.admin("GET", f"/admin/realms/master/roles/{role}")).body for role in sorted(roles)]
        await server.admin("POST", f"/admin/realms/master/users/{user['id']}/role-mappings/realm", granted)
        return await client_token(server, "master", name)

    async def _human(self, roles: RoleSet) -> str:
        async with self.realm.still:
            name = await self._person(roles)
            client = {"clientId": f"login-{name}", "publicClient": True, "directAccessGrantsEnabled": True, "standardFlowEnabled": False}
            await self.realm.created("/clients", client)
        return await self._login(name, f"login-{name}")

    async def _console(self, roles: RoleSet) -> str:
        """A person whose token is the administration console's."""
        async with self.realm.still:
            (console,) = (await self.realm.admin("GET", "/clients", query="clientId=security-admin-console")).body
            await self.realm.admin("PUT", f"/clients/{console['id']}", console | {"directAccessGrantsEnabled": True})
            name = await self._person(roles)
        return await self._login(name, "security-admin-console")

    async def _login(self, name: str, client: str) -> str:
        fields = {"client_id": client, "grant_type": "password", "username": name, "password": PASSWORD}
        return str((await self.realm.server.token(self.realm.name, fields))["access_token"])

    async def _person(self, roles: RoleSet) -> str:
        name = f"human-{self.realm.names.next()}"
        realm = self.realm
        user = {"username": name, "email": f"{name}@localhost", "firstName": "A", "lastName": "B", "enabled": True, "emailVerified": True}
        user_id = await realm.created("/users", user | {"credentials": [{"type": "password", "value": PASSWORD}]})
        if roles:
            await realm.admin(
                "POST", f"/users/{user_id}/role-mappings/clients/{realm.management_id}", [realm.roles[role] for role in sorted(roles)]
            )
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterRoles:
    """The client `{realm}-realm` of master: its id, its roles, what each contains."""

    client_id: str
    roles: Mapping[str, Mapping[str, Any]]
    contains: Mapping[str, frozenset[str]]


async def _learn_master(server: Server, realm: str) -> MasterRoles:
    (client,) = (await server.admin("GET", "/admin/realms/master/clients", query=f"clientId={path_segment(realm)}-realm")).body
    roles, contains = await roles_of(server, "/admin/realms/master", client["id"])
    return MasterRoles(client_id=client["id"], roles=roles, contains=contains)


def accounts_of(roles: Iterable[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """For each role a service account that holds it: role to client, and the part of a realm's representation that makes them all."""
    ready = {role: f"caller-{role}" for role in roles}
    users = [
        {
            "username": f"service-account-{name}",
            "serviceAccountClientId": name,
            "email": f"{name}@localhost",
            "enabled": True,
            "clientRoles": {"realm-management": [role]},
        }
        for role, name in ready.items()
    ]
    return ready, {"clients": [_account(name) for name in ready.values()], "users": users}


def _account(name: str) -> dict[str, Any]:
    return {
        "clientId": name,
        "secret": CALLER_SECRET,
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "publicClient": False,
        "fullScopeAllowed": True,
        "attributes": {"access.token.lifespan": str(LIFESPAN_SECONDS)},
    }


async def _make_account(server: Server, realm_path: str, name: str, container: str, granted: list[Mapping[str, Any]]) -> str:
    location = (await server.admin("POST", f"{realm_path}/clients", _account(name))).location
    client_id = location.rstrip("/").rsplit("/", 1)[1]
    user = (await server.admin("GET", f"{realm_path}/clients/{client_id}/service-account-user")).body
    # The caller who tests the mail settings receives the mail.
    await server.admin(
        "PUT", f"{realm_path}/users/{user['id']}", {"username": user["username"], "email": f"{name}@localhost", "enabled": True}
    )
    if granted:
        await server.admin("POST", f"{realm_path}/users/{user['id']}/role-mappings/clients/{container}", granted)
    return client_id


async def client_token(server: Server, realm: str, client: str) -> str:
    """A new token of a caller's service account."""
    fields = {"client_id": client, "client_secret": CALLER_SECRET, "grant_type": "client_credentials"}
    return str((await server.token(realm, fields))["access_token"])
