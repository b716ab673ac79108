"""JSON texts that differ only in a few positions from one explanation to the next: written once, then filled."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kcproxy.visible import visible_json

_MARK = re.compile(r'\["\\u0000([a-zA-Z]+)\\u0000"\]|"\\u0000([a-zA-Z]+)\\u0000"')
MAX_TEXT_BYTES = 24 * 1024
"""In memory; longer texts are not cached."""

Dumps = Callable[[Any], str]


def mark(name: str) -> str:
    """The mark for a value in a document. A list whose only item is a mark is replaced as a whole."""
    return f"\0{name}\0"


class Template:
    """A text with named gaps."""

    __slots__ = ("_names", "_parts")

    def __init__(self, text: str) -> None:
        """``text``: a document with marks in it, as JSON."""
        pieces = _MARK.split(text)
        self._parts = pieces[::3]
        self._names = [whole or single for whole, single in zip(pieces[1::3], pieces[2::3], strict=True)]

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with JSON in its gaps."""
        parts = self._parts
        text = [parts[0]]
        for name, part in zip(self._names, parts[1:], strict=True):
            text.append(values[name])
            text.append(part)
        return "".join(text)


def template_of(marked: Mapping[str, Any], dumps: Dumps, *, text: str, values: Mapping[str, str]) -> Template | None:
    """The template of a document; None if it does not give exactly ``text`` when it is filled with ``values``."""
    if not is_short(text):
        return None
    template = Template(dumps(marked))
    try:
        return template if template.filled(values) == text else None
    except KeyError:  # a name looks like a mark
        return None


def is_short(text: str) -> bool:
    """Whether it is small enough to be cached."""
    return len(text) * (1 if text.isascii() else 4) <= MAX_TEXT_BYTES


_encode_any: Dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_encode = msgspec.json.Encoder().encode  # seven times as fast


def compact(value: Any) -> str:
    """A value as JSON without white space. Invisible characters are escaped, because callers read it in terminals."""
    try:
        text = _encode(value).decode()
    except UnicodeEncodeError:  # a surrogate without its pair, which UTF-8 does not have
        text = _encode_any(value)
    # The encoder escapes the control characters of ASCII except DEL, so this much says it in a fraction of the time.
    return text if text.isascii() and "\x7f" not in text else visible_json(text)


compact_ascii: Dumps = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode
"""The same in ASCII; values that JSON does not support become strings."""
