"""Decisions about requests and responses, for the fast path and the general path alike. Pure: no socket, no clock, no waiting."""

import re
from enum import Enum, auto

from kcproxy.errors import RequestRefused
from kcproxy.http1.request_parser import RequestHead
from kcproxy.model import Target, TargetKind

REFUSED = frozenset({401, 403})
_OTHER_EXPLAINED = frozenset({400, 404, 405, 431, 500, 501})
"""Other status codes of refusals. Only some can be explained, and only with header fields."""
_EXPLAINED_KINDS = frozenset({TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN, TargetKind.TOKEN})
_MEANT_FOR_THE_API = re.compile(
    r"//|/+(?:auth|admin)/|/realms/[^/]+/protocol/openid-connect/token|/(?:realms/)?[^/]+/(?:users|clients|groups|roles)(?:/|$)"
)
"""Beginnings of paths that miss the Admin REST API: with /auth, with /admin twice or not at all, with a doubled slash."""


class Treatment(Enum):
    """What a response needs before it is written."""

    PASS = auto()
    EXPLAIN = auto()  # a refusal, or another error that may be explained
    INSPECT = auto()  # a success that may be reduced, or whose operation was refused before


PASS, INSPECT = Treatment.PASS, Treatment.INSPECT
"""For the fast path: the lookup of an enum's member takes ten times as long as that of a name."""


def refuse_other_protocols(head: RequestHead, upgrade: bytes | None) -> None:
    """Raises RequestRefused for tunnels and WebSocket. Other offers to upgrade may be ignored (RFC 9110, section 7.8)."""
    if head.method == "CONNECT":
        raise RequestRefused("This is a reverse proxy; it opens no tunnels (CONNECT).", status=501, reason="tunnel")
    if upgrade is not None and b"websocket" in upgrade.lower():
        raise RequestRefused("WebSocket is not supported; Keycloak's APIs do not use it.", status=501, reason="upgrade")


def may_be_explained(status: int, kind: TargetKind, raw_path: str = "") -> bool:
    """Whether a response of this status code may need an explanation: all refusals, and some errors of the Admin REST API."""
    if status in REFUSED:
        return True
    return status in _OTHER_EXPLAINED and (kind in _EXPLAINED_KINDS or _MEANT_FOR_THE_API.match(raw_path) is not None)


def treatment_of_error(status: int, target: Target, *, explained: bool) -> Treatment:
    """What a response with a status code of 300 or more needs. ``explained``: whether refusals are explained at all."""
    needs = status in REFUSED or (explained and may_be_explained(status, target.kind, target.raw_path))
    return Treatment.EXPLAIN if needs else Treatment.PASS
