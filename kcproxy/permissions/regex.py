"""Regular expressions of policies: Java's, matched by Python's where both read them alike and where that is cheap; else undecided.

An administrator writes the pattern and a caller's token brings the value, so neither may cost more than a moment.
"""

import re

MOST_PATTERN, MOST_VALUE = 200, 200
MOST_UNBOUNDED = 3
"""Pattern and value are short, and at most this many parts of a pattern repeat without limit: the worst is some million steps."""

_ESCAPED = frozenset("dDwWsSbB.-/\\[](){}*+?^$|@:,_ ")
"""What may follow a backslash: the classes mean the same for ASCII in both languages, the others mean themselves."""


def matches(pattern: str, value: str) -> bool | None:
    """Whether the whole value matches; None where that is not decided here."""
    if len(pattern) > MOST_PATTERN or len(value) > MOST_VALUE or not is_plain(pattern) or not (value.isascii() and value.isprintable()):
        return None
    try:
        return re.fullmatch(pattern, value, re.ASCII) is not None
    except re.error:
        return None


def is_plain(pattern: str) -> bool:
    """Whether both languages read the pattern alike and no repetition stands inside another."""
    at, unbounded, in_class, after_group = 0, 0, False, False
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            if at + 1 == len(pattern) or pattern[at + 1] not in _ESCAPED:
                return False
            at += 2
            after_group = False
            continue
        if in_class:
            if character in "[&~|" or not character.isascii():
                return False
            in_class = character != "]"
        elif character == "[":
            in_class = True
            at += pattern.startswith("^", at + 1)
            if pattern.startswith("]", at + 1):
                return False
        elif character == "(":
            if pattern.startswith("?", at + 1) and not pattern.startswith("?:", at + 1):
                return False
            at += 2 * pattern.startswith("?:", at + 1)
        elif character in "*+{":
            if after_group or pattern[at + 1 : at + 2] in ("+", "?", "*") or (character == "{" and not _bounded(pattern, at)):
                return False
            unbounded += character in "*+"
        elif not (character.isascii() and character.isprintable()):
            return False
        after_group = character == ")"
        at += 1
    return not in_class and unbounded <= MOST_UNBOUNDED


def _bounded(pattern: str, at: int) -> bool:
    """Whether a repetition is `{n}` or `{n,m}` with a small limit, and nothing follows that would change its kind."""
    found = re.match(r"\{(\d{1,2})(?:,(\d{1,2}))?\}(?![+?*{])", pattern[at:])
    return found is not None
