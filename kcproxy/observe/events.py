"""What the data plane tells whoever watches: plain values, one method an event. Metrics, log and page hang on this.

Every method is quick, never blocks and never raises; the data plane calls them on the event loop.
"""

from dataclasses import dataclass
from typing import Protocol

from kcproxy.model import Caller, Explanation, Target
from kcproxy.server.events import Direction, Slowness


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One finished request: the facts of its canonical log line. Durations in seconds, sizes in bytes.

    Nobody changes one. It is not frozen, because making a frozen one takes four times as long, and one is made for every request.
    """

    target: Target
    status: int  # 499 where the caller went away
    duration_seconds: float
    upstream_seconds: float = 0.0  # from sending to the last byte of the answer, token fetches left out
    waited_seconds: float = 0.0  # for the caller's body, before anything was sent
    received_bytes: int = 0
    sent_bytes: int = 0
    injected_account: str | None = None  # client id of the account whose token was added
    admitted: str | None = None  # name of the API key, or client of the verified token, that let the caller in
    token_replaced: bool = False
    retried: bool = False
    error_kind: str | None = None  # of errors.KcproxyError, where the proxy itself answered
    trace_id: str | None = None  # of the request's traceparent (W3C Trace Context), as are the next two
    parent_span_id: str | None = None
    trace_sampled: bool = False
    denial_id: str | None = None
    peer: str | None = None
    caller: Caller | None = None  # where his claims were read; never logged whole


class Observer(Protocol):
    """The listener to all events."""

    def request_started(self) -> None:
        """A request's head has been read."""
        ...

    def request_finished(self, record: RequestRecord) -> None:
        """The last byte of the answer is out, or will never be."""
        ...

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        """Keycloak (or the proxy) refused, and this is why."""
        ...

    def response_reduced(self, target: Target, notice: str) -> None:
        """A 2xx that is thinner than realm-admin's would be."""
        ...

    def token_fetched(self, account: str, outcome: str, seconds: float, expires_in_seconds: float | None) -> None:
        """The token endpoint answered for an account of ours; outcome "ok" or the error's kind."""
        ...

    def token_cache_read(self, account: str, *, hit: bool) -> None:
        """A token was wanted for injection, and was in the cache or not."""
        ...

    def token_replaced(self, account: str) -> None:
        """A refused injected token was replaced and the request repeated."""
        ...

    def upstream_failed(self, kind: str) -> None:
        """No usable answer: the error's kind."""
        ...

    def client_too_slow(self, direction: Direction, reason: Slowness) -> None:
        """A transfer was ended because of its caller."""
        ...

    def looked_up(self, what: str, outcome: str, seconds: float) -> None:
        """The inspector (or a public document) was asked; outcome "ok", "cached", "late", "refused", "limited" or "failed"."""
        ...

    def token_roles(self, account: str, roles: tuple[str, ...]) -> None:
        """The admin roles that a newly fetched token of an account of ours names."""
        ...

    def awaits(self, target: Target) -> bool:
        """Whether a denial of the target's operation waits for its end, so that it is worth knowing who passes."""
        ...

    def settings_reloaded(self, *, successful: bool) -> None:
        """Settings were read anew, and taken or refused."""
        ...
