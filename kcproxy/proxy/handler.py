"""The data plane: match → authorize → forward → answer, for every method and path.

A 2xx goes through without a look at its body. Whatever goes wrong ends in a clear answer, or, where the answer has begun already, in a
closed connection; never in a traceback to the caller, never in a hang.
"""

import asyncio
import logging
from collections.abc import Callable

from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage

from kcproxy.catalog.targets import judge
from kcproxy.errors import KcproxyError, RequestRefused, UpstreamError
from kcproxy.http1.headers import RequestHead, read_response
from kcproxy.model import Target, TargetKind
from kcproxy.observe.events import Direction, Observer, RequestRecord
from kcproxy.proxy.denial_response import REFUSED, needs_explaining
from kcproxy.proxy.exchange import CLIENT_CLOSED_REQUEST, Exchange
from kcproxy.proxy.fast_exchange import FastExchange
from kcproxy.proxy.runtime import Runtime
from kcproxy.proxy.unverified_callers import UnverifiedCallers
from kcproxy.server.client_waits import ClientWaits
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.server.error_responses import ErrorResponse, error_response_of
from kcproxy.server.request import CLOSED, KEPT, InboundRequest, Sent
from kcproxy.server.request_body import BodyTooSlow, ClientDisconnected, ClientTooSlow
from kcproxy.server.response_writer import ResponseWriter
from kcproxy.server.upload_limit import UploadLimit
from kcproxy.settings import Settings
from kcproxy.upstream.interface import UpstreamResponse

log = logging.getLogger("kcproxy.proxy")

_NOWHERE = Target(kind=TargetKind.OTHER, method="", raw_path="")
_FULL = ErrorResponse.of(503, "busy", "The proxy has all the connections open that its settings allow.", retry_after_seconds=1)


