"""What look-ups found about the permissions of a realm for one refused request: the material that a decision is made from."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import Struct, field

from kcproxy.catalog.permissions import ObjectPlace, PermissionEntry, PermissionNeed, load_permissions, permission_versions
from kcproxy.model import Operation
from kcproxy.permissions.model import Identity, Object, PermissionSet

CLIENT_ROLE = "client-role"
"""The target of the variant for roles of clients, in operations on a role by its ID."""

Asked: TypeAlias = tuple[str, str, str]
"""Resource type, ID of the object or "" for all objects, scope: one question to ``policy/evaluate``."""


class Item(Struct, frozen=True, kw_only=True):
    """One item of a list in the body, such as one of the roles to be mapped: a list needs what all of its items need.

    ``objects``: those that the item names, by place. ``beside``: places that do not concern it, such as the client of a realm role.
    ``body``: an item of a body that is a list, with the kind of its role as it was found: it picks the variant of the table. ``named``: the
    names and IDs that the item itself has, and ``sent`` the item as sent.
    """

    objects: Mapping[ObjectPlace, Object] = field(default_factory=lambda: MappingProxyType({}))
    beside: frozenset[ObjectPlace] = frozenset()
    body: Any = None
    named: Mapping[ObjectPlace, str] = field(default_factory=lambda: MappingProxyType({}))
    sent: Any = None


class Listed(Struct, frozen=True, kw_only=True):
    """What a call lists. ``named``: the objects that its filter finds; None if they are many, or not known. ``held``: objects that
    permissions with the scopes name, as far as they were looked up.
    """

    named: tuple[Object, ...] | None = None
    held: tuple[Object, ...] = ()


class PolicyRole(Struct, frozen=True, kw_only=True):
    """A role that policies name. ``client``: the ID of the client that owns it; None for a role of the realm."""

    name: str
    client: str | None = None


class PermissionFacts(Struct, frozen=True, kw_only=True):
    """``objects``: those that the request names, by the place where it names them; without an entry if they could not be resolved.

    ``now_utc``: the time of the look-up, by the clock of this machine, without a zone. ``items``: if the body has a list of objects, each item of it; ``all_items``: whether none was left out,
    ``items_left``: how many were; ``items_found``: they are not in the request, but what it is about was looked up. ``powers``: admin roles
    that objects of the call hold or contain, by ID.
    ``listed``: what a call that lists objects may be about.
    ``labels``: names of objects by ID, for operators. ``absent``: IDs (and paths of groups, from a slash) in the request that no object has. ``absent_as``: types and IDs for which there is no such object;
    the ID of a role may be tried as that of a client. ``elsewhere``: IDs of roles in
    the body that belong to another client than the path says. ``server``: what
    ``policy/evaluate`` says. ``client_uuid``: internal ID of the client admin-permissions. ``named``: what the request itself calls its
    objects, by place, whether they were found or not.
    ``roles``: those that policies name, by ID.
    ``taken_names``: names of permissions and policies of all types, which must differ.
    """

    client_uuid: str
    taken_names: frozenset[str] = frozenset()
    permissions: PermissionSet
    identity: Identity
    roles: Mapping[str, PolicyRole] = field(default_factory=lambda: MappingProxyType({}))
    objects: Mapping[ObjectPlace, Object] = field(default_factory=lambda: MappingProxyType({}))
    now_utc: datetime | None = None
    items: tuple[Item, ...] = ()
    all_items: bool = True
    items_left: int = 0
    items_found: bool = False
    listed: Mapping[ObjectPlace, Listed] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    absent: frozenset[str] = frozenset()
    absent_as: frozenset[tuple[str, str]] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    powers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    server: Mapping[Asked, bool] = field(default_factory=lambda: MappingProxyType({}))
    named: Mapping[ObjectPlace, str] = field(default_factory=lambda: MappingProxyType({}))


def lines_of(operation: Operation) -> tuple[PermissionEntry, ...]:
    """The lines of an operation in the tables of all versions, because the look-ups need not know the server's version."""
    found = (load_permissions(version).find(operation.method, operation.path, operation.body) for version in permission_versions())
    return tuple(line for line in found if line is not None and any(need.opening for need in _needs(line)))


def places_of(lines: tuple[PermissionEntry, ...]) -> tuple[ObjectPlace, ...]:
    """Every place where a request names an object that a need is about."""
    return tuple(dict.fromkeys(place for line in lines for need in _needs(line) for place in need.objects.values()))


def roles_owned(lines: tuple[PermissionEntry, ...]) -> dict[ObjectPlace, ObjectPlace | None]:
    """For each client that a need names as the owner of a role: where the request names the role; None if by the ID in its path."""
    return {
        place: need.objects.get(place.owner_of)
        for line in lines
        for need in _needs(line)
        for place in need.objects.values()
        if place.owner_of
    }


def asked_scopes(lines: tuple[PermissionEntry, ...]) -> frozenset[tuple[str, str]]:
    """Types and scopes that the needs speak of."""
    return frozenset(
        (term.type, term.scope) for line in lines for need in _needs(line) for terms in need.opening for term in terms if term.type
    )


def _needs(line: PermissionEntry) -> tuple[PermissionNeed, ...]:
    """The plain need, and those of variants that the request shows or a look-up does."""
    return (line.need, *(variant.need for variant in line.variants if variant.when.get("target") in {None, CLIENT_ROLE}))
