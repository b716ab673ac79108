"""The quick lane: plain requests whose way is free go to Keycloak at once, without a task, a future or a parser.

    whole request, plain first line, known block ─▶ target ─▶ token in the cache ─▶ place free ─▶ idle connection ─▶ sent

Whatever is missing, the request takes the ordinary way, untouched: nothing is decided here that is not decided there, and nothing refused.
"""

import logging
import re

from aiohttp.http import RawRequestMessage

from kcproxy.errors import RequestRefused
from kcproxy.proxy.blocks import FIRST_LINE, Block, block_of
from kcproxy.proxy.crossing import Crossing
from kcproxy.proxy.forward import Plane
from kcproxy.proxy.protocol import ProxyProtocol
from kcproxy.proxy.service import ProxyService

log = logging.getLogger("kcproxy.proxy")


class Lane:
    """The lane of one service. ``plane`` is asked for each request, for a reload replaces it."""

    def __init__(self, service: ProxyService) -> None:
        """Ready."""
        self._service = service

    def learn(self, wire: bytes, message: RawRequestMessage) -> Block | None:
        """The block of a whole request that the parser has read; None where requests of this kind take the ordinary way."""
        plane = self._service.plane
        return None if plane.pool is None else block_of(wire, message, plane)

    def cross(self, protocol: ProxyProtocol, block: Block, wire: bytes) -> Crossing | None:
        """Send the request on, if it has this block and its way is free; None, and nothing done, where it has to take the ordinary way."""
        service = self._service
        plane = service.plane
        line = FIRST_LINE.match(wire)
        if line is None or block.plane is not plane or service.draining:
            return None
        end = line.end()
        body_at = end + len(block.wire)
        if body_at + block.body_bytes != len(wire) or not wire.startswith(block.wire, end):
            return None
        try:
            crossing = self._prepared(protocol, block, plane, wire, line)
        except Exception:
            log.exception("a request could not take the lane")
            return None
        if crossing is None:
            return None
        data = [wire[:end], block.own] if crossing.held is None else [wire[:end], block.bare, crossing.held.line]
        if block.body_bytes:
            data.append(wire[body_at:])
        return crossing if self._sent(crossing, plane, b"".join(data)) else None

    def _prepared(self, protocol: ProxyProtocol, block: Block, plane: Plane, wire: bytes, line: re.Match[bytes]) -> Crossing | None:
        """The request with whoever's token goes along; None where that takes time, or is to be refused."""
        started_at = plane.clock()
        method, raw_target = line[1].decode(), line[2].decode()
        head = block.head
        target = plane.catalog.target(method, raw_target, base_path=plane.base_path, content_type=head.text(b"content-type"))
        crossing = Crossing(self._service, protocol, plane, wire, target=target, raw_target=raw_target, head=head, started_at=started_at)
        crossing.received_bytes = block.body_bytes
        return crossing if _authorized(crossing, plane) else None

    def _sent(self, crossing: Crossing, plane: Plane, data: bytes) -> bool:
        service = self._service
        if plane.pool is None or not service.enter_at_once():
            return False
        crossing.sent_at = plane.clock()
        connection = plane.pool.begin(crossing.target.method, data, crossing)
        if connection is None:
            service.leave()
            return False
        crossing.connection = connection
        service.began(plane)
        if crossing.account is not None:
            plane.tokens.taken(crossing.account)
        return True


def _authorized(crossing: Crossing, plane: Plane) -> bool:
    """Whose token goes along; False where that takes time, or is to be refused."""
    crossing.arrived_at = now = plane.token_clock()
    account = plane.account(crossing.target, crossing.head, crossing.raw_target)
    if account is None:
        return True
    admission = plane.admission
    if admission.issuers is not None:
        return False
    try:
        if not admission.open:
            crossing.admitted = admission.check_at_once(crossing.target, crossing.head)
    except RequestRefused:
        return False
    held = plane.tokens.at_once(account, now)
    if held is None:
        return False
    crossing.account = account
    crossing.held = held
    crossing.token = held.token
    return True
