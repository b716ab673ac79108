"""Reduced responses get a notice and are counted, and a success after a refusal resolves the denial. Bodies stay."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import jwt
import pytest

from devkit.servers import ACCOUNT, OK, WAY, RecordingUpstream
from kcproxy import catalog
from kcproxy.cli.scenario import embedded
from kcproxy.settings import AccountSettings, Secret
from kcproxy.simulator import SimulatedKeycloak
from tests.dashboards.stack import PASSWORDS, Stage, stage, unique_realm

USERS = "/admin/realms/demo/users"
SPECIMEN = "kcproxy_reduced_answers_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """A simulated Keycloak with a realm, and a kcproxy in front of it."""

    made: Stage
    proxy_url: str
    admin_url: str

    async def get(self, path: str, token: str | None = None) -> tuple[int, str | None, Any]:
        """Status, notice and body, through the proxy."""
        url = f"{self.proxy_url}/admin/realms/{self.made.realm}/{path}"
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        async with self.made.session.get(url, headers=headers) as answer:
            return answer.status, answer.headers.get("Kcproxy-Notice"), await answer.json()

    async def count(self, metric: str) -> float:
        """The sum of a counter over its labels."""
        lines = (await self.text("/metrics")).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == metric)

    async def text(self, path: str) -> str:
        """A page of the admin port."""
        async with self.made.session.get(f"{self.admin_url}{path}") as answer:
            return await answer.text()


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    async with _playground("26.7.4") as made:
        yield made


@asynccontextmanager
async def _playground(version: str) -> AsyncIterator[Playground]:
    """Requests without a token get that of the client reader, whose service account has the role query-users."""
    async with SimulatedKeycloak(catalog.load(version)) as simulated, stage(simulated.url, unique_realm()) as made:
        reader = AccountSettings(realms=(made.realm,), token_realm=made.realm, client_id="reader", secret=Secret(PASSWORDS["reader"]))
        settings = embedded.settings_for(simulated.url, accounts=(reader,), version=version)
        async with embedded.running(settings, fast_path=WAY.fast_path) as (proxy_url, admin_url):
            yield Playground(made=made, proxy_url=proxy_url, admin_url=admin_url)


async def test_a_reduced_response_is_announced_and_counted_and_its_body_stays(playground: Playground) -> None:
    token = await playground.made.own_token("reader")  # query-users: let into the list, shown nobody
    status, notice, body = await playground.get("users", token)
    assert (status, body) == (200, [])
    assert notice is not None
    assert "view-users" in notice
    assert SPECIMEN + '{operation="GET /admin/realms/{realm}/users"} 1.0' in await playground.text("/metrics")


async def test_a_full_response_has_no_notice(playground: Playground) -> None:
    await playground.made.grant("reader", "view-users")
    status, notice, body = await playground.get("users", await playground.made.own_token("reader"))
    assert (status, notice, len(body)) == (200, None, 1)
    assert SPECIMEN + "{" not in await playground.text("/metrics")


async def test_only_the_same_caller_resolves_a_denial_with_a_new_token(playground: Playground) -> None:
    made = playground.made
    path = f"users/{made.user_id}"
    assert (await playground.get(path, await made.own_token("reader")))[0] == 403
    await made.grant("app", "view-users")
    assert (await playground.get(path, await made.own_token("app")))[0] == 200
    assert '"resolvedAt":null' in await playground.text("/api/denials")
    await made.grant("reader", "view-users")
    assert (await playground.get(path, await made.own_token("reader")))[0] == 200
    assert '"resolvedAt":null' not in await playground.text("/api/denials")


@pytest.mark.usefixtures("way")
class TestAThinAnswerToAnInjectedToken:
    """Before 26.7, Keycloak reads roles from the token, so an older token keeps getting less."""

    async def test_is_full_on_the_very_next_request_after_the_grant(self) -> None:
        async with _playground("24.0.5") as playground:
            for _ in range(2):
                assert (await playground.get("users"))[2] == []
            await playground.made.grant("reader", "view-users")
            status, notice, body = await playground.get("users")
            assert (status, notice, len(body)) == (200, None, 1)
            assert await playground.count("kcproxy_token_replacements_total") == 1

    async def test_that_stays_reduced_is_not_asked_for_twice_and_costs_few_tokens(self) -> None:
        async with _playground("24.0.5") as playground:
            for _ in range(20):
                status, notice, body = await playground.get("users")
                assert (status, body, notice is None) == (200, [], False)
            assert await playground.count("kcproxy_token_replacements_total") == 0
            assert await playground.count("kcproxy_token_fetches_total") <= 1 + 4

    async def test_changes_nothing_where_grants_are_read_at_the_call(self) -> None:
        async with _playground("26.7.4") as playground:
            for _ in range(5):
                assert (await playground.get("users"))[2] == []
            assert await playground.count("kcproxy_token_fetches_total") == 1
            await playground.made.grant("reader", "view-users")
            assert len((await playground.get("users"))[2]) == 1


async def test_a_reduced_response_to_a_callers_own_token_is_left_as_it_is() -> None:
    async with _playground("24.0.5") as playground:
        token = await playground.made.own_token("reader")
        await playground.get("users", token)
        await playground.made.grant("reader", "view-users")
        assert (await playground.get("users", token))[2] == []
        assert await playground.count("kcproxy_token_fetches_total") == 0


@pytest.fixture
async def silent_later(upstream: RecordingUpstream) -> AsyncIterator[aiohttp.ClientSession]:
    """A proxy with one connection to an upstream that issues one token (query-users) and then hangs on token requests."""
    claims = {"iss": "http://keycloak/realms/demo", "azp": "robot", "resource_access": {"realm-management": {"roles": ["query-users"]}}}
    token = json.dumps({"access_token": jwt.encode(claims, "k" * 32, algorithm="HS256"), "expires_in": 300}).encode()
    granted = iter([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(token), token)])
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    upstream.react = lambda request: (large if b"large" in request.target else OK) if request.method == b"GET" else next(granted, b"")
    settings = embedded.settings_for(f"http://localhost:{upstream.port}", accounts=(ACCOUNT,), version="24.0.5")
    settings = replace(settings, upstream=replace(settings.upstream, max_connections=1))
    async with embedded.running(settings) as (proxy_url, _), aiohttp.ClientSession(proxy_url) as session:
        async with session.get(USERS) as answer:
            assert (answer.status, "Kcproxy-Notice" in answer.headers) == (200, True)
        yield session


async def test_a_silent_token_endpoint_delays_a_reduced_response_a_second_at_most(silent_later: aiohttp.ClientSession) -> None:
    began = time.monotonic()
    async with silent_later.get(USERS) as answer:
        assert (answer.status, await answer.read()) == (200, b"{}")
    assert 0.9 < time.monotonic() - began < 5


async def test_a_client_that_disconnects_during_a_retry_leaves_no_connection_behind(
    silent_later: aiohttp.ClientSession,
) -> None:
    with pytest.raises(TimeoutError):
        await silent_later.get(f"{USERS}?search=large", timeout=aiohttp.ClientTimeout(total=0.3))
    async with silent_later.get(USERS, headers={"Authorization": "Bearer own"}, timeout=aiohttp.ClientTimeout(total=0.6)) as answer:
        assert answer.status == 200
