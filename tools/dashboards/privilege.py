"""Dashboard *Least privilege*: which roles do the proxy's service accounts hold, and which of them did a request ever need?"""

from tools.dashboards.frame import PAGE, Row, dashboard, label_variable
from tools.dashboards.panels import AMBER, GREEN, Json, Query, counted, of, rate, series, stat, table

ACCOUNT = 'account=~"$account"'
GRANTED, USES, FIRST_USE = "kcproxy_role_granted", "kcproxy_role_uses_total", "kcproxy_role_first_use_timestamp_seconds"


def _held() -> str:
    return f"max by (account, role) ({of(GRANTED, ACCOUNT)}) == 1"


def _used() -> str:
    return f"{counted(USES, FIRST_USE, ACCOUNT, 'account, role')} > 0"


def build() -> Json:
    """The dashboard."""
    account = label_variable(
        "account", "Account", 'label_values(kcproxy_token_cache_reads_total{job=~"$job", instance=~"$instance"}, account)'
    )
    return dashboard(
        uid="kcproxy-least-privilege",
        title="kcproxy / Least privilege",
        description=(
            "Roles that service accounts hold and never needed. Known only for accounts whose tokens the proxy adds, for tokens that name"
            " their roles, and for what passed through the proxy: look at a range that holds every rare job before taking a role away."
        ),
        rows=[_now(), _tables(), _time()],
        variables=[account, PAGE],
        time_from="now-30d",
    )


def _now() -> Row:
    return Row(
        title="Is there more power than needed?",
        panels=[
            stat("Roles held", "Admin roles that accounts hold, those that come with another left out.", f"count({_held()})", width=6),
            stat(
                "Roles needed",
                "Of those, roles that were the least for a request that passed.",
                f"count(({_held()}) and ({_used()})) or vector(0)",
                width=6,
            ),
            stat(
                "Held, never needed",
                "Roles that no request needed in the range shown: candidates to take away, or to replace by a smaller one.",
                f"count(({_held()}) unless ({_used()})) or vector(0)",
                thresholds=((None, GREEN), (1, AMBER)),
                width=6,
            ),
            stat("Accounts", "Accounts that got a token.", f"count(count by (account) ({of(GRANTED, ACCOUNT)}))", width=6),
        ],
    )


def _tables() -> Row:
    return Row(
        title="Which?",
        panels=[
            table(
                "Held, never needed",
                "A role here may be taken away if the range shown is typical. Where another table line shows a smaller role in use, grant that one instead.",
                Query(expr=f"({_held()}) unless ({_used()})", instant=True),
                columns={"account": "Account", "role": "Role"},
                sort_by="Account",
                width=12,
            ),
            table(
                "Needed",
                "Successful requests by the least role that each of them needs; a role that is not held is contained in one that is.",
                Query(expr=_used(), instant=True),
                columns={"account": "Account", "role": "Least role", "Value": "Requests"},
                sort_by="Requests",
                decimals=0,
                width=12,
            ),
        ],
    )


def _time() -> Row:
    return Row(
        title="Since when?",
        panels=[
            series(
                "Use by least role",
                "Successful requests with an added token, by account and the least role that they need.",
                Query(expr=f"sum by (account, role) ({rate(USES, ACCOUNT)})", legend="{{account}}: {{role}}"),
                unit="reqps",
            ),
            series(
                "Roles held",
                "Number of admin roles that each account holds: a step up is a new grant.",
                Query(expr=f"sum by (account) (max by (account, role) ({of(GRANTED, ACCOUNT)}))", legend="{{account}}"),
                unit="short",
            ),
        ],
    )
