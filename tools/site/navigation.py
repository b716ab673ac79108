"""The navigation of mkdocs.yml: an entry that ends in `/` stands for all pages of that folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.site.sources import OVERVIEWS


def expanded(entries: Sequence[Any], docs: Path) -> list[Any]:
    """The navigation with the pages of folders, the overview first. Pages that have an entry of their own are left out there."""
    return _expanded(entries, docs, set(_named(entries)))


def _named(entries: Sequence[Any]) -> Iterator[str]:
    for entry in entries:
        for content in entry.values() if isinstance(entry, dict) else (entry,):
            yield from _named(content) if isinstance(content, list) else (content,)


def _expanded(entries: Sequence[Any], docs: Path, named: set[str]) -> list[Any]:
    return [made for entry in entries for made in _entry(entry, docs, named)]


def _entry(entry: Any, docs: Path, named: set[str]) -> list[Any]:
    if isinstance(entry, str):
        return _pages(entry, docs, named) if entry.endswith("/") else [entry]
    ((title, content),) = entry.items()
    if isinstance(content, str):
        return [{title: _pages(content, docs, named)} if content.endswith("/") else entry]
    return [{title: _expanded(content, docs, named)}]


def _pages(folder: str, docs: Path, named: set[str]) -> list[Any]:
    names = {file.name for file in (docs / folder).glob("*.md")} | ({"README.md"} if not _has_overview(docs / folder) else set())
    ordered = sorted((name for name in names if folder + name not in named), key=lambda name: (name not in OVERVIEWS, _order(name)))
    return [{name.removesuffix(".md"): folder + name} if _is_version(name) else folder + name for name in ordered]


def _has_overview(folder: Path) -> bool:
    return any((folder / name).is_file() for name in OVERVIEWS)


def _order(name: str) -> tuple[Any, ...]:
    """Versions downwards, other names upwards."""
    if _is_version(name):
        return (0, [-int(part) for part in name.removesuffix(".md").split(".")])
    return (1, name)


def _is_version(name: str) -> bool:
    return all(part.isdecimal() for part in name.removesuffix(".md").split("."))