class RequestHandler:
    """The handler of the inbound server. ``plane`` is swapped on a reload; requests under way keep the one that they began with."""

    def __init__(self, runtime: Runtime, observer: Observer) -> None:
        """Ready to serve."""
        limits = runtime.settings.limits
        self.runtime = runtime
        self.draining = False
        self._in_flight = 0
        self._observer = observer
        self.gate = ConcurrencyLimit(limits.max_concurrent_requests, limits.max_queue_seconds)
        self.uploads = UploadLimit(runtime.settings)
        self.unverified_callers = UnverifiedCallers(runtime.settings)
        self._slow_readers = ClientWaits(_slow_readers_kept(runtime.settings), self._queued)

    @property
    def in_flight(self) -> int:
        """Requests whose head has been read and whose answer is not out."""
        return self._in_flight

    def swap(self, runtime: Runtime) -> Runtime:
        """Take on new settings for requests to come; gives the plane that they replace."""
        old, self.runtime = self.runtime, runtime
        limits = runtime.settings.limits
        self.gate.resize(limits.max_concurrent_requests, limits.max_queue_seconds)
        self.uploads.resize(runtime.settings)
        self.unverified_callers.resize(runtime.settings)
        self._slow_readers.keep = _slow_readers_kept(runtime.settings)
        return old

    def _queued(self) -> int:
        """Requests that wait for a slot or for a connection to Keycloak."""
        pool = self.runtime.pool
        return self.gate.waiting + self.unverified_callers.waiting + (0 if pool is None else pool.waiting_requests)

    def bad_request(self, failure: ErrorResponse, peer: str | None) -> None:
        """A request that could not even be parsed was refused."""
        self._observer.request_started()
        sent_bytes = len(failure.body())
        self._observer.request_finished(
            RequestRecord(
                target=_NOWHERE, status=failure.status, duration_seconds=0.0, sent_bytes=sent_bytes, error_kind=failure.kind, peer=peer
            )
        )

    def refuse(self, peer: str | None) -> bytes:
        """A connection beyond the bound is refused: the response to send."""
        self.bad_request(_FULL, peer)
        return _FULL.as_bytes(keep_alive=False)

    async def handle(self, inbound: InboundRequest) -> Sent:
        """Serve one request, to its end; from the middle on, where it comes out of the lane."""
        fast_exchange = inbound.protocol.carried()
        exchange: Exchange | None = fast_exchange
        runtime = self.runtime if fast_exchange is None else fast_exchange.runtime
        clock = runtime.clock
        started_at = clock() if fast_exchange is None else fast_exchange.started_at
        if fast_exchange is None:
            self.began(runtime)
        reply = ResponseWriter(inbound, runtime.settings, self._slow_readers, keep_alive=not self.draining)
        try:
            if exchange is None:
                exchange = _passage(inbound, runtime, started_at)
                await self._serve(runtime, inbound, exchange, reply)
            else:
                await self._serve_on(runtime, inbound, exchange, reply)
        except ClientDisconnected as gone:
            self._gone(exchange, reply)
            if exchange is not None and isinstance(gone, ClientTooSlow):
                exchange.error_kind = "slow-reader"
                self._observer.client_too_slow(Direction.RESPONSE, gone.why)
        except KcproxyError as error:
            exchange = exchange or _unread(inbound, started_at)
            self._fail(inbound, exchange, reply, error)
        except asyncio.CancelledError:
            self._gone(exchange, reply)
            raise
        except Exception:
            log.exception("a request could not be served")
            exchange = exchange or _unread(inbound, started_at)
            self._fail(inbound, exchange, reply, KcproxyError("The proxy failed on this request; its log says more."))
        finally:
            runtime.leave()
            self._in_flight -= 1
            if exchange is not None:
                self.unverified_callers.leave(exchange)
            self._finish(exchange or _unread(inbound, started_at), reply, clock)
        return KEPT if reply.keep_alive else CLOSED

    def began(self, runtime: Runtime) -> None:
        """A request begins on this plane."""
        self._observer.request_started()
        runtime.enter()
        self._in_flight += 1

    def ended(self, fast_exchange: FastExchange, *, upstream_failed: bool = False) -> None:
        """A request of the lane has ended there."""
        if fast_exchange.over:
            return
        fast_exchange.over = True
        runtime = fast_exchange.runtime
        runtime.leave()
        self._in_flight -= 1
        self.gate.leave()
        if fast_exchange.is_counted_as_unverified:
            self.unverified_callers.leave(fast_exchange)
        try:
            if upstream_failed and fast_exchange.error_kind is not None:
                self._observer.upstream_failed(fast_exchange.error_kind)
            self._observer.request_finished(fast_exchange.record(runtime.clock()))
        except Exception:
            log.exception("a request could not be recorded")  # see _finish
        fast_exchange.protocol.crossed()

    async def _serve(self, runtime: Runtime, inbound: InboundRequest, exchange: Exchange, reply: ResponseWriter) -> None:
        _refuse_other_protocols(exchange.head.picked.get(b"upgrade"))
        await runtime.prepare(inbound, exchange)
        await self.uploads.enter(exchange.body)
        try:
            await self.unverified_callers.enter(runtime, exchange)
            await self.gate.enter()
            await self._exchange(runtime, inbound, exchange, reply)
        finally:
            if exchange.body is not None:
                exchange.body.end_upload()

    async def _serve_on(self, runtime: Runtime, inbound: InboundRequest, exchange: Exchange, reply: ResponseWriter) -> None:
        """The same for a request that has been sent, and has its place already."""
        try:
            await runtime.gather(inbound, exchange)
        except BaseException:
            self.gate.leave()
            if exchange.begun is not None:
                exchange.begun.release()
            raise
        await self._exchange(runtime, inbound, exchange, reply)

    async def _exchange(self, runtime: Runtime, inbound: InboundRequest, exchange: Exchange, reply: ResponseWriter) -> None:
        """Ask Keycloak, and answer. The place among the requests under way is given back."""
        try:
            answer = await runtime.exchange(inbound, exchange)
            if inbound.protocol.last or self.draining:
                reply.keep_alive = False
            try:
                await self._respond(runtime, inbound, exchange, answer, reply)
            finally:
                answer.release()
        finally:
            self.gate.leave()
            if exchange.begun is not None:
                exchange.begun.release()

    async def _respond(
        self, runtime: Runtime, inbound: InboundRequest, exchange: Exchange, answer: UpstreamResponse, reply: ResponseWriter
    ) -> None:
        origin = runtime.public_origin(exchange.head, tls=inbound.protocol.ssl_context is not None)
        fields = read_response(answer.headers, runtime.upstream_origin, origin)
        began = runtime.clock()
        exchange.status = answer.status
        try:
            if answer.status in REFUSED:
                runtime.token_retry.refusing(exchange)
            if runtime.denial_enricher is not None and needs_explaining(answer.status, exchange.target, explained=True):
                enriched = await runtime.denial_enricher.enrich(exchange, answer, fields)
                runtime.token_retry.refusing(exchange)
                if enriched is not None:
                    await reply.write(answer.status, answer.reason, enriched.fields, enriched.body)
                    return
            if answer.status < 300 and runtime.reduced_responses is not None:
                runtime.reduced_responses.look(exchange, fields)
            await reply.forward(answer, fields)
        finally:
            exchange.upstream_seconds += max(runtime.clock() - began - exchange.explaining_seconds, 0.0)

    def _fail(self, inbound: InboundRequest, exchange: Exchange, reply: ResponseWriter, error: KcproxyError) -> None:
        """Say what went wrong; where the answer has begun, end the connection instead."""
        if isinstance(error, UpstreamError):
            self._observer.upstream_failed(error.kind)
        if isinstance(error, BodyTooSlow):
            self._observer.client_too_slow(Direction.REQUEST, error.why)
        failure = error_response_of(error)
        exchange.error_kind = failure.kind
        exchange.status = failure.status
        if reply.begun:
            reply.abort()
            return
        if isinstance(error, RequestRefused) or not inbound.payload.is_eof():
            reply.keep_alive = False  # what follows may be anything: the rest of a body that never comes, or worse
        try:
            reply.write_raw(failure.as_bytes(keep_alive=reply.keep_alive, head_only=inbound.message.method == "HEAD"))
        except ClientDisconnected:
            self._gone(exchange, reply)

    def _gone(self, exchange: Exchange | None, reply: ResponseWriter) -> None:
        reply.keep_alive = False
        if exchange is not None:
            exchange.status = CLIENT_CLOSED_REQUEST

    def _finish(self, exchange: Exchange, reply: ResponseWriter, clock: Callable[[], float]) -> None:
        exchange.sent_bytes = reply.sent_bytes
        record = exchange.record(clock())
        try:
            self._observer.request_finished(record)
            if exchange.explanation is not None:
                self._observer.denied(exchange.explanation, record)
        except Exception:
            log.exception("a request could not be recorded")  # its answer is out, and whatever follows is served


