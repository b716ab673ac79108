"""An exchange on a client's connection, with one generation of settings. It is ended exactly once."""

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from kcproxy.http1.headers import RequestFields
from kcproxy.model import Target
from kcproxy.proxy.admission import certificate_withdrawn
from kcproxy.proxy.decisions import INSPECT, PASS, Treatment, treatment_of_error
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.runtime import Runtime
from kcproxy.proxy.unverified_callers import UnverifiedCallers
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.server.connection import InboundConnection


class ServedExchange(Exchange):
    """``has_slot``: of the concurrency limit. ``over``: it has ended."""

    version = (1, 1)
    keep_alive = True
    has_slot = False
    over = False

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
        """The parameters are as in ``Exchange``."""
        Exchange.__init__(self, target, raw_target, head, runtime.clock(), connection.peer)  # half the time of super() with names
        self.pipeline = pipeline
        self.connection = connection
        self.runtime = runtime

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Continue in a task."""
        self.task = asyncio.get_running_loop().create_task(work)

    def client_disconnected(self) -> None:
        """The client has disconnected: cancel a read; let a write complete, because a part of it may have been executed."""
        if self.task is not None and self.is_read:
            self.task.add_done_callback(self._never_begun)
            self.task.cancel()

    def _never_begun(self, _task: asyncio.Task[None]) -> None:
        """End an exchange whose task was cancelled before its first step, so that its ``finally`` did not run."""
        if self.begun is not None:
            self.begun.release()
        self.pipeline.ended(self, keep_alive=False)

    def check_certificate(self) -> None:
        """Raises RequestRefused if the request would get an injected token, and the client's certificate was withdrawn."""
        if self.connection.withdrawn and self.account is not None:
            raise certificate_withdrawn()

    def treatment(self, status: int) -> Treatment:
        """What a response with this status code needs before it is written."""
        runtime = self.runtime
        if status < 300:
            reduced = runtime.reduced_responses
            return INSPECT if reduced is not None and reduced.applies_to(self.target) else PASS
        return treatment_of_error(status, self.target, explained=runtime.denial_enricher is not None)


class Pipeline(Protocol):
    """The request handler as the fast path uses it."""

    runtime: Runtime
    limit: ConcurrencyLimit
    unverified_callers: UnverifiedCallers
    draining: bool

    def started(self, exchange: ServedExchange) -> None:
        """Count a request that begins."""
        ...

    def ended(self, exchange: ServedExchange, *, keep_alive: bool) -> None:
        """End a request."""
        ...

    def resume(self, exchange: ServedExchange) -> None:
        """Continue with a request that was sent, from its response on."""
        ...

    def failed_upstream(self, kind: str) -> None:
        """Count an exchange without a usable response."""
        ...
