"""A request in the quick lane: begun without a task, and finished when its answer comes, or handed over to the ordinary way with all it has.

sent ─▶ answer as a whole, nothing to be said about it ─▶ written, recorded
   └──▶ refusal, large or in pieces, failed, to be closed ──▶ ``Hub.carry_on``: the ordinary handling goes on from the begun answer
   └──▶ caller gone: a read is given up; a write comes to its end
"""

import logging
from typing import Protocol

from kcproxy.errors import KcproxyError, UpstreamError
from kcproxy.http1.headers import RequestHead, ResponseFields, read_response
from kcproxy.http1.response_head_cache import CachedHead
from kcproxy.observe.events import RequestRecord
from kcproxy.proxy.denial_response import needs_explaining
from kcproxy.proxy.exchange import CLIENT_CLOSED_REQUEST, Exchange
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.connection import ProxyProtocol
from kcproxy.server.request_body import BUFFER_BYTES
from kcproxy.upstream.connection import Connection
from kcproxy.upstream.response import PooledResponse

log = logging.getLogger("kcproxy.proxy")

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Hub(Protocol):
    """What a crossing needs of the service: the end of its own account, and whether a drain has begun."""

    draining: bool

    def ended(self, fast_exchange: "FastExchange", *, upstream_failed: bool = False) -> None:
        """Nothing more will happen with it."""
        ...


class FastExchange(Exchange):
    """One request in the lane. It is the taker of its own answer."""

    connection: Connection
    sent_at = 0.0
    over = False
    carried_on = False

    def __init__(self, hub: Hub, protocol: ProxyProtocol, runtime: Runtime, wire: bytes, head: RequestHead) -> None:
        """``wire``: the request as it came, for whoever has to read it once more. The target is still to be set."""
        self.started_at = runtime.clock()
        self.hub = hub
        self.protocol = protocol
        self.runtime = runtime
        self.wire = wire
        self.head = head
        self.peer = protocol.peer

    def record(self, now: float) -> RequestRecord:
        """As any request's; many fields have nothing to say of one that the lane has finished."""
        if self.carried_on or self.error_kind is not None or b"traceparent" in self.head.picked:
            return super().record(now)
        return RequestRecord(
            target=self.target,
            status=self.status,
            duration_seconds=now - self.started_at,
            upstream_seconds=self.upstream_seconds,
            received_bytes=self.received_bytes,
            sent_bytes=self.sent_bytes,
            injected_account=self.account.client_id if self.account is not None else None,
            admitted=self.admitted,
            peer=self.peer,
            caller=self.caller,
        )

    # called by the connection to Keycloak

    def accepts(self, known: CachedHead) -> bool:
        """Whether an answer of this head is written as it is: nothing to be explained, announced or closed."""
        if self.hub.draining or self.protocol.last or self.protocol.transport is None:
            return False
        runtime = self.runtime
        if known.status < 300:
            return runtime.reduced_responses is None or not runtime.reduced_responses.concerns(self.target)
        return not needs_explaining(known.status, self.target, explained=runtime.denial_enricher is not None)

    def pass_on(self, known: CachedHead, data: bytes) -> None:
        """Write a whole answer whose head is known."""
        try:
            self.upstream_seconds = self.runtime.clock() - self.sent_at
            head = known.rendered
            if head is None:
                fields = read_response(known.headers, self.runtime.upstream_origin, None)
                head = known.rendered = rendered(known.status, known.reason, fields)
            self._write(known.status, head + data[known.head_bytes :], known.whole_bytes - known.head_bytes)
        except Exception:
            log.exception("a request could not be served")
            self._failed()

    def take(self, answer: PooledResponse) -> None:
        """Anything else: write it if it is complete and plain, otherwise the ordinary way takes over."""
        try:
            if self.protocol.transport is None:
                self._orphaned(answer)
            elif not self._written(answer):
                self.begun = answer
                self.carried_on = True
                self.upstream_seconds = self.runtime.clock() - self.sent_at
                self.protocol.carry_on(self)
        except Exception:
            log.exception("a request could not be served")
            answer.release()
            self._failed()

    # called by the caller's connection

    def client_disconnected(self) -> None:
        """His connection is gone. A read is given up; a write comes to its end, for stopping half-way helps nobody."""
        if self.target.method in _READS:
            self.upstream_seconds = self.runtime.clock() - self.sent_at
            self.connection.abandon()
            self.hub.ended(self)

    def dropped(self) -> None:
        """It was to be carried on, and will not be: the caller's connection ends."""
        begun, self.begun = self.begun, None
        if begun is not None:
            begun.release()
        self.status = CLIENT_CLOSED_REQUEST
        self.hub.ended(self)

    # inside

    def _written(self, answer: PooledResponse) -> bool:
        runtime = self.runtime
        if (
            self.hub.draining
            or self.protocol.last
            or answer.status == 0
            or needs_explaining(answer.status, self.target, explained=runtime.denial_enricher is not None)
        ):
            return False
        if answer.length is None or answer.length > BUFFER_BYTES or runtime.token_retry.may_be_outdated(self, answer.status):
            return False
        fields = read_response(
            answer.headers, runtime.upstream_origin, runtime.public_origin(self.head, tls=self.protocol.ssl_context is not None)
        )
        body = answer.whole() if not fields.chunked else None
        if body is None:
            return False
        self.upstream_seconds = runtime.clock() - self.sent_at
        if answer.status < 300 and runtime.reduced_responses is not None:
            self.status = answer.status
            runtime.reduced_responses.look(self, fields)
        self._write(answer.status, rendered(answer.status, answer.reason, fields) + body, len(body))
        return True

    def _write(self, status: int, data: bytes, sent_bytes: int) -> None:
        transport = self.protocol.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)
            self.status = status
            self.sent_bytes = sent_bytes
        self.hub.ended(self)

    def _failed(self) -> None:
        self.protocol.carried()  # nobody is to go on with it
        self.error_kind = KcproxyError.kind
        self.protocol.force_close()
        self.hub.ended(self)

    def _orphaned(self, answer: PooledResponse) -> None:
        failure = answer.failure
        self.upstream_seconds = self.runtime.clock() - self.sent_at
        answer.release()
        if isinstance(failure, UpstreamError):
            self.error_kind = failure.kind
        self.hub.ended(self, upstream_failed=isinstance(failure, UpstreamError))


def rendered(status: int, reason: bytes, fields: ResponseFields) -> bytes:
    """The head of an answer on a connection that stays."""
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, b"".join(fields.lines))
