"""docs/roles/changes.md: what changed between consecutive versions with a table."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from kcproxy.catalog import Catalog
from kcproxy.catalog.queries import Change, differences
from kcproxy.cli.roles.text import change_text, least_text
from tools.docs.markdown import GENERATED, code, table


def page(tables: Sequence[Catalog]) -> Iterator[str]:
    """The page; ``tables`` are newest first."""
    yield "# Changes of required roles between Keycloak versions"
    yield GENERATED
    yield ""
    yield "If a call is refused after an upgrade, or an account can do less than before, look here first. Each table compares"
    yield "two consecutive measured versions. `kcproxy roles --diff V1 V2` compares any two."
    yield ""
    if len(tables) < 2:
        yield f"So far only Keycloak {tables[0].version} was measured." if tables else "No version has been measured yet."
    for new, old in pairwise(tables):
        yield from _step(old, new)


def _step(old: Catalog, new: Catalog) -> Iterator[str]:
    found = differences(old, new)
    yield f"## From {old.version} to {new.version}"
    yield ""
    yield f"{len(found.changed)} calls need other roles, {len(found.added)} were added, {len(found.removed)} removed."
    yield ""
    for words, roles in (("New roles", found.new_roles), ("Removed roles", found.gone_roles)):
        if roles:
            yield f"{words}: {', '.join(code(role) for role in roles)}."
            yield ""
    yield from _part(("Method", "Path", f"{old.version} → {new.version}"), [_cells(c, change_text(c)) for c in found.changed])
    yield from _part(("Added", "Path", "Least role"), [_cells(c, least_text(c.entry.requirement)) for c in found.added])
    yield from _part(("Removed", "Path"), [_cells(c)[:2] for c in found.removed])


def _cells(change: Change, text: str = "") -> tuple[str, ...]:
    operation = change.entry.operation
    return operation.method, code(operation.path) + (f" ({operation.body} body)" if operation.body else ""), text


def _part(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield from table(head, rows)
        yield ""
