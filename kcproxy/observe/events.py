"""Events of the request pipeline for metrics, log and page: plain values, one method for each event."""

from dataclasses import dataclass

from kcproxy.model import Caller, Explanation, Target
from kcproxy.server.events import Direction, Slowness
from kcproxy.usage.tally import KnownCaller, UseTally


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One finished request: the values of its canonical log line. Durations in seconds, sizes in bytes.

    Treat it as immutable. It is not frozen, because one is created for every request, and creating a frozen one takes four times as long.
    """

    target: Target
    status: int  # 499: the client disconnected
    duration_seconds: float
    upstream_seconds: float = 0.0  # from sending to the last byte of the response, without token requests
    waited_seconds: float = 0.0  # for the client's body, before anything was sent
    received_bytes: int = 0
    sent_bytes: int = 0
    injected_account: str | None = None  # client id of the account whose token was injected
    admitted: str | None = None  # name of the API key, or client of the verified token, that admitted the caller
    token_replaced: bool = False
    retried: bool = False
    error_kind: str | None = None  # of errors.KcproxyError, if the proxy itself sent the response
    trace_id: str | None = None  # of the request's traceparent (W3C Trace Context), as are the next two
    parent_span_id: str | None = None
    trace_sampled: bool = False
    denial_id: str | None = None
    peer: str | None = None
    caller: Caller | None = None  # if its claims were read; never logged as a whole
    used_by: KnownCaller | None = None  # if Keycloak accepted its token
    variant: str = ""  # IDs of the variants of the operation that the request showed
    exceeded_limits: tuple[str, ...] = ()  # names of limits in mode observe that would have refused the request
    reduced: bool | None = None  # whether a success contained less than everything, as far as the token shows


class Observer:
    """Receives all events and ignores them; a subclass overrides what it needs.

    Methods are fast, never block and never raise. They run on the event loop.
    """

    def use_tally(self) -> UseTally | None:
        """Counts the calls of each caller. None if nobody wants to know who the callers are."""
        return None

    def request_started(self) -> None:
        """A request's head has been read."""

    def request_finished(self, record: RequestRecord) -> None:
        """The last byte of the response has been sent, or never will be."""

    @property
    def announces_denials(self) -> bool:
        """Whether ``denial_announced`` matters."""
        return False

    def denial_announced(self, explanation: Explanation, record: RequestRecord) -> None:
        """The response to a refused request is about to be sent. ``denied`` follows when it has been."""

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        """Keycloak or the proxy refused a request."""

    def response_reduced(self, target: Target, notice: str) -> None:
        """A 2xx response contained less than realm-admin would get."""

    def token_fetched(self, account: str, outcome: str, seconds: float, expires_in_seconds: float | None) -> None:
        """The token endpoint responded for a configured account; ``outcome`` is "ok" or the kind of error."""

    def token_cache_read(self, account: str, *, hit: bool) -> None:
        """A token was needed for injection."""

    def token_replaced(self, account: str) -> None:
        """A refused injected token was replaced and the request repeated."""

    def token_roles(self, account: str, roles: tuple[str, ...]) -> None:
        """A newly fetched token of a configured account contains these admin roles."""

    def upstream_failed(self, kind: str) -> None:
        """There was no usable response; ``kind`` is that of the error."""

    def client_too_slow(self, direction: Direction, reason: Slowness) -> None:
        """A transfer was aborted because the client was too slow."""

    def looked_up(self, what: str, outcome: str, seconds: float) -> None:
        """A look-up ended with "ok", "cached", "late", "refused", "limited" or "failed"."""

    def awaits(self, target: Target) -> bool:  # noqa: ARG002 - subclasses need it
        """True if a denial of the target's operation is unresolved, so that the caller of a success matters."""
        return False

    def settings_reloaded(self, *, successful: bool) -> None:
        """The settings were read again, and accepted or refused."""
