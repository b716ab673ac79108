"""Dashboard *Denials*: what is refused, since when, which role is missing, and whether a fix worked."""

from tools.dashboards.frame import DOCS, PAGE, Row, dashboard, label_variable
from tools.dashboards.panels import (
    AMBER,
    GOOD_WHEN_ZERO,
    GREEN,
    RED,
    Json,
    Panel,
    Query,
    column,
    counted,
    counted_per_minute,
    increase,
    of,
    rate,
    series,
    stat,
    table,
)

REALM = 'realm=~"$realm"'
KIND = "operation, realm, cause, role, client"
DENIALS, RESOLVED = "kcproxy_denials_total", "kcproxy_denials_resolved_total"


FIRST_SEEN, LAST_SEEN = "kcproxy_denial_first_timestamp_seconds", "kcproxy_denial_last_timestamp_seconds"
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


def _now() -> Row:
    responses = f"sum({rate('kcproxy_requests_total')})"
    resolved = f"sum({increase(RESOLVED, REALM)})"
    return Row(
        title="Are requests being refused?",
        panels=[
            stat("Denials", "Refused requests in the displayed range.", f"{count()} or vector(0)", decimals=0, thresholds=GOOD_WHEN_ZERO),
            stat(
                "Denials per minute",
                "Current refused requests per minute.",
                f"{per_minute()} or vector(0)",
                unit="reqpm",
                thresholds=GOOD_WHEN_ZERO,
            ),
            stat(
                "Share of all requests",
                "Current denials as a share of all requests.",
                f"sum({rate(DENIALS, REALM)}) / ({responses} > 0) or vector(0)",
                unit="percentunit",
                thresholds=((None, GREEN), (0.001, AMBER), (0.05, RED)),
            ),
            stat(
                "Kinds in the last hour",
                "Combinations of operation, realm, cause and role that were refused in the last hour.",
                f"count(max by ({KIND}) (time() - {LAST}) < 3600) or vector(0)",
                thresholds=GOOD_WHEN_ZERO,
            ),
            stat("Fixed", "Kinds of denial after which the same caller succeeded, in the displayed range.", resolved, decimals=0),
            stat(
                "Newest kind",
                "Time since a kind of denial was first seen.",
                f"min(time() - {FIRST})",
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
                "Each kind once, most frequent first. The operation links to the page of recent denials, the cause to its documentation.",
                Query(expr=f"({count(KIND)}) > 0", instant=True),
                Query(expr=f"min by ({KIND}) ({FIRST}) * 1000", instant=True),
                Query(expr=f"max by ({KIND}) ({LAST}) * 1000", instant=True),
                Query(expr=f"sum by ({KIND}) ({increase(RESOLVED, REALM)})", instant=True),
                columns={
                    "operation": "Operation",
                    "realm": "Realm",
                    "cause": "Cause",
                    "role": "Missing role",
                    "client": "Client",
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
                        link=("Recent denials of this operation", "${page}/?q=${__data.fields.Operation:percentencode}"),
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

    top = Query(expr=f"topk(10, ({per_minute('operation')}) > 0)", legend="{{operation}}")
    return Row(
        title="Since when?",
        panels=[
            by("role", "By missing role", "The role whose grant would end most denials."),
            by("cause", "By cause", "Roles, tokens, scopes: the kind of problem."),
            by("realm", "By realm", "Realms beyond the cap are combined as other."),
            series("By operation", "The ten most frequently refused operations.", top, unit="reqpm", stacked=True),
            series(
                "Did the fix work?",
                "Denials, and callers that succeeded after a denial. After a grant, the first drops to zero and the second shows a step.",
                Query(expr=per_minute(), legend="denied"),
                Query(expr=f"sum({rate(RESOLVED, REALM)}) * 60", legend="resolved"),
                unit="reqpm",
                width=24,
            ),
        ],
    )


def _quality() -> Row:
    confidence = rate("kcproxy_explanations_total")
    lookups = rate("kcproxy_lookups_total")
    return Row(
        title="How good are the explanations?",
        panels=[
            series(
                "By confidence",
                "Confidence of the explanations. An inspector account makes more of them certain.",
                Query(expr=f"sum by (confidence) ({confidence}) * 60", legend="{{confidence}}"),
                unit="reqpm",
                stacked=True,
                width=8,
            ),
            series(
                "Look-ups",
                "Look-ups of the inspector by outcome.",
                Query(expr=f"sum by (what, outcome) ({lookups}) * 60", legend="{{what}} {{outcome}}"),
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
                "Successful responses that contain less than a full administrator would see, by operation.",
                Query(expr=f"topk(10, sum by (operation) ({rate('kcproxy_reduced_answers_total')}) * 60)", legend="{{operation}}"),
                unit="reqpm",
                width=24,
            ),
        ],
    )
