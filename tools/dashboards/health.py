"""Dashboard *Proxy and upstream health*: errors and latency of proxy and Keycloak, connections, the process."""

from tools.dashboards.frame import PAGE, Row, dashboard
from tools.dashboards.panels import (
    AMBER,
    GOOD_WHEN_ONE,
    GOOD_WHEN_ZERO,
    GREEN,
    NOTHING,
    RANGE,
    RED,
    START,
    Json,
    Panel,
    Query,
    busiest,
    increase,
    of,
    positive,
    quantile,
    rate,
    rate_from_start,
    series,
    stat,
    table,
    texts,
)

TOTAL, UPSTREAM, OWN = (f"kcproxy_{part}_duration_seconds" for part in ("request", "upstream", "overhead"))


def build() -> Json:
    """The dashboard."""
    return dashboard(
        uid="kcproxy-health",
        title="kcproxy / Proxy and upstream health",
        description="Traffic, errors and latency, separately for proxy and Keycloak; the process and its settings.",
        rows=[_now(), _traffic(), _latency(), _errors(), _sockets(), _process()],
        variables=[PAGE],
        time_from="now-3h",
    )


def _now() -> Row:
    failed = f"sum({rate('kcproxy_errors_total')}) / (sum({rate('kcproxy_requests_total')}) > 0) or vector(0)"
    return Row(
        title="Is it healthy?",
        panels=[
            stat(
                "Ready",
                "Share of instances that accept requests. One that cannot be scraped does not count as ready.",
                f"(sum({of('kcproxy_ready')}) or vector(0)) / count({of('up')})",
                unit="percentunit",
                thresholds=GOOD_WHEN_ONE,
            ),
            stat("Requests", "Current requests per second.", f"sum({rate('kcproxy_requests_total')})", unit="reqps"),
            stat("In flight", "Requests in progress.", f"sum({of('kcproxy_requests_in_flight')})"),
            stat(
                "Own errors",
                "Share of requests to which the proxy sent an error itself, because there was no usable response.",
                failed,
                unit="percentunit",
                thresholds=((None, GREEN), (0.001, AMBER), (0.01, RED)),
            ),
            stat(
                "Own time, 95 %",
                "Time that the proxy adds to a request.",
                quantile(0.95, OWN),
                unit="s",
                thresholds=((None, NOTHING), (0, GREEN), (0.005, AMBER), (0.05, RED)),
            ),
            stat(
                "Settings",
                "Whether the latest settings are in use. If they were refused, the previous ones are.",
                f"min({of('kcproxy_config_last_reload_successful')})",
                thresholds=GOOD_WHEN_ONE,
                mappings=[texts({1: "in use", 0: "refused"})],
            ),
        ],
    )


def _traffic() -> Row:
    return Row(
        title="Traffic",
        panels=[
            series(
                "Requests by status code",
                "Responses per second. 499: the client disconnected.",
                Query(expr=rate_from_start("kcproxy_requests_total", by="code"), legend="{{code}}"),
                unit="reqps",
                stacked=True,
            ),
            series(
                "Requests by operation",
                "The ten operations with the most requests in the displayed range.",
                Query(expr=busiest(10, "kcproxy_requests_total", "operation"), legend="{{operation}}"),
                unit="reqps",
                stacked=True,
            ),
            series(
                "In flight by instance",
                "Requests in progress by instance.",
                Query(expr=f"sum by (instance) ({of('kcproxy_requests_in_flight')})", legend="{{instance}}"),
                unit="short",
            ),
            series(
                "Bytes",
                "Bodies received from and sent to clients.",
                Query(expr=f"sum({rate('kcproxy_received_bytes_total')})", legend="received"),
                Query(expr=f"sum({rate('kcproxy_sent_bytes_total')})", legend="sent"),
                unit="Bps",
            ),
        ],
    )


def _latency() -> Row:
    def quantiles(metric: str, title: str, description: str) -> Panel:
        lines = [Query(expr=quantile(share, metric), legend=f"{share:.0%}") for share in (0.5, 0.95, 0.99)]
        return series(title, description, *lines, unit="s", width=8)

    mean = f"sum by (operation) ({rate(UPSTREAM + '_sum')}) / (sum by (operation) ({rate(UPSTREAM + '_count')}) > 0)"
    whole = (f"sum by (operation) (increase({of(UPSTREAM + part)}[{RANGE}] @ end()))" for part in ("_sum", "_count"))
    slowest = f"topk(10, {next(whole)} / ({next(whole)} > 0))"
    return Row(
        title="Latency: total, Keycloak, proxy",
        panels=[
            quantiles(
                TOTAL, "Whole request", "From the head of a request to the last byte of its response. Points are exemplars with a trace id."
            ),
            quantiles(UPSTREAM, "Keycloak's part", "From sending a request to Keycloak to the last byte of its response."),
            quantiles(OWN, "The proxy's own part", "The rest: matching, tokens, explanations, look-ups."),
            series(
                "Slowest operations",
                "Mean time of Keycloak for the ten operations that are slowest over the displayed range.",
                Query(expr=f"{mean} and on (operation) {slowest}", legend="{{operation}}"),
                unit="s",
                width=24,
            ),
        ],
    )


