"""Look-ups for calls that list objects: which objects the request's own filter finds, and which ones the caller's permissions may name.

A caller with a permission on one object needs only a ``query-`` role to find it in a list, so that "all objects of the type" is too much.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.keycloak.permission_objects import WHAT, Objects
from kcproxy.keycloak.representations import query_value, segment, text
from kcproxy.model import Target
from kcproxy.permissions.facts import Listed
from kcproxy.permissions.model import GROUPS, USERS, Object, Permission, PermissionSet

MOST_NAMED = 3
"""A filter that finds more objects than that does not name single ones."""
MOST_HELD = 3
_PARAMETER = re.compile(r"\{([^}]+)\}")
_PAGING = frozenset({"first", "max", "briefRepresentation"})
_MOST_QUERY_CHARACTERS = 500
_OF_MEMBERS = "-members"


async def listed_objects(
    objects: Objects, places: Iterable[ObjectPlace], known: PermissionSet, scopes: frozenset[tuple[str, str]]
) -> dict[ObjectPlace, Listed]:
    """For each place that is the list itself: what the filter names, and up to ``MOST_HELD`` objects that permissions with the scopes name."""
    listed = tuple(place for place in places if place.listed)
    found = await asyncio.gather(*(_listed(objects, place, known, scopes) for place in listed))
    return dict(zip(listed, found, strict=True))


async def _listed(objects: Objects, place: ObjectPlace, known: PermissionSet, scopes: frozenset[tuple[str, str]]) -> Listed:
    wanted = {scope for type_name, scope in scopes if type_name == place.type}
    named, held = await asyncio.gather(_named(objects, place), _held(objects, place, known.permissions, wanted))
    return Listed(named=named, held=held)


async def _named(objects: Objects, place: ObjectPlace) -> tuple[Object, ...] | None:
    """What the same request finds without the caller's limits; None if that is too much, or is not known."""
    path = _same_request(objects)
    items = (await objects.lookups.get(path, WHAT)).items if path else None
    if items is None or len(items) > MOST_NAMED or not all(_is_plain(item) for item in items):
        return None
    identifiers = [str(item["id"]) for item in items]
    found = await asyncio.gather(*(objects.by_id(place.type, identifier) for identifier in identifiers))
    return None if None in found else tuple(each for each in found if each is not None)


def _is_plain(item: Any) -> bool:
    """Whether it is an object by itself. Groups that a search finds below another are inside that."""
    return isinstance(item, dict) and text(item, "id") is not None and not item.get("subGroups")


def _same_request(objects: Objects) -> str | None:
    request = objects.lookups.request
    target: Target = request.target
    if target.operation is None or target.method not in {"GET", "HEAD"} or any(name not in target.parameters for name in _names(target)):
        return None
    path = _PARAMETER.sub(lambda name: segment(target.parameters[name[1]]), target.operation.path)
    query = [
        f"{query_value(name)}={query_value(value)}" for name, values in request.query.items() if name not in _PAGING for value in values
    ]
    text_of = "&".join([*query, "first=0", f"max={MOST_NAMED + 1}"])
    return f"{path}?{text_of}" if len(text_of) <= _MOST_QUERY_CHARACTERS else None


def _names(target: Target) -> list[str]:
    return _PARAMETER.findall(target.operation.path) if target.operation else []


async def _held(objects: Objects, place: ObjectPlace, permissions: Iterable[Permission], wanted: set[str]) -> tuple[Object, ...]:
    """Objects that a permission with one of the scopes names; for a user also a member of a group that one names."""
    permissions = tuple(permissions)
    direct = [identifier for each in permissions if each.type == place.type and wanted & each.scopes for identifier in sorted(each.objects)]
    groups = [identifier for each in permissions if _is_of_members(each, place) for identifier in sorted(each.objects)]
    members = await asyncio.gather(*(_member(objects, group) for group in list(dict.fromkeys(groups))[:MOST_HELD]))
    chosen = [*direct[:MOST_HELD], *(member for member in members if member is not None)]
    found = await asyncio.gather(*(objects.by_id(place.type, identifier) for identifier in dict.fromkeys(chosen)))
    return tuple(each for each in found if each is not None and each.id not in objects.absent)


def _is_of_members(permission: Permission, place: ObjectPlace) -> bool:
    return place.type == USERS and permission.type == GROUPS and any(scope.endswith(_OF_MEMBERS) for scope in permission.scopes)


async def _member(objects: Objects, group: str) -> str | None:
    items = (await objects.lookups.get(f"{objects.base}/groups/{segment(group)}/members?first=0&max=1", WHAT)).items
    first: Mapping[str, Any] = items[0] if items and isinstance(items[0], dict) else {}
    return text(first, "id")
