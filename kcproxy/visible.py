"""Text from outside, shown to people: characters that cannot be seen, or that move, hide or turn what stands beside them, become visible.

These are all that ``str.isprintable`` refuses (controls, format characters such as bidirectional overrides and zero-width ones, line and
paragraph separators, blanks other than the space, lone surrogates, private-use and unassigned code points), and the letters and marks that
Unicode calls default-ignorable (DerivedCoreProperties.txt), which render as nothing.
"""

import re

_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Printable by category, and seen as nothing. U+2800 is not on Unicode's list; it is a blank all the same."""


def is_visible(text: str) -> bool:
    """Whether every character can be seen, the space included."""
    return text.isprintable() and (text.isascii() or _IGNORABLE.search(text) is None)


def visible(text: str) -> str:
    """The text on one line, each character that cannot be seen as its code point: ``⟨U+001B⟩``. A visible text stays as it is."""
    return text if is_visible(text) else "".join(character if is_visible(character) else _shown(character) for character in text)


def visible_start(text: str, limit: int) -> str:
    """The same, with at most ``limit`` characters; where it is longer, the last one is an ellipsis, and no code point is cut in half."""
    if len(text) <= limit and is_visible(text):
        return text
    pieces, room = [], limit
    for character in text[: limit + 1]:
        piece = character if is_visible(character) else _shown(character)
        room -= len(piece)
        pieces.append(piece)
        if room < 0:
            return _cut(pieces, limit)
    return "".join(pieces)


def visible_json(text: str) -> str:
    """A JSON text whose strings have such characters as escapes (RFC 8259, section 7): it reads as the same value. Its line breaks stay."""
    if is_visible(text):
        return text
    return "".join(character if character == "\n" or is_visible(character) else _escaped(character) for character in text)


def _shown(character: str) -> str:
    return f"\N{MATHEMATICAL LEFT ANGLE BRACKET}U+{ord(character):04X}\N{MATHEMATICAL RIGHT ANGLE BRACKET}"


def _cut(pieces: list[str], limit: int) -> str:
    while sum(map(len, pieces)) > limit - 1:
        pieces.pop()
    return "".join(pieces) + "…"


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
