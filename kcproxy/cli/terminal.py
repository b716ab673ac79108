"""What goes to the terminal: results to standard output, talk to standard error, colour only where somebody looks at it."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import click

_UNLIMITED = 10_000


def coloured() -> bool:
    """Whether standard output is a terminal and nobody asked for NO_COLOR (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    """Emphasis, where colour is wanted."""
    return click.style(text, bold=True) if coloured() else text


def paint(text: str, colour: str) -> str:
    """Colour, where it is wanted."""
    return click.style(text, fg=colour) if coloured() else text


def width() -> int:
    """Columns of the terminal; without limit where the output goes into a file or a pipe. COLUMNS overrides."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return _UNLIMITED
    return shutil.get_terminal_size((100, 24)).columns


def result(text: str = "") -> None:
    """A line of the result."""
    click.echo(text, color=coloured())


def talk(text: str) -> None:
    """A line about the result, or about what is going on."""
    click.echo(text, err=True)


def document(value: Any) -> None:
    """The result as one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def wrapped(text: str, indent: str = "", *, first: str | None = None) -> list[str]:
    """A text in lines that fit the terminal, each with the indent; the first one with its own where it has one. Long words stay in pieces."""
    begin = indent if first is None else first
    return textwrap.wrap(text, width(), initial_indent=begin, subsequent_indent=indent, break_on_hyphens=False) or [begin.rstrip()]


def columns(rows: Sequence[Sequence[str]], *, indent: str = "") -> list[str]:
    """Rows in columns where they fit; else every row in two lines, the first two cells above the others."""
    if not rows:
        return []
    sizes = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    if len(indent) + sum(sizes) + 2 * (len(sizes) - 1) <= width():
        return [(indent + "  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True))).rstrip() for row in rows]
    return [line for row in rows for line in _stacked(row, indent)]


def _stacked(row: Sequence[str], indent: str) -> list[str]:
    rest = [cell for cell in row[2:] if cell]
    return [indent + " ".join(row[:2])] + ([f"{indent}    {', '.join(rest)}"] if rest else [])
