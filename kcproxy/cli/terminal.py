"""Output: results to standard output, messages to standard error, color only on a terminal.

All text passes through ``visible``, so that names from tokens, from Keycloak or from the command line cannot move the cursor or forge a
line. Until then, styles are marks that only this process knows, so a name cannot contain one.
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
    """Whether standard output is a terminal and NO_COLOR is not set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    """Bold, if color is on."""
    return _styled(text, _BOLD)


def paint(text: str, colour: str) -> str:
    """Colored, if color is on: red, green, yellow or cyan."""
    return _styled(text, _COLOURS[colour])


def _styled(text: str, style: str) -> str:
    return f"\ufdd0{_NONCE};{style}\ufdd1{text}\ufdd0{_NONCE};{_RESET}\ufdd1" if coloured() else text


def width() -> int:
    """Columns of the terminal; unlimited if the output is a file or a pipe. COLUMNS overrides it."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return _UNLIMITED
    return shutil.get_terminal_size((100, 24)).columns


def result(text: str = "") -> None:
    """Print a line of the result."""
    pieces = _MARK.split(text)
    styles = (f"\x1b[{style}m" for style in pieces[1::2])
    line = "".join(part for pair in zip(map(visible, pieces[::2]), [*styles, ""], strict=True) for part in pair)
    click.echo(line, color=coloured())


def talk(text: str) -> None:
    """Print a message on standard error."""
    click.echo(visible(text), err=True)


def document(value: Any) -> None:
    """Print the result as one JSON document."""
    click.echo(visible_json(json.dumps(value, indent=2, ensure_ascii=False)))


def document_line(value: Any) -> None:
    """Print one of several JSON documents, on its own line."""
    click.echo(visible_json(json.dumps(value, ensure_ascii=False)))


def program(text: str) -> None:
    """Print a program text unchanged."""
    click.echo(text)


def folded(text: str, columns: int) -> list[str]:
    """Wrap a text to lines of at most so many columns; long words are split. An empty text gives no line."""
    return textwrap.wrap(visible(text), columns, break_on_hyphens=False)


def wrapped(text: str, indent: str = "", *, first: str | None = None) -> list[str]:
    """Wrap a text to the terminal, with an indent, and optionally another one for the first line. Long words are split."""
    begin = indent if first is None else first
    lines = textwrap.wrap(visible(text), width(), initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False)
    return lines or [begin.rstrip()]


def columns(rows: Sequence[Sequence[str]], *, indent: str = "") -> list[str]:
    """Align rows in columns if they fit; otherwise each row gets two lines, the first two cells above the others."""
    if not rows:
        return []
    sizes = [max(_length(row[place]) for row in rows) for place in range(len(rows[0]))]
    if len(indent) + sum(sizes) + 2 * (len(sizes) - 1) <= width():
        padded = ([cell + " " * (size - _length(cell)) for cell, size in zip(row, sizes, strict=True)] for row in rows)
        return [(indent + "  ".join(cells)).rstrip() for cells in padded]
    return [line for row in rows for line in _stacked(row, indent)]


def _length(cell: str) -> int:
    """Columns that a cell takes on the terminal."""
    return len(visible(_MARK.sub("", cell)))


def _stacked(row: Sequence[str], indent: str) -> list[str]:
    rest = [cell for cell in row[2:] if cell]
    return [indent + " ".join(row[:2])] + ([f"{indent}    {', '.join(rest)}"] if rest else [])
