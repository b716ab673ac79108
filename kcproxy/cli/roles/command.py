"""``kcproxy roles``: queries the table of required roles."""

import difflib
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from kcproxy.catalog import Catalog, Entry
from kcproxy.catalog import versions as catalog_versions
from kcproxy.catalog.calls import read_calls
from kcproxy.catalog.queries import differences, operations_at, operations_below, reach
from kcproxy.cli import completions
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.inputs import text_of
from kcproxy.cli.options import json_option, table, version_option
from kcproxy.cli.roles import call_plan
from kcproxy.cli.roles import documents as roles_documents
from kcproxy.cli.roles import text as roles_text
from kcproxy.cli.terminal import document, result, talk
from kcproxy.explain.causes.paths import corrected
from kcproxy.settings.types import METHODS

EXAMPLES = """\b
Examples:
  kcproxy roles GET /admin/realms/shop/users/42     which role does this call need?
  kcproxy roles /admin/realms/{realm}/users         everything on and below this path
  kcproxy roles --role view-users                   what does view-users allow?
  kcproxy roles --calls access.log                  what do these calls need together?
  kcproxy roles --diff 24.0.5 26.7.4                what changed?

"""


@click.command(name="roles", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("words", nargs=-1, metavar="[METHOD] [PATH]", shell_complete=completions.words)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE",
    shell_complete=completions.roles,
    help="What this role allows. Repeat it for several roles together.",
)
@click.option(
    "--calls",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE|-",
    help="The least roles for a list of calls, for each caller.",
)
@click.option("--diff", nargs=2, metavar="V1 V2", help="What changed between two Keycloak versions.")
@version_option
@json_option
def command(
    words: tuple[str, ...], roles: tuple[str, ...], calls: Path | None, diff: tuple[str, str] | None, version: str | None, *, as_json: bool
) -> None:
    """Show which roles of realm-management the operations of Keycloak's Admin REST API need.

    Without arguments, print the whole table. PATH is a template of the table or the path of a call. Without METHOD, or with * at
    its end, it selects all operations on and below it. FILE contains lines "GET /admin/…", an access log, or kcproxy's own log.
    If lines have a status code, only calls that succeeded count. If they name a caller, each caller gets its own result.
    """
    if sum([calls is not None, diff is not None]) > 1 or (diff and (roles or words or version)) or (calls and (roles or words)):
        raise click.UsageError("use --calls or --diff alone, without METHOD, PATH or --role")
    if diff is not None:
        _diff(*diff, as_json=as_json)
        return
    catalog = table(version)
    if calls is not None:
        _calls(catalog, calls, as_json=as_json)
        return
    entries = _selected(catalog, words)
    if roles:
        _reach(catalog, roles, entries, as_json=as_json)
    else:
        _operations(catalog, entries, detailed=len(words) == 2 and not words[1].endswith("*"), as_json=as_json)


def _unknown(message: str) -> NoReturn:
    talk(f"kcproxy: {message}")
    sys.exit(Exit.UNKNOWN)


def _selected(catalog: Catalog, words: tuple[str, ...]) -> tuple[Entry, ...]:
    method, path = _method_and_path(words)
    if path is None:
        return tuple(e for e in catalog.operations if method in {None, e.operation.method})
    if method is not None and not path.endswith("*"):
        return operations_at(catalog, method, path) or _not_there(catalog, method, path)
    below = operations_below(catalog, path, method)
    return below or _unknown(f"the table of Keycloak {catalog.version} has no operation on or below {path}")


def _method_and_path(words: tuple[str, ...]) -> tuple[str | None, str | None]:
    methods: list[str | None] = [word.upper() for word in words if not word.startswith("/")]
    paths: list[str | None] = [word for word in words if word.startswith("/")]
    if len(methods) > 1 or len(paths) > 1 or not set(methods) <= set(METHODS):
        raise click.UsageError("give a method (GET, PUT, …), a path that begins with a slash, both, or neither")
    return (*methods, None)[0], (*paths, None)[0]


def _not_there(catalog: Catalog, method: str, path: str) -> NoReturn:
    others = sorted({e.operation.method for other in METHODS for e in operations_at(catalog, other, path)})
    if others:
        hint = f"; this path has {', '.join(others)}"
    else:
        corrections = corrected(catalog, path)
        hint = f"; did you mean {corrections[2]}?" if corrections else ""
    _unknown(f"{method} {path} is not in the table of Keycloak {catalog.version}{hint}")


def _operations(catalog: Catalog, entries: tuple[Entry, ...], *, detailed: bool, as_json: bool) -> None:
    if as_json:
        _document(roles_documents.operations_document(catalog, entries))
        return
    lines = [line for entry in entries for line in roles_text.card(entry)] if detailed else roles_text.overview(entries)
    for line in lines:
        result(line)
    _source(catalog, f"{len(entries)} of {len(catalog.operations)} operations")


def _document(value: dict[str, Any]) -> None:
    """The document, with the requested version if the table is that of another version."""
    asked = click.get_current_context().params.get("version")
    document(value if asked in {None, value["keycloak"]} else value | {"asked": asked})


def _source(catalog: Catalog, what: str) -> None:
    date = catalog.provenance.get("date")
    talk(f"{what}, Keycloak {catalog.version}, {catalog.basis.value}" + (f" on {date}" if date else ""))


def _reach(catalog: Catalog, roles: tuple[str, ...], entries: tuple[Entry, ...], *, as_json: bool) -> None:
    for role in roles:
        if role not in catalog.roles:
            near = difflib.get_close_matches(role, catalog.roles, n=1)
            hint = f"did you mean {near[0]}?" if near else f"its roles are {', '.join(catalog.roles)}"
            _unknown(f"realm-management of Keycloak {catalog.version} has no role {role}; {hint}")
    held = tuple(sorted(set(roles)))
    found = reach(catalog, held, entries)
    if as_json:
        _document(roles_documents.reach_document(catalog, held, found))
        return
    for line in roles_text.reach_text(catalog, held, found):
        result(line)
    _source(catalog, f"{len(found.full)} of {len(catalog.operations)} operations with the full response")


def _calls(catalog: Catalog, file: Path, *, as_json: bool) -> None:
    found = call_plan.plan(catalog, read_calls(text_of(file, "--calls")))
    if as_json:
        _document(call_plan.plan_document(catalog, found))
    else:
        for line in roles_text.plan_text(catalog, found):
            result(line)
    for number in found.unreadable:
        talk(f"line {number} contains no call; expected METHOD /path, a line of an access log, or JSON with method and path")
    _source(catalog, f"{len(found.known)} of {len(found.demands)} different calls are in the table")
    if found.unknown or found.unreadable:
        sys.exit(Exit.UNKNOWN)


def _diff(first: str, second: str, *, as_json: bool) -> None:
    for version in (first, second):
        if version not in catalog_versions():
            _unknown(f"there is no table for Keycloak {version}; there are tables for {', '.join(catalog_versions())}")
    old, new = table(first), table(second)
    found = differences(old, new)
    if as_json:
        document(roles_documents.differences_document(old, new, found))
        return
    for line in roles_text.differences_text(old, new, found):
        result(line)
    talk(f"{len(found.changed)} changed, {len(found.added)} added, {len(found.removed)} removed")
