"""docs/permissions/: the fine-grained admin permission of each operation, one page for each version, from the measured tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from kcproxy.catalog.permissions import (
    ObjectPlace,
    PermissionEntry,
    PermissionNeed,
    PermissionTable,
    Term,
    TermSet,
    load_permissions,
    permission_versions,
)
from tools.docs.markdown import GENERATED, code, table
from tools.docs.resources import anchor, order, title_of_path

FOLDER = "docs/permissions"
_COLUMNS = ("Method", "Path", "Permission", "Reduced response", "Allowed", "For callers with a `query-` role", "Remarks")
_ALL = {"Users": "all users", "Groups": "all groups", "Clients": "all clients", "Roles": "all roles", "Organizations": "all organizations"}
_KINDS = {"Users": "user", "Groups": "group", "Clients": "client", "Roles": "role", "Organizations": "organization"}

_INTRODUCTION = f"""\
# Fine-grained admin permissions: what each call needs
{GENERATED}

Since 26.2, a realm can grant less than a role: *permissions* on users, groups, clients, roles and organizations (version 2 of Keycloak's
fine-grained admin permissions; enable *Admin permissions* in the realm's settings). These pages list the permission that allows
each call of the Admin REST API, **measured** on real servers. A service account without roles was given permissions until the call
succeeded, then as few of them as possible, then on as few objects as possible. For each object, another one of the same kind stayed refused.

[How Keycloak evaluates permissions](../permissions-evaluation.md) · [Format of the tables](../permissions-format.md) ·
[Roles of each call](../roles/index.md)

## How to read this

- `Users.view` *on the user* `{{user-id}}`: a permission of the resource type Users, with the scope view, for that user or for all users.
  *On all users*: only a permission for all users is enough.
- Alternatives are separated by "or". All parts that are joined by "+" are needed.
- Scopes of a group also apply to its members: the page of a version lists which scope of a group gives which scope of its members.
- A role that begins with `query-` allows lists, and then hides what the caller may not see. If that makes a difference, the column before the last
  lists what is needed then.
- Roles allow the same calls without permissions: see the role tables.
"""


def documents() -> dict[str, str]:
    """The index, and a page for each version that has a table."""
    tables = [load_permissions(version) for version in reversed(permission_versions())]
    return {f"{FOLDER}/index.md": "\n".join(index(tables))} | {f"{FOLDER}/{each.version}.md": "\n".join(page(each)) for each in tables}


def index(tables: Sequence[PermissionTable]) -> Iterator[str]:
    yield _INTRODUCTION
    yield "## Versions"
    yield ""
    rows = [
        (f"[Keycloak {each.version}]({each.version}.md)", *map(str, counts(each)), str(each.provenance.get("date", ""))) for each in tables
    ]
    yield from table(("Version", "Operations", "Allowed by permissions", "Not allowed by them", "Not measured", "Date"), rows)
    yield ""
    yield "## Resource types and scopes"
    yield ""
    yield from table(("Type", "Scope", "Versions"), list(_scopes(tables)))


def counts(each: PermissionTable) -> tuple[int, int, int, int]:
    """The numbers of operations: all, allowed by permissions, not allowed by them, not measured."""
    opened = sum(is_opened(entry.need) for entry in each.entries)
    unknown = sum(entry.need.undetermined is not None for entry in each.entries)
    return len(each.entries), opened, len(each.entries) - opened - unknown, unknown


def is_opened(need: PermissionNeed) -> bool:
    """Whether a permission is part of any sufficient set."""
    return any(term.type for level in (need.levels.any_of, need.levels.shows, need.levels.admits) for terms in level for term in terms)


def _scopes(tables: Sequence[PermissionTable]) -> Iterator[tuple[str, ...]]:
    names = sorted({(name, scope) for each in tables for name, scopes in each.types.items() for scope in scopes})
    for name, scope in names:
        there = [each.version for each in reversed(tables) if scope in each.types.get(name, ())]
        yield name, code(scope), "all" if len(there) == len(tables) else ", ".join(there)


def page(each: PermissionTable) -> Iterator[str]:
    total, opened, closed, unknown = counts(each)
    groups = _by_resource(each.entries)
    yield f"# Keycloak {each.version}: the permission of each Admin REST API call"
    yield GENERATED
    yield ""
    yield f"{total} operations, measured on {each.provenance.get('date')} with {each.provenance.get('attempts', 0):,} attempts: {opened} are allowed by"
    yield f"permissions, {closed} are not, {unknown} were not measured. [All versions, and how to read this](index.md)."
    yield ""
    yield from _schema(each)
    shown = {title: [entry for entry in entries if is_opened(entry.need)] for title, entries in groups.items()}
    shown = {title: entries for title, entries in shown.items() if entries}
    yield " · ".join(f"[{title}](#{anchor(title)})" for title in shown)
    yield ""
    for title, entries in shown.items():
        yield f"## {title}"
        yield ""
        yield from table(_COLUMNS, [_row(entry) for entry in entries])
        yield ""
        yield from _special_cases(entries)
    yield from _others(groups)


def _schema(each: PermissionTable) -> Iterator[str]:
    yield from table(("Resource type", "Scopes"), [(name, ", ".join(map(code, scopes))) for name, scopes in each.types.items()])
    yield ""
    if each.through_groups:
        yield from table(
            ("Scope of a user", "Also given by, on one of their groups or above it"),
            [(code(scope), ", ".join(map(code, aliases))) for scope, aliases in each.through_groups.items()],
        )
        yield ""


def _by_resource(entries: Iterable[PermissionEntry]) -> dict[str, list[PermissionEntry]]:
    groups: dict[str, list[PermissionEntry]] = {}
    for entry in entries:
        groups.setdefault(title_of_path(entry.path), []).append(entry)
    return {title: groups[title] for title in sorted(groups, key=order)}


def _row(entry: PermissionEntry) -> tuple[str, ...]:
    path = code(entry.path) + (f" ({entry.body} body)" if entry.body else "")
    return entry.method, path, *_cells(entry.need), "; ".join(_remarks(entry.need))


def _cells(need: PermissionNeed) -> tuple[str, str, str, str]:
    levels, queried = need.levels, need.with_query_role
    full = _sets(levels.any_of, need.objects) or "none gives the full response"
    shows = _sets([terms for terms in levels.shows if terms not in levels.any_of], need.objects)
    admits = _sets([terms for terms in levels.admits if terms not in (*levels.any_of, *levels.shows)], need.objects)
    with_query = "" if queried is None else _sets(queried.any_of or queried.shows or queried.admits, need.objects) or "none"
    return full, shows, admits, with_query


def _sets(sets: Sequence[TermSet], objects: Mapping[str, ObjectPlace]) -> str:
    return " or ".join(" + ".join(_term(term, objects) for term in terms) if terms else "any token of the realm" for terms in sets)


def _term(term: Term, objects: Mapping[str, ObjectPlace]) -> str:
    if term.role:
        return f"role {code(term.role)}"
    name = code(f"{term.type}.{term.scope}")
    if not term.object:
        return f"{name} on {_ALL.get(term.type, 'all')}"
    return f"{name} on {where(objects[term.object], term.object)}"


def where(place: ObjectPlace, key: str) -> str:
    """The object of a term as text."""
    kind = _KINDS.get(place.type, place.type)
    if place.body is not None:
        return f"the {kind} in the body" + (f" ({code(place.body)})" if place.body else "")
    words = {
        place.path: f"the {kind} {code('{' + place.path.partition('#')[0] + '}')}",
        place.query: f"the {kind} of the parameter {code(place.query)}",
        place.owner_of: "the client that the role belongs to",
        place.parent_of: "its parent group",
        place.organization_of: "the organization of the member",
        place.listed: f"each listed {kind}",
    }
    return next((text for named, text in words.items() if named), f"the {kind} ({key})")


def _remarks(need: PermissionNeed) -> Iterator[str]:
    if need.refusals != (403,):
        yield f"refused with {' or '.join(map(str, need.refusals))}"
    missing = dict.fromkeys(need.reduced.values())
    if missing:
        yield f"less: {'; '.join(list(missing)[:2])}"


def _special_cases(entries: Sequence[PermissionEntry]) -> Iterator[str]:
    rows = [
        (
            entry.method,
            code(entry.path),
            variant.says,
            *(_cells(variant.need) if is_opened(variant.need) else ("no permission", "", "", "")),
        )
        for entry in entries
        for variant in entry.variants
    ]
    if rows:
        yield "Special cases:"
        yield ""
        yield from table(("Method", "Path", "If", *_COLUMNS[2:6]), rows)
        yield ""


def _others(groups: Mapping[str, Sequence[PermissionEntry]]) -> Iterator[str]:
    yield "## Calls that no permission allows"
    yield ""
    for title, entries in groups.items():
        closed = [entry for entry in entries if not is_opened(entry.need) and entry.need.undetermined is None]
        if closed:
            yield f"- {title}: {', '.join(_call(entry) for entry in closed)}"
    yield ""
    yield "## Calls that were not measured"
    yield ""
    reasons: dict[str, list[str]] = {}
    for entries in groups.values():
        for entry in entries:
            if entry.need.undetermined is not None:
                reasons.setdefault(entry.need.undetermined, []).append(_call(entry))
    for reason, calls in reasons.items():
        yield f"- {reason.removeprefix('not measured: ')}: {', '.join(dict.fromkeys(calls))}"


def _call(entry: PermissionEntry) -> str:
    return code(f"{entry.method} {entry.path.replace('/admin/realms/{realm}', '…', 1)}")
