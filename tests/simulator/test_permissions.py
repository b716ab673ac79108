"""The simulator lets in, thins and refuses as its table says, and says what it does not play."""

import pytest

from kcproxy import catalog
from kcproxy.catalog import Catalog
from tests.simulator.stage import REALM, stage


@pytest.mark.parametrize(
    ("roles", "method", "path", "status"),
    [
        ((), "GET", "/users", 403),
        (("view-users",), "GET", "/users", 200),
        (("query-users",), "GET", "/users", 200),
        (("view-users",), "POST", "/users", 403),
        (("manage-users",), "POST", "/users", 201),
        (("realm-admin",), "POST", "/users", 201),
        (("view-realm",), "GET", "", 200),
        (("view-users",), "PUT", "", 403),
    ],
)
async def test_who_holds_a_sufficient_set_is_let_in(table: Catalog, roles: tuple[str, ...], method: str, path: str, status: int) -> None:
    async with stage(table) as on:
        await on.grant(*roles)
        answer = await on.call(await on.token(), method, path, {"username": "new"} if method == "POST" else None)
        assert answer.status == status


async def test_a_refusal_has_keycloaks_own_body(table: Catalog) -> None:
    async with stage(table) as on:
        assert (await on.call(await on.token(), "GET", "/users")).body == {"error": "HTTP 403 Forbidden"}


@pytest.mark.parametrize(
    ("roles", "path", "body"),
    [(("query-users",), "/users", []), (("query-users",), "", {"realm": REALM})],
    ids=["no items", "fewer fields"],
)
async def test_who_is_only_admitted_gets_less(table: Catalog, roles: tuple[str, ...], path: str, body: object) -> None:
    async with stage(table) as on:
        await on.grant(*roles)
        answer = await on.call(await on.token(), "GET", path)
        assert answer.status == 200
        if isinstance(body, dict):
            assert body.items() <= answer.json.items()
            assert not {"id", "enabled"} & answer.json.keys()
        else:
            assert answer.body == body


@pytest.mark.parametrize(
    ("roles", "method", "path", "names"),
    [
        (("manage-users",), "PUT", "/users/x/send-verify-email", "PUT /admin/realms/{realm}/users/{user-id}/send-verify-email"),
        (("query-users",), "GET", "/roles", "something else"),
        (("view-realm",), "PUT", "", "a part of it"),
        (("view-users",), "GET", "/groups", "the catalog does not know"),
    ],
    ids=["an operation", "a thinner answer", "half a change", "an operation that the table lacks"],
)
async def test_an_operation_that_is_not_implemented_is_reported(
    table: Catalog, roles: tuple[str, ...], method: str, path: str, names: str
) -> None:
    async with stage(table) as on:
        await on.grant(*roles)
        answer = await on.call(await on.token(), method, path, {} if method == "PUT" else None)
        assert answer.status == 501
        assert answer.json["error"] == "not_simulated"
        assert names in answer.json["error_description"]


async def test_an_operation_that_is_not_played_is_still_refused(table: Catalog) -> None:
    async with stage(table) as on:
        assert (await on.call(await on.token(), "PUT", "/users/x/send-verify-email")).status == 403


@pytest.mark.parametrize(("roles", "status"), [((), 403), (("query-users",), 404), (("view-users",), 404)])
async def test_only_who_may_query_learns_that_a_user_does_not_exist(table: Catalog, roles: tuple[str, ...], status: int) -> None:
    async with stage(table) as on:
        await on.grant(*roles)
        assert (await on.call(await on.token(), "GET", "/users/no-such-user")).status == status


async def test_a_token_of_a_realm_opens_no_other(table: Catalog) -> None:
    async with stage(table) as on:
        await on.grant("realm-admin")
        token = await on.token()
        assert (await on.server.send("GET", "/admin/realms/master/users", bearer=token)).status == 403
        assert (await on.server.send("POST", "/admin/realms", bearer=token, content={"realm": "mine"})).status == 403


@pytest.mark.parametrize("path", ["/nowhere", "/users/x/nowhere"])
async def test_an_unknown_path_is_not_found_for_any_caller(table: Catalog, path: str) -> None:
    async with stage(table) as on:
        assert (await on.call(await on.token(), "GET", path)).status == 404


async def test_a_known_path_with_another_method_is_not_allowed(table: Catalog) -> None:
    async with stage(table) as on:
        assert (await on.as_admin("PATCH", f"/users/{on.user_id}")).status == 405


async def test_an_object_without_content_has_no_members() -> None:
    """26.7.5 was measured with mapped roles of both kinds, of which `view-users` alone shows none."""
    async with stage(catalog.load("26.7.5")) as on:
        await on.grant("view-users")
        answer = await on.call(await on.token(), "GET", f"/users/{on.user_id}/role-mappings")
        assert (answer.status, answer.body) == (200, {})
