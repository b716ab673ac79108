"""Recording through the middleware, without a proxy: each client's calls are counted as a recording proxy counts them."""

import asyncio
from collections.abc import Callable, Iterator

import aiohttp
import httpx
import pytest
import requests
from keycloak import KeycloakAdmin

from kcproxy.middleware import RefusalExplainer
from kcproxy.middleware.aiohttp import ExplainingMiddleware, ServiceAccountMiddleware
from kcproxy.middleware.httpx import AsyncExplainingTransport, ExplainingTransport, ServiceAccountAuth
from kcproxy.middleware.python_keycloak import explained
from kcproxy.middleware.requests import ExplainingAdapter
from kcproxy.testing import Simulator, recording, simulator
from kcproxy.testing.plugin import KeycloakUse

VERSION = "26.7.5"
Calls = Callable[[RefusalExplainer, dict[str, str], list[tuple[str, str]]], list[int]]


@pytest.fixture(scope="module")
def keycloak() -> Iterator[Simulator]:
    with simulator(VERSION) as running:
        yield running


def with_httpx(explainer: RefusalExplainer, headers: dict[str, str], calls: list[tuple[str, str]]) -> list[int]:
    with httpx.Client(transport=ExplainingTransport(explainer=explainer), headers=headers, timeout=30) as client:
        return [client.request(*call).status_code for call in calls]


def with_async_httpx(explainer: RefusalExplainer, headers: dict[str, str], calls: list[tuple[str, str]]) -> list[int]:
    async def sent() -> list[int]:
        async with httpx.AsyncClient(transport=AsyncExplainingTransport(explainer=explainer), headers=headers, timeout=30) as client:
            return [(await client.request(*call)).status_code for call in calls]

    return asyncio.run(sent())


def with_requests(explainer: RefusalExplainer, headers: dict[str, str], calls: list[tuple[str, str]]) -> list[int]:
    with requests.Session() as session:
        session.mount("http://", ExplainingAdapter(explainer=explainer))
        return [session.request(*call, headers=headers, timeout=30).status_code for call in calls]


def with_aiohttp(explainer: RefusalExplainer, headers: dict[str, str], calls: list[tuple[str, str]]) -> list[int]:
    async def sent() -> list[int]:
        async with aiohttp.ClientSession(middlewares=(ExplainingMiddleware(explainer=explainer),), headers=headers) as session:
            return [(await session.request(*call)).status for call in calls]

    return asyncio.run(sent())


CLIENTS = pytest.mark.parametrize("send", [with_httpx, with_async_httpx, with_requests, with_aiohttp])


@CLIENTS
def test_the_least_roles_are_those_that_a_recording_proxy_finds(send: Calls, keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    account = keycloak.service_account("shop", f"like-the-proxy-{send.__name__}", roles=("view-users", "query-clients", "manage-realm"))
    headers = {"Authorization": f"Bearer {keycloak.token(account)}"}
    calls = [("GET", f"/admin/realms/shop/{path}") for path in ("users", "clients", "users/unknown", "roles", "users/count?max=1")]
    recorded = keycloak_use.in_process(keycloak.url, keycloak_version=VERSION)
    statuses = send(recorded.explainer, headers, [(method, keycloak.url + path) for method, path in calls])
    with recording(keycloak.url, keycloak_version=VERSION) as proxied, httpx.Client(headers=headers, timeout=30) as client:
        assert [client.request(method, proxied.url + path).status_code for method, path in calls] == statuses
    assert statuses[:3] == [200, 200, 404]
    assert recorded.least() == proxied.least()
    assert recorded.least()


@CLIENTS
def test_a_refusal_fails_with_the_sentence_and_without_the_token(send: Calls, keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    account = keycloak.service_account("shop", f"refused-{send.__name__}", roles=("view-clients",))
    token = keycloak.token(account)
    recorded = keycloak_use.in_process(keycloak.url, keycloak_version=VERSION)
    calls = [("GET", f"{keycloak.url}/admin/realms/shop/{path}") for path in ("clients", "users")]
    assert send(recorded.explainer, {"Authorization": f"Bearer {token}"}, calls) == [200, 403]
    with pytest.raises(AssertionError, match=f"403 service-account-refused-{send.__name__} is missing the role view-users") as caught:
        recorded.least()
    assert token not in str(caught.value)


def test_the_token_of_an_account_is_recorded_whatever_adds_it(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    account = keycloak.service_account("shop", "added", roles=("realm-admin",))
    recorded = keycloak_use.in_process(keycloak.url, keycloak_version=VERSION)
    auth = ServiceAccountAuth(account, base_url=keycloak.url)
    with httpx.Client(transport=ExplainingTransport(explainer=recorded.explainer), auth=auth, timeout=30) as client:
        assert client.get(f"{keycloak.url}/admin/realms/shop/groups").status_code == 200

    async def asynchronously() -> int:
        adding = ServiceAccountMiddleware(account, base_url=keycloak.url)
        explaining = ExplainingMiddleware(explainer=recorded.explainer)
        async with aiohttp.ClientSession(middlewares=(explaining, adding)) as session:
            return (await session.get(f"{keycloak.url}/admin/realms/shop/roles")).status

    assert asyncio.run(asynchronously()) == 200
    recorded.assert_least("view-users", "view-realm")


def test_python_keycloak_is_recorded(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    account = keycloak.service_account("shop", "with-python-keycloak", roles=("realm-admin",))
    recorded = keycloak_use.in_process(keycloak.url, keycloak_version=VERSION)
    admin = KeycloakAdmin(server_url=keycloak.url, realm_name="shop", token={"access_token": keycloak.token(account), "expires_in": 300})
    explained(admin, explainer=recorded.explainer).get_users({})
    recorded.assert_least("view-users")


def test_a_thin_response_stays_thin(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    account = keycloak.service_account("shop", "thin", roles=("query-users",))
    recorded = keycloak_use.in_process(keycloak.url, keycloak_version=VERSION)
    calls = [("GET", f"{keycloak.url}/admin/realms/shop/users")]
    assert with_httpx(recorded.explainer, {"Authorization": f"Bearer {keycloak.token(account)}"}, calls) == [200]
    recorded.assert_least("query-users")


def test_tokens_that_keycloak_never_accepted_are_nobody(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    recorded = keycloak_use.in_process(keycloak.url, keycloak_version=VERSION)
    forged = keycloak.token(keycloak.service_account("shop", "forged", roles=("view-users",)))[:-8] + "AAAAAAAA"
    calls = [("GET", f"{keycloak.url}/admin/realms/shop/users")]
    assert with_httpx(recorded.explainer, {"Authorization": f"Bearer {forged}"}, calls) == [401]
    assert [use for use in recorded.tally.take().counts if use[0].caller.client == "forged"] == []


def test_calls_to_other_servers_are_not_recorded(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    account = keycloak.service_account("shop", "elsewhere", roles=("view-users",))
    recorded = keycloak_use.in_process("http://127.0.0.1:1", keycloak_version=VERSION)
    calls = [("GET", f"{keycloak.url}/admin/realms/shop/users")]
    assert with_requests(recorded.explainer, {"Authorization": f"Bearer {keycloak.token(account)}"}, calls) == [200]
    with pytest.raises(AssertionError, match="No call of any client succeeded"):
        recorded.least()
