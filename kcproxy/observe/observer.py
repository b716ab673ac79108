"""The observer of a running proxy: turns events into metrics, log lines, spans and stored denials."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from kcproxy.catalog import Catalog
from kcproxy.explain.context import owner_of_roles
from kcproxy.model import Caller, Explanation, RoleSet, Target
from kcproxy.observe.denials.document import Document
from kcproxy.observe.denials.known_kinds import known_kind
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.events import Observer, RequestRecord
from kcproxy.observe.label_limits import operation_label
from kcproxy.observe.log import Log
from kcproxy.observe.metrics import DenialKey, Metrics
from kcproxy.observe.tracing import Spans
from kcproxy.server.events import AcceptFailure, ConnectionRefusal, Direction, ListenerName, Slowness
from kcproxy.usage.model import Outcome, outcome_of
from kcproxy.usage.tally import KnownCaller, UseTally

FULL = Outcome.FULL
"""The lookup of an enum's member takes ten times as long as that of a name."""

MAX_UNRESOLVED = 1000
MAX_KINDS_UNRESOLVED = 20
ACCEPT_LINE_SECONDS = 60.0

UnresolvedKey = tuple[str, str | None, tuple[str | None, ...]]
"""Operation, realm and caller whose success resolves a denial."""


class Closing(Protocol):
    """A record that is written behind."""

    def close(self) -> None:
        """Write what waits."""
        ...


