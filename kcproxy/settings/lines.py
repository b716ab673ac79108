"""On which line of a TOML file a key stands. The standard library's parser does not tell, and a message should."""

import re
from dataclasses import dataclass, field

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_STRING_MARKS = ('"""', "'''")


@dataclass(slots=True)
class _Scan:
    lines: dict[str, int] = field(default_factory=dict)
    table: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    open_mark: str | None = None

    def header(self, number: int, brackets: str, name: str) -> None:
        name = _dotted(name)
        if brackets == "[[":
            index = self.counts.get(name, 0)
            self.counts[name] = index + 1
            name = f"{name}[{index}]"
        self.table = name
        self.lines.setdefault(name, number)

    def line(self, number: int, text: str) -> None:
        if self.open_mark is None:
            header, key = _HEADER.match(text), _KEY.match(text)
            if header:
                self.header(number, header[1], header[2])
            elif key:
                self.lines.setdefault(f"{self.table}.{_dotted(key[1])}".lstrip("."), number)
        self._strings(text)

    def _strings(self, text: str) -> None:
        for mark in _STRING_MARKS:
            if self.open_mark in {None, mark} and text.count(mark) % 2:
                self.open_mark = mark if self.open_mark is None else None


def _dotted(written: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in written.split("."))


def line_numbers(document: str) -> dict[str, int]:
    """Line numbers from 1 by dotted key (``upstream.url``, ``accounts[0].realm``) of a valid TOML document; keys of inline tables are left out."""
    scan = _Scan()
    for number, text in enumerate(document.splitlines(), start=1):
        scan.line(number, text)
    return scan.lines
