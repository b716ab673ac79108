"""Tokens of the simulator are valid as Keycloak's are: signature, age, issuer, and an owner that still exists."""

import base64

import aiohttp
import jwt
import pytest

from kcproxy.catalog import Catalog
from kcproxy.cli.scenario.exchange import Bearer
from tests.simulator.stage import FORM, REALM, Stage, stage


async def _respond(on: Stage, token: str) -> tuple[int, object]:
    answer = await on.call(Bearer(token=token, owner="somebody"), "GET", "/users")
    return answer.status, answer.body


UNAUTHORIZED = (401, {"error": "HTTP 401 Unauthorized"})


async def test_the_realms_published_key_verifies_its_tokens(table: Catalog) -> None:
    async with stage(table) as on:
        token = (await on.token()).token
        discovery = (await on.server.send("GET", f"/realms/{REALM}/.well-known/openid-configuration")).json
        keys = (await on.server.send("GET", discovery["jwks_uri"].removeprefix(on.server.url))).json["keys"]
        key = jwt.PyJWK(next(key for key in keys if key["kid"] == jwt.get_unverified_header(token)["kid"]))
        claims = jwt.decode(token, key.key, algorithms=["RS256"], options={"verify_exp": False, "verify_aud": False, "verify_iat": False})
        assert claims["iss"] == discovery["issuer"] == f"{on.server.url}/realms/{REALM}"


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_what_is_no_token_of_the_realm_is_unauthorized(table: Catalog, token: str) -> None:
    async with stage(table) as on:
        assert await _respond(on, token) == UNAUTHORIZED


async def test_no_token_at_all_is_unauthorized_without_a_challenge(table: Catalog) -> None:
    async with stage(table) as on:
        answer = await on.call(None, "GET", "/users")
        assert (answer.status, answer.body) == UNAUTHORIZED
        assert answer.header("WWW-Authenticate") is None


async def test_a_token_lives_as_long_as_it_says(table: Catalog) -> None:
    async with stage(table) as on:
        token = (await on.token()).token
        on.clock.now += 299
        assert (await _respond(on, token))[0] == 403
        on.clock.now += 1
        assert await _respond(on, token) == UNAUTHORIZED


async def test_the_issuer_is_the_address_that_was_called(table: Catalog) -> None:
    async with stage(table) as on, aiohttp.ClientSession() as session:
        token = (await on.token()).token
        headers = {"Authorization": f"Bearer {token}", "Host": "elsewhere.example"}
        async with session.get(f"{on.server.url}/admin/realms/{REALM}/users", headers=headers) as answer:
            assert answer.status == 401


async def test_a_changed_token_is_unauthorized(table: Catalog) -> None:
    async with stage(table) as on:
        head, payload, signature = (await on.token()).token.split(".")
        assert await _respond(on, f"{head}.{payload}.{signature[:-6]}AAAAAA") == UNAUTHORIZED


async def test_a_deleted_client_takes_its_tokens_along(table: Catalog) -> None:
    async with stage(table) as on:
        token = (await on.token()).token
        assert (await on.as_admin("DELETE", f"/clients/{on.client['id']}")).status == 204
        assert await _respond(on, token) == UNAUTHORIZED


async def test_the_secret_may_come_by_basic_authentication(table: Catalog) -> None:
    async with stage(table) as on, aiohttp.ClientSession() as session:
        url = f"{on.server.url}/realms/{REALM}/protocol/openid-connect/token"
        login = {"Authorization": "Basic " + base64.b64encode(b"backend:secret").decode()}
        async with session.post(url, data={"grant_type": "client_credentials"}, headers=login) as answer:
            assert answer.status == 200
            assert (await answer.json())["expires_in"] == 300


async def test_a_person_can_log_in_refresh_and_be_logged_out(table: Catalog) -> None:
    async with stage(table) as on, aiohttp.ClientSession() as session:
        await on.as_admin("PUT", f"/clients/{on.client['id']}", {"directAccessGrantsEnabled": True})
        await on.as_admin("PUT", f"/users/{on.user_id}", {"firstName": "John", "lastName": "Doe", "email": "john-doe@example.com"})
        await on.as_admin("PUT", f"/users/{on.user_id}/reset-password", {"type": "password", "value": "pw"})
        url = f"{on.server.url}/realms/{REALM}/protocol/openid-connect/token"
        form = FORM | {"grant_type": "password", "username": "john-doe", "password": "pw"}
        async with session.post(url, data=form) as answer:
            first = await answer.json()
        assert len((await on.as_admin("GET", f"/users/{on.user_id}/sessions")).body) == 1
        again = FORM | {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        async with session.post(url, data=again) as answer:
            second = await answer.json()
        assert (await _respond(on, second["access_token"]))[0] == 403
        on.clock.now += 1
        await on.as_admin("POST", f"/users/{on.user_id}/logout")
        assert await _respond(on, second["access_token"]) == UNAUTHORIZED
        async with session.post(url, data=again) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "invalid_grant")


async def test_a_token_larger_than_usual_header_limits_is_read(table: Catalog) -> None:
    async with stage(table) as on:
        assert await _respond(on, "x" * 75_000) == UNAUTHORIZED


async def test_everything_is_below_the_base_path(table: Catalog) -> None:
    async with stage(table, base_path="/auth") as on:
        assert on.server.url.endswith("/auth")
        assert (await on.as_admin("GET", f"/users/{on.user_id}")).json["username"] == "john-doe"
        made = await on.as_admin("POST", "/users", {"username": "two", "enabled": True})
        assert (made.header("Location") or "").startswith(f"{on.server.url}/admin/realms/{REALM}/users/")


async def test_preflight_requests_of_browsers_are_answered(table: Catalog) -> None:
    async with stage(table) as on, aiohttp.ClientSession() as session:
        url = f"{on.server.url}/admin/realms/{REALM}/users"
        async with session.options(url, headers={"Origin": "https://app.example"}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://app.example")
