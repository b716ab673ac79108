"""Who holds certain roles of a client: directly, by a composite role, or by a group. Looked up with the inspector's account.

Keycloak answers only who holds a role directly. So the search goes backwards: from the roles to every role that contains them, from these to
users and groups, and from groups to the members of them and of their subgroups. What each account found really has is then read.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.explain.fixes.grantee import SERVICE_ACCOUNT_PREFIX
from kcproxy.keycloak.caller_lookups import realm_path
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.representations import client_named, flag, query_value, role_names, segment, text

PAGE = 100
MAX_ITEMS = 10_000
"""Of each list. Beyond it, the result is not complete, and says so."""
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An account with at least one of the roles. ``roles``: all effective ones of the owner that also are in scope. ``by``: how it was found."""

    username: str
    client_id: str | None
    enabled: bool
    roles: tuple[str, ...]
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """The accounts found. ``complete``: whether every list could be read as a whole. ``permissions``: fine-grained ones are on in the realm."""

    holders: tuple[Holder, ...]
    complete: bool
    permissions: bool


@dataclass(slots=True)
class _Account:
    username: str
    enabled: bool
    by: list[str] = field(default_factory=list)


class RoleHolders:
    """The search in one realm, for the roles of one client there."""

    def __init__(self, lookups: LookupClient, realm: str, owner: str) -> None:
        """``owner``: the client that owns the roles, for example ``realm-management``."""
        self._lookups, self._base, self._owner = lookups, realm_path(realm), owner
        self._complete = True
        self._accounts: dict[str, _Account] = {}
        self._clients: list[Mapping[str, Any]] = []
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def of(self, roles: Iterable[str]) -> Holders | None:
        """The holders of at least one of these roles. None if the inspector cannot see the client that owns them."""
        found = await self._get(f"/clients?clientId={query_value(self._owner)}")
        owner = text(client_named(self._owner, found if isinstance(found, list) else None), "id")
        if owner is None:
            return None
        self._clients = [client async for client in self._pages("/clients?")]
        wanted = set(roles)
        starts = {role["id"]: role["name"] async for role in self._pages(f"/clients/{segment(owner)}/roles?") if role.get("name") in wanted}
        containing = await self._containing(starts)
        await asyncio.gather(*(self._note_holders(path, name) for path, name in containing))
        holders = await asyncio.gather(*(self._holder(owner, identity, account) for identity, account in self._accounts.items()))
        realm = await self._get("")
        permissions = bool(isinstance(realm, dict) and realm.get("adminPermissionsEnabled"))
        held = (each for each in holders if each is not None and wanted & set(each.roles))
        return Holders(holders=tuple(sorted(held, key=lambda each: each.username)), complete=self._complete, permissions=permissions)

    async def _get(self, path: str) -> Any:
        """The JSON of a resource of the realm; None if it cannot be read, which makes the result incomplete."""
        async with self._at_once:
            found = await self._lookups.get(self._base + path, "holders")
        if found.status != 200:
            self._complete = False
            return None
        return found.json

    async def _pages(self, path: str) -> AsyncIterator[Mapping[str, Any]]:
        """The objects of a list, page by page."""
        for first in range(0, MAX_ITEMS, PAGE):
            found = await self._get(f"{path}&first={first}&max={PAGE}".replace("?&", "?"))
            items = found if isinstance(found, list) else []
            for item in items:
                if isinstance(item, dict) and isinstance(item.get("id"), str):
                    yield item
            if len(items) != PAGE:  # shorter: the last page; longer: a list that has no pages
                return
        self._complete = False

    async def _containing(self, starts: Mapping[str, str]) -> list[tuple[str, str]]:
        """The paths and names of these roles and of every role that contains one of them."""
        paths: dict[str, tuple[str, str]] = {}
        lists = [("", "/roles"), *((str(client.get("clientId")), f"/clients/{segment(client['id'])}/roles") for client in self._clients)]
        for each in await asyncio.gather(*(self._roles(name, path) for name, path in lists)):
            paths |= each
        parents = await self._parents([identity for identity, (path, _) in paths.items() if path.startswith("+")])
        reached, left = set(starts), list(starts)
        while left:
            for parent in parents.get(left.pop(), ()):
                if parent not in reached:
                    reached.add(parent)
                    left.append(parent)
        return [(paths[identity][0].removeprefix("+"), paths[identity][1]) for identity in sorted(reached) if identity in paths]

    async def _roles(self, owner: str, path: str) -> dict[str, tuple[str, str]]:
        """Path and display name of each role of a list, by ID. The paths of composite roles begin with ``+``."""
        found = {}
        async for role in self._pages(f"{path}?"):
            mark = "+" if role.get("composite") else ""
            name = str(role.get("name"))
            found[role["id"]] = (f"{mark}{path}/{segment(name)}", f"{name} of {owner}" if owner else f"realm role {name}")
        return found

    async def _parents(self, composites: Iterable[str]) -> dict[str, set[str]]:
        """The roles that contain a role directly, by its ID."""
        parents: dict[str, set[str]] = {}
        identities = list(composites)
        lists = await asyncio.gather(*(self._get(f"/roles-by-id/{segment(identity)}/composites") for identity in identities))
        for identity, children in zip(identities, lists, strict=True):
            for child in children if isinstance(children, list) else []:
                if isinstance(child, dict) and isinstance(child.get("id"), str):
                    parents.setdefault(child["id"], set()).add(identity)
        return parents

    async def _note_holders(self, path: str, name: str) -> None:
        """Note the users of a role, and the members of its groups."""
        async for user in self._pages(f"{path}/users?"):
            self._note(user, name)
        groups = [group async for group in self._pages(f"{path}/groups?")]
        await asyncio.gather(*(self._note_members(group, name) for group in groups))

    async def _note_members(self, group: Mapping[str, Any], name: str) -> None:
        identity = segment(group["id"])
        async for user in self._pages(f"/groups/{identity}/members?"):
            self._note(user, f"{name}, by group {group.get('path') or group.get('name')}")
        children = await self._children(identity)
        await asyncio.gather(*(self._note_members(child, name) for child in children))

    async def _children(self, group: str) -> list[Mapping[str, Any]]:
        """The subgroups. Before version 23 they are a member of the group, and there is no list of them."""
        found = (await self._lookups.get(f"{self._base}/groups/{group}", "holders")).object
        if found.get("subGroupCount", 0) == 0 and not found.get("subGroups"):
            return []
        if found.get("subGroups"):
            return [child for child in found["subGroups"] if isinstance(child, dict) and isinstance(child.get("id"), str)]
        return [child async for child in self._pages(f"/groups/{group}/children?")]

    def _note(self, user: Mapping[str, Any], by: str) -> None:
        account = self._accounts.setdefault(user["id"], _Account(str(user.get("username")), flag(user, "enabled") is not False))
        if by not in account.by:
            account.by.append(by)

    async def _holder(self, owner: str, identity: str, account: _Account) -> Holder | None:
        """What an account really has now."""
        path = f"/users/{segment(identity)}/role-mappings/clients/{segment(owner)}/composite"
        found = await self._get(path)
        roles = set(role_names(found if isinstance(found, list) else None) or ())
        client = self._client_of(account.username)
        enabled = account.enabled
        if client is not None:
            enabled = enabled and flag(client, "enabled") is not False
            roles &= await self._in_scope(client, owner, roles)
        return Holder(
            username=account.username,
            client_id=None if client is None else text(client, "clientId"),
            enabled=enabled,
            roles=tuple(sorted(roles)),
            by=tuple(sorted(account.by)),
        )

    def _client_of(self, username: str) -> Mapping[str, Any] | None:
        """The client of a service account."""
        if not username.startswith(SERVICE_ACCOUNT_PREFIX):
            return None
        name = username.removeprefix(SERVICE_ACCOUNT_PREFIX)
        return next(
            (each for each in self._clients if str(each.get("clientId")).lower() == name and each.get("serviceAccountsEnabled")), None
        )

    async def _in_scope(self, client: Mapping[str, Any], owner: str, roles: set[str]) -> set[str]:
        """The roles that a client lets through."""
        if flag(client, "fullScopeAllowed") is not False:
            return roles
        found = await self._get(f"/clients/{segment(client['id'])}/evaluate-scopes/scope-mappings/{segment(owner)}/granted?scope=")
        return set(role_names(found if isinstance(found, list) else None) or ())
