"""The fast path: requests that need not wait are sent from the callback that received them. Their responses are written from the callback that
received the response, without a task, a future or a parser.

    whole request, cached header block ─▶ target ─▶ cached token ─▶ free slot ─▶ idle connection ─▶ sent
        └──────────── anything is missing: nothing is done, and the general path serves the request ──┘
    sent ─▶ whole response that needs nothing ─▶ written, ended
      ├──▶ refusal, large, in pieces, or failed ─▶ ``RequestHandler.resume``: the general path continues with this response
      └──▶ client disconnected: a read is cancelled, a write completes

Both paths decide with the same functions. Only waiting differs.
"""

import logging
import re

from kcproxy.catalog.targets import judge
from kcproxy.errors import KcproxyError, RequestRefused, UpstreamError
from kcproxy.http1.framing import SMALL_BODY_BYTES
from kcproxy.http1.headers import ResponseFields, read_response
from kcproxy.http1.request_parser import RequestHead
from kcproxy.http1.response_head import response_head
from kcproxy.http1.response_head_cache import CachedHead
from kcproxy.proxy.decisions import PASS, Treatment
from kcproxy.proxy.header_block import REQUEST_LINE, HeaderBlock, block_bytes_of, header_block_of
from kcproxy.proxy.header_block_cache import HeaderBlockCache, is_cacheable
from kcproxy.proxy.passing_facts import reader
from kcproxy.proxy.served_exchange import Pipeline, ServedExchange
from kcproxy.server.connection import InboundConnection
from kcproxy.server.request_body import RequestBody
from kcproxy.upstream.connection import Connection
from kcproxy.upstream.response import PooledResponse

log = logging.getLogger("kcproxy.proxy")


class FastPath:
    """The fast path of one handler. Reads the handler's ``runtime`` for each request, because a reload replaces it."""

    def __init__(self, handler: Pipeline) -> None:
        self._handler = handler
        self.header_blocks = HeaderBlockCache()

    def learn_and_send(self, connection: InboundConnection, request: RequestHead) -> "FastExchange | None":
        """Cache the header block of a whole request, and send the request like ``send``."""
        connection.header_block = block = None if connection.last else self._learn(request)
        return None if block is None else self.send(connection, block, request.wire)

    def _learn(self, request: RequestHead) -> HeaderBlock | None:
        """The cached header block of a request, or a new one. None if requests of this kind take the general path."""
        block_bytes = block_bytes_of(request)
        if block_bytes is None or not is_cacheable(len(block_bytes), len(request.fields)):
            return None
        runtime = self._handler.runtime
        cached = self.header_blocks.find(block_bytes, runtime)
        if cached is not None:
            return cached
        block = header_block_of(block_bytes, request, runtime)
        return block if block is not None and self.header_blocks.store(block) else None

    def send(self, connection: InboundConnection, block: HeaderBlock, data: bytes) -> "FastExchange | None":
        """Send a request if it has this header block and need not wait. Otherwise None, and nothing is done."""
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
        cached = exchange.cached_token
        if cached is None:
            head = data[:end] + (block.without_token or block.make_without_token())
        else:
            head = data[:end] + (block.before_token or block.make_before_token(runtime)) + cached.line
        if not block.body_bytes:
            return exchange if _sent(handler, exchange, head) else None
        exchange.body = RequestBody.buffered(data[body_at:])
        return exchange if _sent(handler, exchange, head + data[body_at:]) else None


def _prepared(handler: Pipeline, connection: InboundConnection, block: HeaderBlock, line: re.Match[bytes]) -> "FastExchange | None":
    """The request with its token. None if it has to wait for the token, or is to be refused."""
    runtime = handler.runtime
    method, received = line.groups()
    raw, target = judge(runtime.catalog, method.decode(), received, base_path=runtime.base_path, content_type=block.content_type)
    exchange = FastExchange(handler, connection, runtime, target=target, raw_target=raw, head=block.head)
    account = block.account(runtime, target, raw)
    if account is None:
        return exchange
    if block.admits is None:
        try:
            exchange.admitted = runtime.admission.check_now(target, block.head)
        except RequestRefused:
            return None
    exchange.arrived_at = now = runtime.token_clock()
    cached = runtime.tokens.fresh(account, now) if block.admits is not False else None
    if cached is None:
        return None
    exchange.account = account
    exchange.cached_token = cached
    exchange.token = cached.token
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
        runtime.tokens.count_use(exchange.account)
    return True


class FastExchange(ServedExchange):
    """An exchange on the fast path. It receives its own response."""

    upstream_connection: Connection | None = None
    sent_at = 0.0

    # called by the connection to Keycloak

    def accepts(self, cached: CachedHead) -> bool:
        """Whether a whole response with this head is written as it is."""
        return not self.pipeline.draining and self.connection.transport is not None and self.treatment(cached.status) is PASS

    def on_whole_response(self, cached: CachedHead, data: bytes) -> None:
        """Write a whole response with a cached head.

        The head as written is cached too. That is safe because no head with a Location is ever cached (``ResponseHeadCache.learn``).
        """
        try:
            self.upstream_seconds = self.runtime.clock() - self.sent_at
            head = cached.rendered
            if head is None:
                fields = read_response(cached.headers, self.runtime.forwarding.upstream_origin, None)
                head = cached.rendered = response_head(cached.status, cached.reason, fields.lines)
            self._write(cached.status, head + data[cached.head_bytes :], cached.whole_bytes - cached.head_bytes)
        except Exception:
            log.exception("a request could not be served")
            self._broken()

    def on_response(self, response: PooledResponse) -> None:
        """Any other response: write it if it is complete and needs nothing. Otherwise the general path continues with it."""
        try:
            self.upstream_seconds = self.runtime.clock() - self.sent_at
            if self.connection.transport is None:
                self._orphaned(response)
            elif not self._written(response):
                self.upstream_connection = None
                self.begun = response
                self.pipeline.resume(self)
        except Exception:
            log.exception("a request could not be served")
            response.release()
            self._broken()

    # called by the client's connection

    def client_disconnected(self) -> None:
        """The client has disconnected: cancel a read; let a write complete, because a part of it may have been executed."""
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
            or response.length > SMALL_BODY_BYTES
        ):
            return False
        treatment = self.treatment(response.status)
        if treatment is Treatment.EXPLAIN or runtime.token_retry.may_be_outdated(self, response.status):
            return False
        fields = self._fields(response)
        body = response.whole() if not fields.chunked else None
        if body is None:
            return False
        if treatment is Treatment.INSPECT and runtime.reduced_responses is not None:
            self.status = response.status
            runtime.reduced_responses.inspect(self, fields)
            read = reader(runtime, self.target, response.status, response.headers)
            if read is not None:
                read(body)
        if not self.is_read:
            runtime.permission_switches.note_passed(self.target, response.status)
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
        self.upstream_connection = None
        self.pipeline.ended(self, keep_alive=True)

    def _broken(self) -> None:
        """After a bug in this proxy: close the client's connection, because it is unknown what was written to it."""
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
