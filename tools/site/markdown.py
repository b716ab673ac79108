"""Markdown as GitHub reads it, written as Python-Markdown reads it: lists, tables and fences need blank lines, nested blocks four spaces."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_ITEM = re.compile(r"^(\s*)([-*+]|\d{1,3}[.)])(\s+)(?=\S)")
_STEP = 4


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """The text, with each line that is not in a block of code changed."""
    lines, fence = [], ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        inside = bool(fence)
        if found and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
        lines.append(line if inside or found else change(line))
    return "\n".join(lines)


def heading_id(text: str, separator: str) -> str:
    """The fragment of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", separator)


def for_python_markdown(text: str) -> str:
    """The same document in the notation of Python-Markdown."""
    return "\n".join(_Lines().read(text)).replace("<details>", "<details markdown>")


@dataclass(slots=True)
class _Lines:
    """One pass over a document. ``content``: for each open list item, the column where its content begins. ``loose``: there was a blank line since the last item."""

    content: list[int] = field(default_factory=list)
    fence: str = ""
    last: str = ""
    loose: bool = False

    def read(self, text: str) -> Iterator[str]:
        for line in text.split("\n"):
            for made in self._line(line):
                self.last = made
                self.loose = self.loose or not made.strip()
                yield made

    def _line(self, line: str) -> Iterator[str]:
        found = _FENCE.match(line)
        if self.fence:
            if found and found[1].startswith(self.fence):
                self.fence = ""
            yield self._placed(line)
        elif not line.strip():
            yield line
        elif found:
            self._leave(_indent(line))
            self.fence = found[1]
            yield from self._apart(self._placed(line))
        else:
            yield from self._text(line)

    def _text(self, line: str) -> Iterator[str]:
        item = _ITEM.match(line)
        lazy = not item and self.last.strip() and self.content and not line.startswith(("#", "|", ">"))
        in_list = bool(self.content)
        if not lazy:
            self._leave(_indent(line))
        made = self._placed(line)
        if _is_row(line) != _is_row(self.last) or _FENCE.match(self.last) or (item and (self.loose or not in_list)):
            yield from self._apart(made)
        else:
            yield made
        if item:
            self.content.append(len(item[0]))
            self.loose = False

    def _apart(self, line: str) -> Iterator[str]:
        if self.last.strip():
            yield ""
        yield line

    def _leave(self, indent: int) -> None:
        while self.content and indent < self.content[-1]:
            self.content.pop()

    def _placed(self, line: str) -> str:
        """The line, with four spaces for each open item instead of the width of its marker."""
        inner = self.content[-1] if self.content else 0
        rest = line[min(inner, _indent(line)) :]
        return " " * _STEP * len(self.content) + rest if line.strip() else line


def _is_row(line: str) -> bool:
    return line.lstrip().startswith("|")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
