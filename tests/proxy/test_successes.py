"""A 2xx that is thinner than it could be says so in a header and is counted; who passes after a refusal ends his denial. Bodies stay."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from kcproxy import catalog
from kcproxy.cli.scenario import embedded
from kcproxy.simulator import SimulatedKeycloak
from tests.dashboards.stack import Stage, stage, unique_realm

SPECIMEN = "kcproxy_reduced_answers_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """A simulated Keycloak with a realm, and a kcproxy in front of it."""

    made: Stage
    proxy_url: str
    admin_url: str

    async def get(self, path: str, token: str) -> tuple[int, str | None, Any]:
        """Status, notice and body, through the proxy."""
        url = f"{self.proxy_url}/admin/realms/{self.made.realm}/{path}"
        async with self.made.session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
            return answer.status, answer.headers.get("Kcproxy-Notice"), await answer.json()

    async def text(self, path: str) -> str:
        """A page of the admin port."""
        async with self.made.session.get(f"{self.admin_url}{path}") as answer:
            return await answer.text()


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    async with SimulatedKeycloak(catalog.load("26.7.4")) as simulated, stage(simulated.url, unique_realm()) as made:
        settings = embedded.settings_for(simulated.url, accounts=(), version="26.7.4")
        async with embedded.running(settings) as (proxy_url, admin_url):
            yield Playground(made=made, proxy_url=proxy_url, admin_url=admin_url)


async def test_a_thin_answer_is_announced_and_counted_and_its_body_stays(playground: Playground) -> None:
    token = await playground.made.own_token("reader")  # query-users: let into the list, shown nobody
    status, notice, body = await playground.get("users", token)
    assert (status, body) == (200, [])
    assert notice is not None
    assert "view-users" in notice
    assert SPECIMEN + '{operation="GET /admin/realms/{realm}/users"} 1.0' in await playground.text("/metrics")


async def test_a_full_answer_has_no_notice(playground: Playground) -> None:
    await playground.made.grant("reader", "view-users")
    status, notice, body = await playground.get("users", await playground.made.own_token("reader"))
    assert (status, notice, len(body)) == (200, None, 1)
    assert SPECIMEN + "{" not in await playground.text("/metrics")


async def test_a_caller_with_a_new_token_ends_his_denial_and_another_does_not(playground: Playground) -> None:
    made = playground.made
    path = f"users/{made.user_id}"
    assert (await playground.get(path, await made.own_token("reader")))[0] == 403
    await made.grant("app", "view-users")
    assert (await playground.get(path, await made.own_token("app")))[0] == 200
    assert '"resolvedAt":null' in await playground.text("/api/denials")
    await made.grant("reader", "view-users")
    assert (await playground.get(path, await made.own_token("reader")))[0] == 200
    assert '"resolvedAt":null' not in await playground.text("/api/denials")
