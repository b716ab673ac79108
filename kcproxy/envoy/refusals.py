"""Explains the refusals that Envoy sends, with the same parts as the proxy, and records them."""

from kcproxy.catalog.targets import judge
from kcproxy.denial.response import Enriched
from kcproxy.envoy.changes import Changes, changes_between
from kcproxy.envoy.seen import SeenRequest, SeenResponse
from kcproxy.errors import RequestRefused
from kcproxy.http1.headers import RequestFields, read_request, read_response
from kcproxy.model import Target
from kcproxy.observe.events import Observer
from kcproxy.proxy.decisions import Treatment, treatment_of_error
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.recording import Recorder
from kcproxy.proxy.runtime import Runtime
from kcproxy.server.request_body import RequestBody


class SeenExchange(Exchange):
    """An exchange that Envoy reports, with the runtime that was in use when it began."""

    def __init__(self, runtime: Runtime, request: SeenRequest, *, target: Target, raw_target: str, head: RequestFields) -> None:
        """``raw_target`` and ``target``: as judged."""
        super().__init__(target, raw_target, head, runtime.clock(), request.peer)
        self.runtime = runtime
        self.is_over = False
        self.use_body(request.body, unseen=request.body_unseen)

    def use_body(self, body: bytes | None, *, unseen: bool) -> None:
        """The request's body, which may arrive later than its head. ``unseen``: it has one that is not complete here."""
        self.body_unseen = unseen
        if body is not None and not unseen:
            self.body = RequestBody.buffered(body)

    def needs_explanation(self, status: int) -> bool:
        """Whether a response of this status code may need an explanation."""
        return status >= 400 and treatment_of_error(status, self.target, explained=True) is Treatment.EXPLAIN


class Refusals:
    """The exchanges that Envoy reports. ``runtime`` is replaced on a reload."""

    def __init__(self, runtime: Runtime, observer: Observer) -> None:
        self.runtime = runtime
        self.in_progress = 0
        self._observer = observer
        self._recorder = Recorder(observer)

    def begin(self, request: SeenRequest) -> SeenExchange | None:
        """The exchange of a request. None if it is not one that a proxy forwards: its target or framing is refused there."""
        runtime = self.runtime
        try:
            head = read_request(request.fields, None)  # Envoy has replaced Host already if it replaces it
            received = request.raw_target.encode("utf-8", "surrogateescape")
            content_type = head.text(b"content-type")
            raw_target, target = judge(runtime.catalog, request.method, received, base_path=runtime.base_path, content_type=content_type)
        except RequestRefused:
            return None
        runtime.enter()
        self.in_progress += 1
        self._observer.request_started()
        return SeenExchange(runtime, request, target=target, raw_target=raw_target, head=head)

    async def explain(self, exchange: SeenExchange, response: SeenResponse) -> Changes | None:
        """What to change in the response; None if nothing. Never raises."""
        exchange.status = response.status
        enricher = exchange.runtime.denial_enricher
        if enricher is None or not exchange.needs_explanation(response.status):
            return None
        fields = read_response(response.headers, b"", None)
        enriched: Enriched | None = await enricher.enrich(exchange, response, fields)
        if enriched is None or exchange.explanation is None:
            return None
        self._recorder.announce(exchange, exchange.runtime)
        exchange.sent_bytes = len(enriched.body)
        old_body = await response.read(len(enriched.body) + exchange.runtime.settings.limits.explain_body_bytes) or b""
        return changes_between(response.headers, enriched.fields, old_body=old_body, new_body=enriched.body)

    def end(self, exchange: SeenExchange) -> None:
        """Record an exchange. A second call does nothing."""
        if exchange.is_over:
            return
        exchange.is_over = True
        self.in_progress -= 1
        exchange.runtime.leave()
        self._recorder.record(exchange, exchange.runtime)
