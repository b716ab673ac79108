"""An exchange as the pipeline serves it: on a connection, by one generation of settings, to be ended exactly once."""

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from kcproxy.http1.headers import RequestFields
from kcproxy.model import Target
from kcproxy.proxy.decisions import Treatment, treatment_of
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.runtime import Runtime
from kcproxy.proxy.unverified_callers import UnverifiedCallers
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.server.connection import InboundConnection


class ServedExchange(Exchange):
    """``has_slot`` of the concurrency limit; ``over`` when it has been ended; ``task`` is what handles it, if something is waited for."""

    version = (1, 1)
    keep_alive = True
    has_slot = False
    over = False
    task: asyncio.Task[None] | None = None

    def __init__(
        self,
        pipeline: "Pipeline",
        connection: InboundConnection,
        runtime: Runtime,
        *,
        target: Target,
        raw_target: str,
        head: RequestFields,
    ) -> None:
        """A request whose head has been read."""
        super().__init__(target=target, raw_target=raw_target, head=head, started_at=runtime.clock(), peer=connection.peer)
        self.pipeline = pipeline
        self.connection = connection
        self.runtime = runtime

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Go on in a task of its own."""
        self.task = asyncio.get_running_loop().create_task(work)

    def client_disconnected(self) -> None:
        """The client's connection is gone: a read is given up; a write comes to its end, for stopping half-way helps nobody."""
        if self.task is not None and self.is_read:
            self.task.add_done_callback(self._never_begun)
            self.task.cancel()

    def _never_begun(self, _task: asyncio.Task[None]) -> None:
        """A task that is cancelled before its first step does nothing, not even its ``finally``; any other has ended the exchange already."""
        if self.begun is not None:
            self.begun.release()
        self.pipeline.ended(self, keep_alive=False)

    def treatment(self, status: int) -> Treatment:
        """What a response of this status needs before it is written."""
        runtime = self.runtime
        reduced = runtime.reduced_responses
        concerns = reduced is not None and status < 300 and reduced.concerns(self.target)
        return treatment_of(status, self.target, explained=runtime.denial_enricher is not None, concerns=concerns)


class Pipeline(Protocol):
    """What the fast path needs of the request handler."""

    runtime: Runtime
    limit: ConcurrencyLimit
    unverified_callers: UnverifiedCallers
    draining: bool

    def started(self, exchange: ServedExchange) -> None:
        """A request begins."""
        ...

    def ended(self, exchange: ServedExchange, *, keep_alive: bool) -> None:
        """It has ended."""
        ...

    def resume(self, exchange: ServedExchange) -> None:
        """Go on with a request that was sent, from the response that has begun."""
        ...

    def failed_upstream(self, kind: str) -> None:
        """Keycloak gave no usable response."""
        ...
