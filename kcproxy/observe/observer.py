"""The observer of a running proxy: metrics, log lines and the store of denials, fed by the data plane's events."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

from kcproxy.catalog import Catalog
from kcproxy.model import Caller, Explanation, RoleSet, Target
from kcproxy.observe.denial_store import DenialStore
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.label_limits import operation_label
from kcproxy.observe.log import Log
from kcproxy.observe.metrics import DenialKey, Metrics
from kcproxy.observe.tracing import Spans
from kcproxy.server.events import AcceptFailure, ConnectionRefusal, Direction, ListenerName, Slowness

MAX_STANDING = 1000
MAX_KINDS_STANDING = 20
ACCEPT_LINE_SECONDS = 60.0

StandingKey = tuple[str, str | None, tuple[str | None, ...]]
"""Operation, realm and caller: who must pass with what for a denial to count as resolved."""


class LiveObserver:
    """Implements ``events.Observer``. Runs on the event loop; every method is quick and none raises."""

    def __init__(
        self,
        metrics: Metrics,
        log: Log,
        denials: DenialStore,
        *,
        catalog: Catalog | None = None,
        spans: Spans | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``catalog`` says which roles a request needs, for the least-privilege counters and the page; ``spans`` go to a tracing system.

        ``clock`` bounds how often a failure that lasts is logged.
        """
        self.metrics = metrics
        self.log = log
        self.denials = denials
        self.catalog = catalog
        self._spans = spans
        self._standing: OrderedDict[StandingKey, dict[str, DenialKey]] = OrderedDict()
        self._clock = clock
        self._accept_failures: Counter[ListenerName] = Counter()
        self._accept_silence: dict[ListenerName, float] = {}
        self._accept_told: set[ListenerName] = set()
        self._awaited: Counter[tuple[str, str | None]] = Counter()
        metrics.gauge("kcproxy_denials_stored").set_function(lambda: len(self.denials))
        log.sink.on_drop = metrics.counter("kcproxy_log_dropped_total").inc

    def request_started(self) -> None:
        """A request's head has been read."""
        self.metrics.request_started()

    def request_finished(self, record: RequestRecord) -> None:
        """The last byte of the answer is out, or will never be."""
        self.metrics.request_finished(record)
        self.log.request(record)
        if self._spans is not None:
            self._spans.request(record)
        if record.status < 300 and record.target.operation is not None:
            if self._standing:
                self._resolve(record)
            if record.injected_account is not None:
                self.metrics.role_used(record.injected_account, self._least(record.target))

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        """Keycloak (or the proxy) refused, and this is why."""
        key = self.metrics.denied(explanation)
        self.log.denial(explanation, record)
        try:
            fingerprint = self.denials.add(explanation, record)
        except (TypeError, ValueError, RecursionError) as error:  # a value of a shape that nobody thought of: the answer is out already
            self.log.error("denial_not_kept", denial_id=explanation.id, error=type(error).__name__)  # noqa: TRY400 - this log has no tracebacks
            return
        place = _standing_key(record, explanation.caller)
        if place is not None:
            self._stand(place, fingerprint, key)

    def response_reduced(self, target: Target, notice: str) -> None:
        """A 2xx that is thinner than realm-admin's would be."""
        self.metrics.response_reduced(target)
        self.log.debug("answer_reduced", operation=operation_label(target), realm=target.realm, notice=notice)

    def token_fetched(self, account: str, outcome: str, seconds: float, expires_in_seconds: float | None) -> None:
        """The token endpoint answered for an account of ours."""
        self.metrics.token_fetched(account, outcome, seconds, expires_in_seconds)
        write = self.log.info if outcome == "ok" else self.log.error
        write("token_fetched", account=account, outcome=outcome, duration_ms=round(seconds * 1e3, 2), expires_in_seconds=expires_in_seconds)

    def token_cache_read(self, account: str, *, hit: bool) -> None:
        """A token was wanted for injection, and was in the cache or not."""
        self.metrics.token_cache_read(account, hit=hit)

    def token_replaced(self, account: str) -> None:
        """A refused injected token was replaced and the request repeated."""
        self.metrics.token_replaced(account)
        self.log.info("token_replaced", account=account)

    def token_roles(self, account: str, roles: tuple[str, ...]) -> None:
        """The admin roles that a newly fetched token of an account of ours names."""
        self.metrics.token_roles(account, roles if self.catalog is None else _tops(roles, self.catalog))

    def upstream_failed(self, kind: str) -> None:
        """No usable answer: the error's kind."""
        self.metrics.upstream_failed(kind)

    def client_too_slow(self, direction: Direction, reason: Slowness) -> None:
        """A transfer was ended because of its caller. The line of its request says whose."""
        self.metrics.client_too_slow(direction, reason)

    def connection_refused(self, listener: ListenerName, reason: ConnectionRefusal) -> None:
        """A connection was closed without a request."""
        self.metrics.connection_refused(listener, reason)
        self.log.debug("connection_refused", listener=listener.value, reason=reason.value)

    def watch_connections(self, listener: ListenerName, count: Callable[[], int]) -> None:
        """Show from now on how many connections a port has."""
        self.metrics.gauge("kcproxy_connections").labels(listener.value).set_function(count)

    def accept_failed(self, listener: ListenerName, reason: AcceptFailure, error: str) -> None:
        """The system gave no connection: one line at once, further ones once a minute."""
        self.metrics.accept_failed(listener, reason)
        failures = self._accept_failures[listener] = self._accept_failures[listener] + 1
        now = self._clock()
        if now >= self._accept_silence.get(listener, 0.0):
            self._accept_silence[listener] = now + ACCEPT_LINE_SECONDS
            self._accept_told.add(listener)
            self.log.error("accept_failed", listener=listener.value, reason=reason.value, error=error, failures=failures)

    def accept_recovered(self, listener: ListenerName) -> None:
        """The first connection after a failure."""
        failures = self._accept_failures.pop(listener, 0)
        if listener in self._accept_told:
            self._accept_told.remove(listener)
            self.log.info("accept_recovered", listener=listener.value, failures=failures)

    def looked_up(self, what: str, outcome: str, seconds: float) -> None:
        """The inspector (or a public document) was asked."""
        self.metrics.looked_up(what, outcome, seconds)
        self.log.debug("looked_up", what=what, outcome=outcome, duration_ms=round(seconds * 1e3, 2))

    def awaits(self, target: Target) -> bool:
        """Whether a denial of the target's operation waits for its end, so that it is worth knowing who passes."""
        return bool(self._standing) and target.operation is not None and (target.operation.key, target.realm) in self._awaited

    def settings_reloaded(self, *, successful: bool) -> None:
        """Settings were read anew, and taken or refused."""
        self.metrics.reloaded(successful=successful)

    def noted(self, notes: Iterable[str]) -> None:
        """Settings and files that work, but should be known: a line for each."""
        for note in notes:
            self.log.warning("settings_note", note=note)

    def use_catalog(self, catalog: Catalog) -> None:
        """Another table, because the server's version has been found out or has changed."""
        self.catalog = catalog
        self.metrics.catalog(catalog.version)

    def close(self) -> None:
        """Write what is left to the log, to the history, to the tracing system."""
        self.denials.close()
        if self._spans is not None:
            self._spans.close()
        self.log.close()

    def _least(self, target: Target) -> RoleSet:
        entry = None if self.catalog is None else self.catalog.entry(target)
        return () if entry is None else entry.requirement.least or ()

    def _stand(self, place: StandingKey, fingerprint: str, key: DenialKey) -> None:
        if place not in self._standing:
            self._awaited[place[:2]] += 1
        kinds = self._standing.setdefault(place, {})
        if len(kinds) < MAX_KINDS_STANDING:
            kinds[fingerprint] = key
        self._standing.move_to_end(place)
        if len(self._standing) > MAX_STANDING:
            self._no_more(self._standing.popitem(last=False)[0])

    def _resolve(self, record: RequestRecord) -> None:
        place = _standing_key(record, record.caller)
        if place is None or place not in self._standing:
            return
        for fingerprint, key in self._standing.pop(place).items():
            self.metrics.resolved(key)
            self.denials.resolved(fingerprint)
        self._no_more(place)
        operation, realm, who = place
        self.log.info("denial_resolved", operation=operation, realm=realm, caller=who[-1])

    def _no_more(self, place: StandingKey) -> None:
        self._awaited[place[:2]] -= 1
        if not self._awaited[place[:2]]:
            del self._awaited[place[:2]]


def _tops(roles: Iterable[str], catalog: Catalog) -> tuple[str, ...]:
    """The roles that are not there merely because another one contains them: those that somebody granted."""
    held = set(roles)
    contained = {inner for role in held for inner in catalog.contains(role) if inner != role}
    return tuple(sorted(held - contained))


def _standing_key(record: RequestRecord, caller: Caller | None) -> StandingKey | None:
    if record.target.operation is None:
        return None
    if record.injected_account is not None:
        who: tuple[str | None, ...] = (record.injected_account,)
    elif caller is not None and (caller.client_id is not None or caller.username is not None):
        who = (caller.realm, caller.client_id, caller.username)
    else:
        return None  # nobody in particular: that another passes says nothing about him
    return (record.target.operation.key, record.target.realm, who)
