"""docs/roles/: the required role of each operation of the Admin REST API, one page for each version, from the measured tables."""

from collections.abc import Iterator, Sequence

from kcproxy import catalog
from kcproxy.catalog import Catalog, Entry
from kcproxy.catalog.queries import reach
from kcproxy.cli.roles.text import least_text, left_out, reduced_sets
from kcproxy.model import Requirement, RoleSet
from tools.docs import changes, introduction, powers
from tools.docs.markdown import GENERATED, code, table
from tools.docs.resources import anchor, by_resource

FOLDER = "docs/roles"
COLUMNS = ("Method", "Path", "Least role", "Full response", "Also enough", "Reduced response", "Remarks")


def documents() -> dict[str, str]:
    """The index, a page for each version that has a table, and the page of differences."""
    tables = [catalog.load(version) for version in reversed(catalog.versions())]
    pages = {f"{FOLDER}/{each.version}.md": "\n".join(page(each)) for each in tables}
    index = "\n".join(introduction.index(tables, catalog.load(catalog.default_version())))
    others = {powers.PAGE: "\n".join(powers.page(tables)), f"{FOLDER}/changes.md": "\n".join(changes.page(tables))}
    return {f"{FOLDER}/index.md": index} | others | pages


def page(each: Catalog) -> Iterator[str]:
    groups = by_resource(each.operations)
    yield f"# Keycloak {each.version}: the required role of each Admin REST API call"
    yield GENERATED
    yield ""
    yield from introduction.source(each)
    yield ""
    yield "[All versions, and how to read this](index.md) · [What changed between versions](changes.md) · [What roles can be turned into](powers.md) · [By role](#what-each-role-allows)"
    yield ""
    yield " · ".join(f"[{title}](#{anchor(title)})" for title in groups)
    yield ""
    for title, entries in groups.items():
        yield f"## {title}"
        yield ""
        yield from table(COLUMNS, [row(entry) for entry in entries])
        yield ""
        yield from _special_cases(entries)
    yield from _by_role(each)


def row(entry: Entry) -> tuple[str, ...]:
    """The cells of an operation, one for each of ``COLUMNS``."""
    need, operation = entry.requirement, entry.operation
    path = code(operation.path) + (f" ({operation.body} body)" if operation.body else "")
    return operation.method, path, _least(need), _full(need), _other_sets(need), _less(need), "; ".join(_remarks(entry))


def _less(need: Requirement) -> str:
    """Sets with a reduced response, grouped by what is missing."""
    by_text: dict[str, list[RoleSet]] = {}
    for roles, says in reduced_sets(need):
        by_text.setdefault(says, []).append(roles)
    return "; ".join(f"{_alternatives(sets, need)}: {says}" for says, sets in by_text.items())


def _roles(roles: RoleSet) -> str:
    return " + ".join(code(role) for role in roles) if roles else "any token of the realm"


def _least(need: Requirement) -> str:
    return f"**{_roles(need.least)}**" if need.least is not None and need.undetermined is None else least_text(need)


def _full(need: Requirement) -> str:
    """If the least set gets less than the full response: the least powerful set with the full one."""
    return _roles(need.full) if need.full is not None else ""


def _alternatives(sets: Sequence[RoleSet], need: Requirement) -> str:
    missing = left_out(sets, need.keycloak, other_sets=need.any_of)
    if missing is not None:
        return "every other role" + (f" but {', '.join(code(role) for role in missing)}" if missing else "")
    return ", ".join(_roles(roles) for roles in sets)


def _remarks(entry: Entry) -> Iterator[str]:
    need = entry.requirement
    if entry.operation.features:
        yield f"feature {', '.join(code(name) for name in entry.operation.features)} has to be enabled"
    if need.master_realm_roles and need.least is not None and entry.master is None:
        yield f"also with the realm role {' or '.join(_roles(roles) for roles in need.master_realm_roles)} of master"
    if entry.master is not None and entry.master.any_of != need.any_of:
        yield f"callers of master: {least_text(entry.master)}"
    if need.refusal_status != 403:
        yield f"refused with {need.refusal_status}"
    if need.undetermined is not None:
        yield need.undetermined
    if need.basis is not catalog.load(need.keycloak).basis and need.undetermined is None:
        yield need.basis.value
    yield from need.notes


def _special_cases(entries: Sequence[Entry]) -> Iterator[str]:
    rows = [
        (
            e.operation.method,
            code(e.operation.path),
            variant.says,
            _least(variant.requirement),
            _full(variant.requirement),
            _other_sets(variant.requirement),
        )
        for e in entries
        for variant in e.variants
    ]
    if rows:
        yield "Special cases:"
        yield ""
        yield from table(("Method", "Path", "If", "Least role", "Full response", "Also enough"), rows)
        yield ""


def _other_sets(need: Requirement) -> str:
    return _alternatives([roles for roles in need.any_of if roles not in (need.least, need.full)], need)


def _by_role(each: Catalog) -> Iterator[str]:
    yield "## What each role allows"
    yield ""
    yield "Each role alone, without other roles. Calls that need no role are not counted. `kcproxy roles --role ROLE` lists the calls."
    yield ""
    yield from table(("Role", "Contains", "Full response", "Reduced response", "Warning"), [_role_row(each, role) for role in each.roles])


def _role_row(each: Catalog, role: str) -> tuple[str, ...]:
    found = reach(each, (role,), each.operations)
    contained = ", ".join(code(name) for name in sorted(each.contains(role) - {role}))
    contained = contained if role != "realm-admin" else "every other role"
    powers = "" if role == "realm-admin" else "; ".join(power.says for power in each.powers(role))
    return code(role), contained, str(len(found.full)), str(len(found.reduced)), powers
