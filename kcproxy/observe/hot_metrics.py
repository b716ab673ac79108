"""The metrics that every request touches, and their cached children."""

from prometheus_client import CollectorRegistry

from kcproxy.observe.fast_metrics import FastCounter, FastCounters, FastHistograms
from kcproxy.observe.metric_specs import SPECS, Kind

SPEC_BY_NAME = {spec.name: spec for spec in SPECS}
HOT = (
    "kcproxy_requests_total",
    "kcproxy_requests_in_flight",
    "kcproxy_received_bytes_total",
    "kcproxy_sent_bytes_total",
    "kcproxy_token_cache_reads_total",
    "kcproxy_role_uses_total",
    "kcproxy_operation_uses_total",
    "kcproxy_request_duration_seconds",
    "kcproxy_upstream_duration_seconds",
    "kcproxy_overhead_duration_seconds",
)
"""Metrics that every request touches, in ``fast_metrics``. The others are those of prometheus_client."""


class HotMetrics:
    """The metrics of ``HOT``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Add them to ``registry``."""
        tallies = {name: FastCounters(SPEC_BY_NAME[name], registry) for name in HOT if SPEC_BY_NAME[name].kind is not Kind.HISTOGRAM}
        distributions = {name: FastHistograms(SPEC_BY_NAME[name], registry) for name in HOT if SPEC_BY_NAME[name].kind is Kind.HISTOGRAM}
        self.requests = tallies["kcproxy_requests_total"]
        self.in_flight = tallies["kcproxy_requests_in_flight"].labels()
        self.received = tallies["kcproxy_received_bytes_total"].labels()
        self.sent = tallies["kcproxy_sent_bytes_total"].labels()
        self.token_reads = tallies["kcproxy_token_cache_reads_total"]
        self.role_uses = tallies["kcproxy_role_uses_total"]
        self.operation_uses = tallies["kcproxy_operation_uses_total"]
        self.duration = distributions["kcproxy_request_duration_seconds"]
        self.upstream = distributions["kcproxy_upstream_duration_seconds"]
        self.overhead = distributions["kcproxy_overhead_duration_seconds"].labels()


class OperationMetrics:
    """The cached children of one operation."""

    __slots__ = ("codes", "duration", "label", "upstream")

    def __init__(self, label: str, hot: HotMetrics) -> None:
        """``label``: the operation as the label says it."""
        self.label = label
        self.duration = hot.duration.labels(label)
        self.upstream = hot.upstream.labels(label)
        self.codes: dict[int, FastCounter] = {}
