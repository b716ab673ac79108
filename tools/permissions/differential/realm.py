"""The small realm that configurations are put into, its callers, and what an inspector would know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.permissions.model import Identity, Names, Object
from tools.measure.http import Server
from tools.measure.stage import Version
from tools.permissions.differential.generate import CALLERS, GROUPS, ORGANIZATIONS, ROLES, USERS
from tools.permissions.granted import schema_of
from tools.permissions.tokens import claims_of

SECRET, PASSWORD = "caller-secret", "caller-pass-1"
MEMBERSHIPS = {"user-1": ("group-0",), "user-2": ("group-1",), "user-3": ("group-1", "group-2")}
PARENTS = {"group-1": "group-0"}
PATHS = {"group-0": "/sales", "group-1": "/sales/emea", "group-2": "/staff", "group-3": "/sales-eu"}
CALLERS_GROUPS = {"service": ("group-1",), "narrow": ("group-3",), "person": ("group-0",), "resource-server": ("group-2",)}
CALLERS_ROLES = {
    "service": ("role-0",),
    "narrow": ("role-0", "role-1"),
    "person": ("role-1",),
    "light": ("role-0",),
    "resource-server": ("role-0",),
}
COMPOSITES = {"role-1": ("role-2",)}
NARROW_SCOPE = ("role-1", "role-2")
"""What the client without full scope may see: one role, and what it contains."""


@dataclass(slots=True, kw_only=True)
class SmallRealm:
    """The realm, its ids by label, and the callers' tokens."""

    server: Server
    version: Version
    name: str
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    permissions_path: str = ""

    @property
    def path(self) -> str:
        """Its path in the Admin REST API."""
        return f"/admin/realms/{self.name}"

    async def build(self) -> None:
        """Make everything."""
        await self.server.ask("DELETE", self.path)
        body = {
            "realm": self.name,
            "enabled": True,
            "adminPermissionsEnabled": True,
            "accessTokenLifespan": 36000,
            "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
        }
        await self.server.admin("POST", "/admin/realms", body)
        await self.server.relogin("admin", "admin")
        await self.server.admin("PUT", self.path, {"organizationsEnabled": True})
        client = (await self.server.admin("GET", self.path)).body["adminPermissionsClient"]["id"]
        self.permissions_path = f"{self.path}/clients/{client}/authz/resource-server"
        self.types = await schema_of(self._get)
        await self._things()
        for name in CALLERS:
            await self._caller(name)

    async def _get(self, method: str, path: str) -> Any:
        return (await self.server.admin(method, self.permissions_path + path)).body

    async def _made(self, path: str, value: Any) -> str:
        answer = await self.server.admin("POST", self.path + path, value)
        return answer.location.rstrip("/").rsplit("/", 1)[1] if answer.location else str(answer.body["id"])

    async def _things(self) -> None:
        for label in USERS:
            self.ids[label] = await self._made(
                "/users", {"username": label, "enabled": True, "email": f"{label}@example.org", "firstName": "A", "lastName": "B"}
            )
        for label in GROUPS:
            parent = PARENTS.get(label)
            below = f"/groups/{self.ids[parent]}/children" if parent else "/groups"
            self.ids[label] = await self._made(below, {"name": PATHS[label].rpartition("/")[2]})
        for label, groups in MEMBERSHIPS.items():
            await self._join(self.ids[label], groups)
        for label in ("client-0", "client-1"):
            self.ids[label] = await self._made("/clients", {"clientId": label})
        for label in ROLES:
            owner = f"/clients/{self.ids['client-0']}" if label == "role-2" else ""
            await self.server.admin("POST", f"{self.path}{owner}/roles", {"name": label})
            self.ids[label] = str((await self.server.admin("GET", f"{self.path}{owner}/roles/{label}")).body["id"])
        for label, inner in COMPOSITES.items():
            await self.server.admin("POST", f"{self.path}/roles-by-id/{self.ids[label]}/composites", [self._role(name) for name in inner])
        scope = {"name": "extra", "protocol": "openid-connect", "attributes": {"include.in.token.scope": "true"}}
        self.ids["client-scope-0"] = await self._made("/client-scopes", scope)
        for label in ORGANIZATIONS:
            self.ids[label] = await self._made("/organizations", {"name": label, "alias": label, "domains": [{"name": f"{label}.example"}]})

    def _role(self, label: str) -> dict[str, str]:
        return {"id": self.ids[label], "name": label}

    async def _join(self, user: str, groups: tuple[str, ...]) -> None:
        for group in groups:
            await self.server.admin("PUT", f"{self.path}/users/{user}/groups/{self.ids[group]}", {})

    async def _caller(self, name: str) -> None:
        client, account = await (self._person(name) if name in ("person", "light") else self._service(name))
        self.ids[f"account:{name}"], self.ids[f"client-of:{name}"] = account, client
        await self._join(account, CALLERS_GROUPS.get(name, ()))
        await self.server.admin(
            "POST", f"{self.path}/users/{account}/role-mappings/realm", [self._role(role) for role in CALLERS_ROLES[name]]
        )
        await self.log_in(name)

    async def log_in(self, name: str) -> None:
        """A new token for a caller."""
        self.tokens[name] = await self._token(name)
        self.identities[name] = self._identity(name)

    async def _service(self, name: str) -> tuple[str, str]:
        body = {"clientId": name, "secret": SECRET, "serviceAccountsEnabled": True, "fullScopeAllowed": name != "narrow"}
        client = await self._made("/clients", body | ({"authorizationServicesEnabled": True} if name == "resource-server" else {}))
        account = str((await self.server.admin("GET", f"{self.path}/clients/{client}/service-account-user")).body["id"])
        if name == "narrow":
            await self.server.admin("POST", f"{self.path}/clients/{client}/scope-mappings/realm", [self._role("role-1")])
        if name == "service":
            await self.server.admin("PUT", f"{self.path}/clients/{client}/default-client-scopes/{self.ids['client-scope-0']}", {})
            await self._mapper(
                client, "oidc-hardcoded-claim-mapper", {"claim.name": "address.country", "claim.value": "DE", "jsonType.label": "String"}
            )
        return client, account

    async def _person(self, name: str) -> tuple[str, str]:
        user = {"username": name, "email": f"{name}@example.org", "firstName": "A", "lastName": "B", "enabled": True, "emailVerified": True}
        account = await self._made("/users", user | {"credentials": [{"type": "password", "value": PASSWORD}]})
        if name == "light":
            (client,) = (await self.server.admin("GET", f"{self.path}/clients", query="clientId=admin-cli")).body
            return str(client["id"]), account
        client = await self._made("/clients", {"clientId": name, "publicClient": True, "directAccessGrantsEnabled": True})
        await self._mapper(client, "oidc-group-membership-mapper", {"claim.name": "groups", "full.path": "true"})
        return client, account

    async def _mapper(self, client: str, kind: str, config: Mapping[str, str]) -> None:
        body = {"name": kind, "protocol": "openid-connect", "protocolMapper": kind, "config": {**config, "access.token.claim": "true"}}
        await self.server.admin("POST", f"{self.path}/clients/{client}/protocol-mappers/models", body)

    async def _token(self, name: str) -> str:
        client = "admin-cli" if name == "light" else name
        fields = {"client_id": client, "grant_type": "client_credentials", "client_secret": SECRET}
        if name in ("person", "light"):
            fields = {"client_id": client, "grant_type": "password", "username": name, "password": PASSWORD}
        return str((await self.server.token(self.name, fields))["access_token"])

    def _identity(self, name: str) -> Identity:
        held = {inner for role in CALLERS_ROLES[name] for inner in (role, *COMPOSITES.get(role, ()))}
        claims = claims_of(self.tokens[name])
        named = set(claims.get("realm_access", {}).get("roles", ())) | set(
            claims.get("resource_access", {}).get("client-0", {}).get("roles", ())
        )
        return Identity(
            account_id=self.ids[f"account:{name}"],
            client_id=self.ids[f"client-of:{name}"],
            held=frozenset(self.ids[role] for role in held),
            full_scope=name != "narrow",
            in_scope=frozenset(self.ids[role] for role in NARROW_SCOPE) if name == "narrow" else None,
            # The server itself completes the roles of a lightweight token.
            in_token=frozenset(self.ids[role] for role in (held if name == "light" else held & named)),
            groups=tuple(PATHS[group] for group in CALLERS_GROUPS.get(name, ())),
            claims=claims,
            service_account=name not in ("person", "light"),
            authorization_services=name == "resource-server",
        )

    @property
    def names(self) -> Names:
        """What policies need to know about groups and client scopes."""
        paths = {self.ids[label]: path for label, path in PATHS.items()}
        return Names(group_paths=paths, client_scope_names={self.ids["client-scope-0"]: "extra"})

    def asked(self, type_name: str, label: str) -> Object:
        """An object of a question."""
        chains = tuple(tuple(self.ids[group] for group in chain_of(group)) for group in MEMBERSHIPS.get(label, ()))
        return Object(type=type_name, id=self.ids[label] if label else None, groups=chains)


def chain_of(group: str) -> tuple[str, ...]:
    """A group with those above it, nearest first."""
    parent = PARENTS.get(group)
    return (group, *chain_of(parent)) if parent else (group,)
