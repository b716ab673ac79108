"""Links between files of the repository become links between pages of the site."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from tools.site.markdown import outside_fences
from tools.site.sources import DOCS, FILES, GENERATED, OVERVIEWS, page_of, path_of, relative

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def rewritten(text: str, page: str, root: Path) -> str:
    """The Markdown of a page with links that work on the site. A link to a folder becomes its text, because a site has no folders."""
    return outside_fences(text, lambda line: _LINK.sub(lambda found: _link(found, page, root), line))


def linked_files(text: str, page: str, root: Path) -> set[str]:
    """Files of the repository outside of `docs/` that a page links to and that are no pages themselves."""
    found: set[str] = set()

    def read(line: str) -> str:
        found.update(_files(line, page, root))
        return line

    outside_fences(text, read)
    return found


def _files(line: str, page: str, root: Path) -> Iterator[str]:
    for match in _LINK.finditer(line):
        path = _target(match[3], page)
        if path and not path.startswith(f"{DOCS}/") and page_of(path) is None and _published(path, root):
            yield path


def _link(found: re.Match[str], page: str, root: Path) -> str:
    path = _target(found[3], page)
    if path is None:
        return found[0]
    fragment = "#" + found[3].partition("#")[2] if "#" in found[3] else ""
    place = _place(path, root)
    text = _title(path, root) if found[2] in {path.rpartition("/")[2], found[3]} else found[2]
    return f"{found[1]}[{text}]({relative(place, page)}{fragment})" if place else found[2]


def _title(path: str, root: Path) -> str:
    """The title of a page: links in the repository often have the name of the file as their text."""
    if not path.endswith(".md"):
        return path.rpartition("/")[2]
    head = (root / path).read_text(encoding="utf-8").split("\n", 1)[0]
    return head.removeprefix("# ") if head.startswith("# ") else path.rpartition("/")[2]


def _place(path: str, root: Path) -> str | None:
    """Where a file of the repository is on the site, or the overview of a folder. None if it is not there."""
    page = page_of(path) or next((place for name in OVERVIEWS if (place := _overview(f"{path}/{name}", root))), None)
    if page is not None or not _published(path, root):
        return page
    return path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") else f"{FILES}/{path}"


def _overview(path: str, root: Path) -> str | None:
    return page_of(path) if path in GENERATED or (root / path).is_file() else None


def _target(link: str, page: str) -> str | None:
    """The path in the repository that a relative link names; None if it is not one."""
    path = link.partition("#")[0]
    if not path or "://" in link or link.startswith(("mailto:", "/")):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path_of(page)), path))


def _published(path: str, root: Path) -> bool:
    """MkDocs leaves out names that begin with a dot."""
    return (root / path).is_file() and not any(part.startswith(".") for part in path.split("/"))
