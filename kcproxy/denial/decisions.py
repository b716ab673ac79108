"""Which responses may be explained, by status code and request target."""

import re

from kcproxy.model import TargetKind

REFUSED = frozenset({401, 403})
OTHER_EXPLAINED = frozenset({400, 404, 405, 431, 500, 501})
"""Other status codes of refusals. Only some can be explained, and only with header fields."""
_EXPLAINED_KINDS = frozenset({TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN, TargetKind.TOKEN})
_MEANT_FOR_THE_API = re.compile(
    r"//|/+(?:auth|admin)/|/realms/[^/]+/protocol/openid-connect/token|/(?:realms/)?[^/]+/(?:users|clients|groups|roles)(?:/|$)"
)
"""Beginnings of paths that miss the Admin REST API: with /auth, with /admin twice or not at all, with a doubled slash."""


def may_be_explained(status: int, kind: TargetKind, raw_path: str = "") -> bool:
    """Whether a response of this status code may need an explanation: all refusals, and some errors of the Admin REST API."""
    if status in REFUSED:
        return True
    return status in OTHER_EXPLAINED and (kind in _EXPLAINED_KINDS or _MEANT_FOR_THE_API.match(raw_path) is not None)
