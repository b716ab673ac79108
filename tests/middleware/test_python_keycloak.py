"""python-keycloak: its own errors carry the sentence, on both sides; an unknown version gets a clear error."""

import asyncio
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
from keycloak import KeycloakAdmin, KeycloakOpenID
from keycloak.exceptions import KeycloakError

from kcproxy.errors import UnsupportedLibraryError
from kcproxy.middleware import ServiceAccount, explained
from kcproxy.testing import Simulator

SENTENCE = "service-account-backend is missing the role view-users"


@pytest.fixture(scope="module")
def account(keycloak: Simulator) -> ServiceAccount:
    return keycloak.service_account("python", "backend")


def admin(keycloak: Simulator, account: ServiceAccount) -> KeycloakAdmin:
    return KeycloakAdmin(
        server_url=keycloak.url + "/",
        realm_name=account.realm,
        user_realm_name=account.realm,
        client_id=account.client_id,
        client_secret_key=account.client_secret,
    )


def test_an_error_of_a_synchronous_call_has_the_sentence(keycloak: Simulator, account: ServiceAccount) -> None:
    client = explained(admin(keycloak, account))

    with pytest.raises(KeycloakError, match=SENTENCE):
        client.get_users()


def test_an_error_of_an_asynchronous_call_has_the_sentence(keycloak: Simulator, account: ServiceAccount) -> None:
    async def call() -> None:
        client = explained(admin(keycloak, account))
        try:
            await client.a_get_users()
        finally:
            await client.connection.aclose()
            await client.connection.keycloak_openid.connection.aclose()

    with pytest.raises(KeycloakError, match=SENTENCE):
        asyncio.run(call())


def test_a_refused_login_has_the_sentence(keycloak: Simulator, account: ServiceAccount) -> None:
    login = explained(
        KeycloakOpenID(server_url=keycloak.url + "/", realm_name=account.realm, client_id=account.client_id, client_secret_key="x")
    )

    with pytest.raises(KeycloakError, match="The secret of client backend is wrong"):
        login.token(grant_type="client_credentials")


def test_a_second_call_changes_nothing(keycloak: Simulator, account: ServiceAccount) -> None:
    seen: list[object] = []
    client = explained(explained(admin(keycloak, account), on_denial=seen.append))
    with pytest.raises(KeycloakError):
        client.get_users()

    assert len(seen) == 1


@pytest.mark.parametrize(
    ("client", "says"),
    [
        (object(), "is not a client of python-keycloak"),
        (SimpleNamespace(connection=SimpleNamespace(base_url="http://localhost")), "This version of python-keycloak cannot be used"),
        (
            SimpleNamespace(connection=SimpleNamespace(base_url="http://localhost", _s=requests.Session(), async_s=None)),
            "This version of python-keycloak cannot be used",
        ),
    ],
)
def test_a_client_without_the_known_places_gets_a_clear_error(client: Any, says: str) -> None:
    with pytest.raises(UnsupportedLibraryError, match=says):
        explained(client)


def test_an_httpx_without_the_known_place_gets_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kcproxy.middleware.python_keycloak._TRANSPORT", "_gone")
    connection = SimpleNamespace(base_url="http://localhost", _s=requests.Session(), async_s=httpx.AsyncClient())

    with pytest.raises(UnsupportedLibraryError, match="This version of httpx"):
        explained(SimpleNamespace(connection=connection))


def test_the_installed_version_is_a_supported_one() -> None:
    assert 5 <= int(version("python-keycloak").partition(".")[0]) <= 7
