"""Dashboard *Denials*: who is denied what, since when, which role is missing, and did the fix work."""

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
    """Denials in the range shown."""
    return counted(DENIALS, FIRST_SEEN, REALM, by)


def per_minute(by: str = "") -> str:
    """Denials a minute over time."""
    return counted_per_minute(DENIALS, FIRST_SEEN, REALM, by)


def build() -> Json:
    """The dashboard."""
    realm = label_variable("realm", "Realm", 'label_values(kcproxy_denials_total{job=~"$job", instance=~"$instance"}, realm)')
    return dashboard(
        uid="kcproxy-denials",
        title="kcproxy / Denials",
        description="Who is denied what by Keycloak, since when, for want of which role, and whether a fix worked.",
        rows=[_now(), _who(), _time(), _quality()],
        variables=[realm, PAGE, DOCS],
    )


def _now() -> Row:
    responses = f"sum({rate('kcproxy_requests_total')})"
    resolved = f"sum({increase(RESOLVED, REALM)})"
    return Row(
        title="Is anybody being refused?",
        panels=[
            stat("Denials", "Refused requests in the range shown.", f"{count()} or vector(0)", decimals=0, thresholds=GOOD_WHEN_ZERO),
            stat(
                "Denials a minute",
                "Refused requests a minute, now.",
                f"{per_minute()} or vector(0)",
                unit="reqpm",
                thresholds=GOOD_WHEN_ZERO,
            ),
            stat(
                "Share of all requests",
                "Denials among all requests, now.",
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
            stat("Fixed", "Kinds of denial after which the same caller passed, in the range shown.", resolved, decimals=0),
            stat(
                "Newest kind",
                "How long ago a kind of denial was seen for the first time.",
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
                "Each kind once, the most frequent first. The operation leads to the page of recent denials, the cause to its documentation.",
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
            by("role", "By missing role", "Which role, granted, would end most of it."),
            by("cause", "By cause", "Roles, tokens, scopes: what kind of trouble it is."),
            by("realm", "By realm", "Where; realms beyond the cap are together in other."),
            series("By operation", "The ten operations that are refused most.", top, unit="reqpm", stacked=True),
            series(
                "Did the fix work?",
                "Denials, and callers that passed after having been denied: after a grant the first falls to nothing and the second shows a step.",
                Query(expr=per_minute(), legend="denied"),
                Query(expr=f"sum({rate(RESOLVED, REALM)}) * 60", legend="passes again"),
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
                "How sure explanations are; an inspector account makes more of them certain.",
                Query(expr=f"sum by (confidence) ({confidence}) * 60", legend="{{confidence}}"),
                unit="reqpm",
                stacked=True,
                width=8,
            ),
            series(
                "Look-ups",
                "What the inspector was asked, by outcome.",
                Query(expr=f"sum by (what, outcome) ({lookups}) * 60", legend="{{what}} {{outcome}}"),
                unit="opm",
                width=8,
            ),
            series(
                "Look-up time, 95 %",
                "How long look-ups take: they delay an explanation by no more than their budget.",
                Query(
                    expr=f"histogram_quantile(0.95, sum by (le, what) ({rate('kcproxy_lookup_duration_seconds_bucket')}))",
                    legend="{{what}}",
                ),
                unit="s",
                width=8,
            ),
            series(
                "Thin answers",
                "Successful answers that hold less than a full administrator would see, by operation.",
                Query(expr=f"topk(10, sum by (operation) ({rate('kcproxy_reduced_answers_total')}) * 60)", legend="{{operation}}"),
                unit="reqpm",
                width=24,
            ),
        ],
    )
