"""``kcproxy audit --prometheus``: the query against promtool's series, and the command against a real Prometheus and a serving proxy."""

import asyncio
import json
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from kcproxy import catalog
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.scenario import embedded
from kcproxy.settings import AccountSettings, MetricSettings, Secret
from kcproxy.simulator import SimulatedKeycloak
from kcproxy.usage.from_prometheus import uses_query
from tests.cli.running import run
from tests.dashboards.stack import PASSWORDS, prometheus, stage, unique_realm

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian package prometheus) is not installed")
VERSION = "26.7.4"
PATIENCE_SECONDS = 60

# Scraped once a minute for an hour; the window is the last half an hour.
CASES: dict[str, tuple[str, float | None]] = {
    "one single call, the first of its process": ("_x50 1x10", 1),
    "a counter that grows": ("0+1x60", 30),
    "calls before the window only": ("7x60", None),
    "known for long, and one more": ("7x50 8x10", 1),
    "a process that ended within the window": ("_x40 4x5 stale", 4),
    "a process that ended before the window": ("4x20 stale", None),
    "no call": ("_x60", None),
}


@pytest.mark.parametrize("case", CASES)
def test_only_calls_within_the_window_count(case: str, tmp_path: Path) -> None:
    values, expected = CASES[case]
    labels = 'caller="shop/sync", operation="GET /x", use="full"'
    samples = [] if expected is None else [{"labels": f"{{{labels}}}", "value": expected}]
    test = {
        "interval": "1m",
        "input_series": [{"series": f'kcproxy_operation_uses_total{{job="kcproxy", {labels}}}', "values": values}],
        "promql_expr_test": [{"expr": uses_query(1800), "eval_time": "60m", "exp_samples": samples}],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}), encoding="utf-8")
    ran = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


async def test_the_audit_reads_a_prometheus_that_scrapes_the_proxy(tmp_path: Path) -> None:
    async with SimulatedKeycloak(catalog.load(VERSION)) as simulated, stage(simulated.url, unique_realm()) as made:
        reader = AccountSettings(realms=(made.realm,), token_realm=made.realm, client_id="reader", secret=Secret(PASSWORDS["reader"]))
        settings = embedded.settings_for(simulated.url, accounts=(reader,), version=VERSION)
        await made.grant("reader", "view-events")
        async with embedded.running(replace(settings, metrics=MetricSettings(clients=True))) as (url, admin_url):
            own = {"Authorization": f"Bearer {await made.own_token('reader')}"}
            for headers in ({}, own, own):
                async with made.session.get(f"{url}/admin/realms/{made.realm}/users", headers=headers) as answer:
                    assert answer.status == 200
            with prometheus(admin_url, tmp_path) as prometheus_url:
                document = await _audited(prometheus_url)
    (caller,) = document["callers"]
    assert (caller["client"], caller["held"]) == ("reader", ["query-users", "view-events"])
    assert (caller["least"], caller["unused"]) == (["query-users"], ["view-events"])
    assert caller["used"][0]["counts"] == {"reduced": 3}
    assert document["window"]["says"] == "30 days, of which the proxy saw 1"
    assert document["notes"][0].startswith("From Prometheus: ")


async def _audited(prometheus_url: str) -> Any:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        result = await asyncio.to_thread(run, "audit", "--prometheus", prometheus_url, "--keycloak", VERSION, "--json")
        found = json.loads(result.stdout) if result.exit_code == Exit.OK else {}
        if found.get("callers"):
            return found
        await asyncio.sleep(1)
    pytest.fail(f"Prometheus never had the calls: {result.output}")
