"""Look-ups for calls that list objects: which objects the request's own filter finds, and which ones the caller's permissions may name.

A caller with a permission on one object needs only a ``query-`` role to find it in a list, so that "all objects of the type" is too much.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.keycloak.permission_objects import WHAT, Objects, path_of
from kcproxy.keycloak.representations import query_value, text
from kcproxy.permissions.facts import Listed
from kcproxy.permissions.model import Permission, PermissionSet

MOST_NAMED = 3
"""A filter that finds more objects than that does not name single ones."""
MOST_HELD = 3
MOST_FOUND = 100
"""With more, it is not known whether an object is among them."""
_PAGING = frozenset({"first", "max", "briefRepresentation"})
_MOST_QUERY_CHARACTERS = 500


async def listed_objects(
    objects: Objects, places: Iterable[ObjectPlace], known: PermissionSet, scopes: frozenset[tuple[str, str]]
) -> dict[ObjectPlace, Listed]:
    """For each place that is the list itself: what the filter names, and up to ``MOST_HELD`` objects that permissions with the scopes name."""
    listed = tuple(place for place in places if place.listed)
    found = await asyncio.gather(*(_listed(objects, place, known, scopes) for place in listed))
    return dict(zip(listed, found, strict=True))


async def _listed(objects: Objects, place: ObjectPlace, known: PermissionSet, scopes: frozenset[tuple[str, str]]) -> Listed:
    wanted = {scope for type_name, scope in scopes if type_name == place.type}
    items = await _same_list(objects)
    named = _named(items)
    held = [each for each in _held(place, known.permissions, wanted) if items is None or len(items) > MOST_FOUND or each in _ids(items)]
    chosen = list(dict.fromkeys([*(named or ()), *held[:MOST_HELD]]))
    found = dict(zip(chosen, await asyncio.gather(*(objects.by_id(place.type, each) for each in chosen)), strict=True))
    there = {identifier: each for identifier, each in found.items() if each is not None and identifier not in objects.absent}
    return Listed(
        named=tuple(there[each] for each in named) if named is not None and there.keys() >= set(named) else None,
        held=tuple(there[each] for each in held[:MOST_HELD] if each in there),
    )


async def _same_list(objects: Objects) -> list[Any] | None:
    """What the same request finds without the caller's limits; None if that is not known."""
    path = _same_request(objects)
    return (await objects.lookups.get(path, WHAT)).items if path else None


def _named(items: list[Any] | None) -> list[str] | None:
    """The IDs, if they are few."""
    if items is None or len(items) > MOST_NAMED or not all(_is_plain(item) for item in items):
        return None
    return [str(item["id"]) for item in items]


def _ids(items: list[Any]) -> set[str]:
    """The IDs of all objects of a list, and of the groups below them that a search finds."""
    found, rest = set[str](), [*items]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            found.add(str(item.get("id")))
            below = item.get("subGroups")
            rest += below if isinstance(below, list) else []
    return found


def _is_plain(item: Any) -> bool:
    """Whether it is an object by itself. Groups that a search finds below another are inside that."""
    return isinstance(item, dict) and text(item, "id") is not None and not item.get("subGroups")


def _same_request(objects: Objects) -> str | None:
    request = objects.lookups.request
    path = path_of(request.target) if request.target.method in {"GET", "HEAD"} else None
    query = [
        f"{query_value(name)}={query_value(value)}" for name, values in request.query.items() if name not in _PAGING for value in values
    ]
    sent = "&".join([*query, "briefRepresentation=true", "first=0", f"max={MOST_FOUND + 1}"])
    return f"{path}?{sent}" if path and len(sent) <= _MOST_QUERY_CHARACTERS else None


def _held(place: ObjectPlace, permissions: Iterable[Permission], wanted: set[str]) -> list[str]:
    """Objects that a permission with one of the scopes names."""
    named = (each for each in permissions if each.type == place.type and wanted & each.scopes)
    return list(dict.fromkeys(identifier for each in named for identifier in sorted(each.objects)))
