"""Words of a POSIX shell command line: quoted where they must be, and kept from being taken for options."""

import re
from collections.abc import Iterable
from urllib.parse import quote

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+\Z")


def quoted(word: str) -> str:
    """A word that the shell reads as exactly this text (POSIX shell, 2.2.2 single quotes); NUL, which no argument can hold, is dropped."""
    word = word.replace("\0", "")
    if _PLAIN.match(word) and not word.startswith("-"):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def option(name: str, value: str) -> str:
    """``--uusername x``; a value that begins with ``-`` is tied to its long option with ``=``, so that it is not read as another option."""
    return f"{name}={quoted(value)}" if value.startswith("-") else f"{name} {quoted(value)}"


def realm_option(realm: str) -> str:
    """``-r demo``. kcadm.sh puts the realm into the URL as it is, so what a path cannot hold is percent-encoded here."""
    encoded = quote(realm, safe="")
    return f"--target-realm={quoted(encoded)}" if encoded.startswith("-") else f"-r {quoted(encoded)}"


def command(*words: str) -> str:
    """Words that are quoted already, as one line."""
    return " ".join(word for word in words if word)


def options(name: str, values: Iterable[str]) -> str:
    """The same option once for each value."""
    return " ".join(option(name, value) for value in values)