def _errors() -> Row:
    return Row(
        title="Errors",
        panels=[
            series(
                "Upstream errors",
                "Attempts without a usable response from Keycloak, by kind.",
                Query(expr=positive(f"sum by (kind) ({rate('kcproxy_upstream_errors_total')})"), legend="{{kind}}"),
                unit="eps",
                width=6,
            ),
            series(
                "Errors of the proxy itself",
                "Requests to which the proxy sent an error itself, by kind.",
                Query(expr=positive(f"sum by (kind) ({rate('kcproxy_errors_total')})"), legend="{{kind}}"),
                unit="eps",
                width=6,
            ),
            series(
                "Retries",
                "Requests that were sent again, because the first attempt was not executed: a connection had ended, or Keycloak refused an old token.",
                Query(expr=f"sum({rate('kcproxy_retries_total')})", legend="retries"),
                unit="reqps",
                width=6,
            ),
            series(
                "Slow clients",
                "Bodies and responses that were aborted because the client was too slow.",
                Query(
                    expr=positive(f"sum by (direction, reason) ({rate('kcproxy_slow_transfers_total')})"),
                    legend="{{direction}}: {{reason}}",
                ),
                unit="eps",
                width=6,
            ),
        ],
    )


def _sockets() -> Row:
    return Row(
        title="Client connections",
        panels=[
            series(
                "Open",
                "Open connections by listener and instance, including those in a TLS handshake.",
                Query(expr=f"sum by (listener, instance) ({of('kcproxy_connections')})", legend="{{listener}} {{instance}}"),
                unit="short",
                width=8,
            ),
            series(
                "Refused",
                "Connections that were closed before their first request, by listener and reason.",
                Query(
                    expr=positive(f"sum by (listener, reason) ({rate('kcproxy_connections_refused_total')})"),
                    legend="{{listener}}: {{reason}}",
                ),
                unit="eps",
                width=8,
            ),
            series(
                "Failed accepts",
                "Failed attempts to accept a connection; twenty per second while the problem lasts.",
                Query(
                    expr=positive(f"sum by (listener, reason) ({rate('kcproxy_accept_failures_total')})"), legend="{{listener}}: {{reason}}"
                ),
                unit="eps",
                width=8,
            ),
        ],
    )


def _process() -> Row:
    process = "process_resident_memory_bytes"
    refused = increase("kcproxy_config_reloads_total", 'outcome="refused"')
    lost = (
        ("kcproxy_log_dropped_total", "log lines"),
        ("kcproxy_log_export_dropped_total", "log records for OTLP"),
        ("kcproxy_history_dropped_total", "history"),
        ("kcproxy_use_dropped_total", "record of use"),
        ("kcproxy_label_overflow_total", "label values"),
    )
    return Row(
        title="The process",
        panels=[
            series(
                "CPU cores",
                "CPU cores in use; a process uses at most one.",
                Query(expr=f"sum by (instance) ({rate('process_cpu_seconds_total')})", legend="{{instance}}"),
                unit="short",
                width=6,
            ),
            series(
                "Memory", "Resident memory.", Query(expr=f"sum by (instance) ({of(process)})", legend="{{instance}}"), unit="bytes", width=6
            ),
            series(
                "Open files",
                "File descriptors in use, mostly connections.",
                Query(expr=f"sum by (instance) ({of('process_open_fds')})", legend="{{instance}}"),
                unit="short",
                width=6,
            ),
            series(
                "Collector runs",
                "Runs of Python's garbage collector, by generation.",
                Query(expr=f"sum by (generation) ({rate('python_gc_collections_total')})", legend="generation {{generation}}"),
                unit="ops",
                width=6,
            ),
            stat("Up since", "Start time of the youngest process.", f"max({of(START)}) * 1000", unit="dateTimeFromNow"),
            stat(
                "Settings read",
                "Time at which the settings in use were read.",
                f"max({of('kcproxy_config_last_reload_success_timestamp_seconds')}) * 1000",
                unit="dateTimeFromNow",
            ),
            stat(
                "Reloads refused",
                "Refused reloads in the displayed range.",
                f"sum({refused})",
                decimals=0,
                thresholds=GOOD_WHEN_ZERO,
            ),
            stat("Denials stored", "Denials that the pages of all instances can show.", f"sum({of('kcproxy_denials_stored')})"),
            stat("Page open", "Browsers with live updates of the page.", f"sum({of('kcproxy_page_subscribers')})"),
            stat(
                "Histories away",
                "Instances whose shared history (history.url) cannot be used at the moment.",
                f"count({of('kcproxy_history_connected')} == 0) or vector(0)",
                decimals=0,
                thresholds=GOOD_WHEN_ZERO,
            ),
            table(
                "What runs",
                "Versions of kcproxy, Python, and the Keycloak role table in use.",
                Query(expr=f"max by (instance, version, python, catalog) ({of('kcproxy_build_info')})", instant=True),
                columns={"instance": "Instance", "version": "kcproxy", "python": "Python", "catalog": "Keycloak"},
                sort_by="Instance",
                width=8,
                height=8,
            ),
            series(
                "Dropped",
                "Dropped to protect the process: log lines, log records for OTLP, denials of the history, calls of the record of use, label values beyond their cap.",
                *(Query(expr=positive(f"sum({rate(metric)})"), legend=name) for metric, name in lost),
                unit="eps",
                width=8,
            ),
            series(
                "History behind",
                "How long the oldest denial or call that is not written yet has been waiting. With a shared history, its database may be away.",
                Query(expr=f"max by (instance) ({of('kcproxy_history_behind_seconds')})", legend="{{instance}}"),
                unit="s",
                width=8,
            ),
        ],
    )
