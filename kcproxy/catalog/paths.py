"""Reads raw request paths: splits first, and decodes each segment on a copy.

A decoded path is never forwarded and never decides what is forwarded. It only serves to find the operation. Paths that two
readers could read differently are reported, so that no token is ever added to them (RFC 3986, sections 2.1, 3.3, 5.2.4).
"""

import re
from urllib.parse import unquote_to_bytes

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_END_OF_PATH = re.compile("[?#]")
_DOTS = frozenset({".", ".."})


def path_of(raw_target: str) -> str:
    """The path of a request target in origin form: everything before the first ``?`` (RFC 9112, section 3.2.1). Nothing else is left out."""
    return raw_target.partition("?")[0]


def ambiguity(raw_path: str) -> str | None:
    """The reason why two readers could read the path differently; None if they cannot. One trailing slash is allowed."""
    return None if _PLAIN.fullmatch(raw_path) else _name_ambiguity(raw_path)


_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9_~!$&'()*+,=:@.-]*+)++/?")
"""Simple paths: segments of pchar (RFC 3986, section 3.3) without escapes and semicolons, none of which begins with a dot."""


def plain_segments(raw_path: str) -> list[str] | None:
    """The segments of a simple path, as ``segments_of`` returns them; None for all other paths."""
    if _PLAIN.fullmatch(raw_path) is None:
        return None
    parts = raw_path.split("/")
    del parts[0]
    if not parts[-1]:
        parts.pop()
    return parts


def _name_ambiguity(raw_path: str) -> str | None:
    if not raw_path.startswith("/"):
        return "a path that does not begin with a slash"
    if _BAD_ESCAPE.search(raw_path):
        return "a broken percent escape"
    segments = raw_path[1:].split("/")
    for position, segment in enumerate(segments):
        reason = _segment_ambiguity(segment, last=position == len(segments) - 1)
        if reason:
            return reason
    return None


def _segment_ambiguity(segment: str, *, last: bool) -> str | None:
    decoded = decode(segment)
    if decoded is None:
        return "an escape that is not UTF-8"
    readings = _readings(decoded)
    shapes = {
        "an empty segment": not segment and not last,
        "a dot segment": any(part in _DOTS for reading in readings for part in reading.split("/")),
        "a path parameter (;)": ";" in segment,
        "a backslash": any("\\" in reading for reading in readings),
        "escapes within escapes": decode(decoded) != decoded,
        "a control or non-ASCII character": any(_CONTROL.search(reading) for reading in readings) or not segment.isascii(),
    }
    return next((name for name, found in shapes.items() if found), None)


_MOST_READINGS = 3


def _readings(decoded: str) -> list[str]:
    """The path as seen by readers that decode once, twice, and so on. One element more than the maximum means that there is no end."""
    readings = [decoded]
    while len(readings) <= _MOST_READINGS:
        following = decode(readings[-1])
        if following is None or following == readings[-1]:
            break
        readings.append(following)
    return readings


def decoded_before_split(raw_path: str) -> list[str] | None:
    """The segments as seen by readers that decode a path *before* they split it, as gateways do and Keycloak does not; None if it is not UTF-8.

    Such a reader can treat a decoded ``?`` or ``#`` as the end of the path, a decoded ``;`` as the beginning of a path parameter, and two
    slashes as one.
    """
    decoded = decode(raw_path)
    if decoded is None:
        return None
    path = _END_OF_PATH.split(decoded, maxsplit=1)[0]
    return [segment for segment in (part.partition(";")[0] for part in path.split("/")) if segment]


def decode(segment: str) -> str | None:
    """One segment with its percent escapes resolved once; None if that is not UTF-8. ``%2F`` becomes a slash inside the segment."""
    if "%" not in segment:
        return segment
    try:
        return unquote_to_bytes(segment.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        return None


def segments_of(raw_path: str, base_path: str = "") -> list[str] | None:
    """The decoded segments below the base path, one trailing slash dropped; None outside of it, without a first slash, or if an escape is not UTF-8."""
    if base_path:
        if not raw_path.startswith(base_path) or raw_path[len(base_path) : len(base_path) + 1] not in {"/", ""}:
            return None
        raw_path = raw_path[len(base_path) :]
    if raw_path and not raw_path.startswith("/"):
        return None
    parts = raw_path[1:].split("/")
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    if "%" not in raw_path:
        return parts
    decoded = [decode(part) for part in parts]
    return None if None in decoded else [part for part in decoded if part is not None]
