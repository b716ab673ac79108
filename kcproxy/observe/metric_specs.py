"""Every metric of kcproxy in one table: registry objects, docs/metrics.md and the dashboards' checks are made from it.

Conventions: prefix ``kcproxy_``, base units in the name, ``_total`` for counters; labels are closed or capped sets, never an id,
a raw path, a user name or an error text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""0.25 is an edge because Keycloak's own guides set their service level there; 30 holds the slow realm creations."""

OVERHEAD_BUCKETS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
"""The proxy's own time is tens of microseconds where nothing is wrong."""


class Kind(StrEnum):
    """What a metric is to Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One metric: its full name as it is queried (histograms without ``_bucket``), kind, meaning, labels, bucket edges."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which samples are exposed."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


def _counter(name: str, help_text: str, *labels: str) -> Spec:
    return Spec(name=name, kind=Kind.COUNTER, help=help_text, labels=labels)


def _gauge(name: str, help_text: str, *labels: str) -> Spec:
    return Spec(name=name, kind=Kind.GAUGE, help=help_text, labels=labels)


def _histogram(name: str, help_text: str, *labels: str, buckets: tuple[float, ...] = LATENCY_BUCKETS_SECONDS) -> Spec:
    return Spec(name=name, kind=Kind.HISTOGRAM, help=help_text, labels=labels, buckets=buckets)


DENIAL_LABELS = ("operation", "realm", "cause", "role", "client")

SPECS: tuple[Spec, ...] = (
    _counter("kcproxy_requests_total", "Requests that were answered, or whose caller went away (code 499).", "operation", "code"),
    _histogram("kcproxy_request_duration_seconds", "Time from a request's head to the last byte of its answer.", "operation"),
    _histogram(
        "kcproxy_upstream_duration_seconds", "Of that, time from sending it to Keycloak to the last byte of Keycloak's answer.", "operation"
    ),
    _histogram(
        "kcproxy_overhead_duration_seconds",
        "Of that, time spent by the proxy itself: all but the upstream's part and the wait for the caller's body (waiting for a token or a look-up included).",
        buckets=OVERHEAD_BUCKETS_SECONDS,
    ),
    _gauge("kcproxy_requests_in_flight", "Requests whose head has been read and whose answer is not finished."),
    _counter("kcproxy_received_bytes_total", "Bytes of request bodies received from callers."),
    _counter("kcproxy_sent_bytes_total", "Bytes of answer bodies sent to callers."),
    _counter("kcproxy_retries_total", "Requests that were sent to Keycloak a second time, because the first was provably not executed."),
    _counter("kcproxy_errors_total", "Requests that the proxy answered itself, for want of a usable answer.", "kind"),
    _counter(
        "kcproxy_slow_transfers_total",
        "Request bodies and responses that were ended because their caller was too slow.",
        "direction",
        "reason",
    ),
    _gauge("kcproxy_connections", "Connections that are open, TLS handshakes included.", "listener"),
    _counter("kcproxy_connections_refused_total", "Connections that were closed before they had a request.", "listener", "reason"),
    _counter(
        "kcproxy_accept_failures_total", "Attempts to accept a connection that failed; each is repeated after 50 ms.", "listener", "reason"
    ),
    _counter("kcproxy_upstream_errors_total", "Attempts at which Keycloak gave no usable answer.", "kind"),
    _counter("kcproxy_denials_total", "Refused requests, by what was refused, why, and which role is missing.", *DENIAL_LABELS),
    _gauge("kcproxy_denial_first_timestamp_seconds", "When this kind of denial was first seen by this process.", *DENIAL_LABELS),
    _gauge("kcproxy_denial_last_timestamp_seconds", "When this kind of denial was last seen by this process.", *DENIAL_LABELS),
    _counter(
        "kcproxy_denials_resolved_total",
        "Kinds of denial after which the same caller passed with the same operation in the same realm.",
        *DENIAL_LABELS,
    ),
    _counter("kcproxy_explanations_total", "Explanations given, by how sure they are.", "confidence"),
    _counter("kcproxy_reduced_answers_total", "Successful answers that were thinner than a full administrator's.", "operation"),
    _counter("kcproxy_token_fetches_total", "Token requests for configured service accounts.", "account", "outcome"),
    _histogram("kcproxy_token_fetch_duration_seconds", "Time until the token endpoint answered.", "account"),
    _counter("kcproxy_token_cache_reads_total", "Tokens wanted for injection, and whether the cache had one.", "account", "result"),
    _counter(
        "kcproxy_token_replacements_total",
        "Injected tokens that were replaced at once, the request being repeated: refused ones, and those too old for a grant in reads that got less.",
        "account",
    ),
    _gauge("kcproxy_token_fetched_timestamp_seconds", "When the account's present token was fetched.", "account"),
    _gauge("kcproxy_token_failed_timestamp_seconds", "When a token request of the account last failed.", "account"),
    _gauge("kcproxy_token_expiry_timestamp_seconds", "When the account's present token expires.", "account"),
    _gauge(
        "kcproxy_role_granted",
        "1 for each admin role that the present token of an account carries whose token is added, those left out that another of them contains; 0 once it is gone.",
        "account",
        "role",
    ),
    _counter(
        "kcproxy_role_uses_total", "Successful requests with the account's token, by the least role that they need.", "account", "role"
    ),
    _gauge(
        "kcproxy_role_first_use_timestamp_seconds",
        "When the account's role was first the least that a successful request needed, as far as this process knows.",
        "account",
        "role",
    ),
    _counter("kcproxy_lookups_total", "Look-ups for the sake of an explanation, and fetches of issuers' keys.", "what", "outcome"),
    _histogram("kcproxy_lookup_duration_seconds", "Time that a look-up took.", "what"),
    _gauge("kcproxy_ready", "1 while the proxy takes requests, 0 while it starts, drains or cannot work."),
    _gauge("kcproxy_config_last_reload_successful", "1 if the settings in use are the latest that were read, 0 if those were refused."),
    _gauge("kcproxy_config_last_reload_success_timestamp_seconds", "When the settings in use were read."),
    _counter("kcproxy_config_reloads_total", "Attempts to read the settings anew.", "outcome"),
    _gauge("kcproxy_denials_stored", "Denials that the page can show."),
    _gauge("kcproxy_page_subscribers", "Browsers that follow the page live."),
    _counter("kcproxy_history_dropped_total", "Denials that did not reach the history file, because it was slow or could not be written."),
    _counter(
        "kcproxy_log_dropped_total", "Log lines that were dropped, because standard output was not being read or could not be written."
    ),
    _counter("kcproxy_label_overflow_total", 'Values shown as "other", because the cap of their label was reached.', "label"),
    Spec(
        name="kcproxy_build_info",
        kind=Kind.INFO,
        help="1; the labels say what runs.",
        labels=("version", "python", "catalog"),
    ),
)

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "operation": (
            "Closed: method and path template of an operation in the catalog, as `GET /admin/realms/{realm}/users`; `admin-unknown`, `token`"
            " or `other` for the rest. In denials at most 2000 combinations of labels get a series of their own; beyond them it is `overflow`."
        ),
        "code": "Closed: the HTTP status, 100 to 599; anything else is `other`. 499: the caller went away.",
        "kind": (
            "Closed: `connect`, `timeout`, `broken`, `busy`, `upstream`; of requests that the proxy answered itself also `token`, `internal` and the reason"
            " for which it refused one, as `bad-request` or `foreign-host`: the words of the header `Kcproxy-Error`."
        ),
        "realm": (
            "Capped at `metrics.max_realms`: those of `metrics.realms` and of the configured accounts always, others first come, first served;"
            " names that Keycloak has not proven to exist get a quarter of the places at most. Beyond: `other`; without a realm: `none`."
        ),
        "cause": "Closed: the vocabulary of `docs/causes/`.",
        "role": "Closed: the admin roles that the catalog knows, joined by `+` where several are needed together; `none`, else `other`.",
        "client": "Empty unless `metrics.clients` is on; then capped at `metrics.max_clients` in the same way as realms.",
        "confidence": "Closed: `certain`, `likely`, `possible`.",
        "account": "Closed: client ids of the configured service accounts, the inspector's among them.",
        "outcome": (
            "Capped at 32. Token fetches: `ok`, Keycloak's OAuth error or the error's kind. Look-ups: `ok`, `cached`, `late`, `refused`, `limited`, `failed`. Reloads: `ok`,"
            " `refused`."
        ),
        "result": "Closed: `hit`, `miss`.",
        "direction": "Closed: `request` for bodies that callers send, `response` for responses that they take.",
        "reason": (
            "Closed. Slow transfers: `pause` (nothing moved for too long), `rate` (less than the least rate), `queue` (slow while others waited)."
            " Refused connections: `limit` (no room), `displaced` (it made room for another), `handshake` (TLS failed or took too long), `slow` (no request in time)."
            " Failed accepts: `descriptors`, `memory`, `other`."
        ),
        "listener": "Closed: `listen`, `admin_listen`: the setting of the port.",
        "what": "Closed: what is looked up, as `grants`, `scope`, `version`, `issuer-keys`; capped at 32.",
        "label": "Closed: `realm`, `client`, `operation`, …: names of labels.",
        "version": "One value a process: kcproxy's version.",
        "python": "One value a process: Python's version.",
        "catalog": "One value a process: the Keycloak version whose catalog is used.",
        "le": "Closed: the bucket's upper edge.",
    }
)


def markdown() -> str:
    """The text of docs/metrics.md."""
    return "\n".join([_INTRODUCTION, *_metric_rows(), _LABELS_HEAD, *_label_rows(), _NOTES])


def _metric_rows() -> list[str]:
    return [f"| `{s.name}` | {s.kind} | {', '.join(f'`{n}`' for n in s.labels) or '-'} | {s.help} |" for s in SPECS]


def _label_rows() -> list[str]:
    return [f"| `{name}` | {bound} |" for name, bound in LABELS.items()]


_INTRODUCTION = """# Metrics

Generated from `kcproxy/observe/metric_specs.py` by `python -m tools.dashboards`; do not edit.

`GET /metrics` on the admin port, in Prometheus' text format, or in OpenMetrics where `Accept` asks for it (then with exemplars: label
`trace_id`, the W3C trace id of a request that fell into the bucket). The metrics of the process (`process_*`) are there too. With several
`workers` the page is the sum of all, always in the text format and without exemplars; what each worker does for itself (a reload, a kind of
denial that is over) counts once for each.

| Metric | Kind | Labels | Meaning |
| --- | --- | --- | --- |"""

_LABELS_HEAD = """
## Labels and their bounds

| Label | Bound |
| --- | --- |"""

_NOTES = f"""
## Buckets

Latencies: {", ".join(f"{edge:g}" for edge in LATENCY_BUCKETS_SECONDS)} seconds; the proxy's own time:
{", ".join(f"{edge:g}" for edge in OVERHEAD_BUCKETS_SECONDS)} seconds.

## Scraping

    scrape_configs:
      - job_name: kcproxy
        static_configs:
          - targets: ["127.0.0.1:9180"]

Exemplars are kept by Prometheus where it runs with `--enable-feature=exemplar-storage`.
"""
