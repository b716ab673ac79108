"""One page for each operation of the Admin REST API: the required roles on every version, and the table of all of them."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache

from kcproxy import catalog
from kcproxy.catalog import Catalog, Entry
from kcproxy.cli.roles.text import least_text
from tools.docs import roles
from tools.docs.markdown import table
from tools.docs.resources import anchor, title_of

FOLDER = "operations"
TABLE = "roles/table.md"
_COLUMNS = ("Keycloak", *roles.COLUMNS[2:])
_INDEX = """\
# Role table

The least role of every operation of the Admin REST API, on Keycloak {version}. Type a method, a part of a path, or a role. Each row has its own address (#), and each path
leads to the page of the operation with all versions. [How to read this](index.md).

<div class="role-filter" hidden></div>
"""


def slug(key: str) -> str:
    """Name of the page and of the row of an operation."""
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")


@cache
def tables() -> tuple[Catalog, ...]:
    """The tables of all versions, the newest first."""
    return tuple(catalog.load(version) for version in reversed(catalog.versions()))


def documents(all_tables: Sequence[Catalog] | None = None) -> dict[str, str]:
    """Every page by its place on the site."""
    found: dict[str, list[tuple[Catalog, Entry]]] = {}
    for each in all_tables or tables():
        for entry in each.operations:
            found.setdefault(entry.operation.key, []).append((each, entry))
    pages = {f"{FOLDER}/{slug(key)}.md": "\n".join(_page(key, entries)) for key, entries in found.items()}
    if len(pages) != len(found):
        raise ValueError("two operations have the same page")
    newest = catalog.load(catalog.default_version()) if all_tables is None else all_tables[0]
    return pages | {TABLE: "\n".join(_index(newest))}


def _index(newest: Catalog) -> Iterator[str]:
    yield _INDEX.format(version=newest.version)
    yield from table(
        ("Method", "Path", "Least role", "Resource"),
        [(e.operation.method, linked_path(e, f"../{FOLDER}"), roles.row(e)[2], title_of(e)) for e in newest.operations],
    )


def linked_path(entry: Entry, folder: str) -> str:
    """The path of an operation as a cell of a table: a link to its page, and the row's own address."""
    name = slug(entry.operation.key)
    body = f" ({entry.operation.body} body)" if entry.operation.body else ""
    return f'<a id="{name}"></a>[{breakable(entry.operation.path)}]({folder}/{name}.md){body} [#](#{name} "Address of this row")'


def breakable(path: str) -> str:
    """A path in a monospaced font that browsers break only behind a slash."""
    return f"<code>{path.replace('/', '/<wbr>')}</code>"


def _page(key: str, entries: Sequence[tuple[Catalog, Entry]]) -> Iterator[str]:
    newest, entry = entries[0]
    operation = entry.operation
    yield from ("---", f"title: {json.dumps(key)}", "---", "")
    yield f"# {key.replace('/', '/<wbr>')}"
    yield ""
    yield f"The required role of `{operation.method} {operation.path}` in Keycloak's Admin REST API, for each version."
    yield ""
    yield from table(_COLUMNS, [(versions, *cells[2:]) for versions, cells in _rows(entries)])
    yield ""
    yield from _special_cases(newest, entry)
    yield from _next_steps(newest, entry)


def _rows(entries: Sequence[tuple[Catalog, Entry]]) -> list[tuple[str, tuple[str, ...]]]:
    """Neighboring versions with the same content share a row."""
    groups: list[tuple[list[str], tuple[str, ...]]] = []
    for each, entry in entries:
        cells = roles.row(entry)
        if groups and groups[-1][1] == cells:
            groups[-1][0].append(each.version)
        else:
            groups.append(([each.version], cells))
    return [(_links(versions), cells) for versions, cells in groups]


def _links(versions: Sequence[str]) -> str:
    links = [f"[{version}](../roles/{version}.md)" for version in versions]
    return ", ".join(links) if len(links) < 3 else f"{links[-1]} to {links[0]}"


def _special_cases(newest: Catalog, entry: Entry) -> Iterator[str]:
    if entry.variants:
        yield f"## Special cases, on {newest.version}"
        yield ""
        yield from table(("If", "Least role"), [(each.says, least_text(each.requirement)) for each in entry.variants])
        yield ""


def _next_steps(newest: Catalog, entry: Entry) -> Iterator[str]:
    operation, title = entry.operation, title_of(entry)
    yield "## More"
    yield ""
    yield f"- Other operations of the same resource: [{title}](../roles/{newest.version}.md#{anchor(title)})"
    yield f"- [All operations](../{TABLE})"
    yield "- [How to grant a role](../roles/index.md#how-to-grant-it), and [what it can be turned into](../roles/powers.md)"
    yield "- Refused although the role is granted? [Causes](../causes/README.md)"
    yield f"- Offline: `kcproxy roles {operation.method} {operation.path}`"
    if operation.handler:
        yield f"- In Keycloak's sources: `{operation.handler}`"
