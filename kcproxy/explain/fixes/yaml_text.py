"""YAML: values as double-quoted scalars (YAML 1.2.2, section 7.3.1), which no reader takes for a number, a boolean or a null."""

import re

from kcproxy.explain.fixes.unwritable import Unwritable, has_lone_surrogate
from kcproxy.visible import is_visible

_PLAIN = re.compile(r"[A-Za-z0-9 ._-]*\Z")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0", '"': '\\"', "\\": "\\\\"}


def string(value: str) -> str:
    """A scalar that YAML 1.1 and 1.2 read as exactly this text. Unwritable for lone surrogates."""
    if _PLAIN.match(value):
        return f'"{value}"'
    if has_lone_surrogate(value):
        raise Unwritable("half a character cannot stand in YAML")
    return '"' + "".join(map(_character, value)) + '"'


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if is_visible(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
