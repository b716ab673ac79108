"""Help texts that fit the terminal: descriptions of commands are not cut, and prepared lines (examples, exit codes) are wrapped."""

import re
import textwrap

import click

_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")
_UNDER = "      "
_PREPARED = "\b\n"
"""What begins a paragraph whose lines click leaves as they are."""


class HelpFormatter(click.HelpFormatter):
    """click's, except that prepared lines are wrapped too."""

    def write_text(self, text: str) -> None:
        """Write a text. A prepared line that is too long continues below, with an indent."""
        columns = self.width - self.current_indent
        super().write_text("\n\n".join(_fitted(paragraph, columns) for paragraph in text.split("\n\n")))


class HelpContext(click.Context):
    """A context whose help is written by ``HelpFormatter``."""

    formatter_class = HelpFormatter


def _fitted(paragraph: str, columns: int) -> str:
    if not paragraph.startswith(_PREPARED):
        return paragraph
    lines = paragraph.removeprefix(_PREPARED).split("\n")
    return _PREPARED + "\n".join(part for line in lines for part in _parts(line, columns))


def _parts(line: str, columns: int) -> list[str]:
    """The line, or the example and its remark below each other, or the wrapped line."""
    if len(line) <= columns:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    pieces = _GAP.split(line.strip())
    if len(pieces) == 2 and len(pieces[0]) > 2:  # an example, and what it does
        return [*_wrapped(indent + pieces[0], columns, indent), *_wrapped(_UNDER + pieces[1], columns, _UNDER)]
    return _wrapped(line, columns, indent + "   ")


def _wrapped(line: str, columns: int, indent: str) -> list[str]:
    return textwrap.wrap(line, columns, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False) or [""]
