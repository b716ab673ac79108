"""Dashboard *Denials*: what is refused, since when, which role is missing, and whether a fix worked."""

from tools.dashboards.frame import DOCS, PAGE, Row, dashboard, label_variable
from tools.dashboards.panels import (
    AMBER,
    GREEN,
    RANGE,
    RED,
    Json,
    Panel,
    Query,
    busiest,
    column,
    counted,
    counted_per_minute,
    increase,
    of,
    positive,
    rate,
    rate_from_start,
    series,
    stat,
    table,
    timeline,
)

REALM = 'realm=~"$realm"'
KIND = "operation, realm, cause, role, client"
DENIALS, RESOLVED = "kcproxy_denials_total", "kcproxy_denials_resolved_total"


FIRST_SEEN, LAST_SEEN = "kcproxy_denial_first_timestamp_seconds", "kcproxy_denial_last_timestamp_seconds"
RESOLVED_AT = "kcproxy_denial_resolved_timestamp_seconds"
FIRST, LAST = of(FIRST_SEEN, REALM), of(LAST_SEEN, REALM)


def count(by: str = "") -> str:
    """Denials in the displayed range."""
    return counted(DENIALS, FIRST_SEEN, REALM, by)


def per_minute(by: str = "") -> str:
    """Denials per minute over time."""
    return counted_per_minute(DENIALS, FIRST_SEEN, REALM, by)


def build() -> Json:
    """The dashboard."""
    realm = label_variable("realm", "Realm", 'label_values(kcproxy_denials_total{job=~"$job", instance=~"$instance"}, realm)')
    return dashboard(
        uid="kcproxy-denials",
        title="kcproxy / Denials",
        description="What Keycloak refuses, since when, which role is missing, and whether a fix worked.",
        rows=[_now(), _who(), _time(), _quality()],
        variables=[realm, PAGE, DOCS],
    )


def _state() -> str:
    """1 for each kind that fails, 0 for each that is fixed: which of its two times is the later one."""
    last, resolved = f"max by ({KIND}) ({LAST})", f"max by ({KIND}) ({of(RESOLVED_AT, REALM)})"
    return f"({last} > bool {resolved}) and {last} > time() - 86400"


SOME_AND_MANY = ((None, GREEN), (1, AMBER), (100, RED))


def _now() -> Row:
    responses = f"sum({rate('kcproxy_requests_total')})"
    resolved = f"count(max by ({KIND}) ({increase(RESOLVED, REALM)}) > 0) or vector(0)"
    return Row(
        title="Are requests being refused?",
        panels=[
            stat("Denials", "Refused requests in the displayed range.", f"{count()} or vector(0)", decimals=0, thresholds=SOME_AND_MANY),
            stat(
                "Current rate",
                "Refused requests per minute, now. Red from twelve, as the alert KcproxyDenialSurge.",
                f"{per_minute()} or vector(0)",
                unit="reqpm",
                thresholds=((None, GREEN), (0.000001, AMBER), (12, RED)),
            ),
            stat(
                "Share, all realms",
                "Current denials as a share of all requests. Requests are not counted by realm, so this is of all realms.",
                f"sum({rate(DENIALS)}) / ({responses} > 0) or vector(0)",
                unit="percentunit",
                thresholds=((None, GREEN), (0.001, AMBER), (0.05, RED)),
            ),
            stat(
                "Kinds in the last hour",
                "Combinations of operation, realm, cause and role that were refused in the last hour.",
                f"count(min by ({KIND}) (time() - {LAST}) < 3600) or vector(0)",
                thresholds=SOME_AND_MANY,
            ),
            stat("Fixed", "Kinds of denial after which the same caller succeeded, in the displayed range.", resolved),
            stat(
                "Newest kind",
                "Time since the newest kind of denial was first seen. A restart is none: the earliest time in the displayed range counts.",
                f"min(time() - min by ({KIND}) (min_over_time({FIRST}[{RANGE}])))",
                unit="s",
            ),
        ],
    )


