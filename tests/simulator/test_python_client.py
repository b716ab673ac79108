"""python-keycloak, unchanged, against the simulator: directly it learns nothing, through the proxy the sentence."""

import asyncio

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakGetError

from kcproxy.catalog import Catalog
from kcproxy.cli.scenario import embedded
from tests.simulator.stage import REALM, stage


def _read(url: str, user_id: str) -> str:
    connection = KeycloakOpenIDConnection(server_url=url, realm_name=REALM, client_id="backend", client_secret_key="secret")
    try:
        return str(KeycloakAdmin(connection=connection).get_user(user_id)["username"])
    except KeycloakGetError as error:
        return str(error)


async def test_the_exception_has_the_sentence_and_after_the_grant_there_is_none(table: Catalog) -> None:
    async with stage(table) as on:
        settings = embedded.settings_for(on.server.url, accounts=(), version="26.7.4")
        async with embedded.running(settings) as (url, _):
            assert await asyncio.to_thread(_read, on.server.url, on.user_id) == '403: b\'{"error":"HTTP 403 Forbidden"}\''
            told = await asyncio.to_thread(_read, url, on.user_id)
            await on.grant("view-users")
            assert await asyncio.to_thread(_read, url, on.user_id) == "john-doe"
    for part in ("service-account-backend", "view-users", "realm-management"):
        assert part in told
