"""Looks up whom fine-grained admin permissions of a realm may concern: its service accounts, and the users whom policies name.

Users are found by the policies, because a realm can have any number of them: users, members of groups, and holders of roles that a policy names.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from msgspec import Struct

from kcproxy.explain.fixes.grantee import SERVICE_ACCOUNT_PREFIX
from kcproxy.keycloak.caller_lookups import realm_path
from kcproxy.keycloak.lookup_client import LookupClient
from kcproxy.keycloak.permission_lookups import MOST_LISTED
from kcproxy.keycloak.representations import client_named, flag, segment, text
from kcproxy.permissions.model import (
    ClientCondition,
    ClientScopeCondition,
    Condition,
    GroupCondition,
    Logic,
    Policy,
    RoleCondition,
    UserCondition,
)
from kcproxy.permissions.parse import permission_set

MOST_CLIENTS = 50
MOST_USERS = 50
_WHAT = "holders"
_NAMING = (ClientCondition, ClientScopeCondition, GroupCondition, RoleCondition, UserCondition)


class Candidates(Struct, frozen=True, kw_only=True):
    """``clients``: client IDs with a service account. ``users``: names by ID. ``complete``: no list was cut, and every policy names whom it is about."""

    clients: tuple[str, ...]
    users: Mapping[str, str]
    complete: bool


class PermissionCandidates:
    """The look-ups in one realm."""

    def __init__(self, lookups: LookupClient, realm: str) -> None:
        """The realm has permissions switched on."""
        self._lookups, self._base = lookups, realm_path(realm)
        self._complete = True

    async def find(self) -> Candidates:
        """The candidates."""
        clients = await self._list(f"/clients?first=0&max={MOST_LISTED}", MOST_LISTED)
        named = [str(each.get("clientId")) for each in clients if each.get("serviceAccountsEnabled") and flag(each, "enabled") is not False]
        users: dict[str, str] = {}
        for policy in await self._policies(text(client_named("admin-permissions", clients), "id")):
            async for identity, name in self._users_of(policy.condition):
                if not name.startswith(SERVICE_ACCOUNT_PREFIX):
                    users.setdefault(identity, name)
            self._complete &= policy.logic is Logic.POSITIVE and isinstance(policy.condition, _NAMING)
        chosen = dict(sorted(users.items(), key=lambda user: user[1])[:MOST_USERS])
        self._complete &= len(named) <= MOST_CLIENTS and len(users) <= MOST_USERS
        return Candidates(clients=tuple(sorted(named)[:MOST_CLIENTS]), users=chosen, complete=self._complete)

    async def _policies(self, admin_permissions: str | None) -> Iterable[Policy]:
        if admin_permissions is None:
            self._complete = False
            return ()
        path = f"/clients/{segment(admin_permissions)}/authz/resource-server/policy?permission=false&first=0&max={MOST_LISTED}"
        items = await self._list(path, MOST_LISTED)
        combined = [item for item in items if item.get("type") == "aggregate"]  # its parts are in the list, too
        self._complete &= all(item.get("logic") == Logic.POSITIVE for item in combined)
        return permission_set([], [item for item in items if item not in combined]).policies.values()

    async def _list(self, path: str, most: int) -> list[Mapping[str, Any]]:
        """The objects of a list. A list that cannot be read, or has ``most``, makes the result incomplete."""
        items = (await self._lookups.get(self._base + path, _WHAT)).items
        self._complete &= items is not None and len(items) < most
        return [item for item in items or [] if isinstance(item, dict)]

    async def _users_of(self, condition: Condition) -> AsyncIterator[tuple[str, str]]:
        """IDs and names of the users whom a condition is about, as far as it names them."""
        for path in await self._paths_of(condition):
            for user in await self._list(f"{path}?first=0&max={MOST_USERS}", MOST_USERS):
                if isinstance(user.get("id"), str) and flag(user, "enabled") is not False:
                    yield user["id"], str(user.get("username"))
        for identity in sorted(condition.users)[:MOST_USERS] if isinstance(condition, UserCondition) else ():
            user = (await self._lookups.get(f"{self._base}/users/{segment(identity)}", _WHAT)).object
            if user and flag(user, "enabled") is not False:
                yield identity, str(user.get("username"))

    async def _paths_of(self, condition: Condition) -> list[str]:
        """Lists of users: members of groups and of the groups below them, holders of roles."""
        if isinstance(condition, RoleCondition):
            found = [(await self._lookups.get(f"{self._base}/roles-by-id/{segment(role.id)}", _WHAT)).object for role in condition.roles]
            return [_holders(role) for role in found if role]
        if not isinstance(condition, GroupCondition):
            return []
        self._complete &= not any(group.extend_children for group in condition.groups)
        return [f"/groups/{segment(group.id)}/members" for group in condition.groups]


def _holders(role: Mapping[str, Any]) -> str:
    owner = f"/clients/{segment(str(role.get('containerId')))}" if role.get("clientRole") else ""
    return f"{owner}/roles/{segment(str(role.get('name')))}/users"
