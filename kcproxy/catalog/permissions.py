"""The measured tables of fine-grained admin permissions (version 2): `data/permissions/{version}.json`, docs/permissions-format.md."""

import json
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct, field

from kcproxy.catalog.entry import holds
from kcproxy.catalog.versions import ordered
from kcproxy.errors import CatalogError
from kcproxy.model import NOTHING
from kcproxy.model.vocabulary import nothing

SCHEMA = 1
FIRST_VERSION = (26, 2)
"""Since this version fine-grained admin permissions (version 2) are a supported feature that is on by default."""


class Term(NamedTuple):
    """One part of a requirement: a role of realm-management (`role`), or a scope of a resource type.

    `object` is the key of one of the operation's objects; empty if only a permission for all objects of the type does.
    A tuple, because its hash is that of a cache's key.
    """

    role: str = ""
    type: str = ""
    scope: str = ""
    object: str = ""

    @classmethod
    def read(cls, text: str) -> "Term":
        """`query-users`, `Users.view` or `Users.view@user`."""
        if "." not in text:
            return cls(role=text)
        type_name, _, rest = text.partition(".")
        scope, _, target = rest.partition("@")
        return cls(type=type_name, scope=scope, object=target)

    def __str__(self) -> str:
        return self.role or f"{self.type}.{self.scope}" + (f"@{self.object}" if self.object else "")


TermSet: TypeAlias = tuple[Term, ...]
"""Terms that are all needed."""


class ObjectPlace(Struct, frozen=True, kw_only=True):
    """An object of a requirement. One of the fields is set; `path`, `query` and `body` name a parameter or a member.

    `role_of`: if a list has roles of both kinds, which of them this place has: "realm" or "client".
    """

    type: str
    path: str = ""
    query: str = ""
    body: str | None = None  # "" is the whole body; "[].id" a member of each item of a list
    owner_of: str = ""
    parent_of: str = ""
    organization_of: str = ""
    listed: str = ""
    related: str = ""
    role_of: str = ""


class Levels(Struct, frozen=True, kw_only=True):
    """Alternatives by their response: full, more than an empty list, allowed at all."""

    any_of: tuple[TermSet, ...] = ()
    shows: tuple[TermSet, ...] = ()
    admits: tuple[TermSet, ...] = ()


class PermissionNeed(Struct, frozen=True, kw_only=True, dict=True):
    """The permissions that allow an operation, for one form of the call.

    `with_query_role`: the requirement for callers with a query role, if it differs: objects that they may not see are hidden from them.
    `closed`: no permission allows it. `undetermined`: why that is not known.
    """

    levels: Levels = Levels()
    with_query_role: Levels | None = None
    objects: Mapping[str, ObjectPlace] = field(default_factory=nothing)
    reduced: Mapping[str, str] = field(default_factory=nothing)
    refusals: tuple[int, ...] = (403,)
    closed: bool = False
    undetermined: str | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def opening(self) -> tuple[TermSet, ...]:
        """The alternatives that get more than an empty list and contain a permission, not only roles; empty if no permission matters."""
        sets = self.levels.shows or self.levels.any_of or self.levels.admits
        return tuple(terms for terms in sets if any(term.type for term in terms))


class PermissionVariant(Struct, frozen=True, kw_only=True):
    """A requirement that applies under a condition; `when` is as in the role tables."""

    id: str
    says: str
    when: Mapping[str, Any]
    need: PermissionNeed


class PermissionEntry(Struct, frozen=True, kw_only=True):
    """One operation of a table."""

    method: str
    path: str
    body: str | None
    handler: str
    need: PermissionNeed
    variants: tuple[PermissionVariant, ...] = ()

    def pick(self, query: Mapping[str, Sequence[str]], body: Any, parameters: Mapping[str, str] = NOTHING) -> PermissionNeed:
        """The need of the variant that the request shows, otherwise the plain one. ``parameters``: those of the path, by name."""
        for variant in self.variants:
            if holds(variant.when, query, body, parameters):
                return variant.need
        return self.need


class PermissionTable(Struct, frozen=True, kw_only=True):
    """The measured table of one version: the schema of types and scopes, and all operations."""

    version: str
    provenance: Mapping[str, Any]
    types: Mapping[str, tuple[str, ...]]
    through_groups: Mapping[str, tuple[str, ...]]
    query_roles: tuple[str, ...]
    entries: tuple[PermissionEntry, ...]

    def find(self, method: str, path: str, body: str | None = None) -> PermissionEntry | None:
        """The line of an operation, by its path template as in the role table of the version."""
        fitting = [entry for entry in self.entries if (entry.method, entry.path) == (method, path)]
        return next((entry for entry in fitting if entry.body == body), fitting[0] if fitting and body is None else None)


