"""The permissions of one realm, rewritten for each question: what is asked for is all that the realm's callers have.

Only one set of permissions can stand in a realm at a time. A permission for all objects of a type that is another caller's denies
this caller every scope of the type, so policies cannot separate callers; one policy names them all instead.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.measure.callers import Kind
from tools.measure.sets import RoleSet
from tools.measure.workbench import Stand
from tools.permissions.terms import by_permission, roles_of

PERMISSIONS_CLIENT = "admin-permissions"
Resolve = Callable[[str], Awaitable[str]]
"""The id of an object by its key."""


@dataclass(slots=True, kw_only=True)
class TokenResponse:
    """The permissions of a stand's realm, and the callers whom they name."""

    stand: Stand
    server_path: str = ""
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Resource types with their scopes, as the server lists them."""
    _policy: str = ""
    _group: str = ""
    _accounts: list[str] = field(default_factory=list)
    _callers: dict[RoleSet, str] = field(default_factory=dict)
    _standing: dict[tuple[str, str], tuple[frozenset[str], str]] = field(default_factory=dict)
    _count: int = 0

    async def switch_on(self) -> None:
        """Switch permissions on in the realm and read which types and scopes this version knows."""
        realm = self.stand.realm
        await realm.admin("PUT", "", {"adminPermissionsEnabled": True})
        client = (await realm.admin("GET", "")).body["adminPermissionsClient"]["id"]
        self.server_path = f"/clients/{client}/authz/resource-server"
        self.types = await schema_of(self._ask)
        if not realm.version.since(26, 7):
            self._group = await realm.created("/groups", {"name": "permitted-callers"})
            body = {"name": "callers", "groups": [{"id": self._group, "extendChildren": False}]}
            self._policy = str((await self._must("POST", "/policy/group", body))["id"])

    async def token(self, roles: RoleSet) -> str:
        """The token of the caller with exactly these roles, whom the permissions name."""
        if roles not in self._callers:
            token = await self.stand.callers.token(roles, Kind.SERVICE_ACCOUNT)
            await self._name_caller(subject_of(token))
            self._callers[roles] = token
        return self._callers[roles]

    async def apply(self, terms: Iterable[str], resolve: Resolve) -> None:
        """Make the realm's permissions exactly these; `resolve` gives the id of an object."""
        wanted: dict[tuple[str, str], frozenset[str]] = {}
        for (type_name, target), scopes in by_permission(terms).items():
            wanted[type_name, await resolve(target) if target else ""] = scopes
        for key in [key for key, (scopes, _) in self._standing.items() if wanted.get(key) != scopes]:
            _, permission = self._standing.pop(key)
            await self._ask("DELETE", f"/permission/scope/{permission}")
        for key in wanted.keys() - self._standing.keys():
            self._standing[key] = (wanted[key], await self._permission(*key, wanted[key]))

    def forget(self) -> None:
        """Objects were deleted, and with them their permissions: what stands has to be made again."""
        self._standing = {
            key: ((frozenset(), permission) if key[1] else (scopes, permission)) for key, (scopes, permission) in self._standing.items()
        }

    async def _permission(self, type_name: str, target: str, scopes: frozenset[str]) -> str:
        self._count += 1
        body = {"name": f"permission-{self._count}", "resourceType": type_name, "scopes": sorted(scopes), "policies": [self._policy]}
        answer = await self._must("POST", "/permission/scope", body | ({"resources": [target]} if target else {}))
        return str(answer["id"])

    async def _name_caller(self, account: str) -> None:
        """Before 26.7 policies take a service account for its client: there the callers are members of a group that one policy names."""
        if self._group:
            await self.stand.realm.admin("PUT", f"/users/{account}/groups/{self._group}", {})
            return
        self._accounts.append(account)
        body = {"name": "callers", "users": self._accounts}
        if self._policy:
            await self._must("PUT", f"/policy/user/{self._policy}", body | {"id": self._policy})
        else:
            self._policy = str((await self._must("POST", "/policy/user", body))["id"])

    async def _must(self, method: str, path: str, value: Any) -> Any:
        return (await self.stand.realm.admin(method, self.server_path + path, value)).body

    async def _ask(self, method: str, path: str) -> Any:
        realm = self.stand.realm
        return (await realm.server.ask(method, f"{realm.path}{self.server_path}{path}")).body


async def schema_of(ask: Callable[[str, str], Awaitable[Any]]) -> dict[str, tuple[str, ...]]:
    """Resource types and scopes of the client admin-permissions: a resource that bears its type's name stands for all objects."""
    resources = await ask("GET", "/resource?deep=true&first=0&max=100")
    return {
        item["name"]: tuple(sorted(scope["name"] for scope in item["scopes"]))
        for item in sorted(resources, key=lambda item: str(item["name"]))
        if item.get("type") == item["name"]
    }


def subject_of(token: str) -> str:
    """The account that a token is about (its signature is not looked at)."""
    payload = token.split(".")[1]
    claims: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


async def caller_and_permissions(granted: TokenResponse, terms: Iterable[str], resolve: Resolve) -> str:
    """Put a set of terms in force; the token of the caller who has them."""
    terms = tuple(terms)
    token = await granted.token(roles_of(terms))
    await granted.apply(terms, resolve)
    return token
