"""Dashboard *Service tokens*: do the injecting accounts have valid tokens, and what does fetching them cost?"""

from tools.dashboards.frame import PAGE, Row, dashboard, label_variable
from tools.dashboards.panels import (
    AMBER,
    GOOD_WHEN_ZERO,
    GREEN,
    NOTHING,
    RED,
    YEAR,
    Json,
    Query,
    column,
    counted_from_start,
    of,
    positive,
    rate,
    rate_from_start,
    series,
    stat,
    table,
)

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
    """Accounts in use. The token of an unused account may expire; the next request gets a new one."""
    return f"sum by (job, instance, account) ({rate('kcproxy_token_cache_reads_total', ACCOUNT)}) > 0"


def _now() -> Row:
    return Row(
        title="Does every account have a token?",
        panels=[
            stat(
                "Next expiry",
                "Remaining validity of the token that expires first, of accounts in use. Below zero: no new token was issued in time. None: no account is in use.",
                f"min({of(EXPIRY, ACCOUNT)} - time() and on (job, instance, account) ({_wanted()}))",
                unit="s",
                thresholds=((None, NOTHING), (-YEAR, RED), (5, AMBER), (20, GREEN)),
                width=6,
            ),
            stat("Oldest token", "Age of the oldest token.", f"max(time() - {of(FETCHED, ACCOUNT)})", unit="s", width=6),
            stat(
                "Failed fetches",
                "Token requests that failed in the displayed range. Keycloak sees a refused one twice: the file of the secret may just have been replaced.",
                f"{counted_from_start(FETCHES, FAILED)} or vector(0)",
                decimals=0,
                thresholds=GOOD_WHEN_ZERO,
                width=6,
            ),
            stat("Cache hits", "Share of requests whose token was cached.", f"{_hits()} or vector(1)", unit="percentunit", width=6),
        ],
    )


def _accounts() -> Row:
    return Row(
        title="Accounts",
        panels=[
            table(
                "Accounts",
                "Each account and instance: age of its token, time left (below zero for an unused account), fetches and failures in the displayed range.",
                Query(expr=f"max by (account, instance) (time() - {of(FETCHED, ACCOUNT)})", instant=True),
                Query(expr=f"min by (account, instance) ({of(EXPIRY, ACCOUNT)} - time())", instant=True),
                Query(expr=counted_from_start(FETCHES, ACCOUNT, by="account, instance"), instant=True),
                Query(expr=counted_from_start(FETCHES, FAILED, by="account, instance"), instant=True),
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
                height=10,
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
                "A sawtooth: each fetch raises it. Below zero, the account gets no new token or is not used: tokens are fetched on demand.",
                Query(expr=f"min by (account) ({of(EXPIRY, ACCOUNT)} - time())", legend="{{account}}"),
                unit="s",
            ),
            series(
                "Fetches by outcome",
                "Token requests. Outcomes other than ok are Keycloak's OAuth error or the kind of error.",
                Query(expr=positive(f"{rate_from_start(FETCHES, ACCOUNT, by='account, outcome')} * 60"), legend="{{account}}: {{outcome}}"),
                unit="reqpm",
            ),
            series(
                "Time of a fetch",
                "Median and 95 % of the token endpoint's response time. Requests wait for it only if no token is cached.",
                Query(expr=f"histogram_quantile(0.5, sum by (le) ({rate(fetch, ACCOUNT)}))", legend="50 %"),
                Query(expr=f"histogram_quantile(0.95, sum by (le) ({rate(fetch, ACCOUNT)}))", legend="95 %"),
                unit="s",
                width=8,
            ),
            series(
                "Cache reads",
                "Tokens needed for injection, by whether they were cached.",
                Query(expr=f"sum by (result) ({rate('kcproxy_token_cache_reads_total', ACCOUNT)})", legend="{{result}}"),
                unit="reqps",
                stacked=True,
                width=8,
            ),
            series(
                "Replaced after a refusal",
                "Injected tokens that were replaced, because Keycloak refused them or reduced the response. A steady line is a lasting denial.",
                Query(expr=positive(f"sum by (account) ({rate('kcproxy_token_replacements_total', ACCOUNT)}) * 60"), legend="{{account}}"),
                unit="opm",
                width=8,
            ),
        ],
    )
