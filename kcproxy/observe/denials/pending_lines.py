"""The lines of a pending file: denials and ends of kinds that wait for the history, and the keys of those that the history contains.

    line = CRC-32 of the rest (8 hexadecimal digits), space, a JSON array, line break
    ["denial", id, at, fingerprint, verified, instance, why, document]   ["end", fingerprint, at]   ["written", [key, …]]

A line whose checksum is wrong is damaged: a killed process has written half of it, or the disk has changed it.
"""

import zlib
from collections.abc import Iterable, Iterator

import msgspec

from kcproxy.observe.denials.records import Resolution, Stored

Item = Stored | Resolution


class _DenialLine(msgspec.Struct, frozen=True, array_like=True, tag="denial"):
    id: str
    at: float
    group: str
    verified: bool
    instance: str
    why: str
    document: msgspec.Raw


class _EndLine(msgspec.Struct, frozen=True, array_like=True, tag="end"):
    group: str
    at: float


class _WrittenLine(msgspec.Struct, frozen=True, array_like=True, tag="written"):
    keys: list[str]


class Unwritten(msgspec.Struct, frozen=True, kw_only=True):
    """What a pending file contains: items that the history may not have, in the order of their lines, and the number of damaged lines."""

    items: tuple[Item, ...]
    damaged: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_DenialLine | _EndLine | _WrittenLine).decode


def key_of(item: Item) -> str:
    """What tells items of a file apart: the id of a denial."""
    return item.id if isinstance(item, Stored) else f"{item.group} {item.at!r}"


def line_of(item: Item, instance: str) -> bytes:
    """The line of an item. ``instance``: the one that stores it, if the item does not say."""
    if isinstance(item, Stored):
        return _line(
            _DenialLine(item.id, item.at, item.group, item.verified, item.instance or instance, item.why, msgspec.Raw(item.document))
        )
    return _line(_EndLine(item.group, item.at))


def written_line(keys: Iterable[str]) -> bytes:
    """The line that says that the history contains these items."""
    return _line(_WrittenLine(list(keys)))


def _line(value: msgspec.Struct) -> bytes:
    text = _encode(value)
    return b"%08x %b\n" % (zlib.crc32(text), text)


def unwritten(data: bytes) -> Unwritten:
    """What the lines of a file say. An item that is there several times counts once."""
    found: dict[str, Item] = {}
    damaged = 0
    for line in _lines(data):
        value = _value(line)
        if value is None:
            damaged += 1
        elif isinstance(value, _WrittenLine):
            for key in value.keys:
                found.pop(key, None)
        else:
            item = _item(value)
            found[key_of(item)] = item
    return Unwritten(items=tuple(found.values()), damaged=damaged)


def _lines(data: bytes) -> Iterator[bytes]:
    """Complete and incomplete lines. Empty ones end a line that a full disk has cut off, and say nothing."""
    return (line for line in data.split(b"\n") if line)


def _value(line: bytes) -> _DenialLine | _EndLine | _WrittenLine | None:
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        found: _DenialLine | _EndLine | _WrittenLine = _decode(text)
    except (msgspec.DecodeError, RecursionError):  # of another version
        return None
    return found


def _item(line: _DenialLine | _EndLine) -> Item:
    if isinstance(line, _EndLine):
        return Resolution(group=line.group, at=line.at)
    return Stored(
        id=line.id,
        at=line.at,
        group=line.group,
        verified=line.verified,
        instance=line.instance,
        why=line.why,
        document=bytes(line.document),
    )
