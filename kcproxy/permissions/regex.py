"""Java's regular expressions in policies, matched with Python's if both mean the same and the match is cheap; otherwise undecided.

An administrator writes the pattern and a caller's token contains the value, so the cost has to be bounded.
"""

import re

MOST_PATTERN, MOST_VALUE = 200, 200
MOST_STEPS = 20_000_000
"""Limits for the length of pattern and value, and for the product of a pattern's choices. The worst case takes a fraction of a second."""

_ESCAPE = r"\\[dDwWsSbB.\-/\\\[\](){}*+?^$|@:,_ ]"
"""What may follow a backslash: the classes mean the same for ASCII in both languages, the others mean themselves."""
_TOKEN = re.compile(
    rf"(?P<escape>{_ESCAPE})"
    rf"|(?P<characters>\[\^?(?:{_ESCAPE}|[^\[\]\\&~|])+\])"
    r"|(?P<open>\((?:\?:)?(?!\?))"
    r"|(?P<close>\))"
    r"|(?P<times>[*+?]|\{\d{1,2}(?:,\d{1,2})?\})"
    r"|(?P<plain>[^\\\[\](){}*+?])"
)


def matches(pattern: str, value: str) -> bool | None:
    """Whether the whole value matches; None if that is not decided here."""
    if len(pattern) > MOST_PATTERN or len(value) > MOST_VALUE or not is_plain(pattern) or not (value.isascii() and value.isprintable()):
        return None
    try:
        return re.fullmatch(pattern, value, re.ASCII) is not None
    except re.error:
        return None


def is_plain(pattern: str) -> bool:
    """Whether the pattern means the same in both languages, does not repeat a repetition or a group, and has few choices."""
    if not (pattern.isascii() and pattern.isprintable()):
        return False
    at, steps, before = 0, 1, "times"
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return False
        kind, text = str(token.lastgroup), token[0]
        if kind == "times" and (before in ("times", "open") or (before == "close" and text != "?")):
            return False
        steps *= _choices(kind, text)
        at, before = token.end(), kind
    return steps <= MOST_STEPS


def _choices(kind: str, text: str) -> int:
    if kind == "times" and text != "?":
        return 1 if text.startswith("{") and "," not in text else MOST_VALUE
    return 2 if text in ("?", "|") else 1
