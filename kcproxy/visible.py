"""Makes untrusted text safe to display: shows characters that are invisible, or that move, hide or reverse other text.

These are the characters for which ``str.isprintable`` is false (control characters, format characters such as bidirectional overrides and
zero-width ones, line and paragraph separators, spaces other than U+0020, lone surrogates, private-use and unassigned code points), and the
letters and marks that Unicode calls default-ignorable (DerivedCoreProperties.txt), which are displayed as nothing.
"""

import re

_IGNORABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Printable by category, but invisible. U+2800 is not on Unicode's list, but it looks like a space."""


def is_visible(text: str) -> bool:
    """True if every character is visible; the space counts as visible."""
    return text.isprintable() and (text.isascii() or _IGNORABLE.search(text) is None)


def visible(text: str) -> str:
    """The text on one line, with each invisible character as its code point: ``⟨U+001B⟩``."""
    return text if is_visible(text) else "".join(character if is_visible(character) else _shown(character) for character in text)


def visible_start(text: str, limit: int) -> str:
    """As ``visible``, with at most ``limit`` characters. A longer text ends with an ellipsis, and no code point is cut."""
    if len(text) <= limit and is_visible(text):
        return text
    pieces, remaining = [], limit
    for character in text[: limit + 1]:
        piece = character if is_visible(character) else _shown(character)
        remaining -= len(piece)
        pieces.append(piece)
        if remaining < 0:
            return _cut(pieces, limit)
    return "".join(pieces)


def visible_json(text: str) -> str:
    """A JSON text with invisible characters as escapes (RFC 8259, section 7), which has the same value. Line breaks stay."""
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
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
