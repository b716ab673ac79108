"""On a real Keycloak: an account of the proxy that serves realms which its token cannot administer."""

from pathlib import Path

import pytest

from devkit.lab import SECRET, Attempt, laboratory
from kcproxy.settings import AccountSettings, Secret
from tests.live.conftest import Start

pytestmark = [pytest.mark.live, pytest.mark.asyncio]


async def test_an_account_for_every_realm_with_a_client_of_one_is_said_as_the_proxys(real_keycloak: Start, tmp_path: Path) -> None:
    async with laboratory(real_keycloak("26.7.5"), tmp_path) as lab:
        client, other = await lab.make_client(), await lab.make_realm()
        await lab.grant(client, "view-users")
        account = AccountSettings(realms=("*",), token_realm=lab.realm, client_id=client.client_id, secret=Secret(SECRET))
        async with lab.proxy(accounts=(account,)) as proxy:
            own = await lab.send(proxy, Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users"))
            foreign = await lab.send(proxy, Attempt(method="GET", path=f"/admin/realms/{other}/users"))

    assert own.status == 200
    assert (foreign.status, foreign.cause, foreign.confidence) == (403, "token-of-other-realm", "certain")
    assert foreign.explanation["summary"].startswith(f"kcproxy added the token of its account {client.client_id} of realm {lab.realm}")
    assert 'accounts[0] (realm "*")' in foreign.explanation["summary"]


async def test_a_challenge_to_a_request_without_a_token_has_no_error(real_keycloak: Start, tmp_path: Path) -> None:
    async with laboratory(real_keycloak("26.7.5"), tmp_path) as lab, lab.proxy() as proxy:
        path = f"/admin/realms/{lab.realm}/users"
        answer = await lab.send(proxy, Attempt(method="GET", path=path, headers={"Accept": "application/json, application/problem+json"}))

    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, f'Bearer realm="{lab.realm}"')
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Accept" in answer.headers["Vary"]
