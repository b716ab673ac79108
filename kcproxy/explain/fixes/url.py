"""Values in URLs, percent-encoded (RFC 3986, section 2.1)."""

import re
from urllib.parse import quote

from kcproxy.explain.fixes.unwritable import Unwritable, has_lone_surrogate

_WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~%!$&'()*+,;=:@/?#\[\]-]+\Z")
"""What may be the beginning of a link: a web address, in the characters of a URL alone."""
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+\Z")
_DOT_SEGMENTS = frozenset({"", ".", ".."})


def segment(value: str) -> str:
    """A value as one segment of a path, of unreserved characters and percent-escapes only.

    Unwritable for ``.`` and ``..``, which clients and servers resolve however they are encoded (RFC 3986, section 5.2.4), for the empty
    segment, and for lone surrogates.
    """
    if value in _DOT_SEGMENTS:
        raise Unwritable(f"{value!r} cannot be one segment of a path")
    if _UNRESERVED.match(value):
        return value
    if has_lone_surrogate(value):
        raise Unwritable("half a character cannot stand in a URL")
    return quote(value, safe="")


def link(base: str | None, *segments: str) -> str | None:
    """``base`` and segments after it, as a link for people; None without a base, with one that is no web address, or where a value cannot be written."""
    return None if base is None or not _WEB_ADDRESS.match(base) else below(base.rstrip("/"), *segments)


def below(base: str, *segments: str) -> str | None:
    """The same below what is known to be the beginning of a link."""
    try:
        return "/".join((base, *map(segment, segments)))
    except Unwritable:
        return None