class LiveObserver(Observer):
    """Observer of a serving process. It also receives the events of listening sockets (``server.events.SocketObserver``)."""

    def __init__(
        self,
        metrics: Metrics,
        log: Log,
        denials: DenialStore,
        *,
        catalog: Catalog | None = None,
        spans: Spans | None = None,
        uses: UseTally | None = None,
        use_history: "Closing | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``catalog``: the roles that requests need, for the counters of least privilege and the page. ``spans``: for a tracing system.

        ``uses`` counts the calls of each caller, and ``use_history`` writes them. Without it nothing is counted.
        ``clock`` limits how often a lasting failure is logged.
        """
        self.metrics = metrics
        self.log = log
        self.denials = denials
        self.catalog = catalog
        self._uses = uses or UseTally(recording=False)
        self._use_history = use_history
        self._spans = spans
        self._unresolved: OrderedDict[UnresolvedKey, set[tuple[str, DenialKey]]] = OrderedDict()
        self._clock = clock
        self._accept_failures: Counter[ListenerName] = Counter()
        self._accept_next_line: dict[ListenerName, float] = {}
        self._accept_logged: set[ListenerName] = set()
        self._awaited: Counter[tuple[str, str | None]] = Counter()
        metrics.gauge("kcproxy_denials_stored").set_function(lambda: len(self.denials))
        log.sink.on_drop = metrics.counter("kcproxy_log_dropped_total").inc

    def use_tally(self) -> UseTally:
        return self._uses

    def request_started(self) -> None:
        self.metrics.request_started()

    def request_finished(self, record: RequestRecord) -> None:
        if self._spans is not None:
            trace_id = self._spans.request(record)
            if record.trace_id is None:  # the request brought none, so the span began a trace of its own
                record.trace_id = trace_id
        self.metrics.request_finished(record)
        self.log.request(record)
        if record.status < 300 and record.target.operation is not None:
            if self._unresolved:
                self._resolve(record)
            if record.injected_account is not None:
                account = record.injected_account if record.used_by is None else record.used_by.label
                self.metrics.role_used(account, self._admitting(record))
        for limit in record.exceeded_limits:
            self.metrics.limit_exceeded(limit, record.target)
        if record.used_by is not None:
            self._count_use(record.used_by, record)

    def _count_use(self, known: KnownCaller, record: RequestRecord) -> None:
        target, status = record.target, record.status
        if target.operation is None:
            return
        outcome = FULL if status < 400 and not record.reduced else outcome_of(status, reduced=record.reduced)
        if self._uses.recording:
            self._uses.count(known, target.realm, target.operation.key, record.variant, outcome)
        if self.metrics.shows_clients:
            self.metrics.operation_used(known, target.operation.key, outcome)

    @property
    def announces_denials(self) -> bool:
        return self.denials.pending is not None

    def denial_announced(self, explanation: Explanation, record: RequestRecord) -> None:
        with suppress(TypeError, ValueError, RecursionError):  # an unexpected value, which `denied` reports
            self.denials.announce(explanation, record)

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        key = self.metrics.denied(explanation)
        self.log.denial(explanation, record)
        try:
            fingerprint = self.denials.add(explanation, record)
        except (TypeError, ValueError, RecursionError) as error:  # an unexpected value; the response has already been sent
            self.log.error("denial_not_stored", denial_id=explanation.id, error=type(error).__name__)  # noqa: TRY400 - this log has no tracebacks
            return
        unresolved = _unresolved_key(record, explanation.caller)
        if unresolved is not None:
            self._add_unresolved(unresolved, fingerprint, key)

    def response_reduced(self, target: Target, notice: str) -> None:
        self.metrics.response_reduced(target)
        self.log.debug("response_reduced", operation=operation_label(target), realm=target.realm, notice=notice)

    def token_fetched(self, account: str, outcome: str, seconds: float, expires_in_seconds: float | None) -> None:
        self.metrics.token_fetched(account, outcome, seconds, expires_in_seconds)
        write = self.log.info if outcome == "ok" else self.log.error
        write("token_fetched", account=account, outcome=outcome, duration_ms=round(seconds * 1e3, 2), expires_in_seconds=expires_in_seconds)

    def token_cache_read(self, account: str, *, hit: bool) -> None:
        self.metrics.token_cache_read(account, hit=hit)

    def token_replaced(self, account: str) -> None:
        self.metrics.token_replaced(account)
        self.log.info("token_replaced", account=account)

    def token_roles(self, account: str, roles: tuple[str, ...]) -> None:
        self.metrics.token_roles(account, roles if self.catalog is None else _tops(roles, self.catalog))

    def upstream_failed(self, kind: str) -> None:
        self.metrics.upstream_failed(kind)

    def client_too_slow(self, direction: Direction, reason: Slowness) -> None:
        """A transfer was aborted because the client was too slow. The line of its request has the details."""
        self.metrics.client_too_slow(direction, reason)

    def connection_refused(self, listener: ListenerName, reason: ConnectionRefusal) -> None:
        """A connection was closed before its first request."""
        self.metrics.connection_refused(listener, reason)
        self.log.debug("connection_refused", listener=listener.value, reason=reason.value)

    def watch_connections(self, listener: ListenerName, count: Callable[[], int]) -> None:
        """Export the number of connections of a listener."""
        self.metrics.gauge("kcproxy_connections").labels(listener.value).set_function(count)

    def accept_failed(self, listener: ListenerName, reason: AcceptFailure, error: str) -> None:
        """The operating system could not accept a connection. Logged at once, then once a minute."""
        self.metrics.accept_failed(listener, reason)
        failures = self._accept_failures[listener] = self._accept_failures[listener] + 1
        now = self._clock()
        if now >= self._accept_next_line.get(listener, 0.0):
            self._accept_next_line[listener] = now + ACCEPT_LINE_SECONDS
            self._accept_logged.add(listener)
            self.log.error("accept_failed", listener=listener.value, reason=reason.value, error=error, failures=failures)

    def accept_recovered(self, listener: ListenerName) -> None:
        """The first connection after a failure."""
        failures = self._accept_failures.pop(listener, 0)
        if listener in self._accept_logged:
            self._accept_logged.remove(listener)
            self.log.info("accept_recovered", listener=listener.value, failures=failures)

    def looked_up(self, what: str, outcome: str, seconds: float) -> None:
        self.metrics.looked_up(what, outcome, seconds)
        self.log.debug("looked_up", what=what, outcome=outcome, duration_ms=round(seconds * 1e3, 2))

    def awaits(self, target: Target) -> bool:
        return bool(self._unresolved) and target.operation is not None and (target.operation.key, target.realm) in self._awaited

    def settings_reloaded(self, *, successful: bool) -> None:
        self.metrics.reloaded(successful=successful)

    def noted(self, notes: Iterable[str]) -> None:
        """Log a warning for each note about settings or files."""
        for note in notes:
            self.log.warning("settings_note", note=note)

    def use_catalog(self, catalog: Catalog) -> None:
        """Use another catalog, because the server's version was detected or has changed."""
        self.catalog = catalog
        self.metrics.catalog(catalog.version)

    def close(self) -> None:
        """Flush log, history, record of use and spans."""
        self.denials.close()
        if self._use_history is not None:
            self._use_history.close()
        if self._spans is not None:
            self._spans.close()
        self.log.close()

    def _admitting(self, record: RequestRecord) -> RoleSet:
        """The least roles for a success. A reduced one is credited to the roles that were let in, not to those of the useful response."""
        entry = None if self.catalog is None else self.catalog.entry(record.target)
        if entry is None or self.catalog is None:
            return ()
        if record.reduced and record.caller is not None:
            owner, _ = owner_of_roles(record.caller, record.target.realm)
            held = self.catalog.closure(record.caller.client_roles.get(owner, ()))
            admitting = [roles for roles in entry.requirement.admits if held.issuperset(roles)]
            return self.catalog.least(admitting) or ()
        return entry.requirement.least or ()

    def heard(self, fingerprint: str, newest: Document) -> None:
        """Another instance has seen a kind of denial, or its end: a success here ends it, too, unless it has ended."""
        group = self.denials.group(fingerprint)
        key = unresolved_key_of(newest)
        if group is None:
            return
        kind = self.metrics.remember(known_kind(group, newest))
        if key is not None and group.resolved_at is None:
            self._add_unresolved(key, fingerprint, kind)
        elif key is not None and key in self._unresolved:
            kinds = self._unresolved[key]
            kinds.discard((fingerprint, kind))
            if not kinds:
                del self._unresolved[key]
                self._forget(key)

    def _add_unresolved(self, key: UnresolvedKey, fingerprint: str, kind: DenialKey) -> None:
        if key not in self._unresolved:
            self._awaited[key[:2]] += 1
        kinds = self._unresolved.setdefault(key, set())
        if len(kinds) < MAX_KINDS_UNRESOLVED:
            kinds.add((fingerprint, kind))
        self._unresolved.move_to_end(key)
        if len(self._unresolved) > MAX_UNRESOLVED:
            self._forget(self._unresolved.popitem(last=False)[0])

    def _resolve(self, record: RequestRecord) -> None:
        key = _unresolved_key(record, record.caller)
        if key is None or key not in self._unresolved:
            return
        for fingerprint, kind in self._unresolved.pop(key):
            self.metrics.resolved(kind)
            self.denials.resolved(fingerprint)
        self._forget(key)
        operation, realm, who = key
        self.log.info("denial_resolved", operation=operation, realm=realm, caller=who[-1])

    def _forget(self, key: UnresolvedKey) -> None:
        self._awaited[key[:2]] -= 1
        if not self._awaited[key[:2]]:
            del self._awaited[key[:2]]


def _tops(roles: Iterable[str], catalog: Catalog) -> tuple[str, ...]:
    """The roles without those that another of them contains: the ones that were granted."""
    held = set(roles)
    contained = {inner for role in held for inner in catalog.contains(role) if inner != role}
    return tuple(sorted(held - contained))


def _unresolved_key(record: RequestRecord, caller: Caller | None) -> UnresolvedKey | None:
    if record.target.operation is None:
        return None
    if record.injected_account is not None:
        who: tuple[str | None, ...] = (record.injected_account,)
    elif caller is not None and (caller.client_id is not None or caller.username is not None):
        who = (caller.realm, caller.client_id, caller.username)
    else:
        return None  # unknown caller: the success of another says nothing about them
    return (record.target.operation.key, record.target.realm, who)


def unresolved_key_of(document: Document) -> UnresolvedKey | None:
    """As the key of a request, of a stored denial."""
    if document["what"].partition(" ")[2].startswith("("):
        return None  # no operation of the catalog
    caller = document["explanation"]["caller"]
    if document["account"] is not None:
        who: tuple[str | None, ...] = (document["account"],)
    elif caller["clientId"] is not None or caller["username"] is not None:
        who = (caller["realm"], caller["clientId"], caller["username"])
    else:
        return None
    return (document["what"], document["realm"], who)