def _slow_readers_kept(settings: Settings) -> int:
    """How many responses may wait for slow callers although other requests queue: a quarter of what may be under way at once."""
    return max(1, min(settings.limits.max_concurrent_requests, settings.upstream.max_connections) // 4)


def _passage(inbound: InboundRequest, runtime: Runtime, started_at: float) -> Exchange:
    message = inbound.message
    head = runtime.read(message.raw_headers)
    _refuse_unreadable(message, head)
    judged = judge(
        runtime.catalog, message.method, _received(message), base_path=runtime.base_path, content_type=head.text(b"content-type")
    )
    return Exchange(target=judged.target, raw_target=judged.sent, head=head, started_at=started_at, peer=inbound.peer)


def _received(message: RawRequestMessage) -> bytes:
    """The target's bytes as they came; aiohttp decodes them in just this way."""
    return message.path.encode("utf-8", "surrogateescape")


def _unread(inbound: InboundRequest, started_at: float) -> Exchange:
    """A request whose head cannot be used: only its first line counts, and the field by which it is found again."""
    message = inbound.message
    raw_target = message.path
    target = Target(kind=TargetKind.OTHER, method=message.method, raw_path=raw_target.partition("?")[0])
    picked = {name.lower(): value for name, value in message.raw_headers if name.lower() == b"traceparent"}
    return Exchange(target=target, raw_target=raw_target, head=RequestHead([], picked), started_at=started_at, peer=inbound.peer)


def _refuse_unreadable(message: RawRequestMessage, head: RequestHead) -> None:
    """What is no request of HTTP/1.0 or 1.1 to an origin server, or has no end that everybody sees."""
    if message.version < HttpVersion10:
        raise RequestRefused("The request is of HTTP/0.9.", status=505, reason="version")
    if head.chunked and message.version < HttpVersion11:
        # RFC 9112, section 6.1: its framing is faulty, even where no body follows.
        raise RequestRefused("The request is of HTTP/1.0 and has a Transfer-Encoding, which HTTP/1.0 does not know.", reason="framing")
    if message.method == "CONNECT":
        raise RequestRefused("This is a reverse proxy; it opens no tunnels (CONNECT).", status=501, reason="tunnel")


def _refuse_other_protocols(upgrade: bytes | None) -> None:
    """WebSocket is not HTTP any more; every other offer to upgrade may be ignored (RFC 9110, section 7.8)."""
    if upgrade is not None and b"websocket" in upgrade.lower():
        raise RequestRefused("WebSocket is not supported; Keycloak's APIs do not use it.", status=501, reason="upgrade")
