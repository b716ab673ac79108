"""Look-ups of the admin roles behind the objects of a call: who may act on an administrator, or map a role with admin roles, gets their power."""

import asyncio
from collections.abc import Mapping
from typing import Any

from kcproxy.keycloak.caller_lookups import MASTER
from kcproxy.keycloak.permission_objects import WHAT, Objects
from kcproxy.keycloak.representations import role_names, segment, text
from kcproxy.permissions.model import GROUPS, ROLES, USERS, Object

MOST_OBJECTS = 6
MOST_ROLES = 4
"""Composite roles below a role that are looked up."""
_QUERY = "query-"
_GIVING: Mapping[str, frozenset[str]] = {
    USERS: frozenset({"manage", "reset-password", "impersonate"}),
    GROUPS: frozenset({"manage-membership", "manage-members", "impersonate-members", "manage-membership-of-members"}),
    ROLES: frozenset({"map-role", "map-role-composite", "map-role-client-scope"}),
}
"""Scopes that give the power of the object."""
_MAPPINGS = {USERS: "users", GROUPS: "groups"}


async def powers(objects: Objects, scopes: frozenset[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Admin roles that users and groups of the call hold, and roles contain, by ID of the object."""
    asked = [
        each
        for each in objects.every
        if each.id is not None and {scope for name, scope in scopes if name == each.type} & _GIVING.get(each.type, set())
    ]
    container = "master-realm" if objects.realm == MASTER else "realm-management"
    owner = await objects.lookups.client_uuid(objects.realm, container) if asked else None
    if owner is None:
        return {}
    chosen = [each for each in asked if each.id not in objects.absent][:MOST_OBJECTS]
    found = await asyncio.gather(*(_admin_roles(objects, each, owner) for each in chosen))
    return {each.id: roles for each, roles in zip(chosen, found, strict=True) if each.id is not None and roles}


async def _admin_roles(objects: Objects, asked: Object, owner: str) -> tuple[str, ...]:
    identifier = segment(asked.id or "")
    if asked.type == ROLES:
        return _powerful(await _contained(objects, asked.id or "", owner))
    path = f"{objects.base}/{_MAPPINGS[asked.type]}/{identifier}/role-mappings/clients/{segment(owner)}/composite"
    return _powerful(role_names((await objects.lookups.get(path, WHAT)).items) or ())


def _powerful(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if not name.startswith(_QUERY)}))


async def _contained(objects: Objects, role: str, owner: str) -> tuple[str, ...]:
    """Names of admin roles that a role is or contains, also through other roles."""
    names: list[str] = []
    waiting, seen = [objects.roles.get(role, {})], set[str]()
    while waiting and len(seen) < MOST_ROLES:
        item = waiting.pop(0)
        identifier = text(item, "id")
        if item.get("clientRole") and item.get("containerId") == owner:
            names.append(str(item.get("name")))
        elif item.get("composite") and identifier is not None and identifier not in seen:
            seen.add(identifier)
            waiting += await _composites(objects, identifier)
    return tuple(names)


async def _composites(objects: Objects, role: str) -> list[dict[str, Any]]:
    items = (await objects.lookups.get(f"{objects.base}/roles-by-id/{segment(role)}/composites", WHAT)).items
    return [item for item in items or [] if isinstance(item, dict)]
