"""How an account holds roles, and whom permissions may concern: what is found, and what makes a result incomplete."""

from typing import Any, cast

import pytest

from kcproxy.keycloak.account_grants import AccountGrants
from kcproxy.keycloak.lookup_client import Lookup, LookupClient
from kcproxy.keycloak.permission_candidates import MOST_CLIENTS, Candidates, PermissionCandidates
from kcproxy.usage.grants import Grants, Through

_SHOP = "/admin/realms/shop"
_POLICIES = f"{_SHOP}/clients/ap/authz/resource-server/policy?permission=false&first=0&max=500"
_CLIENTS = f"{_SHOP}/clients?first=0&max=500"


class Documents:
    """Look-ups with fixed responses; 403 for everything else."""

    def __init__(self, found: dict[str, Any]) -> None:
        self._found = found

    async def get(self, path: str, what: str, *, volatile: bool = False) -> Lookup:
        return Lookup(status=200, json=self._found[path]) if path in self._found else Lookup(status=403)


def lookups(found: dict[str, Any]) -> LookupClient:
    return cast("LookupClient", Documents(found))


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": name, "name": name, **more} for name in names]


GRANTS: dict[str, Any] = {
    f"{_SHOP}/clients?clientId=realm-management": [{"id": "rm", "clientId": "realm-management"}],
    f"{_SHOP}/clients?clientId=sync": [{"id": "c", "clientId": "sync"}],
    f"{_SHOP}/clients/c/service-account-user": {"id": "u"},
    f"{_SHOP}/users?exact=true&username=Ann": [{"id": "a", "username": "ann"}],
    f"{_SHOP}/users/u/role-mappings/clients/rm": named("view-users"),
    f"{_SHOP}/users/u/role-mappings/clients/rm/composite": named("view-users", "query-users", "view-events", "manage-events"),
    f"{_SHOP}/users/u/role-mappings/realm": [
        *named("support", composite=True),
        *named("plain", composite=False),
        *named("loop", composite=True),
    ],
    f"{_SHOP}/roles-by-id/support/composites": [*named("inner", composite=True), *named("other", containerId="else")],
    f"{_SHOP}/roles-by-id/inner/composites": [*named("view-events", containerId="rm"), *named("support", composite=True)],
    f"{_SHOP}/roles-by-id/loop/composites": named("loop", composite=True),
    f"{_SHOP}/users/u/groups?first=0&max=100": [{"id": "g", "path": "/staff"}, {"id": "h", "path": "/other"}],
    f"{_SHOP}/groups/g/role-mappings/clients/rm/composite": named("manage-events"),
    f"{_SHOP}/groups/h/role-mappings/clients/rm/composite": [],
}


async def test_direct_grants_composite_roles_and_groups_are_distinguished() -> None:
    grants = AccountGrants(lookups(GRANTS), "shop")
    assert (await grants.service_account("sync"), await grants.user("Ann"), await grants.service_account("none")) == ("u", "a", None)
    assert await grants.of("u", "realm-management") == Grants(
        direct=("view-users",),
        effective=("manage-events", "query-users", "view-events", "view-users"),
        through=(Through(by="realm role support", roles=("view-events",)), Through(by="group /staff", roles=("manage-events",))),
    )


@pytest.mark.parametrize(
    "missing", ["/clients?clientId=realm-management", "/users/u/role-mappings/clients/rm", "/users/u/role-mappings/clients/rm/composite"]
)
async def test_grants_that_cannot_be_read_are_unknown(missing: str) -> None:
    found = {path: value for path, value in GRANTS.items() if path != _SHOP + missing}
    assert await AccountGrants(lookups(found), "shop").of("u", "realm-management") is None


def clients(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": name, "clientId": name, "serviceAccountsEnabled": True, **more} for name in names]


def policy(kind: str, logic: str = "POSITIVE", **config: str) -> dict[str, Any]:
    return {"id": kind, "name": kind, "type": kind, "logic": logic, "config": config}


CANDIDATES: dict[str, Any] = {
    _CLIENTS: [{"id": "ap", "clientId": "admin-permissions"}, *clients("job", "app"), *clients("old", enabled=False)],
    _POLICIES: [
        policy("user", users='["ann","off","sa"]'),
        policy("group", groups='[{"id":"g","extendChildren":false}]'),
        policy("role", roles='[{"id":"r","required":false}]'),
        policy("client", clients='["job"]'),
        policy("aggregate"),
    ],
    f"{_SHOP}/users/ann": {"id": "ann", "username": "ann"},
    f"{_SHOP}/users/off": {"id": "off", "username": "off", "enabled": False},
    f"{_SHOP}/users/sa": {"id": "sa", "username": "service-account-job"},
    f"{_SHOP}/groups/g/members?first=0&max=50": [{"id": "cem", "username": "cem"}],
    f"{_SHOP}/roles-by-id/r": {"id": "r", "name": "reader", "clientRole": True, "containerId": "app"},
    f"{_SHOP}/clients/app/roles/reader/users?first=0&max=50": [{"id": "eve", "username": "eve"}],
}


async def found_in(documents: dict[str, Any]) -> Candidates:
    return await PermissionCandidates(lookups(documents), "shop").find()


async def test_service_accounts_and_users_of_policies_are_candidates() -> None:
    found = await found_in(CANDIDATES)
    assert (found.clients, dict(found.users), found.complete) == (("app", "job"), {"ann": "ann", "cem": "cem", "eve": "eve"}, True)


@pytest.mark.parametrize(
    "change",
    [
        {_POLICIES: [policy("user", "NEGATIVE", users='["ann"]')]},
        {_POLICIES: [policy("aggregate", "NEGATIVE")]},
        {_POLICIES: [policy("time", nbf="2020-01-01 00:00:00")]},
        {_POLICIES: [policy("group", groups='[{"id":"g","extendChildren":true}]')]},
        {_POLICIES: "no list"},
        {_CLIENTS: clients("job")},
        {_CLIENTS: [{"id": "ap", "clientId": "admin-permissions"}, *clients(*(f"c{number}" for number in range(MOST_CLIENTS + 1)))]},
        {f"{_SHOP}/groups/g/members?first=0&max=50": [{"id": f"u{number}", "username": f"u{number}"} for number in range(50)]},
    ],
    ids=["negative", "negative aggregate", "time", "group with children", "unreadable", "no permissions client", "many clients", "many members"],
)  # fmt: skip
async def test_what_is_left_out_makes_the_candidates_incomplete(change: dict[str, Any]) -> None:
    found = await found_in(CANDIDATES | change)
    assert not found.complete
    assert len(found.clients) <= MOST_CLIENTS
