from typing import Any

import pytest

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog, parse
from kcproxy.catalog.power import powers_of
from kcproxy.model import Basis, Requirement
from tests.catalog.conftest import DOCUMENT, POWERS

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


def test_of_two_sufficient_roles_the_less_powerful_is_least(table: Catalog) -> None:
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


def test_a_master_caller_has_other_requirements_only_if_they_differ(table: Catalog) -> None:
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
    assert [power.power for power in table.powers("realm-admin")] == ["becomes-admin"]
    assert table.powers("view-users") == ()


def test_roles_that_suffice_alone_are_those_that_satisfy_alone() -> None:
    table = catalogs.load(catalogs.default_version())
    for entry in table.operations:
        for sets in (entry.requirement.admits, entry.requirement.any_of):
            assert table.sufficient(sets) == {role for role in table.roles if table.satisfies((role,), sets)}


@pytest.mark.parametrize("version", catalogs.versions())
def test_the_least_powerful_set_with_a_useful_answer_is_named_first(version: str) -> None:
    table = catalogs.load(version)
    needs = [need for entry in table.operations for need in (entry.requirement, entry.master) if need is not None]
    assert any(len(need.any_of) > 1 for need in needs)
    for need in needs:
        assert need.least == (need.useful[0] if need.useful else None)
        for sets in (need.any_of, need.useful, need.admits):
            assert list(sets) == sorted(sets, key=table.rank)


@pytest.mark.parametrize("version", catalogs.versions())
def test_the_full_set_is_named_if_the_least_set_gets_less(version: str) -> None:
    table = catalogs.load(version)
    for entry in table.operations:
        need = entry.requirement
        if need.least is not None:
            full = table.satisfies(need.least, need.any_of)
            assert need.full == (None if full or not need.any_of else need.any_of[0])
            assert full or need.lacks["+".join(sorted(need.least))]


def test_a_useful_thin_answer_takes_less_than_everything() -> None:
    row = {"method": "GET", "path": "/admin/serverinfo", "anyOf": [["manage-realm"]], "admits": [["query-users"], ["view-clients"]]}
    thin = {"useful": [["view-clients"], ["query-users"]], "lacks": {"query-users": ["systemInfo"], "view-clients": ["systemInfo"]}}
    requirement = need(parse(DOCUMENT | {"operations": [row | thin]}, powers_of(POWERS, "26.7.4")), "GET", "/admin/serverinfo")
    assert (requirement.least, requirement.full) == (("query-users",), ("manage-realm",))
    assert requirement.lacks["query-users"] == ("systemInfo",)


def test_an_emptied_answer_is_never_least(table: Catalog) -> None:
    requirement = need(table, "GET", f"{BASE}/users")
    assert requirement.admits[0] == ("query-users",)
    assert (requirement.least, requirement.full) == (("view-users",), None)


@pytest.mark.parametrize(("container", "variant"), [("demo", "of-the-realm"), ("6f1c", None)])
def test_a_parameter_that_names_the_realm_picks_its_variant(container: str, variant: str | None) -> None:
    case = {"id": "of-the-realm", "says": "of the realm", "when": {"parameterIs": {"container": "realm"}}, "anyOf": [["manage-realm"]]}
    row = {"method": "GET", "path": "/admin/realms/{realm}/roles-of/{container}", "anyOf": [["view-users"]], "variants": [case]}
    table = parse(DOCUMENT | {"operations": [row]})
    assert need(table, "GET", f"{BASE}/roles-of/{container}").variant == variant


def test_a_parameter_that_the_path_lacks_picks_nothing() -> None:
    case = {"id": "odd", "says": "odd", "when": {"parameterIs": {"nothing": "less"}}, "anyOf": [["manage-realm"]]}
    table = parse(
        DOCUMENT | {"operations": [{"method": "GET", "path": "/admin/realms/{realm}/x", "anyOf": [["view-users"]], "variants": [case]}]}
    )
    assert need(table, "GET", f"{BASE}/x").variant is None
