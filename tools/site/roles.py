"""The role tables of a version, on the site: each row gets an address, each path leads to the page of its operation, and a filter is above them."""

import re

from tools.site.operations import FOLDER, breakable, slug

_PAGE = re.compile(r"roles/\d[\d.]*\.md")
_ROW = re.compile(r"^\| ([A-Z]+) \| `(/admin[^`]*)`( \((\w+) body\))? \|(.*)$", re.MULTILINE)
_LINKS = "\n[All versions"
"""Begin of the links above the tables."""

FILTER = '<div class="role-filter" hidden></div>'


def is_table(page: str) -> bool:
    """Whether a page of the site is the table of a version."""
    return _PAGE.fullmatch(page) is not None


def with_addresses(text: str) -> str:
    """The page with its links. Only the first row of an operation has the address: special cases are further rows of the same."""
    seen: set[str] = set()
    return _ROW.sub(lambda found: _row(found, seen), text.replace(_LINKS, f"\n{FILTER}\n{_LINKS}", 1))


def _row(found: re.Match[str], seen: set[str]) -> str:
    method, path, words, body, rest = found.groups()
    name = slug(f"{method} {path}" + (f" {body}" if body else ""))
    address = f' [#](#{name} "Address of this row")' if name not in seen else ""
    mark = f'<a id="{name}"></a>' if name not in seen else ""
    seen.add(name)
    return f"| {method} | {mark}[{breakable(path)}](../{FOLDER}/{name}.md){words or ''}{address} |{rest}"
