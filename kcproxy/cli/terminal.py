"""What goes to the terminal: results to standard output, talk to standard error, colour only where somebody looks at it.

All text passes through ``visible`` on its way out, so that names from tokens, from Keycloak or from the command line move no cursor and
forge no line. Styles are marks of this process until then: a name cannot hold one.
"""

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import click

from kcproxy.visible import visible, visible_json

_UNLIMITED = 10_000
_NONCE = os.urandom(8).hex()
_MARK = re.compile(f"\ufdd0{_NONCE};([0-9;]+)\ufdd1")
_BOLD, _RESET = "1", "0"
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36"}
"""Parameters of SGR (ECMA-48, section 8.3.117)."""


def coloured() -> bool:
    """Whether standard output is a terminal and nobody asked for NO_COLOR (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    """Emphasis, where colour is wanted."""
    return _styled(text, _BOLD)


def paint(text: str, colour: str) -> str:
    """Colour, where it is wanted: red, green, yellow or cyan."""
    return _styled(text, _COLOURS[colour])


def _styled(text: str, style: str) -> str:
    return f"\ufdd0{_NONCE};{style}\ufdd1{text}\ufdd0{_NONCE};{_RESET}\ufdd1" if coloured() else text


def width() -> int:
    """Columns of the terminal; without limit where the output goes into a file or a pipe. COLUMNS overrides."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return _UNLIMITED
    return shutil.get_terminal_size((100, 24)).columns


def result(text: str = "") -> None:
    """A line of the result."""
    pieces = _MARK.split(text)
    styles = (f"\x1b[{style}m" for style in pieces[1::2])
    line = "".join(part for pair in zip(map(visible, pieces[::2]), [*styles, ""], strict=True) for part in pair)
    click.echo(line, color=coloured())


def talk(text: str) -> None:
    """A line about the result, or about what is going on."""
    click.echo(visible(text), err=True)


def document(value: Any) -> None:
    """The result as one JSON document."""
    click.echo(visible_json(json.dumps(value, indent=2, ensure_ascii=False)))


def document_line(value: Any) -> None:
    """One of several JSON documents, on a line of its own."""
    click.echo(visible_json(json.dumps(value, ensure_ascii=False)))


def program(text: str) -> None:
    """The text of a program that is part of this one, as it is."""
    click.echo(text)


def folded(text: str, columns: int) -> list[str]:
    """A text in lines of at most so many columns; long words stay in pieces. No line for an empty text."""
    return textwrap.wrap(visible(text), columns, break_on_hyphens=False)


def wrapped(text: str, indent: str = "", *, first: str | None = None) -> list[str]:
    """A text in lines that fit the terminal, each with the indent; the first one with its own where it has one. Long words stay in pieces."""
    begin = indent if first is None else first
    lines = textwrap.wrap(visible(text), width(), initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False)
    return lines or [begin.rstrip()]


def columns(rows: Sequence[Sequence[str]], *, indent: str = "") -> list[str]:
    """Rows in columns where they fit; else every row in two lines, the first two cells above the others."""
    if not rows:
        return []
    sizes = [max(_length(row[place]) for row in rows) for place in range(len(rows[0]))]
    if len(indent) + sum(sizes) + 2 * (len(sizes) - 1) <= width():
        padded = ([cell + " " * (size - _length(cell)) for cell, size in zip(row, sizes, strict=True)] for row in rows)
        return [(indent + "  ".join(cells)).rstrip() for cells in padded]
    return [line for row in rows for line in _stacked(row, indent)]


def _length(cell: str) -> int:
    """Columns that a cell takes once it is shown."""
    return len(visible(_MARK.sub("", cell)))


def _stacked(row: Sequence[str], indent: str) -> list[str]:
    rest = [cell for cell in row[2:] if cell]
    return [indent + " ".join(row[:2])] + ([f"{indent}    {', '.join(rest)}"] if rest else [])
