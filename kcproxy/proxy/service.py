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
from kcproxy.keycloak.upstream import UpstreamAnswer
from kcproxy.model import Target, TargetKind
from kcproxy.observe.events import Observer, RequestRecord
from kcproxy.proxy.answer import REFUSED, needs_explaining
from kcproxy.proxy.bodies import CallerGone
from kcproxy.proxy.crossing import Crossing
from kcproxy.proxy.failures import Failure, failure_of
from kcproxy.proxy.forward import Plane
from kcproxy.proxy.gate import Gate
from kcproxy.proxy.headers import RequestHead, read_answer
from kcproxy.proxy.passage import CALLER_GONE, Passage
from kcproxy.proxy.respond import Reply
from kcproxy.proxy.turn import CLOSED, KEPT, Inbound, Sent

log = logging.getLogger("kcproxy.proxy")

_NOWHERE = Target(kind=TargetKind.OTHER, method="", raw_path="")


class ProxyService:
    """The handler of the inbound server. ``plane`` is swapped on a reload; requests under way keep the one that they began with."""

    def __init__(self, plane: Plane, observer: Observer) -> None:
        """Ready to serve."""
        limits = plane.settings.limits
        self.plane = plane
        self.draining = False
        self._in_flight = 0
        self._observer = observer
        self.gate = Gate(limits.max_concurrent_requests, limits.max_queue_seconds)

    @property
    def in_flight(self) -> int:
        """Requests whose head has been read and whose answer is not out."""
        return self._in_flight

    def swap(self, plane: Plane) -> Plane:
        """Take on new settings for requests to come; gives the plane that they replace."""
        old, self.plane = self.plane, plane
        limits = plane.settings.limits
        self.gate.resize(limits.max_concurrent_requests, limits.max_queue_seconds)
        return old

    def bad_request(self, failure: Failure, peer: str | None) -> None:
        """A request that could not even be parsed was refused."""
        self._observer.request_started()
        sent_bytes = len(failure.body())
        self._observer.request_finished(
            RequestRecord(
                target=_NOWHERE, status=failure.status, duration_seconds=0.0, sent_bytes=sent_bytes, error_kind=failure.kind, peer=peer
            )
        )

    async def handle(self, inbound: Inbound) -> Sent:
        """Serve one request, to its end; from the middle on, where it comes out of the lane."""
        crossing = inbound.protocol.carried()
        passage: Passage | None = crossing
        plane = self.plane if crossing is None else crossing.plane
        clock = plane.clock
        started_at = clock() if crossing is None else crossing.started_at
        if crossing is None:
            self.began(plane)
        reply = Reply(inbound, keep_alive=not self.draining, idle_seconds=plane.settings.upstream.idle_timeout_seconds)
        try:
            if passage is None:
                passage = _passage(inbound, plane, started_at)
                await self._serve(plane, inbound, passage, reply)
            else:
                await self._serve_on(plane, inbound, passage, reply)
        except CallerGone:
            self._gone(passage, reply)
        except KcproxyError as error:
            passage = passage or _unread(inbound, started_at)
            self._fail(inbound, passage, reply, error)
        except asyncio.CancelledError:
            self._gone(passage, reply)
            raise
        except Exception:
            log.exception("a request could not be served")
            passage = passage or _unread(inbound, started_at)
            self._fail(inbound, passage, reply, KcproxyError("The proxy failed on this request; its log says more."))
        finally:
            plane.leave()
            self._in_flight -= 1
            self._finish(passage or _unread(inbound, started_at), reply, clock)
        return KEPT if reply.keep_alive else CLOSED

    def began(self, plane: Plane) -> None:
        """A request begins on this plane."""
        self._observer.request_started()
        plane.enter()
        self._in_flight += 1

    def ended(self, crossing: Crossing, *, upstream_failed: bool = False) -> None:
        """A request of the lane has ended there."""
        if crossing.over:
            return
        crossing.over = True
        plane = crossing.plane
        plane.leave()
        self._in_flight -= 1
        self.gate.leave()
        try:
            if upstream_failed and crossing.error_kind is not None:
                self._observer.upstream_failed(crossing.error_kind)
            self._observer.request_finished(crossing.record(plane.clock()))
        except Exception:
            log.exception("a request could not be recorded")  # see _finish
        crossing.protocol.crossed()

    async def _serve(self, plane: Plane, inbound: Inbound, passage: Passage, reply: Reply) -> None:
        _refuse_other_protocols(passage.head.picked.get(b"upgrade"))
        await plane.prepare(inbound, passage)
        await self.gate.enter()
        await self._exchange(plane, inbound, passage, reply)

    async def _serve_on(self, plane: Plane, inbound: Inbound, passage: Passage, reply: Reply) -> None:
        """The same for a request that has been sent, and has its place already."""
        try:
            await plane.gather(inbound, passage)
        except BaseException:
            self.gate.leave()
            raise
        await self._exchange(plane, inbound, passage, reply)

    async def _exchange(self, plane: Plane, inbound: Inbound, passage: Passage, reply: Reply) -> None:
        """Ask Keycloak, and answer. The place among the requests under way is given back."""
        try:
            answer = await plane.exchange(inbound, passage)
            if inbound.protocol.last or self.draining:
                reply.keep_alive = False
            try:
                await self._answer(plane, inbound, passage, answer, reply)
            finally:
                answer.release()
        finally:
            self.gate.leave()
            if passage.begun is not None:
                passage.begun.release()

    async def _answer(self, plane: Plane, inbound: Inbound, passage: Passage, answer: UpstreamAnswer, reply: Reply) -> None:
        origin = plane.public_origin(passage.head, tls=inbound.protocol.ssl_context is not None)
        fields = read_answer(answer.headers, plane.upstream_origin, origin)
        began = plane.clock()
        passage.status = answer.status
        try:
            if answer.status in REFUSED:
                plane.renewal.refusing(passage)
            if plane.refusals is not None and needs_explaining(answer.status, passage.target, explained=True):
                enriched = await plane.refusals.enrich(passage, answer, fields)
                plane.renewal.refusing(passage)
                if enriched is not None:
                    await reply.write(answer.status, answer.reason, enriched.fields, enriched.body)
                    return
            if answer.status < 300 and plane.successes is not None:
                plane.successes.look(passage, fields)
            await reply.forward(answer, fields)
        finally:
            passage.upstream_seconds += max(plane.clock() - began - passage.explaining_seconds, 0.0)

    def _fail(self, inbound: Inbound, passage: Passage, reply: Reply, error: KcproxyError) -> None:
        """Say what went wrong; where the answer has begun, end the connection instead."""
        if isinstance(error, UpstreamError):
            self._observer.upstream_failed(error.kind)
        failure = failure_of(error)
        passage.error_kind = failure.kind
        passage.status = failure.status
        if reply.begun:
            reply.abort()
            return
        if isinstance(error, RequestRefused) or not inbound.payload.is_eof():
            reply.keep_alive = False  # what follows may be anything: the rest of a body that never comes, or worse
        try:
            reply.write_raw(failure.as_bytes(keep_alive=reply.keep_alive, head_only=inbound.message.method == "HEAD"))
        except CallerGone:
            self._gone(passage, reply)

    def _gone(self, passage: Passage | None, reply: Reply) -> None:
        reply.keep_alive = False
        if passage is not None:
            passage.status = CALLER_GONE

    def _finish(self, passage: Passage, reply: Reply, clock: Callable[[], float]) -> None:
        passage.sent_bytes = reply.sent_bytes
        record = passage.record(clock())
        try:
            self._observer.request_finished(record)
            if passage.explanation is not None:
                self._observer.denied(passage.explanation, record)
        except Exception:
            log.exception("a request could not be recorded")  # its answer is out, and whatever follows is served


def _passage(inbound: Inbound, plane: Plane, started_at: float) -> Passage:
    message = inbound.message
    head = plane.read(message.raw_headers)
    _refuse_unreadable(message, head)
    sent, target = judge(
        plane.catalog, message.method, _received(message), base_path=plane.base_path, content_type=head.text(b"content-type")
    )
    return Passage(target=target, raw_target=sent, head=head, started_at=started_at, peer=inbound.peer)


def _received(message: RawRequestMessage) -> bytes:
    """The target's bytes as they came; aiohttp decodes them in just this way."""
    return message.path.encode("utf-8", "surrogateescape")


def _unread(inbound: Inbound, started_at: float) -> Passage:
    """A request whose head cannot be used: only its first line counts, and the field by which it is found again."""
    message = inbound.message
    raw_target = message.path
    target = Target(kind=TargetKind.OTHER, method=message.method, raw_path=raw_target.partition("?")[0])
    picked = {name.lower(): value for name, value in message.raw_headers if name.lower() == b"traceparent"}
    return Passage(target=target, raw_target=raw_target, head=RequestHead([], picked), started_at=started_at, peer=inbound.peer)


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
