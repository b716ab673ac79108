"""The request pipeline: match, choose the token, forward, respond, for every method and path.

    begin ─▶ fast path, if the request need not wait ─▶ sent ─▶ response that needs nothing ─▶ written ─▶ end
        └──▶ prepare ─▶ slot ─▶ send ─────────────────────┴──▶ respond (explain, retry, stream) ────────▶ end

The body of a 2xx is not inspected. A failure ends in a clear error response, or in a closed connection if the response has begun. It never ends
in a traceback at the client, nor in a hang.
"""

import asyncio
import logging

from kcproxy.catalog.targets import judge
from kcproxy.denial.client_members import prints_each_member, user_agent_of
from kcproxy.denial.decisions import REFUSED
from kcproxy.errors import KcproxyError, RequestRefused, UpstreamError
from kcproxy.http1.headers import RequestFields, read_response
from kcproxy.http1.request_parser import RequestHead
from kcproxy.model import Target, TargetKind
from kcproxy.observe.events import Observer, RequestRecord
from kcproxy.proxy.decisions import Treatment, refuse_other_protocols
from kcproxy.proxy.exchange import CLIENT_CLOSED_REQUEST
from kcproxy.proxy.fast_path import FastPath
from kcproxy.proxy.passing_facts import with_facts_noted
from kcproxy.proxy.recording import Recorder
from kcproxy.proxy.runtime import Runtime
from kcproxy.proxy.served_exchange import Pipeline, ServedExchange
from kcproxy.proxy.unverified_callers import UnverifiedCallers
from kcproxy.server.client_waits import ClientWaits
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.server.connection import InboundConnection
from kcproxy.server.error_responses import ErrorResponse, error_response_of
from kcproxy.server.events import Direction
from kcproxy.server.held_bytes import HeldBytes
from kcproxy.server.inbound_request import InboundRequest
from kcproxy.server.request_body import BodyTooSlow, ClientDisconnected, ClientTooSlow, RequestBody
from kcproxy.server.response_writer import ResponseWriter
from kcproxy.server.upload_limit import UploadLimit
from kcproxy.settings import Settings
from kcproxy.upstream.interface import UpstreamResponse

log = logging.getLogger("kcproxy.proxy")

MAX_GATHERED_BYTES = 32 << 20
"""Limit for incomplete bodies that are read before they are sent, all together. Above it, large bodies are forwarded as they arrive."""
_FULL = ErrorResponse.of(503, "busy", "The proxy has as many open connections as its settings allow.", retry_after_seconds=1)
_NOWHERE = Target(kind=TargetKind.OTHER, method="", raw_path="")


