"""Command lines that bash, dash and zsh read as they are meant, pasted or in a file.

A line is a constant template with a ``Part`` for each value: a plain text where a part belongs is refused, so that no value gets into a
command unquoted. No line holds a character that cannot be seen: such a one could move the cursor, end the line or, pasted, press a key.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from kcproxy.explain.fixes import url
from kcproxy.explain.fixes.unwritable import Unwritable, has_lone_surrogate
from kcproxy.visible import is_visible

_MAX_CACHED = 512
"""Names of realms, clients and roles repeat, so their quoting is cached."""
MAX_LINE_BYTES = 4000
"""A terminal without line editing takes no longer line than 4096 bytes (N_TTY of Linux), and would cut a longer one."""

# No first `=`, which zsh takes for a command's path, and no first `-`, so that no value looks like an option.
_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./][A-Za-z0-9_@%+=:,./-]*\Z")
_PLAIN_INSIDE = re.compile(r"[A-Za-z0-9_.%/-]+\Z")
_PRINTED = re.compile(r"[A-Za-z0-9 _@+=:,./#()*;<>?\[\]^{|}~&-]|[^\x00-\x7f]")
"""What stands for itself in a format of printf between single quotes, nested in double ones."""
_NEWLINE = 'NL="$(printf \'\\012.\')"; NL="${NL%.}"; '
"""Defines ``$NL``. A substitution drops the line feeds at its end, so that they are not written inside of one."""


class Part(NamedTuple):
    """A value, quoted. ``source``: one or more whole words. ``inside``: as it may stand between double quotes, where it may.

    ``newline``: the line has to define ``$NL`` first.
    """

    source: str
    inside: str | None = None
    newline: bool = False


@lru_cache(_MAX_CACHED)
def word(value: str) -> Part:
    """A word that a shell reads as exactly this text. Unwritable for U+0000, which no argument can hold, and lone surrogates."""
    if _PLAIN.match(value):
        return Part(value)
    if "\0" in value or has_lone_surrogate(value):
        raise Unwritable("no argument of a command can hold this")
    # `!` is expanded by interactive shells between double quotes, in which this word may come to stand.
    if is_visible(value) and "!" not in value:
        return Part("'" + value.replace("'", "'\"'\"'") + "'")
    return _printed(value)


def _printed(value: str) -> Part:
    """What printf makes of octal escapes of UTF-8, in double quotes: all three shells have that, unlike ``$'…'``."""
    body = value.rstrip("\n")
    octal = "".join(character if _stands_for_itself(character) else _octal(character) for character in body)
    octal = _octal("-") + octal[1:] if octal[:1] == "-" else octal
    ends = "$NL" * (len(value) - len(body))
    return Part(f"\"$(printf '{octal}'){ends}\"" if body else f'"{ends}"', newline=bool(ends))


def _stands_for_itself(character: str) -> bool:
    return _PRINTED.match(character) is not None and is_visible(character)


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8"))


def option(name: str, value: str) -> Part:
    """``--uusername x``; a value that begins with ``-`` is tied to its long option with ``=``, so that it is not read as another option.

    Kcadm of 24.0.5 and 26.7.4 takes both forms; of a value that is itself an option, such as ``-x``, 26.7.4 says that it is missing.
    """
    return _tied(name, value, word(value))


def segment_option(name: str, value: str) -> Part:
    """The same for a value that kcadm.sh puts into a URL as it is, and that is therefore percent-encoded here."""
    encoded = url.segment(value)
    return _tied(name, encoded, word(encoded))


def _tied(name: str, value: str, part: Part) -> Part:
    return Part(f"{name}{'=' if value.startswith('-') else ' '}{part.source}", None, part.newline)


def realm_option(realm: str) -> Part:
    """``-r demo``, percent-encoded: kcadm.sh puts the realm into the URL as it is."""
    return segment_option("--target-realm" if realm.startswith("-") else "-r", realm)


def repeated_option(name: str, values: Iterable[str]) -> Part:
    """The same option once for each value. Unwritable where one begins with ``-``: kcadm.sh of 24.0.5 takes no ``--rolename=``."""
    sources, newline = [], False
    for value in values:
        if value.startswith("-"):
            raise Unwritable(f"no value of {name} can begin with a hyphen")
        part = word(value)
        sources.append(f"{name} {part.source}")
        newline = newline or part.newline
    return Part(" ".join(sources), None, newline)


@lru_cache(_MAX_CACHED)
def segment(value: str) -> Part:
    """A value as a part of a path."""
    encoded = url.segment(value)
    return Part(word(encoded).source, inside=encoded)


def output_of(template: str, **parts: Part) -> Part:
    """What a command prints, as one word or a part of one."""
    filled, newline = _filled(template, parts)
    source = f"$({filled})"
    return Part(f'"{source}"', source, newline)


def path(template: str, **parts: Part) -> Part:
    """A word of constant text and of parts that may stand between double quotes: segments, and outputs of commands."""
    inside, newline = {}, False
    for name, part in parts.items():
        if not isinstance(part, Part) or part.inside is None:
            raise TypeError(f"{name} is no part of a path: that is a segment or the output of a command")
        inside[name] = part.inside
        newline = newline or part.newline
    text = template.format_map(inside)
    return Part(text if _PLAIN_INSIDE.match(text) else f'"{text}"', newline=newline)


def line(template: str, **parts: Part) -> str:
    """A whole command line. Unwritable if it is longer than a terminal takes."""
    text, newline = _filled(template, parts)
    if newline:
        text = _NEWLINE + text
    if (len(text) if text.isascii() else len(text.encode())) > MAX_LINE_BYTES:
        raise Unwritable(f"a line of {len(text)} characters cannot be pasted everywhere")
    return text


def _filled(template: str, parts: dict[str, Part]) -> tuple[str, bool]:
    """The text, and whether one of its parts needs ``$NL``."""
    sources, newline = {}, False
    for name, part in parts.items():
        if not isinstance(part, Part):
            raise TypeError(f"{name} is no part of a command line: quote it")
        sources[name] = part.source
        newline = newline or part.newline
    return template.format_map(sources), newline
