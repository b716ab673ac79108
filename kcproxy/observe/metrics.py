"""The metrics of one process, from ``metric_specs``: a registry of its own, cached children, bounded labels."""

import os
import platform
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

import kcproxy
from kcproxy.errors import SettingsError
from kcproxy.model import Confidence, Explanation, RoleSet, Target
from kcproxy.observe.denials.known_kinds import KnownKind
from kcproxy.observe.events import RequestRecord
from kcproxy.observe.fast_metrics import FastCounter
from kcproxy.observe.hot_metrics import HOT, HotMetrics, OperationMetrics
from kcproxy.observe.label_limits import ADMIN_ROLES, OTHER, CappedNames, client_of, operation_label, proven, role_label
from kcproxy.observe.metric_specs import SPECS, Kind, Spec
from kcproxy.server.events import AcceptFailure, ConnectionRefusal, Direction, ListenerName, Slowness
from kcproxy.settings import MetricSettings
from kcproxy.usage.model import Outcome
from kcproxy.usage.tally import KnownCaller

Metric = Counter | Gauge | Histogram
DenialKey = tuple[str, str, str, str, str]
M = TypeVar("M", Counter, Gauge, Histogram)

MAX_DENIAL_SERIES = 2000
MAX_CACHED = 2000  # children that are found without their label values
MAX_OPERATIONS = 2000  # the catalog has about 400; a second version adds few
UPSTREAM_KINDS = ("connect", "timeout", "broken", "busy", "upstream")
ERROR_KINDS = (*UPSTREAM_KINDS, "token", "internal")
"""Kinds of the proxy's own errors. The reasons of refusals are added as they occur."""
MAX_REASONS = 24
FETCH_OUTCOMES = (
    "ok", "connect", "timeout", "broken", "busy",
    "invalid_client", "unauthorized_client", "invalid_grant", "invalid_request", "invalid_scope", "unsupported_grant_type",
)  # fmt: skip
LOOKUP_OUTCOMES = ("ok", "cached", "late", "refused", "limited", "failed")
_CODES = tuple(str(code) for code in range(600))


