"""Checks a built site: each link leads to a page and a place on it, nothing is loaded from another host, and no Markdown is left in the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

BASE = "http://site.invalid/"
_LOADED = {
    "script": ("src",),
    "img": ("src",),
    "iframe": ("src",),
    "source": ("src",),
    "video": ("src",),
    "audio": ("src",),
    "object": ("data",),
}
_LOADED_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
_FOREIGN_STYLES = ("url(http:", "url(https:", "url(//", '@import "http', "@import url(http")


_UNREAD = re.compile(r"^(?:- |\d+\. |\|)|\*\*|\]\(", re.MULTILINE)
_BLOCKS = {"div", "pre", "ul", "ol", "table"}


@dataclass(slots=True)
class _Page(HTMLParser):
    """What one page contains: the fragments that lead to it, its links, what it loads, and paragraphs with Markdown that was not read."""

    ids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    paragraph: list[str] | None = None
    code: bool = False

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids.update(values[name] for name in ("id", "name") if values.get(name) and (name == "id" or tag == "a"))
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if tag == "link" and _LOADED_RELATIONS & set(values.get("rel", "").split()):
            self.loaded.add(values.get("href", ""))
        self.loaded.update(values[name] for name in _LOADED.get(tag, ()) if values.get(name))
        self._paragraph(tag)

    def _paragraph(self, tag: str) -> None:
        if tag == "p":
            self.paragraph = []
        elif tag in _BLOCKS and self.paragraph is not None:
            self.unread.append(f"a paragraph has a <{tag}>: {''.join(self.paragraph)[:60]}")
        self.code = self.code or tag == "code"

    def handle_data(self, data: str) -> None:
        if self.paragraph is not None and not self.code:
            self.paragraph.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self.code = False
        if tag == "p" and self.paragraph is not None:
            text = "".join(self.paragraph)
            self.unread += [f"Markdown that was not read: {text[:60]}"] if _UNREAD.search(text) else []
            self.paragraph = None


def problems(folder: Path) -> list[str]:
    """One line for each broken link, each foreign resource, and each paragraph that was not read as Markdown."""
    pages = {_address(file, folder): _read(file) for file in sorted(folder.rglob("*.html")) if file.name != "404.html"}
    return [*_links(pages, folder), *_styles(folder)]


def _read(file: Path) -> _Page:
    page = _Page()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def _address(file: Path, folder: Path) -> str:
    return BASE + file.relative_to(folder).as_posix().removesuffix("index.html")


def _links(pages: dict[str, _Page], folder: Path) -> Iterator[str]:
    for address, page in pages.items():
        place = address.removeprefix(BASE) or "the first page"
        yield from (f"{place}: {each}" for each in page.unread)
        yield from (f"{place}: loads {each}" for each in sorted(page.loaded) if not urljoin(address, each).startswith((BASE, "data:")))
        for link in sorted(page.links | {each for each in page.loaded if not each.startswith("data:")}):
            target, _, fragment = urljoin(address, link).partition("#")
            if target.startswith(BASE) and not _exists(target, fragment, pages, folder):
                yield f"{place}: {link} leads nowhere"


def _exists(target: str, fragment: str, pages: dict[str, _Page], folder: Path) -> bool:
    if target in pages:
        return not fragment or unquote(fragment) in pages[target].ids
    return (folder / unquote(urlsplit(target).path).lstrip("/")).is_file()


def _styles(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*.css")):
        text = file.read_text(encoding="utf-8")
        yield from (f"{file.relative_to(folder)}: loads from another host: {mark}" for mark in _FOREIGN_STYLES if mark in text)
