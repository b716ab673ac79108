"""Limits in mode observe refuse nothing, and each request beyond them is reported in log, metrics and page."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kcproxy import catalog
from kcproxy.cli.scenario import embedded
from kcproxy.errors import SettingsError
from kcproxy.settings import AccountSettings, InboundSettings, LimitMode, Secret, UseSettings
from kcproxy.settings.api_keys import read_keys
from kcproxy.simulator import SimulatedKeycloak
from tests.dashboards.stack import PASSWORDS, Stage, stage, unique_realm

VERSION = "26.7.4"
USERS = "GET /admin/realms/{realm}/users"
COUNT = "GET /admin/realms/{realm}/users/count"
KEY = "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """A proxy whose account is limited to the list of users."""

    made: Stage
    url: str
    admin_url: str

    async def get(self, path: str, **headers: str) -> int:
        async with self.made.session.get(f"{self.url}/admin/realms/{self.made.realm}/{path}", headers=headers) as answer:
            await answer.read()
            return answer.status

    async def metrics(self) -> list[str]:
        async with self.made.session.get(f"{self.admin_url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sorted(line for line in lines if line.startswith("kcproxy_exceeded_limits_total{"))


@asynccontextmanager
async def limited(mode: LimitMode, *, fast: bool, keys: Path | None = None, record: Path | None = None) -> AsyncIterator[Limited]:
    async with SimulatedKeycloak(catalog.load(VERSION)) as simulated, stage(simulated.url, unique_realm()) as made:
        await made.grant("reader", "view-users")
        account = AccountSettings(
            realms=(made.realm,),
            token_realm=made.realm,
            client_id="reader",
            secret=Secret(PASSWORDS["reader"]),
            operations=(USERS,),
            mode=mode,
        )
        settings = replace(embedded.settings_for(simulated.url, accounts=(account,), version=VERSION), use=UseSettings(path=record))
        if keys is not None:
            settings = replace(settings, inbound=InboundSettings(api_keys_file=keys))
        async with embedded.running(settings, fast_path=fast) as (url, admin_url):
            yield Limited(made=made, url=url, admin_url=admin_url)


@pytest.mark.parametrize("fast", [True, False])
async def test_an_observed_limit_of_an_account_lets_pass_and_is_reported(tmp_path: Path, fast: bool) -> None:
    async with limited(LimitMode.OBSERVE, fast=fast, record=tmp_path / "use") as proxy:
        statuses = [await proxy.get(path) for path in ("users", "users/count", "users/count", "users/count", "users")]
        async with proxy.made.session.get(f"{proxy.admin_url}/least-privilege") as answer:
            page = await answer.text()
        assert statuses == [200] * 5
        label = f"account {proxy.made.realm}/reader"
        assert await proxy.metrics() == [f'kcproxy_exceeded_limits_total{{limit="{label}",operation="{COUNT}"}} 3.0']
        assert f'<li>{label}: <span class="mono">{COUNT}</span>, 3 times</li>' in page


async def test_an_enforced_limit_refuses_and_counts_nothing() -> None:
    async with limited(LimitMode.ENFORCE, fast=True) as proxy:
        assert [await proxy.get(path) for path in ("users", "users/count")] == [200, 401]
        assert await proxy.metrics() == []


def keys_file(folder: Path, *, mode: str | None, operations: str = USERS) -> Path:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    lines = ["[[keys]]", 'name = "shop"', f'sha256 = "{digest}"', f"operations = {json.dumps([operations])}"]
    file = folder / "keys.toml"
    file.write_text("\n".join([*lines, *([] if mode is None else [f'mode = "{mode}"'])]), encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(("mode", "status"), [("observe", 200), ("enforce", 403), (None, 403)])
async def test_an_observed_limit_of_a_key_lets_pass_and_counts(tmp_path: Path, mode: str | None, status: int) -> None:
    keys = keys_file(tmp_path, mode=mode, operations=COUNT)
    async with limited(LimitMode.ENFORCE, fast=True, keys=keys) as proxy:
        found = [await proxy.get("users", **{"Kcproxy-Key": key}) for key in (KEY, f"Bearer {KEY}")]
        assert found == [status, status]
        expected = [f'kcproxy_exceeded_limits_total{{limit="key shop",operation="{USERS}"}} 2.0'] if mode == "observe" else []
        assert await proxy.metrics() == expected


def test_another_mode_of_a_key_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="mode is not one of enforce, observe"):
        read_keys(keys_file(tmp_path, mode="watch"))
