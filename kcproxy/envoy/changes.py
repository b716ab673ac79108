"""What Envoy has to change in a response so that it becomes the explained one. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.headers import ResponseFields

_FRAMING = frozenset({b"content-length", b"connection", b"keep-alive", b"transfer-encoding"})
"""Envoy frames messages itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """``set``: fields that replace all of their name. ``added``: further lines of such a name. ``removed``: names, in lower case.

    ``body``: the new body; None if it stays.
    """

    set: tuple[tuple[bytes, bytes], ...] = ()
    added: tuple[tuple[bytes, bytes], ...] = ()
    removed: tuple[bytes, ...] = ()
    body: bytes | None = field(default=None, repr=False)


def changes_between(before: RawHeaders, after: ResponseFields, *, old_body: bytes, new_body: bytes) -> Changes:
    """The changes that turn one response into the other. Fields that frame a message are left out."""
    old, new = _by_name(before), _by_name(_parsed(after.lines))
    changed = {name: values for name, values in new.items() if [value for _, value in values] != [value for _, value in old.get(name, [])]}
    return Changes(
        set=tuple(values[0] for values in changed.values()),
        added=tuple(line for values in changed.values() for line in values[1:]),
        removed=tuple(name for name in old if name not in new),
        body=None if new_body == old_body else new_body,
    )


def _parsed(lines: Iterable[bytes]) -> Iterable[tuple[bytes, bytes]]:
    for line in lines:
        name, _, value = line.removesuffix(b"\r\n").partition(b": ")
        yield name, value


def _by_name(fields: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[tuple[bytes, bytes]]]:
    found: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for name, value in fields:
        lower = name.lower()
        if lower not in _FRAMING:
            found.setdefault(lower, []).append((name, value))
    return found
