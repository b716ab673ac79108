"""Every metric of kcproxy, declared once: name, kind, help, labels, buckets, and how the values of several workers merge.

The registry, the merged page of several workers, docs/metrics.md and the checks of the dashboards derive from it. Conventions: prefix
``kcproxy_``, base units in the name, ``_total`` for counters. Labels are closed or capped sets, never an id, a raw path, a user name
or an error text.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""0.25 is a bound because Keycloak's own guides set their service level there; 30 covers slow realm creations."""

OVERHEAD_BUCKETS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5)
"""The proxy's own time is normally tens of microseconds."""


class Kind(StrEnum):
    """Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Merge(StrEnum):
    """How the values of several workers become one."""

    SUM = "sum"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    SUPERVISOR = "supervisor only"
    """The value of the process with the admin port; workers do not have one."""


class Spec(Struct, frozen=True, kw_only=True):
    """One metric. ``name`` is its full name in queries (of histograms without ``_bucket``); ``buckets`` are upper bounds."""

    name: str
    kind: Kind
    help: str
    merge: Merge
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its samples."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


def _counter(name: str, help_text: str, *labels: str) -> Spec:
    return Spec(name=name, kind=Kind.COUNTER, help=help_text, merge=Merge.SUM, labels=labels)


def _gauge(name: str, merge: Merge, help_text: str, *labels: str) -> Spec:
    return Spec(name=name, kind=Kind.GAUGE, help=help_text, merge=merge, labels=labels)


def _histogram(name: str, help_text: str, *labels: str, buckets: tuple[float, ...] = LATENCY_BUCKETS_SECONDS) -> Spec:
    return Spec(name=name, kind=Kind.HISTOGRAM, help=help_text, merge=Merge.SUM, labels=labels, buckets=buckets)


DENIAL_LABELS = ("operation", "realm", "cause", "role", "client")

SPECS: tuple[Spec, ...] = (
    _counter("kcproxy_requests_total", "Requests that got a response, or whose client disconnected (code 499).", "operation", "code"),
    _histogram("kcproxy_request_duration_seconds", "Time from a request's head to the last byte of its response.", "operation"),
    _histogram(
        "kcproxy_upstream_duration_seconds",
        "Part of it: time from sending the request to Keycloak to the last byte of Keycloak's response.",
        "operation",
    ),
    _histogram(
        "kcproxy_overhead_duration_seconds",
        "Part of it: time spent in the proxy, including the wait for a token, without the upstream's time and the wait for the client's body."
        " Without requests that were refused and explained, or answered by the proxy itself: those wait for look-ups and for connections that fail.",
        buckets=OVERHEAD_BUCKETS_SECONDS,
    ),
    _gauge("kcproxy_requests_in_flight", Merge.SUM, "Requests whose head has been read and whose response is not complete."),
    _counter("kcproxy_received_bytes_total", "Bytes of request bodies received from clients."),
    _counter("kcproxy_sent_bytes_total", "Bytes of response bodies sent to clients."),
    _counter("kcproxy_retries_total", "Requests that were sent to Keycloak again, because the first attempt was provably not executed."),
    _counter("kcproxy_errors_total", "Requests that the proxy answered itself, because there was no usable response.", "kind"),
    _counter(
        "kcproxy_slow_transfers_total",
        "Request bodies and responses that were aborted because the client was too slow.",
        "direction",
        "reason",
    ),
    _gauge("kcproxy_connections", Merge.SUM, "Open connections, including those in a TLS handshake.", "listener"),
    _counter("kcproxy_connections_refused_total", "Connections that were closed before their first request.", "listener", "reason"),
    _counter("kcproxy_accept_failures_total", "Failed attempts to accept a connection; each is retried after 50 ms.", "listener", "reason"),
    _counter("kcproxy_upstream_errors_total", "Attempts for which Keycloak gave no usable response.", "kind"),
    _counter("kcproxy_denials_total", "Refused requests by operation, realm, cause and missing role.", *DENIAL_LABELS),
    _gauge(
        "kcproxy_denial_first_timestamp_seconds",
        Merge.MINIMUM,
        "Time at which this kind of denial was first seen, by this process or according to its history.",
        *DENIAL_LABELS,
    ),
    _gauge(
        "kcproxy_denial_last_timestamp_seconds",
        Merge.MAXIMUM,
        "Time at which this kind of denial was last seen, by this process or according to its history.",
        *DENIAL_LABELS,
    ),
    _gauge(
        "kcproxy_denial_resolved_timestamp_seconds",
        Merge.MAXIMUM,
        "Time at which this kind of denial last ended; 0 if it has not ended since the process started, unless the history knows.",
        *DENIAL_LABELS,
    ),
    _counter(
        "kcproxy_denials_resolved_total",
        "Kinds of denial that ended: the same caller succeeded with the same operation in the same realm.",
        *DENIAL_LABELS,
    ),
    _counter("kcproxy_explanations_total", "Explanations by confidence.", "confidence"),
    _counter("kcproxy_reduced_answers_total", "Successful responses that contained less than a full administrator would get.", "operation"),
    _counter("kcproxy_token_fetches_total", "Token requests for configured service accounts.", "account", "outcome"),
    _histogram("kcproxy_token_fetch_duration_seconds", "Time until the token endpoint responded.", "account"),
    _counter("kcproxy_token_cache_reads_total", "Tokens needed for injection, by whether the cache had one.", "account", "result"),
    _counter(
        "kcproxy_token_replacements_total",
        "Injected tokens that were replaced, with the request repeated: refused ones, and ones older than a grant whose read was reduced.",
        "account",
    ),
    _gauge("kcproxy_token_fetched_timestamp_seconds", Merge.MAXIMUM, "Time at which the account's current token was fetched.", "account"),
    _gauge("kcproxy_token_failed_timestamp_seconds", Merge.MAXIMUM, "Time of the account's last failed token request.", "account"),
    _gauge("kcproxy_token_expiry_timestamp_seconds", Merge.MINIMUM, "Time at which the account's current token expires.", "account"),
    _gauge(
        "kcproxy_role_granted",
        Merge.MAXIMUM,
        "1 for each admin role in the current token of an injecting account, without roles that another of them contains; 0 after it is gone.",
        "account",
        "role",
    ),
    _counter(
        "kcproxy_role_uses_total",
        "Successful requests with the account's token, by the least role that they need. A reduced response needs only the role that was let in.",
        "account",
        "role",
    ),
    _gauge(
        "kcproxy_role_first_use_timestamp_seconds",
        Merge.MINIMUM,
        "Time at which this process first saw a successful request for which the role is the least.",
        "account",
        "role",
    ),
    _counter(
        "kcproxy_operation_uses_total",
        "Calls of verified callers by caller, operation and outcome, if `metrics.clients` is set.",
        "caller",
        "operation",
        "use",
    ),
    _counter(
        "kcproxy_exceeded_limits_total",
        "Requests that a limit in mode `observe` would have refused, by account (`account REALM/CLIENT`) or key (`key NAME`).",
        "limit",
        "operation",
    ),
    _counter("kcproxy_lookups_total", "Look-ups for explanations, and fetches of issuers' keys.", "what", "outcome"),
    _histogram("kcproxy_lookup_duration_seconds", "Duration of a look-up.", "what"),
    _gauge("kcproxy_ready", Merge.SUPERVISOR, "1 while the proxy accepts requests; 0 while it starts, drains or cannot work."),
    _gauge(
        "kcproxy_config_last_reload_successful",
        Merge.MINIMUM,
        "1 if the settings in use are the latest ones; 0 if the last reload was refused.",
    ),
    _gauge("kcproxy_config_last_reload_success_timestamp_seconds", Merge.MAXIMUM, "Time at which the settings in use were read."),
    _counter("kcproxy_config_reloads_total", "Attempts to reload the settings.", "outcome"),
    _gauge("kcproxy_denials_stored", Merge.SUPERVISOR, "Denials that the page can show."),
    _gauge("kcproxy_page_subscribers", Merge.SUPERVISOR, "Browsers that receive live updates of the page."),
    _counter(
        "kcproxy_history_dropped_total",
        "Denials that were not written to the history, because it was too slow or could not be written.",
    ),
    _counter(
        "kcproxy_use_dropped_total", "Calls that the record of use does not contain, because it was full, too slow or could not be written."
    ),
    _gauge(
        "kcproxy_history_behind_seconds",
        Merge.MAXIMUM,
        "How long the oldest denial or call that is not written to the history or the record of use yet has been waiting; 0 if none waits.",
    ),
    _gauge(
        "kcproxy_history_connected",
        Merge.MINIMUM,
        "1 unless `history.url` is set and its database cannot be used at the moment.",
    ),
    _counter("kcproxy_log_dropped_total", "Log lines that were dropped, because standard output was not read or could not be written."),
    _counter(
        "kcproxy_log_export_dropped_total",
        "Log records that were not sent to the OTLP endpoint, because it was away for too long or refused them.",
    ),
    _counter("kcproxy_label_overflow_total", 'Values shown as "other", because the cap of their label was reached.', "label"),
    Spec(
        name="kcproxy_build_info",
        kind=Kind.INFO,
        help="Always 1; the labels are the versions in use.",
        merge=Merge.MAXIMUM,
        labels=("version", "python", "catalog"),
    ),
)

LIBRARY_MERGES: Mapping[str, Merge] = MappingProxyType(
    {
        "process_start_time_seconds": Merge.MINIMUM,
        "process_max_fds": Merge.MAXIMUM,
    }
)
"""Metrics of prometheus_client itself whose values must not be added; the others are amounts."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "operation": (
            "Closed: method and path template of an operation in the catalog, such as `GET /admin/realms/{realm}/users`; otherwise `admin-unknown`,"
            " `token` or `other`. Denials have series for at most 2000 combinations of labels; others are counted as `overflow`."
        ),
        "code": "Closed: the HTTP status code, 100 to 599; anything else is `other`. 499: the client disconnected.",
        "kind": (
            "Closed: `connect`, `timeout`, `broken`, `busy`, `upstream`. For requests that the proxy answered itself also `token`, `internal` and the"
            " reason of a refusal, such as `bad-request` or `foreign-host`: the values of the field `Kcproxy-Error`."
        ),
        "realm": (
            "Capped at `metrics.max_realms`. Always shown: the realms of `metrics.realms` and of the configured accounts. Others: first come, first served;"
            " names that Keycloak has not confirmed get at most a quarter of the slots. Beyond the cap: `other`; without a realm: `none`."
        ),
        "cause": "Closed: the vocabulary of `docs/causes/`.",
        "role": "Closed: the admin roles in the catalog, joined by `+` if several are needed together; otherwise `none` or `other`.",
        "client": "Capped at `metrics.max_clients` in the same way as realms. Empty if `metrics.clients` is false.",
        "confidence": "Closed: `certain`, `likely`, `possible`.",
        "account": "Closed: the configured service accounts, including the inspector, as realm of the client, slash, client id.",
        "caller": (
            "Realm of the token, slash, client id; capped at `metrics.max_clients`, then `other`. Only callers whose token Keycloak accepted. There are at most"
            " 2000 series; other operations are counted as `other`."
        ),
        "limit": "`account`, blank, realm of the token, slash, client id; or `key`, blank, name of the key: as in the settings, capped at 200, then `other`.",
        "use": "Closed: `full`, `reduced`, `refused`, `error`.",
        "outcome": (
            "Capped at 32. Token requests: `ok`, Keycloak's OAuth error, or the kind of error. Look-ups: `ok`, `cached`, `late`, `refused`, `limited`,"
            " `failed`. Reloads: `ok`, `refused`."
        ),
        "result": "Closed: `hit`, `miss`.",
        "direction": "Closed: `request` for bodies that clients send, `response` for responses that they read.",
        "reason": (
            "Closed. Slow transfers: `pause` (no progress for too long), `rate` (below the minimum rate), `queue` (slow while others were queued)."
            " Refused connections: `limit` (no free slot), `displaced` (closed in favor of another), `handshake` (TLS failed or timed out), `slow` (no request in time)."
            " Failed accepts: `descriptors`, `memory`, `other`."
        ),
        "listener": "Closed: `listen`, `admin_listen`, `metrics_listen`: the setting of the listener.",
        "what": "Kind of look-up, such as `grants`, `scope`, `version`, `issuer-keys`; capped at 32.",
        "label": "Closed: names of labels, such as `realm`, `client`, `operation`.",
        "version": "One value for each process: the version of kcproxy.",
        "python": "One value for each process: the version of Python.",
        "catalog": "One value for each process: the Keycloak version of the catalog in use.",
        "le": "Closed: the upper bound of the bucket.",
    }
)
"""The bound of each label."""
