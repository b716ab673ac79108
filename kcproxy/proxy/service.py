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
from kcproxy.observe.events import Direction, Observer, RequestRecord
from kcproxy.proxy.answer import REFUSED, needs_explaining
from kcproxy.proxy.bodies import BodyTooSlow, CallerGone, CallerTooSlow
from kcproxy.proxy.caller_waits import CallerWaits
from kcproxy.proxy.crossing import Crossing
from kcproxy.proxy.failures import Failure, failure_of
from kcproxy.proxy.forward import Plane
from kcproxy.proxy.gate import Gate
from kcproxy.proxy.headers import RequestHead, read_answer
from kcproxy.proxy.passage import CALLER_GONE, Passage
from kcproxy.proxy.respond import Reply
from kcproxy.proxy.turn import CLOSED, KEPT, Inbound, Sent
from kcproxy.proxy.unknown_callers import UnknownCallers
from kcproxy.proxy.upload_limit import UploadLimit
from kcproxy.settings import Settings

log = logging.getLogger("kcproxy.proxy")

_NOWHERE = Target(kind=TargetKind.OTHER, method="", raw_path="")
_FULL = Failure.of(503, "busy", "The proxy has all the connections open that its settings allow.", retry_after_seconds=1)


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
        self.uploads = UploadLimit(plane.settings)
        self.unknown_callers = UnknownCallers(plane.settings)
        self._slow_readers = CallerWaits(_slow_readers_kept(plane.settings), self._queued)

    @property
    def in_flight(self) -> int:
        """Requests whose head has been read and whose answer is not out."""
        return self._in_flight

    def swap(self, plane: Plane) -> Plane:
        """Take on new settings for requests to come; gives the plane that they replace."""
        old, self.plane = self.plane, plane
        limits = plane.settings.limits
        self.gate.resize(limits.max_concurrent_requests, limits.max_queue_seconds)
        self.uploads.resize(plane.settings)
        self.unknown_callers.resize(plane.settings)
        self._slow_readers.keep = _slow_readers_kept(plane.settings)
        return old

    def _queued(self) -> int:
        """Requests that wait for a slot or for a connection to Keycloak."""
        pool = self.plane.pool
        return self.gate.waiting + self.unknown_callers.waiting + (0 if pool is None else pool.waiting_requests)

    def bad_request(self, failure: Failure, peer: str | None) -> None:
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

    async def handle(self, inbound: Inbound) -> Sent:
        """Serve one request, to its end; from the middle on, where it comes out of the lane."""
        crossing = inbound.protocol.carried()
        passage: Passage | None = crossing
        plane = self.plane if crossing is None else crossing.plane
        clock = plane.clock
        started_at = clock() if crossing is None else crossing.started_at
        if crossing is None:
            self.began(plane)
        reply = Reply(inbound, plane.settings, self._slow_readers, keep_alive=not self.draining)
        try:
            if passage is None:
                passage = _passage(inbound, plane, started_at)
                await self._serve(plane, inbound, passage, reply)
            else:
                await self._serve_on(plane, inbound, passage, reply)
        except CallerGone as gone:
            self._gone(passage, reply)
            if passage is not None and isinstance(gone, CallerTooSlow):
                passage.error_kind = "slow-reader"
                self._observer.caller_too_slow(Direction.RESPONSE, gone.why)
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
            if passage is not None:
                self.unknown_callers.leave(passage)
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
        if crossing.is_counted_as_unknown:
            self.unknown_callers.leave(crossing)
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
        await self.uploads.enter(passage.body)
        try:
            await self.unknown_callers.enter(plane, passage)
            await self.gate.enter()
            await self._exchange(plane, inbound, passage, reply)
        finally:
            if passage.body is not None:
                passage.body.end_upload()

    async def _serve_on(self, plane: Plane, inbound: Inbound, passage: Passage, reply: Reply) -> None:
        """The same for a request that has been sent, and has its place already."""
        try:
            await plane.gather(inbound, passage)
        except BaseException:
            self.gate.leave()
            if passage.begun is not None:
                passage.begun.release()
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
        if isinstance(error, BodyTooSlow):
            self._observer.caller_too_slow(Direction.REQUEST, error.why)
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


def _slow_readers_kept(settings: Settings) -> int:
    """How many responses may wait for slow callers although other requests queue: a quarter of what may be under way at once."""
    return max(1, min(settings.limits.max_concurrent_requests, settings.upstream.max_connections) // 4)


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
