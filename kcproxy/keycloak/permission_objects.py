"""The objects that a call names: users with their groups, groups, clients, roles and organizations, by ID, with names for the operator."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.keycloak.caller_lookups import CallerLookups, realm_path
from kcproxy.keycloak.listed_items import ListedItem, listed_items
from kcproxy.keycloak.lookup_client import Lookup
from kcproxy.keycloak.representations import client_named, query_value, segment, text
from kcproxy.model import Target
from kcproxy.permissions.facts import Item
from kcproxy.permissions.model import CLIENTS, GROUPS, ROLES, USERS, Object

MOST_GROUPS = 20
MOST_DEPTH = 8
MOST_ITEMS = 10
"""Items of a list in the body that are looked up; with more, no decision is certain."""
MOST_DECIDED = 40
"""Items of a list that are decided at all."""
BY_PATH_IN_BODY, BY_PATH_IN_PATH = "groups", "path"
"""Where requests name groups by their paths instead of their IDs."""
_MAPPED_ROLES = re.compile(r"/(?:role|scope)-mappings/clients/\{([^}]+)\}$")
_PARAMETER = re.compile(r"\{([^}]+)\}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WHAT = "permissions"
_PATHS = {USERS: "users", GROUPS: "groups", CLIENTS: "clients", ROLES: "roles-by-id", "Organizations": "organizations"}
_NAMES = {USERS: "username", GROUPS: "path", CLIENTS: "clientId", ROLES: "name", "Organizations": "name"}


@dataclass(slots=True, kw_only=True)
class Objects:
    """The objects found so far. ``items``: those of a list in the body, item by item. ``named``: what the request calls its objects."""

    lookups: CallerLookups
    realm: str
    found: dict[ObjectPlace, Object] = field(default_factory=dict)
    named: dict[ObjectPlace, str] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    all_items: bool = True
    items_left: int = 0
    items_found: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    absent_as: set[tuple[str, str]] = field(default_factory=set)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The path of the realm."""
        return realm_path(self.realm)

    async def by_id(self, type_name: str, identifier: str) -> Object | None:
        """An object by its ID, a user with their groups; None if it could not be read."""
        found = await self._read(type_name, identifier)
        if found.status == 404:
            self.absent.add(identifier)
            self.absent_as.add((type_name, identifier))
        elif not found.object and (found.status != 403 or type_name == USERS):
            return None  # organizations are decided by their ID alone: the inspector need not see them
        groups = await self._chains(identifier) if type_name == USERS and found.object else ()
        return Object(type=type_name, id=identifier, groups=groups)

    @property
    def elsewhere(self) -> frozenset[str]:
        """Roles in a body that belong to another client than that in the path, as whose roles they are mapped."""
        target = self.lookups.request.target
        mapped = _MAPPED_ROLES.search(target.operation.path if target.operation else "")
        owner = target.parameters.get(mapped[1]) if mapped else None
        named = {each.id for item in self.items for each in item.objects.values() if each.type == ROLES}
        known = {identifier: text(role, "containerId") for identifier, role in self.roles.items() if identifier in named}
        return frozenset(identifier for identifier, of in known.items() if owner is not None and of not in {None, owner})

    @property
    def every(self) -> tuple[Object, ...]:
        """Each object once."""
        named = [*self.found.values(), *(each for item in self.items for each in item.objects.values())]
        return tuple({(each.type, each.id): each for each in named}.values())

    async def resolve(self, places: Iterable[ObjectPlace], owned: Mapping[ObjectPlace, ObjectPlace | None]) -> None:
        """Every object that the request itself names, then the clients that own its roles. ``owned``: where the request names these roles."""
        places = tuple(places)
        listed = listed_items(places, await self._body(places))
        in_items = {place for item in listed for place in item.names}
        self.named = {place: name for place in places if place not in in_items and (name := self._named(place)) is not None}
        self.all_items, self.items_left = len(listed) <= MOST_ITEMS, max(0, len(listed) - MOST_DECIDED)
        items, _ = await asyncio.gather(
            asyncio.gather(*(self._item(item, owned) for item in listed[:MOST_ITEMS])),
            asyncio.gather(*(self._resolve(place, name) for place, name in self.named.items())),
        )
        self.items = (*items, *map(_by_its_id, listed[MOST_ITEMS:MOST_DECIDED]))
        await asyncio.gather(*(self._resolve_owner(client, role) for client, role in owned.items() if role not in in_items))

    async def _body(self, places: Iterable[ObjectPlace]) -> Any:
        """The body, or if a call without one takes away all roles that are mapped: these."""
        request = self.lookups.request
        target = request.target
        in_list = any(place.body is not None and place.body.startswith("[].") for place in places)
        if request.body is not None or request.body_unseen or target.method != "DELETE" or not in_list or target.operation is None:
            return request.body
        path = path_of(target)
        found = (await self.lookups.get(path, WHAT)).items if path else None
        self.items_found = found is not None
        return found

    async def _item(self, item: ListedItem, owned: Mapping[ObjectPlace, ObjectPlace | None]) -> Item:
        """The objects of one item. What its role says about itself counts, because Keycloak decides by that, too."""
        role_id = next((name for place, name in item.names.items() if place.type == ROLES), None)
        role = (await self._read(ROLES, role_id)).object if role_id is not None else {}
        owner, kind = text(role, "containerId"), "client" if role.get("clientRole") else "realm" if role else ""
        beside = frozenset(place for place in item.names if kind and place.role_of not in {"", kind})
        names = {place: name for place, name in item.names.items() if place not in beside and (kind or not place.role_of)}
        if kind == "client" and owner is not None:
            names |= dict.fromkeys(item.of_client, owner) | {place: owner for place, of in owned.items() if of in item.names}
        elif kind and beside:
            beside |= frozenset(item.of_client)
            names = {place: name for place, name in names.items() if place not in beside}
        found = await asyncio.gather(*(self._object(place, name) for place, name in names.items()))
        body = {**item.body, "clientRole": kind == "client"} if kind and isinstance(item.body, dict) else item.body
        objects = {place: each for place, each in zip(names, found, strict=True) if each}
        return Item(objects=objects, beside=beside, body=body, named=item.names, sent=item.body)

    async def _resolve_owner(self, client: ObjectPlace, role: ObjectPlace | None) -> None:
        if role is None:
            identifier = self.lookups.request.target.parameters.get("role-id")
            if identifier is not None:
                await self._read(ROLES, identifier)
        else:
            identifier = self.found[role].id if role in self.found else None
        owner = self.roles.get(identifier or "", {})
        if owner.get("clientRole") and isinstance(owner.get("containerId"), str):
            await self._resolve(client, owner["containerId"])

    def _named(self, place: ObjectPlace) -> str | None:
        request = self.lookups.request
        if place.path:
            return request.target.parameters.get(place.path)
        if place.query:
            values = request.query.get(place.query, ())
            return values[0] if len(values) == 1 else None
        return None if place.body is None else _in_body(place.body, request.body)

    async def _resolve(self, place: ObjectPlace, name: str) -> None:
        found = await self._object(place, name)
        if found is not None:
            self.found[place] = found

    async def _object(self, place: ObjectPlace, name: str) -> Object | None:
        if place.type == GROUPS and (place.body == BY_PATH_IN_BODY or place.path == BY_PATH_IN_PATH):
            return await self._by_path(name)
        identifier = await self._id_of(place, name)
        return None if identifier is None else await self.by_id(place.type, identifier)

    async def _by_path(self, name: str) -> Object | None:
        """A group by its path. Like Keycloak, this ignores one slash at the beginning and one at the end."""
        parts = name.removeprefix("/").removesuffix("/").split("/")
        found = await self.lookups.get(f"{self.base}/group-by-path/{'/'.join(map(segment, parts))}", WHAT)
        identifier = text(found.object, "id")
        if identifier is None and found.status == 404:
            path = "/" + "/".join(parts)
            self.absent.add(path)
            return Object(type=GROUPS, id=path)
        return None if identifier is None else await self.by_id(GROUPS, identifier)

    async def _id_of(self, place: ObjectPlace, name: str) -> str | None:
        """The ID, which is the name itself unless a query names a client by its client ID."""
        base = realm_path(self.realm)
        if place.type == CLIENTS and place.query == "clientId":
            items = (await self.lookups.get(f"{base}/clients?clientId={query_value(name)}", WHAT)).items
            named = text(client_named(name, items), "id")
            return name if named is None and _UUID.fullmatch(name) else named  # some operations of the console take the ID by this name
        return name

    async def _read(self, type_name: str, identifier: str) -> Lookup:
        found = await self.lookups.get(f"{realm_path(self.realm)}/{_PATHS[type_name]}/{segment(identifier)}", WHAT)
        label = text(found.object, _NAMES[type_name])
        if label is not None:
            self.labels[identifier] = label
        if type_name == ROLES:
            self.roles[identifier] = found.object
        return found

    async def label(self, type_name: str, identifier: str) -> None:
        """The name of an object, for the operator."""
        if identifier not in self.labels and type_name in _PATHS:
            path = f"{realm_path(self.realm)}/{_PATHS[type_name]}/{segment(identifier)}"
            label = text((await self.lookups.client.get(path, WHAT)).object, _NAMES[type_name])
            if label is not None:
                self.labels[identifier] = label

    async def _chains(self, user: str) -> tuple[tuple[str, ...], ...] | None:
        """Each group of the user with the groups above it."""
        items = (await self.lookups.get(f"{realm_path(self.realm)}/users/{segment(user)}/groups?first=0&max={MOST_GROUPS + 1}", WHAT)).items
        if items is None or len(items) > MOST_GROUPS:
            return None
        chains = await asyncio.gather(*(self._chain(item) for item in items if isinstance(item, dict)))
        return None if None in chains else tuple(chain for chain in chains if chain is not None)

    async def _chain(self, group: dict[str, Any]) -> tuple[str, ...] | None:
        """A group with those above it. Only their IDs tell: `/a/b` is also the path of a group at the top with a slash in its name."""
        chain: list[str] = []
        while len(chain) < MOST_DEPTH:
            identifier, path, parent = text(group, "id"), text(group, "path"), text(group, "parentId")
            if identifier is None or path is None:
                return None
            chain.append(identifier)
            self.labels[identifier] = path
            if parent is None:
                return tuple(chain)
            group = (await self.lookups.client.get(f"{realm_path(self.realm)}/groups/{segment(parent)}", WHAT)).object
        return None


def path_of(target: Target) -> str | None:
    """The path of the request, made of its template; None if the request lacks a part of that."""
    template = target.operation.path if target.operation else ""
    if not template or any(name not in target.parameters for name in _PARAMETER.findall(template)):
        return None
    return _PARAMETER.sub(lambda name: segment(target.parameters[name[1]]), template)


def _by_its_id(item: ListedItem) -> Item:
    """An item of a long list that is decided by its ID alone. A role of which the kind has to be looked up is left open."""
    roles = {place: Object(type=ROLES, id=name) for place, name in item.names.items() if place.type == ROLES and not place.role_of}
    return Item(objects=roles, body=item.body)


def _in_body(place: str, body: Any) -> str | None:
    """The value at a member of the body, or the body itself."""
    value = body.get(place) if place and isinstance(body, dict) else body
    return value if isinstance(value, str) and value else None
