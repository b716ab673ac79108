"""Words for sentences: lists of roles, spans of time, and names from outside that are safe to print."""

import re
from collections.abc import Iterable, Sequence

from kcproxy.visible import visible_start


def list_of(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; each name as ``shown``."""
    if len(names) == 1:
        return shown(names[0])
    clean = [shown(name) for name in names]
    return ", ".join(clean[:-1]) + " and " + clean[-1] if len(clean) > 1 else "".join(clean)


def roles_phrase(roles: Sequence[str], container: str) -> str:
    """``the role view-users (client realm-management)``."""
    if not roles:
        return f"an admin role (client {shown(container)})"
    return f"the role{'s' if len(roles) > 1 else ''} {list_of(roles)} (client {shown(container)})"


def either(sets: Iterable[Sequence[str]]) -> str:
    """Alternative sets of roles in words: ``view-users, or query-users and view-realm``."""
    return ", or ".join(list_of(roles) if roles else "none" for roles in sets)


def age(seconds: float) -> str:
    """A span of time in seconds, from two hours on also in hours, from two days on in days: ``412 s``, ``9000 s (2 hours)``."""
    whole = int(seconds)
    if whole >= 172800:
        return f"{whole} s ({whole // 86400} days)"
    if whole >= 7200:
        return f"{whole} s ({whole // 3600} hours)"
    return f"{whole} s"


_ENCODABLE = r"(?:[A-Za-z0-9_-]|%[0-9A-Fa-f]{2})"
_TOKEN = re.compile(rf"(?:e|%(?:25)*65)(?:y|%(?:25)*79)(?:J|%(?:25)*4[Aa]){_ENCODABLE}{{5,}}(?:\.|{_ENCODABLE})*")
_ENCODED = ("%65", "%79", "%4A", "%4a", "%25")


def without_tokens(text: str) -> str:
    """The text without anything that looks like a token, percent-encoded or not: a path may contain one in place of a name."""
    return _TOKEN.sub("[token]", text) if "eyJ" in text or ("%" in text and any(mark in text for mark in _ENCODED)) else text


def shown(value: str, limit: int = 200) -> str:
    """A name from outside that is safe in a sentence: no token, no invisible character, no line break, and at most ``limit`` characters."""
    # The check is cheap and refuses some harmless texts too; visible_start decides about those.
    if len(value) <= limit and value.isascii() and value.isprintable() and "eyJ" not in value and "%" not in value:
        return value
    return visible_start(without_tokens(value), limit)


def sentence(text: str) -> str:
    """A whole sentence with the same guarantees: the last check before it is printed, in case a rule used a raw name."""
    return shown(text, MAX_SENTENCE_CHARACTERS)


def sentences(texts: Sequence[str]) -> tuple[str, ...]:
    """Each as ``sentence``. Several short ones are checked together, because nearly all need no change."""
    together = " ".join(texts)
    if shown(together, MAX_SENTENCE_CHARACTERS) == together:
        return tuple(texts)
    return tuple(map(sentence, texts))


MAX_SENTENCE_CHARACTERS = 2000
