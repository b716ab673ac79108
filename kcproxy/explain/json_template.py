"""JSON texts that differ from one explanation to the next in a few places only: written once, and filled from then on."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from kcproxy.visible import visible_json

_MARK = re.compile(r'\["\\u0000([a-zA-Z]+)\\u0000"\]|"\\u0000([a-zA-Z]+)\\u0000"')
MAX_TEXT_BYTES = 24 * 1024
"""In memory; longer texts are made anew each time."""

Dumps = Callable[[Any], str]


def mark(name: str) -> str:
    """What stands in a document in the place of a value. A list whose only item is a mark is one place as a whole."""
    return f"\0{name}\0"


class Template:
    """A text with named places."""

    __slots__ = ("_names", "_parts")

    def __init__(self, text: str) -> None:
        """``text``: a document with marks in it, as JSON."""
        pieces = _MARK.split(text)
        self._parts = pieces[::3]
        self._names = [whole or single for whole, single in zip(pieces[1::3], pieces[2::3], strict=True)]

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with JSON in its places."""
        parts = self._parts
        text = [parts[0]]
        for name, part in zip(self._names, parts[1:], strict=True):
            text.append(values[name])
            text.append(part)
        return "".join(text)


def template_of(marked: Mapping[str, Any], dumps: Dumps, *, text: str, values: Mapping[str, str]) -> Template | None:
    """The template of a document; None where, filled with ``values``, it is not exactly ``text``: a mark stands where none was set, or too much changes."""
    if not is_short(text):
        return None
    template = Template(dumps(marked))
    try:
        return template if template.filled(values) == text else None
    except KeyError:  # somebody gave a thing a name that looks like a mark
        return None


def is_short(text: str) -> bool:
    """Whether it takes little enough memory to be kept."""
    return len(text) * (1 if text.isascii() else 4) <= MAX_TEXT_BYTES


_encode: Dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact(value: Any) -> str:
    """A value as JSON without white space, letters as they are; what cannot be seen is an escape, for callers look at it in terminals."""
    return visible_json(_encode(value))


compact_ascii: Dumps = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode
"""The same in ASCII alone, with whatever JSON does not know as its words."""
