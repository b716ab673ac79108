"""The fast path: a request for which nothing has to be waited for is sent from the callback that read it, and answered from the callback
that reads the response, without a task, a future or a parser.

    whole request, known header block ─▶ target ─▶ token in the cache ─▶ slot free ─▶ idle connection ─▶ sent
        └──────────── anything is missing: nothing is done, the general path takes it ──────────────────┘
    sent ─▶ whole response, nothing to say about it ─▶ written, ended
      └──▶ refusal, large or in pieces, failed ─▶ ``RequestHandler.resume``: the general path goes on from the response that has begun
      └──▶ client gone: a read is given up; a write comes to its end

All that is decided here is decided by the functions that the general path uses; only the waiting is different.
"""

import logging
import re

from kcproxy.catalog.targets import judge
from kcproxy.errors import KcproxyError, RequestRefused, UpstreamError
from kcproxy.http1.headers import ResponseFields, read_response
from kcproxy.http1.request_parser import RequestHead
from kcproxy.http1.response_head import response_head
from kcproxy.http1.response_head_cache import CachedHead
from kcproxy.proxy.decisions import Treatment
from kcproxy.proxy.header_block import REQUEST_LINE, HeaderBlock, block_bytes_of, header_block_of
from kcproxy.proxy.header_block_cache import HeaderBlockCache, is_ordinary
from kcproxy.proxy.served_exchange import Pipeline, ServedExchange
from kcproxy.server.connection import InboundConnection
from kcproxy.server.request_body import BUFFER_BYTES, RequestBody
from kcproxy.upstream.connection import Connection
from kcproxy.upstream.response import PooledResponse

log = logging.getLogger("kcproxy.proxy")


class FastPath:
    """The fast path of one handler. The handler's ``runtime`` is read for each request, for a reload replaces it."""

    def __init__(self, handler: Pipeline) -> None:
        """Sends nothing yet."""
        self._handler = handler
        self.header_blocks = HeaderBlockCache()

    def learn_and_send(self, connection: InboundConnection, request: RequestHead) -> "FastExchange | None":
        """Keep the header block of a request that came as a whole, and send it, as ``send_known`` does."""
        connection.header_block = block = None if connection.last else self._learn(request)
        return None if block is None else self._send(connection, block, request.wire)

    def _learn(self, request: RequestHead) -> HeaderBlock | None:
        """The cached header block of a request, or a new one; None where requests of this kind take the general path."""
        block_bytes = block_bytes_of(request)
        if block_bytes is None or not is_ordinary(len(block_bytes), len(request.fields)):
            return None
        runtime = self._handler.runtime
        known = self.header_blocks.find(block_bytes, runtime)
        if known is not None:
            return known
        block = header_block_of(block_bytes, request, runtime)
        return block if block is not None and self.header_blocks.keep(block) else None

    def send_known(self, connection: InboundConnection, data: bytes) -> "FastExchange | None":
        """Send a request, if it has the known header block and nothing has to be waited for; None, and nothing done, otherwise."""
        block: HeaderBlock = connection.header_block
        return self._send(connection, block, data)

    def _send(self, connection: InboundConnection, block: HeaderBlock, data: bytes) -> "FastExchange | None":
        handler = self._handler
        runtime = handler.runtime
        line = REQUEST_LINE.match(data)
        if block.runtime is not runtime or line is None or handler.draining:
            return None
        end = line.end()
        body_at = end + len(block.wire)
        if end > block.max_line_bytes or body_at + block.body_bytes != len(data) or not data.startswith(block.wire, end):
            return None
        try:
            exchange = _prepared(handler, connection, block, line)
        except Exception:
            log.exception("a request could not take the fast path")
            return None
        if exchange is None:
            return None
        held = exchange.held
        if held is None:
            head = data[:end] + (block.own or block.make_own())
        else:
            head = data[:end] + (block.bare or block.make_bare(runtime)) + held.line
        if not block.body_bytes:
            return exchange if _sent(handler, exchange, head) else None
        exchange.body = RequestBody.buffered(data[body_at:])
        return exchange if _sent(handler, exchange, head + data[body_at:]) else None


def _prepared(handler: Pipeline, connection: InboundConnection, block: HeaderBlock, line: re.Match[bytes]) -> "FastExchange | None":
    """The request, with the token that goes with it; None if that has to be waited for, or the request is to be refused."""
    runtime = handler.runtime
    method, received = line.groups()
    raw, target = judge(runtime.catalog, method.decode(), received, base_path=runtime.base_path, content_type=block.content_type)
    exchange = FastExchange(handler, connection, runtime, target=target, raw_target=raw, head=block.head)
    account = block.account(runtime, target, raw)
    if account is None:
        return exchange
    if block.admits is None:
        try:
            exchange.admitted = runtime.admission.check_at_once(target, block.head)
        except RequestRefused:
            return None
    exchange.arrived_at = now = runtime.token_clock()
    held = runtime.tokens.at_once(account, now) if block.admits is not False else None
    if held is None:
        return None
    exchange.account = account
    exchange.held = held
    exchange.token = held.token
    return exchange


