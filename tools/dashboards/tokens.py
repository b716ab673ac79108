"""Dashboard *Service tokens*: do the accounts whose tokens the proxy adds have valid ones, and what does getting them cost?"""

from tools.dashboards.frame import PAGE, Row, dashboard, label_variable
from tools.dashboards.panels import AMBER, GOOD_WHEN_ZERO, GREEN, RED, Json, Query, column, increase, of, rate, series, stat, table

ACCOUNT = 'account=~"$account"'
EXPIRY, FETCHED = "kcproxy_token_expiry_timestamp_seconds", "kcproxy_token_fetched_timestamp_seconds"
FETCHES = "kcproxy_token_fetches_total"
FAILED = f'{ACCOUNT}, outcome!="ok"'


def build() -> Json:
    """The dashboard."""
    account = label_variable(
        "account", "Account", 'label_values(kcproxy_token_cache_reads_total{job=~"$job", instance=~"$instance"}, account)'
    )
    return dashboard(
        uid="kcproxy-tokens",
        title="kcproxy / Service tokens",
        description="Tokens of the configured service accounts: age, expiry, fetches, cache.",
        rows=[_now(), _accounts(), _time()],
        variables=[account, PAGE],
    )


def _hits() -> str:
    reads = "kcproxy_token_cache_reads_total"
    hits = rate(reads, f'{ACCOUNT}, result="hit"')
    return f"sum({hits}) / (sum({rate(reads, ACCOUNT)}) > 0)"


def _wanted() -> str:
    """Accounts whose tokens are being asked for: that of an account at rest may expire, the next request gets a new one."""
    return f"sum by (job, instance, account) ({rate('kcproxy_token_cache_reads_total', ACCOUNT)}) > 0"


def _now() -> Row:
    return Row(
        title="Does every account have a token?",
        panels=[
            stat(
                "Next expiry",
                "How long the token that expires first is still valid, of accounts in use now; below zero none was to be had in time.",
                f"min({of(EXPIRY, ACCOUNT)} - time() and on (job, instance, account) ({_wanted()}))",
                unit="s",
                thresholds=((None, RED), (5, AMBER), (20, GREEN)),
                width=6,
            ),
            stat("Oldest token", "Age of the token that was fetched first.", f"max(time() - {of(FETCHED, ACCOUNT)})", unit="s", width=6),
            stat(
                "Failed fetches",
                "Token requests that gave no token, in the range shown.",
                f"sum({increase(FETCHES, FAILED)}) or vector(0)",
                decimals=0,
                thresholds=GOOD_WHEN_ZERO,
                width=6,
            ),
            stat("Cache hits", "Share of requests whose token was in the cache.", f"{_hits()} or vector(1)", unit="percentunit", width=6),
        ],
    )


def _accounts() -> Row:
    return Row(
        title="Accounts",
        panels=[
            table(
                "Accounts",
                "Each account and instance: age of its token, time left (of an account at rest below zero), fetches and failures in the range shown.",
                Query(expr=f"max by (account, instance) (time() - {of(FETCHED, ACCOUNT)})", instant=True),
                Query(expr=f"min by (account, instance) ({of(EXPIRY, ACCOUNT)} - time())", instant=True),
                Query(expr=f"sum by (account, instance) ({increase(FETCHES, ACCOUNT)})", instant=True),
                Query(expr=f"sum by (account, instance) ({increase(FETCHES, FAILED)})", instant=True),
                columns={
                    "account": "Account",
                    "instance": "Instance",
                    "Value #A": "Age",
                    "Value #B": "Time left",
                    "Value #C": "Fetches",
                    "Value #D": "Failures",
                },
                sort_by="Failures",
                decimals=0,
                height=7,
                overrides=[column("Age", unit="s"), column("Time left", unit="s")],
            )
        ],
    )


def _time() -> Row:
    fetch = "kcproxy_token_fetch_duration_seconds_bucket"
    return Row(
        title="Over time",
        panels=[
            series(
                "Time left",
                "A saw-tooth: each fetch lifts it. A line that falls below zero is an account that gets no new token, or that nobody uses: tokens are fetched when they are wanted.",
                Query(expr=f"min by (account) ({of(EXPIRY, ACCOUNT)} - time())", legend="{{account}}"),
                unit="s",
            ),
            series(
                "Fetches by outcome",
                "Token requests; anything but ok is Keycloak's OAuth error, or the kind of failure on the way.",
                Query(expr=f"sum by (account, outcome) ({rate(FETCHES, ACCOUNT)}) * 60", legend="{{account}}: {{outcome}}"),
                unit="reqpm",
            ),
            series(
                "Time of a fetch",
                "Median and 95 % of the token endpoint's answers. Requests wait for it only when the cache has no token.",
                Query(expr=f"histogram_quantile(0.5, sum by (le) ({rate(fetch, ACCOUNT)}))", legend="50 %"),
                Query(expr=f"histogram_quantile(0.95, sum by (le) ({rate(fetch, ACCOUNT)}))", legend="95 %"),
                unit="s",
                width=8,
            ),
            series(
                "Cache reads",
                "Tokens wanted for injection, found in the cache or not.",
                Query(expr=f"sum by (result) ({rate('kcproxy_token_cache_reads_total', ACCOUNT)})", legend="{{result}}"),
                unit="reqps",
                stacked=True,
                width=8,
            ),
            series(
                "Replaced after a refusal",
                "Injected tokens that were replaced at once, because Keycloak refused them or gave less than a newer one gets. A steady line is a standing denial.",
                Query(expr=f"sum by (account) ({rate('kcproxy_token_replacements_total', ACCOUNT)}) * 60", legend="{{account}}"),
                unit="opm",
                width=8,
            ),
        ],
    )
