"""The recording proxy and the fixture of pytest: the least roles of a program's calls, pinned by a test."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kcproxy.middleware.accounts import ServiceAccount
from kcproxy.middleware.httpx import ExplainingTransport, ServiceAccountAuth
from kcproxy.testing import ProxyRecording, Simulator, recording, simulator
from kcproxy.testing.plugin import KeycloakUse

VERSION = "26.7.5"


@pytest.fixture(scope="module")
def keycloak() -> Iterator[Simulator]:
    with simulator(VERSION) as running:
        yield running


@pytest.fixture
def account(keycloak: Simulator, request: pytest.FixtureRequest) -> ServiceAccount:
    """A service account with more than it needs, of a client with the name of the test."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:60]
    return keycloak.service_account("shop", name, roles=("realm-admin",))


def call(recorded: ProxyRecording, keycloak: Simulator, account: ServiceAccount, *calls: str) -> list[int]:
    """Calls with a token of the account."""
    with httpx.Client(headers={"Authorization": f"Bearer {keycloak.token(account)}"}) as client:
        return [client.request(*each.split(), timeout=30).status_code for each in (_to(recorded, one) for one in calls)]


def _to(recorded: ProxyRecording, call: str) -> str:
    method, path = call.split()
    return f"{method} {recorded.url}/admin/realms/shop{path}"


def test_the_least_roles_are_those_of_all_calls_together(keycloak: Simulator, account: ServiceAccount, keycloak_use: KeycloakUse) -> None:
    recorded = keycloak_use(keycloak.url, keycloak_version=VERSION)
    assert call(recorded, keycloak, account, "GET /users", "GET /clients", "GET /users/unknown") == [200, 200, 404]
    assert recorded.least() == {"view-clients", "view-users"}
    assert recorded.least(account.client_id) == {"view-clients", "view-users"}
    recorded.assert_least("view-users", "view-clients")
    call(recorded, keycloak, account, "GET /roles")
    assert recorded.least() == {"view-clients", "view-realm", "view-users"}


def test_another_set_fails_with_the_calls_and_what_they_need(
    keycloak: Simulator, account: ServiceAccount, keycloak_use: KeycloakUse
) -> None:
    recorded = keycloak_use(keycloak.url, keycloak_version=VERSION)
    call(recorded, keycloak, account, "GET /users")
    with pytest.raises(AssertionError) as caught:
        recorded.assert_least("view-clients")
    assert str(caught.value).splitlines() == [
        "The calls need view-users, and the test pins view-clients.",
        "Missing in the test: view-users.",
        "No longer needed: view-clients.",
        "  GET /admin/realms/{realm}/users: view-users",
    ]


def test_a_refusal_fails_with_the_sentence_of_the_missing_role(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    account = keycloak.service_account("shop", "refused", roles=("view-clients",))
    recorded = keycloak_use(keycloak.url, keycloak_version=VERSION)
    assert call(recorded, keycloak, account, "GET /clients", "GET /users") == [200, 403]
    with pytest.raises(AssertionError, match="403 service-account-refused is missing the role view-users") as caught:
        recorded.least()
    assert keycloak.token(account) not in str(caught.value)
    assert len(recorded.refusals) == 1


def test_the_proxy_adds_the_token_of_an_account(keycloak: Simulator, account: ServiceAccount, keycloak_use: KeycloakUse) -> None:
    recorded = keycloak_use(keycloak.url, accounts=(account,), keycloak_version=VERSION)
    assert httpx.get(f"{recorded.url}/admin/realms/shop/users", timeout=30).status_code == 200
    assert recorded.least() == {"view-users"}


def test_a_program_with_the_middleware_is_recorded(keycloak: Simulator, account: ServiceAccount, keycloak_use: KeycloakUse) -> None:
    recorded = keycloak_use(keycloak.url, keycloak_version=VERSION)
    auth = ServiceAccountAuth(account, base_url=recorded.url)
    with httpx.Client(transport=ExplainingTransport(base_url=recorded.url), auth=auth, timeout=30) as client:
        assert client.get(f"{recorded.url}/admin/realms/shop/groups").status_code == 200
    assert recorded.least() == {"view-users"}


def test_several_clients_are_kept_apart(keycloak: Simulator, account: ServiceAccount, keycloak_use: KeycloakUse) -> None:
    other = keycloak.service_account("shop", "the-other", roles=("view-realm",))
    recorded = keycloak_use(keycloak.url, keycloak_version=VERSION)
    call(recorded, keycloak, account, "GET /users")
    call(recorded, keycloak, other, "GET /roles")
    assert [sorted(recorded.least(each.client_id)) for each in (account, other)] == [["view-users"], ["view-realm"]]
    with pytest.raises(AssertionError, match="Several clients called: "):
        recorded.least()
    with pytest.raises(AssertionError, match=r"No call of nobody succeeded\. Callers: "):
        recorded.least("nobody")


def test_roles_of_master_have_their_owner_in_front(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    keycloak.service_account("shop", "some-client")
    recorded = keycloak_use(keycloak.url, keycloak_version=VERSION)
    headers = {"Authorization": f"Bearer {keycloak.admin_token()}"}
    assert httpx.get(f"{recorded.url}/admin/realms/shop/users", headers=headers, timeout=30).status_code == 200
    assert recorded.least() == {"shop-realm/view-users"}


def test_what_was_recorded_stays_after_the_end(keycloak: Simulator, account: ServiceAccount) -> None:
    with recording(keycloak.url, keycloak_version=VERSION) as recorded:
        call(recorded, keycloak, account, "GET /users")
    assert recorded.least() == {"view-users"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(recorded.url, timeout=30)


def test_without_calls_nothing_is_asserted_by_accident(keycloak: Simulator, keycloak_use: KeycloakUse) -> None:
    with pytest.raises(AssertionError, match="No call of any client succeeded"):
        keycloak_use(keycloak.url).least()


PINNED = """
import httpx
from kcproxy.testing import simulator


def test_roles(keycloak_use):
    with simulator("26.7.5") as keycloak:
        account = keycloak.service_account("shop", "backend", roles=("realm-admin",))
        recorded = keycloak_use(keycloak.url, keycloak_version="26.7.5")
        headers = {"Authorization": f"Bearer {keycloak.token(account)}"}
        httpx.get(f"{recorded.url}/admin/realms/shop/users", headers=headers, timeout=30).raise_for_status()
        assert recorded.least("backend") == {%r}
"""


@pytest.mark.parametrize(("pinned", "code"), [("view-users", 0), ("manage-users", 1)])
def test_pytest_has_the_fixture_without_any_import(tmp_path: Path, pinned: str, code: int) -> None:
    (tmp_path / "test_it.py").write_text(PINNED % pinned, encoding="utf-8")
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stdout + ran.stderr


def test_the_plugin_loads_nothing_until_a_test_uses_it() -> None:
    code = "import sys, kcproxy.testing.plugin; print(sorted({'aiohttp', 'kcproxy.catalog', 'kcproxy.proxy', 'cryptography'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
