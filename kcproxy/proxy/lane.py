"""The quick lane: plain requests whose way is free go to Keycloak at once, without a task, a future or a parser.

    whole request, plain first line, known block ─▶ target ─▶ token in the cache ─▶ place free ─▶ idle connection ─▶ sent

Whatever is missing, the request takes the ordinary way, untouched: nothing is decided here that is not decided there, and nothing refused.
"""

import logging
import re

from aiohttp.http import RawRequestMessage

from kcproxy.catalog.targets import judge
from kcproxy.errors import RequestRefused
from kcproxy.proxy.blocks import FIRST_LINE, Block, block_of, fields_of
from kcproxy.proxy.crossing import Crossing
from kcproxy.proxy.header_blocks import HeaderBlocks, is_ordinary
from kcproxy.proxy.protocol import ProxyProtocol
from kcproxy.proxy.service import ProxyService

log = logging.getLogger("kcproxy.proxy")


class Lane:
    """The lane of one service. ``plane`` is asked for each request, for a reload replaces it."""

    def __init__(self, service: ProxyService) -> None:
        """Ready."""
        self._service = service
        self.blocks = HeaderBlocks()

    def learn(self, wire: bytes, message: RawRequestMessage) -> Block | None:
        """The block of a whole request that the parser has read; None where requests of this kind take the ordinary way."""
        plane = self._service.plane
        if plane.pool is None:
            return None
        fields = fields_of(wire, plane.settings.limits.max_header_bytes)
        if fields is None or not is_ordinary(len(fields), len(message.raw_headers)):
            return None
        known = self.blocks.find(fields, plane)
        if known is not None:
            return known
        block = block_of(fields, message, plane)
        return block if block is not None and self.blocks.keep(block) else None

    def cross(self, protocol: ProxyProtocol, block: Block, wire: bytes) -> Crossing | None:
        """Send the request on, if it has this block and its way is free; None, and nothing done, where it has to take the ordinary way."""
        service = self._service
        plane = service.plane
        line = FIRST_LINE.match(wire)
        if block.plane is not plane or line is None or service.draining:
            return None
        end = line.end()
        body_at = end + len(block.wire)
        if end > block.max_line_bytes or body_at + block.body_bytes != len(wire) or not wire.startswith(block.wire, end):
            return None
        try:
            crossing = _prepared(service, protocol, block, wire, line)
        except Exception:
            log.exception("a request could not take the lane")
            return None
        if crossing is None:
            return None
        held = crossing.held
        head = (
            wire[:end] + (block.own or block.own_made())
            if held is None
            else wire[:end] + (block.bare or block.bare_made(plane)) + held.line
        )
        return crossing if _sent(service, crossing, head + wire[body_at:] if block.body_bytes else head) else None


def _prepared(service: ProxyService, protocol: ProxyProtocol, block: Block, wire: bytes, line: re.Match[bytes]) -> Crossing | None:
    """The request with the token that goes along; None where that takes time, or is to be refused. The block is the present plane's."""
    plane = service.plane
    crossing = Crossing(service, protocol, plane, wire, block.head)
    method, received = line.groups()
    raw, target = judge(plane.catalog, method.decode(), received, base_path=plane.base_path, content_type=block.content_type)
    crossing.raw_target, crossing.target = raw, target
    crossing.received_bytes = block.body_bytes
    crossing.arrived_at = now = plane.token_clock()
    account = block.account(plane, target, raw)
    if account is None:
        return crossing
    if block.admits is None:
        try:
            crossing.admitted = plane.admission.check_at_once(target, block.head)
        except RequestRefused:
            return None
    held = plane.tokens.at_once(account, now) if block.admits is not False else None
    if held is None:
        return None
    crossing.account = account
    crossing.held = held
    crossing.token = held.token
    return crossing


def _sent(service: ProxyService, crossing: Crossing, data: bytes) -> bool:
    plane = crossing.plane
    if plane.pool is None or not service.gate.enter_at_once():
        return False
    connection = None
    if not plane.admission.verifies or service.unknown_callers.enter_at_once(plane, crossing):
        crossing.sent_at = plane.clock()
        connection = plane.pool.begin(crossing.target.method, data, crossing)
    if connection is None:
        service.gate.leave()
        service.unknown_callers.leave(crossing)
        return False
    crossing.connection = connection
    service.began(plane)
    if crossing.account is not None:
        plane.tokens.taken(crossing.account)
    return True
