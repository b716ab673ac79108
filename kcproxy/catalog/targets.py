"""Request targets (RFC 9112, section 3.2): the exact bytes to forward, and the operation that these bytes name.

    raw target ─ refused? ─▶ origin form ─┬─▶ sent
                                          └─▶ catalog ─▶ target

Both paths through the proxy use this module, so the matched bytes and the sent bytes cannot differ. If a part of a target was left out, or
if it contains bytes beyond ASCII, it is ambiguous: it is sent, but never with an injected token.
"""

import re
from typing import TypeAlias

from msgspec.structs import replace

from kcproxy.catalog.catalog import Catalog
from kcproxy.errors import RequestRefused
from kcproxy.model import Target

PLAIN_OCTETS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~!$&'()*+,=:@.%/;?-"
"""Characters that RFC 3986 allows in paths and queries (sections 3.3 and 3.4). Nearly every target has only these."""

REFUSED_KIND = "target"
NOT_ASCII = "a control or non-ASCII character"
ABSOLUTE = "a target in absolute form"

_FORBIDDEN = re.compile(rb"[\x00-\x20\x7f#]")
_ABSOLUTE = re.compile(rb"https?://[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]+(?=[/?]|$)", re.IGNORECASE)
_ASTERISK = b"*"


JudgedTarget: TypeAlias = tuple[str, Target]
"""The target to forward, as text that represents bytes (UTF-8 with ``surrogateescape``), and what these bytes ask for."""


def judge(catalog: Catalog, method: str, raw: bytes, *, base_path: str = "", content_type: str | None = None) -> JudgedTarget:
    """The bytes to forward for a request target, and what they ask for.

    Raises RequestRefused (400, kind ``target``) if HTTP does not allow the target: a ``#``, a blank or a control character in it, user
    information, or a form that the method does not allow.
    """
    if raw.startswith(b"/") and not raw.translate(None, PLAIN_OCTETS):
        plain = raw.decode("ascii")
        return plain, catalog.target(method, plain, base_path=base_path, content_type=content_type)
    if _FORBIDDEN.search(raw):
        raise _refusal("holds a '#', a blank or a control character; write such characters percent-encoded (%23, %20)")
    sent = _origin_form(method, raw)
    target = catalog.target(method, sent, base_path=base_path, content_type=content_type)
    return sent, _doubted(target, raw)


def _origin_form(method: str, raw: bytes) -> str:
    """The target without scheme and authority, which name this proxy (RFC 9112, section 3.2.2)."""
    found = None if raw.startswith(b"/") else _ABSOLUTE.match(raw)
    if found is not None:
        raw = raw[found.end() :]
        if not raw:
            raw = _ASTERISK if method == "OPTIONS" else b"/"
        elif not raw.startswith(b"/"):
            raw = b"/" + raw
    if not raw.startswith(b"/") and (raw != _ASTERISK or method != "OPTIONS"):
        raise _refusal("is neither a path that begins with '/' nor a whole http or https URL without a user name")
    return raw.decode("utf-8", "surrogateescape")


def _doubted(target: Target, raw: bytes) -> Target:
    """The target. It is ambiguous if a part of it was left out, or if readers can read its bytes differently."""
    if target.ambiguous is not None:
        return target
    if not raw.isascii():
        return replace(target, ambiguous=NOT_ASCII)
    return target if raw.startswith((b"/", _ASTERISK)) else replace(target, ambiguous=ABSOLUTE)


def _refusal(what: str) -> RequestRefused:
    return RequestRefused(f"The request target {what} (RFC 9112, section 3.2).", reason=REFUSED_KIND)
