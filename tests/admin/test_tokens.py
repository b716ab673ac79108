"""The page *Tokens*: accounts that need attention first, times of their tokens, and never a token."""

from typing import Any

import pytest
from prometheus_client import generate_latest

from kcproxy.admin.tokens import accounts_of
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import Secret
from tests.admin.stage import EVERYWHERE, KEY, Open, observer, opened, problems

__all__ = ["observer", "opened", "problems"]  # fixtures that pytest finds by their names

NOW = 1_800_000_000.0


def accounts(*events: tuple[str, str, float | None, float]) -> list[dict[str, Any]]:
    """Each event: account, outcome, lifetime in seconds, and when it happened, in seconds before now."""
    now = [NOW]
    metrics = Metrics(accounts=("never",), now=lambda: now[0])
    for account, outcome, lifetime, before in events:
        now[0] = NOW - before
        metrics.token_fetched(account, outcome, 0.01, lifetime)
    return accounts_of(generate_latest(metrics.registry).decode(), NOW)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([("app", "ok", 300.0, 100.0)], "valid"),
        ([("app", "ok", 300.0, 400.0)], "expired"),
        ([("app", "ok", 300.0, 100.0), ("app", "invalid_client", None, 10.0)], "failing"),
        ([("app", "invalid_client", None, 100.0), ("app", "ok", 300.0, 10.0)], "valid"),
    ],
)
def test_an_account_is_valid_expired_or_failing(events: list[tuple[str, str, float | None, float]], state: str) -> None:
    assert next(account for account in accounts(*events) if account["name"] == "app")["state"] == state


def test_expiry_renewal_and_failures_are_shown() -> None:
    first, *_ = accounts(("app", "ok", 400.0, 100.0), ("app", "invalid_client", None, 50.0))
    assert (first["expires_in_seconds"], first["failures"], first["fetches"]) == (300, {"invalid_client": 1}, 1)
    assert first["renewal"] == "2027-01-15T08:03:20Z"  # 300 seconds after the fetch


def test_what_fails_comes_first() -> None:
    found = accounts(("a", "ok", 300.0, 10.0), ("b", "ok", 5.0, 10.0), ("c", "connect", None, 10.0))
    assert [account["state"] for account in found if account["name"] != "never"] == ["failing", "expired", "valid"]


async def test_the_page_needs_a_login_where_the_others_do(opened: Open, observer: LiveObserver) -> None:
    observer.token_fetched("reporting", "ok", 0.01, 300.0)
    client = await opened(EVERYWHERE, Secret(KEY))
    assert (await client.get("/tokens", allow_redirects=False)).status == 303
    text = await (await client.get("/tokens", headers={"Authorization": f"Bearer {KEY}"})).text()
    assert "reporting" in text
    assert "valid" in text


async def test_without_accounts_the_page_says_so(opened: Open) -> None:
    assert "no service account" in await (await (await opened()).get("/tokens")).text()