def _sent(handler: Pipeline, exchange: "FastExchange", data: bytes) -> bool:
    runtime = exchange.runtime
    if not handler.limit.try_acquire():
        return False
    connection = None
    if not runtime.admission.verifies or handler.unverified_callers.try_acquire(runtime, exchange):
        exchange.sent_at = runtime.clock()
        connection = runtime.upstream.begin(exchange.target.method, data, exchange)
    if connection is None:
        handler.limit.release()
        handler.unverified_callers.release(exchange)
        return False
    exchange.has_slot = True
    exchange.upstream_connection = connection
    handler.started(exchange)
    if exchange.account is not None:
        runtime.tokens.taken(exchange.account)
    return True


class FastExchange(ServedExchange):
    """An exchange on the fast path. It receives its own response."""

    upstream_connection: Connection | None = None
    sent_at = 0.0

    # called by the connection to Keycloak

    def accepts(self, known: CachedHead) -> bool:
        """Whether a whole response with this head is written as it is: nothing to be explained, announced or closed."""
        return not self.pipeline.draining and self.connection.transport is not None and self.treatment(known.status) is Treatment.PASS

    def pass_on(self, known: CachedHead, data: bytes) -> None:
        """Write a whole response whose head is known.

        The head is kept as written. It may be, because no head with a Location is ever kept (``ResponseHeadCache.learn``).
        """
        try:
            self.upstream_seconds = self.runtime.clock() - self.sent_at
            head = known.rendered
            if head is None:
                fields = read_response(known.headers, self.runtime.forwarding.upstream_origin, None)
                head = known.rendered = response_head(known.status, known.reason, fields.lines)
            self._write(known.status, head + data[known.head_bytes :], known.whole_bytes - known.head_bytes)
        except Exception:
            log.exception("a request could not be served")
            self._broken()

    def take(self, answer: PooledResponse) -> None:
        """Any other response: write it if it is complete and needs nothing, otherwise the general path goes on with it."""
        try:
            self.upstream_seconds = self.runtime.clock() - self.sent_at
            if self.connection.transport is None:
                self._orphaned(answer)
            elif not self._written(answer):
                self.upstream_connection = None
                self.begun = answer
                self.pipeline.resume(self)
        except Exception:
            log.exception("a request could not be served")
            answer.release()
            self._broken()

    # called by the client's connection

    def client_disconnected(self) -> None:
        """The client's connection is gone: a read is given up; a write comes to its end, for stopping half-way helps nobody."""
        if self.upstream_connection is None:
            super().client_disconnected()
        elif self.is_read:
            self.upstream_seconds = self.runtime.clock() - self.sent_at
            self.upstream_connection.abandon()
            self._end()

    # inside

    def _written(self, response: PooledResponse) -> bool:
        runtime = self.runtime
        if (
            self.pipeline.draining
            or self.connection.last
            or response.status == 0
            or response.length is None
            or response.length > BUFFER_BYTES
        ):
            return False
        treatment = self.treatment(response.status)
        if treatment is Treatment.EXPLAIN or runtime.token_retry.may_be_outdated(self, response.status):
            return False
        fields = self._fields(response)
        body = response.whole() if not fields.chunked else None
        if body is None:
            return False
        if treatment is Treatment.LOOK and runtime.reduced_responses is not None:
            self.status = response.status
            runtime.reduced_responses.look(self, fields)
        self._write(response.status, response_head(response.status, response.reason, fields.lines) + body, len(body))
        return True

    def _fields(self, response: PooledResponse) -> ResponseFields:
        forwarding = self.runtime.forwarding
        return read_response(response.headers, forwarding.upstream_origin, forwarding.public_origin(self.head, tls=self.connection.tls))

    def _write(self, status: int, data: bytes, sent_bytes: int) -> None:
        transport = self.connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)
            self.status = status
            self.sent_bytes = sent_bytes
        self._end()

    def _broken(self) -> None:
        """A bug of ours: the client's connection ends, for nothing is known of what it has been sent."""
        self.error_kind = KcproxyError.kind
        self.connection.abort()
        self._end()

    def _orphaned(self, response: PooledResponse) -> None:
        failure = response.failure
        response.release()
        if isinstance(failure, UpstreamError):
            self.error_kind = failure.kind
            self.pipeline.failed_upstream(failure.kind)
        self._end()

    def _end(self) -> None:
        self.upstream_connection = None
        self.pipeline.ended(self, keep_alive=True)