def _who() -> Row:
    return Row(
        title="What is refused, and which role is missing?",
        panels=[
            table(
                "Kinds of denial",
                "Each kind once, most frequent first. The operation links to the page of the instance that saw it last, the cause to its documentation. Fixed: how often.",
                Query(expr=f"({count(KIND)}) > 0", instant=True),
                Query(expr=f"min by ({KIND}) (min_over_time({FIRST}[{RANGE}])) * 1000", instant=True),
                Query(expr=f"topk by ({KIND}) (1, {LAST}) * 1000", instant=True),
                Query(expr=f"max by ({KIND}) ({increase(RESOLVED, REALM)})", instant=True),
                columns={
                    "operation": "Operation",
                    "realm": "Realm",
                    "cause": "Cause",
                    "role": "Missing role",
                    "client": "Client",
                    "instance": "Instance",
                    "Value #A": "Denials",
                    "Value #B": "First seen",
                    "Value #C": "Last seen",
                    "Value #D": "Fixed",
                },
                sort_by="Denials",
                decimals=0,
                overrides=[
                    column(
                        "Operation",
                        link=(
                            "Recent denials of this operation",
                            "http://${__data.fields.Instance}/?q=${__data.fields.Operation:percentencode}",
                        ),
                        width=420,
                    ),
                    column("Cause", link=("About this cause", "${docs}/causes/${__data.fields.Cause:percentencode}")),
                    column("First seen", unit="dateTimeFromNow"),
                    column("Last seen", unit="dateTimeFromNow"),
                ],
            )
        ],
    )


def _time() -> Row:
    def by(label: str, title: str, description: str) -> Panel:
        query = Query(expr=f"({per_minute(label)}) > 0", legend=f"{{{{{label}}}}}")
        return series(title, description, query, unit="reqpm", stacked=True)

    top = Query(expr=f"({busiest(10, DENIALS, 'operation', REALM)}) * 60 > 0", legend="{{operation}}")
    return Row(
        title="Since when?",
        panels=[
            by("role", "By missing role", "The role whose grant would end most denials."),
            by("cause", "By cause", "Roles, tokens, scopes: the kind of problem."),
            by("realm", "By realm", "Realms beyond the cap are combined as other."),
            series("By operation", "The ten operations with the most denials in the displayed range.", top, unit="reqpm", stacked=True),
            timeline(
                "Did the fix work?",
                "Each kind of denial of the last day: it fails until the same caller succeeds with the same operation.",
                Query(expr=_state(), legend="{{client}}, {{cause}} {{role}}: {{operation}} in {{realm}}"),
                {1: ("fails", RED), 0: ("fixed", GREEN)},
                width=24,
                height=10,
            ),
        ],
    )


def _quality() -> Row:
    confidence = rate("kcproxy_explanations_total")
    lookups = rate_from_start("kcproxy_lookups_total", by="what, outcome")
    return Row(
        title="How good are the explanations?",
        panels=[
            series(
                "By confidence",
                "Confidence of the explanations. An inspector account makes more of them certain.",
                Query(expr=positive(f"sum by (confidence) ({confidence}) * 60"), legend="{{confidence}}"),
                unit="reqpm",
                stacked=True,
                width=8,
            ),
            series(
                "Look-ups",
                "Look-ups of the inspector by outcome.",
                Query(expr=positive(f"{lookups} * 60"), legend="{{what}} {{outcome}}"),
                unit="opm",
                width=8,
            ),
            series(
                "Look-up time, 95 %",
                "Duration of look-ups. They delay an explanation at most by their budget.",
                Query(
                    expr=f"histogram_quantile(0.95, sum by (le, what) ({rate('kcproxy_lookup_duration_seconds_bucket')}))",
                    legend="{{what}}",
                ),
                unit="s",
                width=8,
            ),
            series(
                "Reduced responses",
                "Successful responses that contain less than a full administrator would see, the ten most frequent operations.",
                Query(expr=f"({busiest(10, 'kcproxy_reduced_answers_total', 'operation')}) * 60 > 0", legend="{{operation}}"),
                unit="reqpm",
                width=24,
            ),
        ],
    )
