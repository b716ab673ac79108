"""Dashboard *Proxy and upstream health*: does it answer, how quickly, what of that is the proxy's own part, and is Keycloak there?"""

from tools.dashboards.frame import PAGE, Row, dashboard
from tools.dashboards.panels import (
    AMBER,
    GOOD_WHEN_ONE,
    GOOD_WHEN_ZERO,
    GREEN,
    RED,
    Json,
    Panel,
    Query,
    increase,
    of,
    quantile,
    rate,
    series,
    stat,
    table,
)

TOTAL, UPSTREAM, OWN = (f"kcproxy_{part}_duration_seconds" for part in ("request", "upstream", "overhead"))


def build() -> Json:
    """The dashboard."""
    return dashboard(
        uid="kcproxy-health",
        title="kcproxy / Proxy and upstream health",
        description="Traffic, errors and latency, the proxy's own part apart from Keycloak's; the process and its settings.",
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
                "Share of instances that take requests; one that cannot be scraped does not.",
                f"(sum({of('kcproxy_ready')}) or vector(0)) / count({of('up')})",
                unit="percentunit",
                thresholds=GOOD_WHEN_ONE,
            ),
            stat("Requests", "Requests a second, now.", f"sum({rate('kcproxy_requests_total')})", unit="reqps"),
            stat("In flight", "Requests being worked on.", f"sum({of('kcproxy_requests_in_flight')})"),
            stat(
                "Own errors",
                "Share of requests that the proxy had to answer itself, for want of a usable answer.",
                failed,
                unit="percentunit",
                thresholds=((None, GREEN), (0.001, AMBER), (0.01, RED)),
            ),
            stat(
                "Own time, 95 %",
                "What the proxy itself adds to a request.",
                quantile(0.95, OWN),
                unit="s",
                thresholds=((None, GREEN), (0.005, AMBER), (0.05, RED)),
            ),
            stat(
                "Settings",
                "1: the latest settings are in use; 0: they were refused and older ones go on.",
                f"min({of('kcproxy_config_last_reload_successful')})",
                thresholds=GOOD_WHEN_ONE,
            ),
        ],
    )


def _traffic() -> Row:
    return Row(
        title="Traffic",
        panels=[
            series(
                "Requests by status",
                "Answers a second; 499 are callers that went away.",
                Query(expr=f"sum by (code) ({rate('kcproxy_requests_total')})", legend="{{code}}"),
                unit="reqps",
                stacked=True,
            ),
            series(
                "Requests by operation",
                "The ten most frequent operations.",
                Query(expr=f"topk(10, sum by (operation) ({rate('kcproxy_requests_total')}))", legend="{{operation}}"),
                unit="reqps",
                stacked=True,
            ),
            series(
                "In flight",
                "Requests being worked on, by instance.",
                Query(expr=f"sum by (instance) ({of('kcproxy_requests_in_flight')})", legend="{{instance}}"),
                unit="short",
            ),
            series(
                "Bytes",
                "Bodies received from callers and sent to them.",
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
    return Row(
        title="Latency: all of it, Keycloak's part, our own",
        panels=[
            quantiles(
                TOTAL, "Whole request", "From the head of a request to the last byte of its answer; points are exemplars with a trace id."
            ),
            quantiles(UPSTREAM, "Keycloak's part", "From sending a request to Keycloak to the last byte of its answer."),
            quantiles(OWN, "The proxy's own part", "The rest: matching, tokens, explanations, look-ups."),
            series(
                "Slowest operations",
                "Mean time that Keycloak takes, the ten slowest operations.",
                Query(expr=f"topk(10, {mean})", legend="{{operation}}"),
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
                "Attempts at which Keycloak gave no usable answer, by kind.",
                Query(expr=f"sum by (kind) ({rate('kcproxy_upstream_errors_total')})", legend="{{kind}}"),
                unit="eps",
                width=8,
            ),
            series(
                "Answered by the proxy itself",
                "Requests that got an error of the proxy's own, by kind.",
                Query(expr=f"sum by (kind) ({rate('kcproxy_errors_total')})", legend="{{kind}}"),
                unit="eps",
                width=8,
            ),
            series(
                "Sent again",
                "Requests that were sent a second time, the first not having been executed.",
                Query(expr=f"sum({rate('kcproxy_retries_total')})", legend="again"),
                unit="reqps",
                width=8,
            ),
            series(
                "Slow callers",
                "Bodies and responses that were ended because their caller sent or took too little.",
                Query(expr=f"sum by (direction, reason) ({rate('kcproxy_slow_transfers_total')})", legend="{{direction}}: {{reason}}"),
                unit="eps",
                width=8,
            ),
        ],
    )


def _sockets() -> Row:
    return Row(
        title="Connections of callers",
        panels=[
            series(
                "Open",
                "Open connections, by port and instance; handshakes count.",
                Query(expr=f"sum by (listener, instance) ({of('kcproxy_connections')})", legend="{{listener}} {{instance}}"),
                unit="short",
                width=8,
            ),
            series(
                "Refused",
                "Connections that were closed before they had a request, by port and reason.",
                Query(expr=f"sum by (listener, reason) ({rate('kcproxy_connections_refused_total')})", legend="{{listener}}: {{reason}}"),
                unit="eps",
                width=8,
            ),
            series(
                "Failed accepts",
                "Attempts at which the system gave no connection; twenty a second while it lasts.",
                Query(expr=f"sum by (listener, reason) ({rate('kcproxy_accept_failures_total')})", legend="{{listener}}: {{reason}}"),
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
        ("kcproxy_history_dropped_total", "history"),
        ("kcproxy_label_overflow_total", "label values"),
    )
    return Row(
        title="The process",
        panels=[
            series(
                "CPU",
                "Cores in use; one process uses one at most.",
                Query(expr=f"sum by (instance) ({rate('process_cpu_seconds_total')})", legend="{{instance}}"),
                unit="short",
                width=6,
            ),
            series(
                "Memory", "Resident memory.", Query(expr=f"sum by (instance) ({of(process)})", legend="{{instance}}"), unit="bytes", width=6
            ),
            series(
                "Open files",
                "Descriptors in use: connections above all.",
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
            table(
                "What runs",
                "Version of kcproxy, of Python, and of the Keycloak whose role table is used.",
                Query(expr=f"max by (instance, version, python, catalog) ({of('kcproxy_build_info')})", instant=True),
                columns={"instance": "Instance", "version": "kcproxy", "python": "Python", "catalog": "Role table of Keycloak"},
                sort_by="Instance",
                width=12,
                height=6,
            ),
            stat(
                "Up since", "When the youngest process started.", f"max({of('process_start_time_seconds')}) * 1000", unit="dateTimeFromNow"
            ),
            stat("Denials stored", "Denials that the page can show.", f"sum({of('kcproxy_denials_stored')})"),
            stat("Page open", "Browsers that follow the page live.", f"sum({of('kcproxy_page_subscribers')})"),
            stat(
                "Settings read",
                "When the settings in use were read.",
                f"max({of('kcproxy_config_last_reload_success_timestamp_seconds')}) * 1000",
                unit="dateTimeFromNow",
            ),
            stat(
                "Reloads refused",
                "Settings that could not be used, in the range shown.",
                f"sum({refused})",
                decimals=0,
                thresholds=GOOD_WHEN_ZERO,
            ),
            series(
                "Lost",
                "What was dropped to protect the process: log lines, history, label values beyond their cap.",
                *(Query(expr=f"sum({rate(metric)})", legend=name) for metric, name in lost),
                unit="eps",
                width=16,
                height=4,
            ),
        ],
    )
