"""Terraform configuration: values as string literals (HCL native syntax specification, "Template Expressions" and "Quoted Literals")."""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256

from kcproxy.explain.fixes.unwritable import Unwritable, has_lone_surrogate
from kcproxy.visible import is_visible

_PLAIN = re.compile(r"[A-Za-z0-9 ._-]*\Z")
_PLAIN_NAMES = re.compile(r"[a-z0-9]+(?:[-\0][a-z0-9]+)*\Z")
"""Names, joined by U+0000, that their label gives back: no other such names have the same one."""
_NOT_IN_LABELS = re.compile(r"[^a-z0-9]")
_MAX_LABEL_CHARACTERS = 100
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
def label(*parts: str) -> str:
    """An identifier made of names: letters, digits and underscores of ASCII, not beginning with a digit, different for different names.

    A hyphen becomes an underscore, and two underscores stand between names. If anything else had to be replaced, or the result would be too
    long, a digest of the names follows.
    """
    joined = "\0".join(parts)
    if _PLAIN_NAMES.match(joined) and joined.count("\0") == len(parts) - 1:
        label, is_exact = joined.replace("\0", "__").replace("-", "_"), True
    else:
        label, is_exact = "__".join([_NOT_IN_LABELS.sub("_", part.lower()) for part in parts]), False
    if not is_exact or len(label) > _MAX_LABEL_CHARACTERS:
        digest = sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()
        label = f"{label[:_MAX_LABEL_CHARACTERS]}_{digest[:8]}"
    return label if label[:1].isalpha() or label[:1] == "_" else f"_{label}"


def filled(template: str, *, labels: Mapping[str, str] | None = None, **strings: str) -> str:
    """A constant ``template`` with ``%(name)s`` in it: each of ``strings`` becomes a literal, each of ``labels`` is an identifier that ``label`` made."""
    written = dict(labels) if labels else {}
    for value in written.values():
        if not (value.isascii() and value.isidentifier()):
            raise TypeError("a label that is no identifier: make it with label()")
    for name, value in strings.items():
        written[name] = string(value)
    return template % written


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if is_visible(character):
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
