"""The page *Tokens*: what the metrics say of the configured accounts' tokens. No token is here: the metrics have times and counts only."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kcproxy.admin import templates as render
from kcproxy.admin.auth import is_signed_in
from kcproxy.admin.explain_form import html
from kcproxy.keycloak.token_cache import REFRESH_SHARE
from kcproxy.observe.denials.document import Document, iso

METRICS_TEXT: web.AppKey[Callable[[], Awaitable[str]]] = web.AppKey("metrics_text")
"""The metrics of all processes, as text."""
_PREFIX = "kcproxy_token_"
_TIMES = {
    "kcproxy_token_fetched_timestamp_seconds": "fetched",
    "kcproxy_token_failed_timestamp_seconds": "failed",
    "kcproxy_token_expiry_timestamp_seconds": "expires",
}


def add_routes(app: web.Application, registry: CollectorRegistry) -> None:
    """Add the page. ``registry`` has the metrics, unless the supervisor of several workers sets METRICS_TEXT to all of them."""

    async def of_this_process() -> str:
        return generate_latest(registry).decode()

    app[METRICS_TEXT] = of_this_process
    app.router.add_get("/tokens", _page)


async def _page(request: web.Request) -> web.Response:
    accounts = accounts_of(await request.app[METRICS_TEXT](), time.time())
    return html(render.tokens_page(accounts, signed_in=is_signed_in()))


def accounts_of(metrics: str, now_epoch_seconds: float) -> list[Document]:
    """One line for each account, those that need attention first. Pure."""
    times: defaultdict[str, dict[str, float]] = defaultdict(dict)
    outcomes: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, labels, value in _samples(metrics):
        if name in _TIMES and value:
            times[labels["account"]][_TIMES[name]] = value
        elif name == "kcproxy_token_fetches_total":
            outcomes[labels["account"]][labels["outcome"]] = int(value)
    accounts = [_account(name, times[name], outcomes[name], now_epoch_seconds) for name in sorted({*times, *outcomes})]
    return sorted(accounts, key=lambda account: _STATES.index(account["state"]))


def _samples(metrics: str) -> Iterable[tuple[str, dict[str, str], float]]:
    lines = [line for line in metrics.splitlines() if line.startswith(_PREFIX)]
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


_STATES = ("failing", "expired", "valid", "not used yet")


def _account(name: str, times: dict[str, float], outcomes: dict[str, int], now: float) -> Document:
    fetched, failed, expires = (times.get(which) for which in ("fetched", "failed", "expires"))
    failures = {outcome: count for outcome, count in sorted(outcomes.items()) if outcome != "ok" and count}
    is_valid = expires is not None and expires > now
    return {
        "name": name,
        "state": _state(fetched, failed, is_valid=is_valid),
        "expires": None if expires is None else iso(expires),
        "expires_in_seconds": None if expires is None else round(expires - now),
        "fetched": None if fetched is None else iso(fetched),
        "renewal": iso(fetched + REFRESH_SHARE * (expires - fetched)) if is_valid and fetched is not None and expires is not None else None,
        "failed": None if failed is None else iso(failed),
        "failures": failures,
        "fetches": outcomes.get("ok", 0),
    }


def _state(fetched: float | None, failed: float | None, *, is_valid: bool) -> str:
    if failed is not None and failed > (fetched or 0):
        return "failing"
    if fetched is None:
        return "not used yet"
    return "valid" if is_valid else "expired"
