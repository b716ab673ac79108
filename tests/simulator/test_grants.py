"""When a grant counts: at the call on 26, in the next token on 24; and what the client's scope lets through."""

import base64
import json
from typing import Any

import pytest

from kcproxy.catalog import Catalog
from kcproxy.cli.scenario.exchange import Bearer
from tests.simulator.stage import Stage, stage


def claims(bearer: Bearer) -> dict[str, Any]:
    part = bearer.token.split(".")[1]
    parsed: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return parsed


async def _status(on: Stage, bearer: Bearer) -> int:
    return (await on.call(bearer, "GET", f"/users/{on.user_id}")).status


async def test_on_26_a_grant_and_a_revocation_count_at_once_for_an_old_token(table: Catalog) -> None:
    async with stage(table, version="26.7.4") as on:
        old = await on.token()
        assert await _status(on, old) == 403
        await on.grant("view-users")
        assert await _status(on, old) == 200
        await on.revoke("view-users")
        assert await _status(on, old) == 403


async def test_on_24_the_token_decides(table: Catalog) -> None:
    async with stage(table, version="24.0.5") as on:
        old = await on.token()
        await on.grant("view-users")
        new = await on.token()
        assert (await _status(on, old), await _status(on, new)) == (403, 200)
        await on.revoke("view-users")
        assert await _status(on, new) == 200


async def test_on_24_a_refusal_says_nothing_at_all(table: Catalog) -> None:
    async with stage(table, version="24.0.5") as on:
        assert (await on.call(await on.token(), "GET", "/users")).json["error"] == "unknown_error"


async def test_the_token_names_the_roles_and_what_they_contain(table: Catalog) -> None:
    async with stage(table) as on:
        await on.grant("view-users")
        found = claims(await on.token())
        assert set(found["resource_access"]["realm-management"]["roles"]) == {"view-users", "query-users", "query-groups"}
        assert found["aud"] == ["realm-management", "account"]
        assert found["preferred_username"] == "service-account-backend"
        assert found["azp"] == "backend"


async def test_with_full_scope_off_nothing_gets_through_but_scope_mappings(table: Catalog) -> None:
    async with stage(table) as on:
        await on.grant("view-users")
        assert (await on.as_admin("PUT", f"/clients/{on.client['id']}", {"fullScopeAllowed": False})).status == 204
        closed = await on.token()
        assert "resource_access" not in claims(closed)
        assert await _status(on, closed) == 403
        (owner,) = (await on.as_admin("GET", "/clients?clientId=realm-management")).body
        role = (await on.as_admin("GET", f"/clients/{owner['id']}/roles/view-users")).body
        mapped = await on.as_admin("POST", f"/clients/{on.client['id']}/scope-mappings/clients/{owner['id']}", [role])
        assert mapped.status == 204
        assert await _status(on, closed) == 200


async def test_switching_a_service_account_off_and_on_loses_its_grants(table: Catalog) -> None:
    async with stage(table) as on:
        await on.grant("view-users")
        old = await on.token()
        for state in (False, True):
            await on.as_admin("PUT", f"/clients/{on.client['id']}", {"serviceAccountsEnabled": state})
        assert await _status(on, old) == 401
        new = await on.token()
        assert claims(new)["sub"] != claims(old)["sub"]
        assert await _status(on, new) == 403


async def test_a_role_in_a_group_counts_for_its_members_and_below(table: Catalog) -> None:
    async with stage(table) as on:
        top = (await on.as_admin("POST", "/groups", {"name": "staff"})).header("Location") or ""
        below = (await on.as_admin("POST", f"/groups/{top.rpartition('/')[2]}/children", {"name": "night"})).json["id"]
        (owner,) = (await on.as_admin("GET", "/clients?clientId=realm-management")).body
        role = (await on.as_admin("GET", f"/clients/{owner['id']}/roles/view-users")).body
        await on.as_admin("POST", f"/groups/{top.rpartition('/')[2]}/role-mappings/clients/{owner['id']}", [role])
        bearer = await on.token()
        assert await _status(on, bearer) == 403
        await on.as_admin("PUT", f"/users/{on.account_id}/groups/{below}")
        assert await _status(on, bearer) == 200


async def test_a_composite_realm_role_brings_what_it_contains(table: Catalog) -> None:
    async with stage(table) as on:
        await on.as_admin("POST", "/roles", {"name": "reader"})
        (owner,) = (await on.as_admin("GET", "/clients?clientId=realm-management")).body
        role = (await on.as_admin("GET", f"/clients/{owner['id']}/roles/view-users")).body
        await on.as_admin("POST", "/roles/reader/composites", [role])
        reader = (await on.as_admin("GET", "/roles/reader")).body
        assert reader["composite"]
        await on.as_admin("POST", f"/users/{on.account_id}/role-mappings/realm", [reader])
        assert await _status(on, await on.token()) == 200


@pytest.mark.parametrize("version", ["26.7.4", "24.0.5"])
async def test_the_administrators_own_client_needs_no_roles_in_its_token(table: Catalog, version: str) -> None:
    async with stage(table, version=version) as on:
        assert (await on.as_admin("GET", "/users")).status == 200
