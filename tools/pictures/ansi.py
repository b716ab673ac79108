"""Coloured terminal output as runs of text: bold, and the few colors that the commands use."""

import re
from dataclasses import dataclass

_CODE = re.compile(r"\x1b\[([0-9;]*)m")
_COLOURS = {31: "red", 32: "green", 33: "yellow", 36: "cyan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Text of one look, from a column on."""

    column: int
    text: str
    colour: str | None = None
    bold: bool = False


def runs_of(line: str) -> list[Run]:
    """The runs of one line, blank ones left out."""
    found: list[Run] = []
    colour: str | None = None
    bold, column, position = False, 0, 0
    for code in [*_CODE.finditer(line), None]:
        text = line[position : code.start() if code else len(line)]
        if text.strip():
            found.append(Run(column=column, text=text, colour=colour, bold=bold))
        column += len(text)
        if code is None:
            break
        position = code.end()
        for number in (int(part or 0) for part in code[1].split(";")):
            if number == 0:
                colour, bold = None, False
            bold = bold or number == 1
            colour = _COLOURS.get(number, colour)
    return found


def plain(line: str) -> str:
    """The line without its codes."""
    return _CODE.sub("", line)
