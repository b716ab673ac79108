"""One stream of Envoy's external processor: the messages of one exchange in order, and the answer to each.

    only the response:  response_headers (with attributes of the request) ─▶ response_body
    everything:         request_headers ─▶ request_body ─▶ response_headers ─▶ response_body

The first is the normal case: the filter runs only for refusals. The second is for operations whose explanation depends on the request body. A
message that has to be answered is always answered, and an answer that changes nothing lets Envoy continue.
"""

from typing import Any

from kcproxy.envoy import messages
from kcproxy.envoy.refusals import Refusals, SeenExchange
from kcproxy.envoy.seen import SeenResponse


class ProcessingStream:
    """The state of one stream."""

    def __init__(self, refusals: Refusals) -> None:
        """Nothing has arrived."""
        self._refusals = refusals
        self._exchange: SeenExchange | None = None
        self._status = 0
        self._fields: list[tuple[bytes, bytes]] = []

    async def answer(self, message: Any) -> Any:
        """The answer to a ``ProcessingRequest``. None if it has no part that is known."""
        kind = message.WhichOneof("request")
        if kind is None:
            return None
        match kind:
            case "request_headers":
                self._begin(messages.request_of_headers(message.request_headers, messages.peer_of(message.attributes)))
            case "request_body" if self._exchange is not None:
                body = message.request_body
                self._exchange.use_body(body.body, unseen=not body.end_of_stream)
            case "response_headers":
                return await self._response_began(message)
            case "response_body":
                body = message.response_body
                return await self._explained(kind, body.body if body.end_of_stream else None)
            case _:
                pass
        return messages.continued(kind)

    def end(self) -> None:
        """The stream has ended, whether a response was seen or not."""
        if self._exchange is not None:
            self._refusals.end(self._exchange)

    def _begin(self, request: Any) -> None:
        if request is not None and self._exchange is None:
            self._exchange = self._refusals.begin(request)

    async def _response_began(self, message: Any) -> Any:
        headers = message.response_headers
        if self._exchange is None:
            self._begin(messages.request_of_attributes(message.attributes))
        self._status, self._fields = messages.status_of(headers), messages.fields_of(headers)
        exchange = self._exchange
        if exchange is None:
            return messages.continued("response_headers", without_body=True)
        exchange.status = self._status
        if not exchange.needs_explanation(self._status):
            self.end()
            return messages.continued("response_headers", without_body=True)
        if headers.end_of_stream:
            return await self._explained("response_headers", b"")
        return messages.continued("response_headers")

    async def _explained(self, kind: str, body: bytes | None) -> Any:
        exchange = self._exchange
        if exchange is None or exchange.is_over:
            return messages.continued(kind)
        changes = await self._refusals.explain(exchange, SeenResponse(self._status, self._fields, body))
        self.end()
        return messages.continued(kind) if changes is None else messages.changed(kind, changes)
