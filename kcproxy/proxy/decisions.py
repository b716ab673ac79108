"""Decisions about requests and responses, for the fast path and the general path alike. Pure: no socket, no clock, no waiting."""

from enum import Enum, auto

from kcproxy.denial.decisions import REFUSED, may_be_explained
from kcproxy.errors import RequestRefused
from kcproxy.http1.request_parser import RequestHead
from kcproxy.model import Target


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


def treatment_of_error(status: int, target: Target, *, explained: bool) -> Treatment:
    """What a response with a status code of 300 or more needs. ``explained``: whether refusals are explained at all."""
    needs = status in REFUSED or (explained and may_be_explained(status, target.kind, target.raw_path))
    return Treatment.EXPLAIN if needs else Treatment.PASS
