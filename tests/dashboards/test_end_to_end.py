"""A real Prometheus scrapes a real kcproxy on a bad day: every query of every panel returns data, and the page's metrics are clean."""

import asyncio
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kcproxy import catalog
from kcproxy.simulator import SimulatedKeycloak
from tests.dashboards.queries import Target, alerts, filled, targets
from tests.dashboards.stack import Proxy, Stage, bad_day, prometheus, proxy, stage, unique_realm
from tests.live.conftest import Keycloak, keycloak, real_keycloak

__all__ = ["keycloak", "real_keycloak"]  # fixtures that pytest finds by their names

pytestmark = [
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian package prometheus) is not installed"),
    pytest.mark.timeout(600),
]
PATIENCE_SECONDS = 60
WINDOW_SECONDS = 60


async def test_every_query_of_every_panel_returns_data_before_a_simulated_keycloak(tmp_path: Path) -> None:
    async with SimulatedKeycloak(catalog.load(catalog.default_version())) as simulated:
        await _check(simulated.url, tmp_path, simulated=True)


@pytest.mark.live
async def test_every_query_of_every_panel_returns_data_before_a_real_keycloak(keycloak: Keycloak, tmp_path: Path) -> None:
    await _check(keycloak.base_url, tmp_path, simulated=False)


async def _check(keycloak_url: str, folder: Path, *, simulated: bool) -> None:
    async with stage(keycloak_url, unique_realm()) as made, proxy(made, folder) as running:
        with prometheus(running.admin_url, folder) as prometheus_url:
            await asyncio.sleep(4)  # some scrapes before anything happens, so that the first counts are steps
            await bad_day(made, running)
            empty = await _empty(made.session, prometheus_url)
            assert [f"{target.id}: {target.expr}" for target in empty] == []
            await _rules_are_evaluated(made.session, prometheus_url)
            await _has_exemplar(made.session, prometheus_url)
        await _is_clean(made.session, running)
        await _page_has_it(made, running, simulated=simulated)
    _nothing_secret(folder)


async def _empty(session: aiohttp.ClientSession, prometheus_url: str) -> list[Target]:
    """Queries that have no data, even after some patience."""
    left = targets()
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while left and time.monotonic() < ends_at:
        left = [target for target in left if not await _query(session, prometheus_url, target)]
        await asyncio.sleep(1)
    return left


async def _query(session: aiohttp.ClientSession, prometheus_url: str, target: Target) -> list[Any]:
    query = {"query": filled(target.expr.removesuffix(" > 0"), window_seconds=WINDOW_SECONDS)}
    async with session.post(f"{prometheus_url}/api/v1/query", data=query) as answer:
        found = await answer.json()
        assert found["status"] == "success", (target, found)
        samples: list[Any] = found["data"]["result"]
        return [sample for sample in samples if sample["value"][1] != "NaN"]


async def _rules_are_evaluated(session: aiohttp.ClientSession, prometheus_url: str) -> None:
    async with session.get(f"{prometheus_url}/api/v1/rules") as answer:
        groups = (await answer.json())["data"]["groups"]
    assert {rule["name"]: rule["health"] for group in groups for rule in group["rules"]} == {alert["alert"]: "ok" for alert in alerts()}


async def _has_exemplar(session: aiohttp.ClientSession, prometheus_url: str) -> None:
    now = time.time()
    asked: dict[str, str | float] = {"query": "kcproxy_request_duration_seconds_bucket", "start": now - 600, "end": now + 1}
    async with session.get(f"{prometheus_url}/api/v1/query_exemplars", params=asked) as answer:
        found = (await answer.json())["data"]
    assert {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]} == {"4bf92f3577b34da6a3ce929d0e0e4736"}


async def _is_clean(session: aiohttp.ClientSession, running: Proxy) -> None:
    async with session.get(f"{running.admin_url}/metrics") as answer:
        assert await asyncio.to_thread(_complaints, await answer.read()) == b""


def _complaints(text: bytes) -> bytes:
    run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    return run.stdout + run.stderr


async def _page_has_it(made: Stage, running: Proxy, *, simulated: bool) -> None:
    async with made.session.get(f"{running.admin_url}/api/denials") as answer:
        groups = (await answer.json())["denials"]
    resolved = {group["who"] for group in groups if group["resolvedAt"] and group["missing"] == ["view-users"]}
    assert {"service-account-app", "service-account-reader"} <= resolved
    (refused,) = (g["id"] for g in groups if g["who"] == "service-account-app" and g["missing"] == ["view-users"])
    async with made.session.get(f"{running.admin_url}/api/denials/{refused}") as answer:
        sets = (await answer.json())["sets"]
    assert ["view-users"] in sets["needed"]
    assert all("view-users" not in sets[name] for name in ("granted", "inToken"))
    # The client's scope is full: it is the grant that is missing. The simulator does not play the look-up of scopes.
    assert (sets["inScope"] is None) == simulated
    assert simulated or "view-users" in sets["inScope"]


def _nothing_secret(folder: Path) -> None:
    log = (folder / "log").read_text(encoding="utf-8")
    assert '"event":"denial"' in log
    assert "eyJ" not in log
    assert not any(f"{name}-secret" in log for name in ("app", "reader", "inspector"))
