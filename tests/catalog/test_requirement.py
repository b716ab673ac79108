from typing import Any

import pytest

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.model import Basis, Requirement

BASE = "/admin/realms/demo"


def need(table: Catalog, method: str, path: str, **how: Any) -> Requirement:
    requirement = table.requirement(table.target(method, path), **how)
    assert requirement is not None
    return requirement


def test_the_scenario_needs_view_users(table: Catalog) -> None:
    requirement = need(table, "GET", f"{BASE}/users/42")
    assert requirement.least == ("view-users",)
    assert requirement.any_of == (("view-users",), ("manage-users",))
    assert requirement.basis is Basis.MEASURED
    assert requirement.keycloak == "26.7.4"


def test_of_two_sufficient_roles_the_one_that_unlocks_less_is_least(table: Catalog) -> None:
    assert need(table, "GET", f"{BASE}/users/count").least == ("query-users",)


@pytest.mark.parametrize(
    ("query", "variant"),
    [
        ({}, None),
        ({"exportClients": ("false",)}, None),
        ({"exportClients": ("true",)}, "clients"),
        ({"exportClients": ("true",), "exportGroupsAndRoles": ("true",)}, "both"),
    ],
)
def test_the_query_picks_the_most_special_variant(table: Catalog, query: dict[str, tuple[str, ...]], variant: str | None) -> None:
    assert need(table, "POST", f"{BASE}/partial-export", query=query).variant == variant


@pytest.mark.parametrize(
    ("body", "variant"),
    [
        (None, None),
        ([{"name": "plain"}], None),
        ([{"name": "plain"}, {"name": "realm-admin"}], "admin-role"),
        ({"name": "manage-users"}, "admin-role"),
        ({"groups": []}, None),
        ({"groups": ["/a"]}, "with-groups"),
        ("text", None),
    ],
)
def test_the_body_picks_its_variant(table: Catalog, body: Any, variant: str | None) -> None:
    assert need(table, "POST", f"{BASE}/users/1/role-mappings/realm", body=body).variant == variant


def test_a_master_caller_has_his_own_needs_only_where_they_differ(table: Catalog) -> None:
    assert need(table, "DELETE", f"{BASE}/users/42", master=True).least == ("manage-realm", "manage-users")
    assert need(table, "GET", f"{BASE}/users/42", master=True).least == ("view-users",)


def test_an_operation_that_no_role_of_a_realm_opens_has_no_least_set(table: Catalog) -> None:
    requirement = need(table, "POST", "/admin/realms")
    assert requirement.least is None
    assert requirement.master_realm_roles == (("create-realm",),)


def test_an_undetermined_operation_says_why(table: Catalog) -> None:
    requirement = need(table, "GET", f"{BASE}/odd")
    assert requirement.basis is Basis.UNKNOWN
    assert requirement.undetermined == "needs a Kerberos server"


def test_a_version_without_a_table_of_its_own_is_named(table: Catalog) -> None:
    assert need(table, "GET", f"{BASE}/users/42", asked="26.7.1").asked_keycloak == "26.7.1"
    assert need(table, "GET", f"{BASE}/users/42", asked="26.7.4").asked_keycloak is None


def test_an_operation_outside_the_table_has_no_requirement(table: Catalog) -> None:
    assert table.requirement(table.target("GET", f"{BASE}/unheard-of")) is None


def test_holding_is_judged_with_composites_resolved(table: Catalog) -> None:
    sets = need(table, "GET", f"{BASE}/users/count").any_of
    assert table.satisfies(("view-users",), sets)
    assert not table.satisfies(("view-clients",), sets)


def test_a_power_is_found_through_the_composite_that_holds_it(table: Catalog) -> None:
    assert [power.power for power in table.powers("realm-admin")] == ["make-administrator"]
    assert table.powers("view-users") == ()


def test_roles_that_suffice_alone_are_those_that_satisfy_alone() -> None:
    table = catalogs.load(catalogs.default_version())
    for entry in table.operations:
        for sets in (entry.requirement.admits, entry.requirement.any_of):
            assert table.sufficient(sets) == {role for role in table.roles if table.satisfies((role,), sets)}


@pytest.mark.parametrize("version", catalogs.versions())
def test_the_set_that_opens_least_is_named_first(version: str) -> None:
    needs = [need for entry in catalogs.load(version).operations for need in (entry.requirement, entry.master) if need is not None]
    assert any(len(need.any_of) > 1 for need in needs)
    for need in needs:
        assert need.least == (need.any_of[0] if need.any_of else None)
