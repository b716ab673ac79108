"""Terraform configuration: values as string literals (HCL native syntax specification, "Template Expressions" and "Quoted Literals")."""

import re
from collections.abc import Mapping
from functools import lru_cache

from kcproxy.explain.fixes.unwritable import Unwritable, has_lone_surrogate
from kcproxy.visible import is_visible

_PLAIN = re.compile(r"[A-Za-z0-9 ._-]*\Z")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
"""All that HCL has but ``\\uNNNN`` and ``\\UNNNNNNNN``; JSON's ``\\b``, ``\\f`` and surrogate pairs are none."""


@lru_cache(512)
def string(value: str) -> str:
    """A literal, in quotes, that HCL reads as exactly this text. Unwritable for lone surrogates. Terraform itself normalises texts to NFC."""
    if _PLAIN.match(value):
        return f'"{value}"'
    if has_lone_surrogate(value):
        raise Unwritable("half a character cannot stand in a string of HCL")
    literal = "".join(map(_character, value))
    return '"' + literal.replace("${", "$${").replace("%{", "%%{") + '"'


@lru_cache(512)
def label(value: str) -> str:
    """A name as an identifier: letters, digits and underscores of ASCII, not beginning with a digit."""
    name = re.sub(r"[^A-Za-z0-9]", "_", value)
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"


def filled(template: str, *, labels: Mapping[str, str] | None = None, **strings: str) -> str:
    """A constant ``template`` with ``%(name)s`` in it: each of ``strings`` becomes a literal, each of ``labels`` an identifier."""
    written = {name: string(value) for name, value in strings.items()}
    return template % (written | {name: label(value) for name, value in (labels or {}).items()})


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if is_visible(character):
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
