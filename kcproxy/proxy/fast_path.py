"""The quick lane: plain requests whose way is free go to Keycloak at once, without a task, a future or a parser.

    whole request, plain first line, known block ─▶ target ─▶ token in the cache ─▶ place free ─▶ idle connection ─▶ sent

Whatever is missing, the request takes the ordinary way, untouched: nothing is decided here that is not decided there, and nothing refused.
"""

import logging
import re

from aiohttp.http import RawRequestMessage

from kcproxy.catalog.targets import judge
from kcproxy.errors import RequestRefused
from kcproxy.proxy.fast_exchange import FastExchange
from kcproxy.proxy.handler import RequestHandler
from kcproxy.proxy.header_block import FIRST_LINE, HeaderBlock, fields_of, header_block_of
from kcproxy.proxy.header_block_cache import HeaderBlockCache, is_ordinary
from kcproxy.server.connection import ProxyProtocol

log = logging.getLogger("kcproxy.proxy")


class FastPath:
    """The lane of one service. ``plane`` is asked for each request, for a reload replaces it."""

    def __init__(self, service: RequestHandler) -> None:
        """Ready."""
        self._service = service
        self.blocks = HeaderBlockCache()

    def learn(self, wire: bytes, message: RawRequestMessage) -> HeaderBlock | None:
        """The block of a whole request that the parser has read; None where requests of this kind take the ordinary way."""
        runtime = self._service.runtime
        if runtime.pool is None:
            return None
        fields = fields_of(wire, runtime.settings.limits.max_header_bytes)
        if fields is None or not is_ordinary(len(fields), len(message.raw_headers)):
            return None
        known = self.blocks.find(fields, runtime)
        if known is not None:
            return known
        block = header_block_of(fields, message, runtime)
        return block if block is not None and self.blocks.keep(block) else None

    def cross(self, protocol: ProxyProtocol, block: HeaderBlock, wire: bytes) -> FastExchange | None:
        """Send the request on, if it has this block and its way is free; None, and nothing done, where it has to take the ordinary way."""
        service = self._service
        runtime = service.runtime
        line = FIRST_LINE.match(wire)
        if block.runtime is not runtime or line is None or service.draining:
            return None
        end = line.end()
        body_at = end + len(block.wire)
        if end > block.max_line_bytes or body_at + block.body_bytes != len(wire) or not wire.startswith(block.wire, end):
            return None
        try:
            fast_exchange = _prepared(service, protocol, block, wire, line)
        except Exception:
            log.exception("a request could not take the lane")
            return None
        if fast_exchange is None:
            return None
        held = fast_exchange.held
        head = (
            wire[:end] + (block.own or block.own_made())
            if held is None
            else wire[:end] + (block.bare or block.bare_made(runtime)) + held.line
        )
        return fast_exchange if _sent(service, fast_exchange, head + wire[body_at:] if block.body_bytes else head) else None


def _prepared(
    service: RequestHandler, protocol: ProxyProtocol, block: HeaderBlock, wire: bytes, line: re.Match[bytes]
) -> FastExchange | None:
    """The request with the token that goes along; None where that takes time, or is to be refused. The block is the present plane's."""
    runtime = service.runtime
    fast_exchange = FastExchange(service, protocol, runtime, wire, block.head)
    method, received = line.groups()
    raw, target = judge(runtime.catalog, method.decode(), received, base_path=runtime.base_path, content_type=block.content_type)
    fast_exchange.raw_target = raw
    fast_exchange.target = target
    fast_exchange.received_bytes = block.body_bytes
    fast_exchange.arrived_at = now = runtime.token_clock()
    account = block.account(runtime, target, raw)
    if account is None:
        return fast_exchange
    if block.admits is None:
        try:
            fast_exchange.admitted = runtime.admission.check_at_once(target, block.head)
        except RequestRefused:
            return None
    held = runtime.tokens.at_once(account, now) if block.admits is not False else None
    if held is None:
        return None
    fast_exchange.account = account
    fast_exchange.held = held
    fast_exchange.token = held.token
    return fast_exchange


def _sent(service: RequestHandler, fast_exchange: FastExchange, data: bytes) -> bool:
    runtime = fast_exchange.runtime
    if runtime.pool is None or not service.gate.enter_at_once():
        return False
    connection = None
    if not runtime.admission.verifies or service.unverified_callers.enter_at_once(runtime, fast_exchange):
        fast_exchange.sent_at = runtime.clock()
        connection = runtime.pool.begin(fast_exchange.target.method, data, fast_exchange)
    if connection is None:
        service.gate.leave()
        service.unverified_callers.leave(fast_exchange)
        return False
    fast_exchange.connection = connection
    service.began(runtime)
    if fast_exchange.account is not None:
        runtime.tokens.taken(fast_exchange.account)
    return True