class RequestHandler:
    """Handles the requests of all connections. ``runtime`` is replaced on a reload."""

    def __init__(self, runtime: Runtime, observer: Observer, *, fast: bool = True) -> None:
        """Without ``fast`` every request takes the general path."""
        limits = runtime.settings.limits
        self.runtime = runtime
        self.draining = False
        self.in_flight = 0
        self.limit = ConcurrencyLimit(limits.max_concurrent_requests, limits.max_queue_seconds)
        self.uploads = UploadLimit(runtime.settings)
        self.unverified_callers = UnverifiedCallers(runtime.settings)
        self.gathered = HeldBytes(MAX_GATHERED_BYTES)
        self.fast_path = FastPath(self) if fast else None
        self._slow_readers = ClientWaits(_max_slow_readers(runtime.settings), self._queued)
        self._observer = observer
        self._recorder = Recorder(observer)

    def swap(self, runtime: Runtime) -> Runtime:
        """Use new settings for further requests. Returns the runtime that they replace."""
        old, self.runtime = self.runtime, runtime
        limits = runtime.settings.limits
        self.limit.resize(limits.max_concurrent_requests, limits.max_queue_seconds)
        self.uploads.resize(runtime.settings)
        self.unverified_callers.resize(runtime.settings)
        self._slow_readers.max_undisturbed = _max_slow_readers(runtime.settings)
        return old

    def _queued(self) -> int:
        """Requests that wait for a slot or for a connection to Keycloak."""
        return self.limit.waiting + self.unverified_callers.waiting + self.runtime.upstream.waiting_requests

    # called by connections

    def begin(self, connection: InboundConnection, request: InboundRequest) -> ServedExchange:
        """Handle a request that the parser has read."""
        if self.fast_path is not None and request.head.wire:
            sent = self.fast_path.learn_and_send(connection, request.head)
            if sent is not None:
                return sent
        exchange = _unread(self, connection, self.runtime, request.head)
        self.started(exchange)
        exchange.run(self._serve(exchange, request))
        return exchange

    def begin_known(self, connection: InboundConnection, data: bytes) -> ServedExchange | None:
        """Handle a whole request with the connection's header block, if it need not wait."""
        return None if self.fast_path is None else self.fast_path.send(connection, connection.header_block, data)

    def bad_request(self, response: ErrorResponse, peer: str | None) -> None:
        """Record a request that could not be parsed."""
        self._observer.request_started()
        self._observer.request_finished(
            RequestRecord(
                target=_NOWHERE,
                status=response.status,
                duration_seconds=0.0,
                sent_bytes=len(response.body()),
                error_kind=response.kind,
                peer=peer,
            )
        )

    def refuse(self, peer: str | None) -> bytes:
        """Record a connection beyond the limit. Returns the response to send."""
        self.bad_request(_FULL, peer)
        return _FULL.as_bytes(keep_alive=False)

    # the beginning and the end of a request, for both paths

    def started(self, exchange: ServedExchange) -> None:
        """Count a request that begins."""
        self._observer.request_started()
        exchange.runtime.enter()
        self.in_flight += 1

    def ended(self, exchange: ServedExchange, *, keep_alive: bool) -> None:
        """End a request: release all that it holds, and record it. A second call does nothing."""
        if exchange.over:
            return
        exchange.over = True
        runtime = exchange.runtime
        runtime.leave()
        self.in_flight -= 1
        if exchange.has_slot:
            self.limit.release()
        if exchange.is_counted_as_unverified:
            self.unverified_callers.release(exchange)
        self._recorder.record(exchange, runtime)
        exchange.connection.finished(keep_alive=keep_alive)

    def failed_upstream(self, kind: str) -> None:
        """Count an exchange without a usable response."""
        self._observer.upstream_failed(kind)

    def resume(self, exchange: ServedExchange) -> None:
        """Continue with a request that the fast path has sent, from its response on."""
        exchange.run(self._serve(exchange, None))

    # the general path

    async def _serve(self, exchange: ServedExchange, request: InboundRequest | None) -> None:
        """Handle one request to its end. ``request`` is None if the fast path has sent it already."""
        writer = ResponseWriter(
            exchange.connection,
            exchange.runtime.settings,
            self._slow_readers,
            method=exchange.target.method,
            version=exchange.version,
            keep_alive=exchange.keep_alive and not self.draining,
        )
        try:
            if request is not None:
                await self._prepare(exchange, request)
            await self._forward(exchange, writer)
        except ClientDisconnected as gone:
            self._disconnected(exchange, writer)
            if isinstance(gone, ClientTooSlow):
                exchange.error_kind = "slow-reader"
                self._observer.client_too_slow(Direction.RESPONSE, gone.why)
        except asyncio.CancelledError:
            self._disconnected(exchange, writer)
            raise
        except KcproxyError as error:
            self._fail(exchange, request, writer, error)
        except Exception:
            log.exception("a request could not be served")
            self._fail(exchange, request, writer, KcproxyError("The proxy failed on this request. Its log has the reason."))
        finally:
            if exchange.body is not None:
                exchange.body.end_upload()
            if exchange.begun is not None:
                exchange.begun.release()
            exchange.sent_bytes = writer.sent_bytes
            self.ended(exchange, keep_alive=writer.keep_alive)

    async def _prepare(self, exchange: ServedExchange, request: InboundRequest) -> None:
        """Get everything that the request needs before it is sent: token, small body, slot.

        Raises TokenFetchError, RequestRefused, ClientDisconnected, UpstreamBusy.
        """
        runtime = exchange.runtime
        exchange.head = head = runtime.forwarding.request_fields(request.head.fields)
        refuse_other_protocols(request.head, head.picked.get(b"upgrade"))
        received = exchange.raw_target.encode("utf-8", "surrogateescape")
        content_type = head.text(b"content-type")
        exchange.raw_target, exchange.target = judge(
            runtime.catalog, request.head.method, received, base_path=runtime.base_path, content_type=content_type
        )
        exchange.arrived_at = runtime.token_clock()
        exchange.account = runtime.accounts.account_for(exchange.target, head, exchange.raw_target)
        if exchange.account is not None:
            if not runtime.admission.open:
                exchange.admitted = await runtime.admission.check(exchange.target, head)
            exchange.cached_token = await runtime.tokens.get(exchange.account)
            exchange.token = exchange.cached_token.token
        await _gather(exchange, request, self.gathered)
        await self.uploads.acquire(exchange.body)
        await self.unverified_callers.acquire(runtime, exchange)
        await self.limit.acquire()
        exchange.has_slot = True

    async def _forward(self, exchange: ServedExchange, writer: ResponseWriter) -> None:
        """Send the request to Keycloak, and respond."""
        if exchange.connection.transport is None and exchange.begun is None:
            raise ClientDisconnected
        response = await send(exchange)
        if exchange.cached_token is not None and not exchange.connection.withdrawn:
            response = await exchange.runtime.token_retry.retried(exchange, response, lambda: send(exchange))
        if self.draining or exchange.connection.last:
            writer.keep_alive = False
        try:
            await self._respond(exchange, response, writer)
        finally:
            response.release()

    async def _respond(self, exchange: ServedExchange, response: UpstreamResponse, writer: ResponseWriter) -> None:
        runtime = exchange.runtime
        origin = runtime.forwarding.public_origin(exchange.head, tls=exchange.connection.tls)
        fields = read_response(response.headers, runtime.forwarding.upstream_origin, origin)
        began = runtime.clock()
        exchange.status = response.status
        treatment = exchange.treatment(response.status)
        try:
            if response.status in REFUSED:
                runtime.token_retry.note_refusal(exchange)
            if treatment is Treatment.EXPLAIN and runtime.denial_enricher is not None:
                enriched = await runtime.denial_enricher.enrich(exchange, response, fields)
                runtime.token_retry.note_refusal(exchange)
                self._recorder.announce(exchange, runtime)
                if enriched is not None:
                    await writer.write(response.status, response.reason, enriched.fields, enriched.body)
                    return
            if treatment is Treatment.INSPECT and runtime.reduced_responses is not None:
                runtime.reduced_responses.inspect(exchange, fields)
            runtime.permission_switches.note_passed(exchange.target, response.status)
            await writer.forward(with_facts_noted(runtime, exchange.target, response), fields)
        finally:
            exchange.upstream_seconds += max(runtime.clock() - began - exchange.explaining_seconds, 0.0)

    def _fail(self, exchange: ServedExchange, request: InboundRequest | None, writer: ResponseWriter, error: KcproxyError) -> None:
        """Respond with an error, or close the connection if the response has begun."""
        if isinstance(error, UpstreamError):
            self._observer.upstream_failed(error.kind)
        if isinstance(error, BodyTooSlow):
            self._observer.client_too_slow(Direction.REQUEST, error.why)
        failure = error_response_of(error)
        exchange.error_kind = failure.kind
        exchange.status = failure.status
        if writer.begun:
            writer.abort()
            return
        body = request.body if request is not None else None
        if isinstance(error, RequestRefused) or (body is not None and not body.ended):
            writer.keep_alive = False  # what follows may be the rest of a body, or cannot be read safely
        once = prints_each_member(user_agent_of(exchange.head.fields))
        try:
            writer.write_raw(failure.as_bytes(keep_alive=writer.keep_alive, head_only=exchange.target.method == "HEAD", once=once))
        except ClientDisconnected:
            self._disconnected(exchange, writer)

    def _disconnected(self, exchange: ServedExchange, writer: ResponseWriter) -> None:
        writer.keep_alive = False
        exchange.status = CLIENT_CLOSED_REQUEST


