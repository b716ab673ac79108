"""Dashboard *Least privilege*: which roles the service accounts have, and which of them requests needed."""

from tools.dashboards.frame import PAGE, Row, dashboard, label_variable
from tools.dashboards.panels import AMBER, GREEN, Json, Query, counted, counted_from_start, of, rate_from_start, series, stat, table

ACCOUNT = 'account=~"$account"'
GRANTED, USES, FIRST_USE = "kcproxy_role_granted", "kcproxy_role_uses_total", "kcproxy_role_first_use_timestamp_seconds"
OPERATION_USES = "kcproxy_operation_uses_total"
EXCEEDED = "kcproxy_exceeded_limits_total"


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
            "Roles that service accounts have but never needed. Covers only accounts whose tokens the proxy injects, tokens that contain their"
            " roles, and requests through the proxy. Choose a range that includes every rare job before you revoke a role."
        ),
        rows=[_now(), _tables(), _time(), _callers()],
        variables=[account, PAGE],
        time_from="now-30d",
    )


def _now() -> Row:
    return Row(
        title="Do accounts have more roles than they need?",
        panels=[
            stat("Roles held", "Admin roles of accounts, without roles that another one contains.", f"count({_held()})", width=6),
            stat(
                "Roles needed",
                "Roles among them that were the least for a successful request.",
                f"count(({_held()}) and ({_used()})) or vector(0)",
                width=6,
            ),
            stat(
                "Held, never needed",
                "Roles that no request needed in the displayed range. Consider revoking them, or granting a less powerful role.",
                f"count(({_held()}) unless ({_used()})) or vector(0)",
                thresholds=((None, GREEN), (1, AMBER)),
                width=6,
            ),
            stat("Accounts", "Accounts with a token.", f"count(count by (account) ({of(GRANTED, ACCOUNT)}))", width=6),
        ],
    )


def _tables() -> Row:
    return Row(
        title="Which?",
        panels=[
            table(
                "Roles never needed",
                "You can revoke these roles if the displayed range is typical. If the other table shows a less powerful role in use, grant that one instead.",
                Query(expr=f"({_held()}) unless ({_used()})", instant=True),
                columns={"account": "Account", "role": "Role"},
                sort_by="Account",
                width=12,
            ),
            table(
                "Needed",
                "Successful requests by the least role that they need. A role that the account does not have itself is contained in one that it has.",
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
                "Successful requests with an injected token, by account and least role.",
                Query(expr=rate_from_start(USES, ACCOUNT, by="account, role"), legend="{{account}}: {{role}}"),
                unit="reqps",
            ),
            series(
                "Roles held over time",
                "Number of admin roles of each account. A step up is a new grant.",
                Query(expr=f"sum by (account) (max by (account, role) ({of(GRANTED, ACCOUNT)}))", legend="{{account}}"),
                unit="short",
            ),
        ],
    )


def _callers() -> Row:
    return Row(
        title="What does every caller call?",
        panels=[
            table(
                "Operations by caller",
                "Calls in the displayed range, with own or injected tokens, after the first success of each token. Empty unless metrics.clients is set; kcproxy audit has more.",
                Query(expr=f"{counted_from_start(OPERATION_USES, by='caller, operation, use')} > 0", instant=True),
                columns={"caller": "Caller", "operation": "Operation", "use": "Outcome", "Value": "Calls"},
                sort_by="Calls",
                decimals=0,
                width=24,
            ),
            table(
                "Beyond observed limits",
                "Requests in the displayed range that a limit in mode observe would have refused. Empty: the limit can be enforced.",
                Query(expr=f"{counted_from_start(EXCEEDED, by='limit, operation')} > 0", instant=True),
                columns={"limit": "Limit", "operation": "Operation", "Value": "Requests"},
                sort_by="Requests",
                decimals=0,
                width=24,
                height=6,
            ),
        ],
    )