def _data() -> Traversable:
    return resources.files("kcproxy.catalog") / "data" / "permissions"


@cache
def permission_versions() -> tuple[str, ...]:
    """The versions that have a table, oldest first."""
    names = (item.name.removesuffix(".json") for item in _data().iterdir() if item.name.endswith(".json"))
    return ordered(name for name in names if name[0].isdigit())


@cache
def load_permissions(version: str) -> PermissionTable:
    """The table of one version. Raises CatalogError if there is none or it does not follow its schema."""
    if version not in permission_versions():
        raise CatalogError(f"no table of permissions for Keycloak {version}: there are {', '.join(permission_versions())}")
    return parse_permissions(json.loads((_data() / f"{version}.json").read_text(encoding="utf-8")))


@cache
def nearest_permissions(version: tuple[int, ...]) -> PermissionTable | None:
    """The table of a version, such as (26, 7, 4): its own, otherwise the newest of an older one, otherwise the oldest.

    None for versions without these permissions.
    """
    if version < FIRST_VERSION:
        return None
    known = permission_versions()
    older = [text for text in known if _numbers(text)[: len(version)] <= version or _numbers(text)[:2] == version[:2]]
    return load_permissions(older[-1] if older else known[0])


@cache
def permission_entry(version: tuple[int, ...], method: str, path: str, body: str | None = None) -> PermissionEntry | None:
    """The line of an operation in the nearest table. For operations of the role tables, so that the cache stays small."""
    found = nearest_permissions(version)
    return found.find(method, path, body) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


@cache
def first_edition() -> Mapping[str, Any]:
    """What is known of version 1 of the feature (`v1.json`)."""
    known: Mapping[str, Any] = json.loads((_data() / "v1.json").read_text(encoding="utf-8"))
    return known


def parse_permissions(document: Mapping[str, Any]) -> PermissionTable:
    """A file's parsed JSON. CatalogError names the operation that is wrong."""
    if document.get("schema") != SCHEMA:
        raise CatalogError(f"table of permissions with schema {document.get('schema')!r}: this program reads {SCHEMA}")
    return PermissionTable(
        version=document["keycloak"],
        provenance=document.get("provenance", NOTHING),
        types={name: tuple(scopes) for name, scopes in document["types"].items()},
        through_groups={scope: tuple(aliases) for scope, aliases in document["throughGroups"].items()},
        query_roles=tuple(document["queryRoles"]),
        entries=tuple(_entry(row, document["keycloak"]) for row in document["operations"]),
    )


def _entry(row: Mapping[str, Any], version: str) -> PermissionEntry:
    try:
        return PermissionEntry(
            method=row["method"],
            path=row["path"],
            body=row.get("body"),
            handler=row.get("handler", ""),
            need=_need(row),
            variants=tuple(_variant(item) for item in row.get("variants", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogError(f"permissions of Keycloak {version}, {row.get('method')} {row.get('path')}: {error!r}") from error


def _variant(row: Mapping[str, Any]) -> PermissionVariant:
    return PermissionVariant(id=row["id"], says=row["says"], when=row["when"], need=_need(row))


def _need(row: Mapping[str, Any]) -> PermissionNeed:
    if "undetermined" in row:
        return PermissionNeed(undetermined=row["undetermined"])
    if row.get("closed"):
        return PermissionNeed(closed=True)
    with_query = row.get("withQueryRole")
    return PermissionNeed(
        levels=_levels(row),
        with_query_role=None if with_query is None else _levels(with_query),
        objects={key: _place(place) for key, place in row.get("objects", {}).items()},
        reduced=row.get("reduced", NOTHING),
        refusals=tuple(row.get("refusals", (403,))),
        notes=tuple(row.get("notes", ())),
    )


def _levels(row: Mapping[str, Any]) -> Levels:
    admits = _sets(row["admits"])
    return Levels(any_of=_sets(row["anyOf"]), shows=_sets(row["shows"]) if "shows" in row else admits, admits=admits)


def _sets(value: Sequence[Sequence[str]]) -> tuple[TermSet, ...]:
    return tuple(tuple(Term.read(text) for text in terms) for terms in value)


_PLACES = {
    "type": "type",
    "path": "path",
    "query": "query",
    "body": "body",
    "ownerOf": "owner_of",
    "parentOf": "parent_of",
    "organizationOf": "organization_of",
    "listed": "listed",
    "related": "related",
    "roleOf": "role_of",
}


def _place(place: Mapping[str, str]) -> ObjectPlace:
    return ObjectPlace(**{_PLACES[name]: value for name, value in place.items()})