class Metrics:
    """All metrics, with one method for each event."""

    def __init__(
        self,
        settings: MetricSettings | None = None,
        *,
        roles: Iterable[str] = ADMIN_ROLES,
        accounts: Iterable[str] = (),
        realms: Iterable[str] = (),
        catalog_version: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        """``roles``: the closed set of the role label. ``accounts``, ``realms``: those of the settings. ``now`` gives seconds since the epoch.

        Raises SettingsError if PROMETHEUS_MULTIPROC_DIR is set.
        """
        _refuse_multiprocess_mode(os.environ)
        disable_created_metrics()  # type: ignore[no-untyped-call]
        settings = settings or MetricSettings()
        self.registry = CollectorRegistry()
        self._hot = HotMetrics(self.registry)
        self._metrics = {spec.name: _build(spec, self.registry) for spec in SPECS if spec.name not in HOT}
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._now = now
        self._roles = frozenset(roles)
        self.shows_clients = settings.clients
        self._realm = self._capped("realm", settings.max_realms, {*settings.realms, *realms} - {"*"})
        self._client = self._capped("client", settings.max_clients, ())
        self._what = self._capped("what", 32, ())
        self._kind = self._capped("kind", MAX_REASONS, ERROR_KINDS)
        self._account = self._capped("account", 100, accounts)
        self._outcome = self._capped("outcome", 32, (*FETCH_OUTCOMES, *LOOKUP_OUTCOMES))
        self._operations: dict[str, OperationMetrics] = {}
        self._denials: dict[DenialKey, tuple[Counter, Gauge]] = {}
        self._remembered: dict[DenialKey, tuple[float, float, float]] = {}
        self._granted: dict[str, set[str]] = {}
        self._uses: dict[tuple[str, RoleSet], tuple[FastCounter, ...]] = {}
        self._used: set[tuple[str, str]] = set()
        self._caller = self._capped("caller", settings.max_clients, ())
        self._operation_uses: dict[tuple[KnownCaller, str, Outcome], FastCounter] = {}
        self._limit = self._capped("limit", 200, ())
        self._exceeded: set[tuple[str, str]] = set()
        self._reads: dict[tuple[str, bool], FastCounter] = {}
        self._prepare(tuple(accounts), catalog_version)

    def counter(self, name: str) -> Counter:
        """A counter by its name. Raises TypeError if the metric is not a counter."""
        return _typed(self._metrics[name], Counter)

    def gauge(self, name: str) -> Gauge:
        """A gauge by its name. Raises TypeError if the metric is not a gauge."""
        return _typed(self._metrics[name], Gauge)

    def histogram(self, name: str) -> Histogram:
        """A histogram by its name. Raises TypeError if the metric is not a histogram."""
        return _typed(self._metrics[name], Histogram)

    def request_started(self) -> None:
        """Count a request in flight."""
        self._hot.in_flight.value += 1.0

    def request_finished(self, record: RequestRecord) -> None:
        """Count a finished request. Hot path: uses cached children and formats nothing."""
        hot = self._hot
        hot.in_flight.value -= 1.0
        target = record.target
        known = target.operation
        operation = self._operations.get(known.key if known is not None else operation_label(target)) or self._operation(target)
        (operation.codes.get(record.status) or self._code(operation, record.status)).value += 1.0
        exemplar = {"trace_id": record.trace_id} if record.trace_id is not None else None
        duration, upstream = record.duration_seconds, record.upstream_seconds
        operation.duration.observe(duration, exemplar)
        if upstream:
            operation.upstream.observe(upstream, exemplar)
        if record.denial_id is None and record.error_kind is None:  # otherwise it is the time of look-ups, or of a connection that failed
            hot.overhead.observe(max(0.0, duration - upstream - record.waited_seconds), exemplar)
        if record.received_bytes:
            hot.received.value += record.received_bytes
        if record.sent_bytes:
            hot.sent.value += record.sent_bytes
        if record.retried or record.error_kind is not None:
            self._problem(record)
        if record.status < 300 and target.realm is not None and target.realm not in self._realm:
            self._realm(target.realm, proven=True)

    def denied(self, explanation: Explanation) -> DenialKey:
        """Count a denial. Returns its label values."""
        key = self._denial_key(explanation)
        total, last = self._denials.get(key) or self._new_denial(key)
        total.inc()
        last.set(self._now())
        self.counter("kcproxy_explanations_total").labels(explanation.verdict.confidence.value).inc()
        return key

    def resolved(self, key: DenialKey) -> None:
        """Count the end of a kind of denial."""
        self.counter("kcproxy_denials_resolved_total").labels(*key).inc()
        self.gauge("kcproxy_denial_resolved_timestamp_seconds").labels(*key).set(self._now())

    def remember(self, known: KnownKind) -> DenialKey:
        """Take over the times of a kind of denial from the history, with counters of 0. Returns its label values."""
        key = self._bounded_key(known.operation, known.realm, known.cause, known.missing, known.client, is_proven=known.is_proven)
        _, last = self._denials.get(key) or self._new_denial(key)
        times = self._remembered.get(key, (known.first_at, known.last_at, 0.0))
        first_at, last_at, resolved_at = (
            min(times[0], known.first_at),
            max(times[1], known.last_at),
            max(times[2], known.resolved_at or 0.0),
        )
        self._remembered[key] = first_at, last_at, resolved_at
        self.gauge("kcproxy_denial_first_timestamp_seconds").labels(*key).set(first_at)
        last.set(last_at)
        self.gauge("kcproxy_denial_resolved_timestamp_seconds").labels(*key).set(resolved_at)
        return key

    def response_reduced(self, target: Target) -> None:
        """Count a reduced response."""
        self.counter("kcproxy_reduced_answers_total").labels(self._known_operation(target)).inc()

    def token_fetched(self, account: str, outcome: str, seconds: float, expires_in_seconds: float | None) -> None:
        """Count a token request and record its times."""
        name = self._account(account, proven=True)
        self.counter("kcproxy_token_fetches_total").labels(name, self._outcome(outcome, proven=True)).inc()
        self.histogram("kcproxy_token_fetch_duration_seconds").labels(name).observe(seconds)
        now = self._now()
        if outcome != "ok":
            self.gauge("kcproxy_token_failed_timestamp_seconds").labels(name).set(now)
        else:
            self.gauge("kcproxy_token_fetched_timestamp_seconds").labels(name).set(now)
            if expires_in_seconds is not None:
                self.gauge("kcproxy_token_expiry_timestamp_seconds").labels(name).set(now + expires_in_seconds)

    def token_roles(self, account: str, roles: Iterable[str]) -> None:
        """Record the admin roles in the account's token. Former ones become 0, so that a revoked role is visible."""
        name = self._account(account, proven=True)
        granted = self._roles.intersection(roles)
        seen = self._granted.setdefault(name, set())
        seen |= granted
        for role in sorted(seen):
            self.gauge("kcproxy_role_granted").labels(name, role).set(role in granted)

    def role_used(self, account: str, roles: RoleSet) -> None:
        """Count a successful request with the account's token that needs these roles."""
        for tally in self._uses.get((account, roles)) or self._new_uses(account, roles):
            tally.value += 1.0

    def operation_used(self, caller: KnownCaller, operation: str, outcome: Outcome) -> None:
        """Count a call of a verified caller."""
        tally = self._operation_uses.get((caller, operation, outcome))
        if tally is None:
            if len(self._operation_uses) >= MAX_CACHED:
                operation = OTHER
            name = self._caller(caller.label, proven=True)
            tally = self._hot.operation_uses.labels(name, operation, outcome.value)
            if len(self._operation_uses) < MAX_CACHED:
                self._operation_uses[caller, operation, outcome] = tally
        tally.value += 1.0

    def limit_exceeded(self, limit: str, target: Target) -> None:
        """Count a request that a limit in mode ``observe`` would have refused. The limits are in the settings, so their names are few."""
        operation = self._known_operation(target)
        name = self._limit(limit, proven=True)
        if (name, operation) not in self._exceeded:
            if len(self._exceeded) >= MAX_CACHED:
                operation = OTHER
            self._exceeded.add((name, operation))
        self.counter("kcproxy_exceeded_limits_total").labels(name, operation).inc()

    def exceeded_limits(self) -> list[tuple[str, str, int]]:
        """Limits, operations and numbers of requests, the most frequent first. Of several workers: of all of them."""
        samples = (
            sample for family in self.registry.collect() for sample in family.samples if sample.name == "kcproxy_exceeded_limits_total"
        )
        rows = [(sample.labels["limit"], sample.labels["operation"], int(sample.value)) for sample in samples]
        return sorted(rows, key=lambda row: (-row[2], row))

    def token_cache_read(self, account: str, *, hit: bool) -> None:
        """Count a cache read."""
        tally = self._reads.get((account, hit))
        if tally is None:
            tally = self._hot.token_reads.labels(self._account(account, proven=True), "hit" if hit else "miss")
            if len(self._reads) < MAX_CACHED:
                self._reads[account, hit] = tally
        tally.value += 1.0

    def token_replaced(self, account: str) -> None:
        """Count a replaced token."""
        self.counter("kcproxy_token_replacements_total").labels(self._account(account, proven=True)).inc()

    def upstream_failed(self, kind: str) -> None:
        """Count an attempt without a usable response."""
        self.counter("kcproxy_upstream_errors_total").labels(self._kind(kind, proven=True)).inc()

    def client_too_slow(self, direction: Direction, reason: Slowness) -> None:
        """Count an aborted transfer."""
        self.counter("kcproxy_slow_transfers_total").labels(direction.value, reason.value).inc()

    def connection_refused(self, listener: ListenerName, reason: ConnectionRefusal) -> None:
        """Count a connection that was closed before its first request."""
        self.counter("kcproxy_connections_refused_total").labels(listener.value, reason.value).inc()

    def accept_failed(self, listener: ListenerName, reason: AcceptFailure) -> None:
        """Count a failed accept."""
        self.counter("kcproxy_accept_failures_total").labels(listener.value, reason.value).inc()

    def looked_up(self, what: str, outcome: str, seconds: float) -> None:
        """Count a look-up."""
        name = self._what(what, proven=True)
        self.counter("kcproxy_lookups_total").labels(name, self._outcome(outcome, proven=True)).inc()
        self.histogram("kcproxy_lookup_duration_seconds").labels(name).observe(seconds)

    def catalog(self, version: str) -> None:
        """Record the version of the catalog in use."""
        info = self.gauge("kcproxy_build_info")
        info.clear()
        info.labels(kcproxy.__version__, platform.python_version(), version).set(1)

    def reloaded(self, *, successful: bool) -> None:
        """Count a reload."""
        self.counter("kcproxy_config_reloads_total").labels("ok" if successful else "refused").inc()
        self.gauge("kcproxy_config_last_reload_successful").set(successful)
        if successful:
            self.gauge("kcproxy_config_last_reload_success_timestamp_seconds").set(self._now())

    def _new_uses(self, account: str, roles: RoleSet) -> tuple[FastCounter, ...]:
        name = self._account(account, proven=True)
        shown = [role if role in self._roles else OTHER for role in roles]
        uses = tuple(self._hot.role_uses.labels(name, role) for role in shown)
        for role in shown:
            if (name, role) not in self._used:
                self._used.add((name, role))
                self.gauge("kcproxy_role_first_use_timestamp_seconds").labels(name, role).set(self._now())
        if len(self._uses) < MAX_CACHED:
            self._uses[account, roles] = uses
        return uses

    def _problem(self, record: RequestRecord) -> None:
        if record.retried:
            self.counter("kcproxy_retries_total").inc()
        if record.error_kind is not None:
            self.counter("kcproxy_errors_total").labels(self._kind(record.error_kind, proven=True)).inc()

    def _operation(self, target: Target) -> OperationMetrics:
        label = operation_label(target)
        if len(self._operations) >= MAX_OPERATIONS:
            label = OTHER
        if label not in self._operations:
            self._operations[label] = OperationMetrics(label, self._hot)
        return self._operations[label]

    def _known_operation(self, target: Target) -> str:
        return self._operation(target).label

    def _code(self, operation: OperationMetrics, status: int) -> FastCounter:
        code = _CODES[status] if 100 <= status < 600 else OTHER
        child = self._hot.requests.labels(operation.label, code)
        if code != OTHER:
            operation.codes[status] = child
        return child

    def _denial_key(self, explanation: Explanation) -> DenialKey:
        target, verdict = explanation.request.target, explanation.verdict
        return self._bounded_key(
            self._known_operation(target),
            target.realm,
            verdict.cause.value,
            verdict.missing,
            client_of(explanation),
            is_proven=proven(explanation),
        )

    def _bounded_key(
        self, operation: str, realm: str | None, cause: str, missing: Iterable[str], client: str | None, *, is_proven: bool
    ) -> DenialKey:
        key = (
            operation,
            self._realm(realm, proven=is_proven),
            cause,
            role_label(missing, self._roles),
            self._client(client, proven=is_proven) if self.shows_clients else "",
        )
        if key in self._denials or len(self._denials) < MAX_DENIAL_SERIES:
            return key
        self.counter("kcproxy_label_overflow_total").labels("operation").inc()
        return ("overflow", OTHER, cause, OTHER, "")

    def _new_denial(self, key: DenialKey) -> tuple[Counter, Gauge]:
        self.gauge("kcproxy_denial_first_timestamp_seconds").labels(*key).set(self._now())
        self.counter("kcproxy_denials_resolved_total").labels(*key)
        self.gauge("kcproxy_denial_resolved_timestamp_seconds").labels(*key)
        children = (
            self.counter("kcproxy_denials_total").labels(*key),
            self.gauge("kcproxy_denial_last_timestamp_seconds").labels(*key),
        )
        self._denials[key] = children
        return children

    def _capped(self, label: str, limit: int, always: Iterable[str]) -> CappedNames:
        child = self.counter("kcproxy_label_overflow_total").labels(label)
        return CappedNames(limit, always=always, on_overflow=partial(child.inc, 1))

    def _prepare(self, accounts: tuple[str, ...], catalog_version: str) -> None:
        # Children of closed sets exist from the start, so that rate() sees the first event.
        for confidence in Confidence:
            self.counter("kcproxy_explanations_total").labels(confidence.value)
        for kind in UPSTREAM_KINDS:
            self.counter("kcproxy_upstream_errors_total").labels(kind)
        for kind in ERROR_KINDS:
            self.counter("kcproxy_errors_total").labels(kind)
        for direction, slowness in product(Direction, Slowness):
            self.counter("kcproxy_slow_transfers_total").labels(direction.value, slowness.value)
        for listener, refusal in product(ListenerName, ConnectionRefusal):
            self.counter("kcproxy_connections_refused_total").labels(listener.value, refusal.value)
        for listener, failure in product(ListenerName, AcceptFailure):
            self.counter("kcproxy_accept_failures_total").labels(listener.value, failure.value)
        for outcome in ("ok", "refused"):
            self.counter("kcproxy_config_reloads_total").labels(outcome)
        for account in accounts:
            self._prepare_account(account)
        self.gauge("kcproxy_history_connected").set(1)  # unless there is a database
        self.gauge("kcproxy_config_last_reload_successful").set(1)  # a process with bad settings does not start
        self.gauge("kcproxy_config_last_reload_success_timestamp_seconds").set(self._now())
        self.catalog(catalog_version)

    def _prepare_account(self, account: str) -> None:
        for outcome in FETCH_OUTCOMES:
            self.counter("kcproxy_token_fetches_total").labels(account, outcome)
        for result in ("hit", "miss"):
            self._hot.token_reads.labels(account, result)
        self.counter("kcproxy_token_replacements_total").labels(account)


def _build(spec: Spec, registry: CollectorRegistry) -> Metric:
    if spec.kind is Kind.HISTOGRAM:
        return Histogram(spec.name, spec.help, spec.labels, buckets=spec.buckets, registry=registry)
    if spec.kind is Kind.COUNTER:
        return Counter(spec.name, spec.help, spec.labels, registry=registry)
    return Gauge(spec.name, spec.help, spec.labels, registry=registry)


def _typed(metric: Metric, kind: type[M]) -> M:
    if not isinstance(metric, kind):
        raise TypeError(f"{metric} is not a {kind.__name__}")
    return metric


def _refuse_multiprocess_mode(environ: "os._Environ[str]") -> None:
    if "PROMETHEUS_MULTIPROC_DIR" in environ:
        raise SettingsError(["environment PROMETHEUS_MULTIPROC_DIR: kcproxy keeps its metrics in memory; unset it, and scale by replicas"])