def _max_slow_readers(settings: Settings) -> int:
    """How many responses may wait for slow clients while other requests queue: a quarter of the concurrent requests."""
    return max(1, min(settings.limits.max_concurrent_requests, settings.upstream.max_connections) // 4)


def _unread(pipeline: Pipeline, connection: InboundConnection, runtime: Runtime, head: RequestHead) -> ServedExchange:
    """An exchange of which only the request line and the trace context are read."""
    raw_target = head.target
    target = Target(kind=TargetKind.OTHER, method=head.method, raw_path=raw_target.partition("?")[0])
    picked = {name.lower(): value for name, value in head.fields if name.lower() == b"traceparent"}
    exchange = ServedExchange(pipeline, connection, runtime, target=target, raw_target=raw_target, head=RequestFields([], picked))
    exchange.version = head.version
    exchange.keep_alive = head.keep_alive
    return exchange


async def _gather(exchange: ServedExchange, request: InboundRequest, held: HeldBytes) -> None:
    """Send 100 Continue if the client waits for it (RFC 9110, section 10.1.1), and read it if it is small.

    Raises RequestRefused, ClientDisconnected.
    """
    expects = exchange.head.picked.get(b"expect")
    if expects is not None and expects.lower() != b"100-continue":
        raise RequestRefused("The only supported expectation is 100-continue.", status=417, reason="expectation")
    if request.body is None:
        return
    if expects is not None and exchange.version >= (1, 1) and not request.body.ended:
        exchange.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    runtime = exchange.runtime
    exchange.body = body = RequestBody(request.body, runtime.settings.limits, chunked=exchange.head.chunked)
    if body.gather_now():
        return
    began = runtime.clock()
    try:
        await body.gather(held)
    finally:
        exchange.waited_seconds = runtime.clock() - began


async def send(exchange: ServedExchange) -> UpstreamResponse:
    """Keycloak's response to a prepared request, or to one that was sent already. Raises UpstreamError, RequestRefused, ClientDisconnected."""
    runtime, body = exchange.runtime, exchange.body
    fields = exchange.head.fields
    if exchange.token is not None:
        fields = [*runtime.forwarding.addressed(fields), (b"Authorization", b"Bearer " + exchange.token.encode())]
    begun, exchange.begun = exchange.begun, None
    request = (exchange.target.method, exchange.raw_target, fields, body.to_send() if body is not None else None)
    began = runtime.clock()
    try:
        upstream, check = runtime.upstream, exchange.check_certificate
        sent = (
            upstream.exchange(*request, before_sending=check) if begun is None else upstream.finish(begun, *request, before_sending=check)
        )
        response = await sent
    except (UpstreamError, ClientDisconnected, RequestRefused) as error:
        failure = body.failure if body is not None else None
        if failure is not None and failure is not error:
            raise failure from error  # the client failed, not Keycloak
        raise
    finally:
        exchange.upstream_seconds += runtime.clock() - began
    exchange.retried = exchange.retried or response.retried
    return response
