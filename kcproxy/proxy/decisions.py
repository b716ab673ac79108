"""What is decided about a request and its response, once, for the fast path and the general one. Pure: no socket, no clock, no waiting."""

import re
from enum import Enum, auto

from kcproxy.errors import RequestRefused
from kcproxy.http1.request_parser import RequestHead
from kcproxy.model import Target, TargetKind

REFUSED = frozenset({401, 403})
_OTHER_EXPLAINED = frozenset({400, 404, 405, 431, 500, 501})
"""Refusals in other words, of which only some can be explained, and those by headers alone."""
_EXPLAINED_KINDS = frozenset({TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN, TargetKind.TOKEN})
_MEANT_FOR_THE_API = re.compile(
    r"//|/+(?:auth|admin)/|/realms/[^/]+/protocol/openid-connect/token|/(?:realms/)?[^/]+/(?:users|clients|groups|roles)(?:/|$)"
)
"""How paths begin that were meant for the Admin REST API and missed it: /auth before it, /admin twice or not at all, a doubled slash."""


class Treatment(Enum):
    """What a response needs before it is written."""

    PASS = auto()
    EXPLAIN = auto()  # a refusal, or a miss that may be explained
    LOOK = auto()  # a success that may be reduced, or whose operation was refused before


def refuse_other_protocols(head: RequestHead, upgrade: bytes | None) -> None:
    """Tunnels and WebSocket are not HTTP any more; every other offer to upgrade may be ignored (RFC 9110, section 7.8).

    Raises RequestRefused.
    """
    if head.method == "CONNECT":
        raise RequestRefused("This is a reverse proxy; it opens no tunnels (CONNECT).", status=501, reason="tunnel")
    if upgrade is not None and b"websocket" in upgrade.lower():
        raise RequestRefused("WebSocket is not supported; Keycloak's APIs do not use it.", status=501, reason="upgrade")


def may_be_explained(status: int, kind: TargetKind, raw_path: str = "") -> bool:
    """Whether a response is looked at. A 2xx or a redirect never is; of the rest of Keycloak only refusals, and misses of the admin API."""
    if status in REFUSED:
        return True
    return status in _OTHER_EXPLAINED and (kind in _EXPLAINED_KINDS or _MEANT_FOR_THE_API.match(raw_path) is not None)


def treatment_of(status: int, target: Target, *, explained: bool, concerns: bool) -> Treatment:
    """What a response of this status needs.

    ``explained``: whether refusals are explained at all. ``concerns``: whether a success of this target is looked at.
    """
    if status >= 400:
        needs = status in REFUSED or (explained and may_be_explained(status, target.kind, target.raw_path))
        return Treatment.EXPLAIN if needs else Treatment.PASS
    return Treatment.LOOK if status < 300 and concerns else Treatment.PASS
