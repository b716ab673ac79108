"""What roles can be turned into, and the order of power that follows."""

import json
from importlib import resources
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog, Ease, Yields, parse, power_of
from kcproxy.catalog.power import powers_of
from kcproxy.catalog.versions import nearest
from kcproxy.errors import CatalogError
from kcproxy.model import Requirement, RoleSet
from tests.catalog.conftest import DOCUMENT, POWERS

SMALL = parse(DOCUMENT, powers_of(POWERS, "26.7.4"))
ROLES = st.lists(st.sampled_from(sorted(DOCUMENT["roles"])), max_size=5, unique=True).map(lambda roles: tuple(sorted(roles)))


def test_the_strongest_way_counts_and_the_shortest_of_those_is_named(table: Catalog) -> None:
    power = table.power("manage-users")
    assert (power.reach, power.becomes_admin) == (Yields.BECOMES_ADMIN, True)
    (warning,) = table.powers("manage-users")
    assert warning.says == "manage-users can be turned into realm-admin: set a new password (if an administrator is there)"


def test_a_role_has_the_ways_of_the_roles_that_it_contains(table: Catalog) -> None:
    assert {way.id for way in table.power("realm-admin").ways} == set(POWERS["ways"]) - {"lure"}
    assert table.power("view-users").reach is Yields.READS


def test_a_role_that_only_reads_and_yet_becomes_administrator_keeps_its_other_warnings(table: Catalog) -> None:
    assert [power.power for power in table.powers("view-clients")] == ["becomes-admin"]
    assert "(if a service account rules)" in table.powers("view-clients")[0].says


def test_what_takes_an_administrators_help_is_no_reach() -> None:
    lured = {**POWERS["versions"]["26.7.4"]["outcomes"], "lure": {"works": ["query-clients"], "rest": "403 at call 1"}}
    powers = powers_of(POWERS | {"versions": {"26.7.4": {"basis": "measured", "outcomes": lured}}}, "26.7.4")
    power = powers.of("query-clients")
    assert (power.reach, power.becomes_admin, power.ways[0].ease) == (None, False, Ease.LURED)


def test_what_works_with_every_role_is_the_power_of_none() -> None:
    every = {**POWERS["versions"]["26.7.4"]["outcomes"], "secret": {"works": sorted(DOCUMENT["roles"])}}
    powers = powers_of(POWERS | {"versions": {"26.7.4": {"basis": "measured", "outcomes": every}}}, "26.7.4")
    assert [way.id for way in powers.everybodys] == ["secret"]
    assert powers.of("query-clients").ways == powers.of("view-clients").ways == ()


def test_a_role_of_which_nothing_is_known_has_no_power(table: Catalog) -> None:
    assert table.power("query-groups").reach is None
    assert table.power("no-such-role").ways == ()


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (("query-users",), ("manage-users",)),  # reads / becomes an administrator
        (("view-users",), ("impersonation",)),  # reads / acts as another
        (("impersonation",), ("view-clients",)),  # acts as another / becomes an administrator where something special is there
        (("view-clients",), ("manage-users",)),  # the same, but only reads
        (("manage-users",), ("manage-realm",)),  # needs an administrator / needs nothing
        (("impersonation", "view-users"), ("view-clients",)),  # the most powerful role of each set first
        (("view-clients",), ("impersonation", "view-clients")),  # then the next
        (("query-users",), ("view-users",)),  # equal power: what opens fewer operations
    ],
)
def test_sets_are_ordered_by_their_most_powerful_role(table: Catalog, less: RoleSet, more: RoleSet) -> None:
    assert table.rank(less) < table.rank(more)
    assert table.least([more, less]) == less


@given(roles=ROLES, more=st.sampled_from(sorted(DOCUMENT["roles"])))
def test_more_roles_never_rank_lower(roles: RoleSet, more: str) -> None:
    assert SMALL.rank(tuple(sorted({*roles, more})))[0] >= SMALL.rank(roles)[0]


def test_powers_of_another_schema_are_refused() -> None:
    with pytest.raises(CatalogError, match="schema 1"):
        powers_of({"schema": 1}, "26.7.4")


def test_a_version_without_powers_has_none() -> None:
    assert powers_of(POWERS, "25.0.6").version is None


def _document() -> dict[str, Any]:
    return dict(json.loads((resources.files("kcproxy.catalog") / "data" / "powers.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("version", catalogs.versions())
def test_every_version_has_powers_of_its_own_or_those_of_the_nearest_measured_one(version: str) -> None:
    assert catalogs.load(version).powers_version == nearest(version, tuple(_document()["versions"]))


@pytest.mark.parametrize("version", ["24.0.5", "26.4.7", "26.7.4", "26.7.5", "26.8"])
def test_the_versions_that_matter_most_have_powers_of_their_own(version: str) -> None:
    assert catalogs.load(version).powers_version == version


@pytest.mark.parametrize("version", sorted(_document()["versions"]))
def test_every_way_that_works_has_its_calls_as_evidence(version: str) -> None:
    document = _document()
    works = {name for name, outcome in document["versions"][version]["outcomes"].items() if outcome["works"]}
    assert [name for name in works if not document["ways"][name]["calls"]] == []


@pytest.mark.parametrize("version", catalogs.versions())
def test_the_roles_that_manage_everything_come_last(version: str) -> None:
    table = catalogs.load(version)
    ordered = sorted(table.roles, key=lambda role: table.rank((role,)))
    assert ordered[-1] == "realm-admin"
    assert {"manage-realm", "manage-clients", "manage-users", "manage-identity-providers"} <= set(ordered[-7:])
    assert all(table.power(role).becomes_admin for role in ordered[-5:])
    reach = [list(Yields).index(table.power(role).reach or Yields.READS) for role in ordered]
    assert all(one >= other for one, other in pairwise(reach))


@pytest.mark.parametrize("version", catalogs.versions())
def test_no_first_set_opens_a_way_to_realm_admin_where_a_harmless_one_does(version: str) -> None:
    table = catalogs.load(version)
    assert [
        need for need in _needs(table) if _opens_a_way(table, need.least) and any(not _opens_a_way(table, s) for s in need.useful)
    ] == []


def _needs(table: Catalog) -> list[Requirement]:
    found = [need for entry in table.operations for need in (entry.requirement, entry.master)]
    found += [need for entry in table.operations for variant in entry.variants for need in (variant.requirement, variant.master)]
    return [need for need in found if need is not None]


def _opens_a_way(table: Catalog, roles: RoleSet | None) -> bool:
    return any(table.power(role).becomes_admin for role in roles or ())


@pytest.mark.parametrize("version", catalogs.versions())
def test_no_reading_names_a_writing_set_first_where_a_reading_one_does(version: str) -> None:
    table = catalogs.load(version)
    for entry in table.operations:
        need = entry.requirement
        if entry.operation.method == "GET" and need.least and not _only_reads(need.least):
            assert not any(_only_reads(roles) for roles in need.useful), (entry.operation.key, need.least)


def _only_reads(roles: RoleSet) -> bool:
    return all(role.startswith(("view-", "query-")) for role in roles)


@pytest.mark.parametrize(
    ("version", "path", "least"),
    [
        ("26.7.4", "/admin/realms/{realm}/roles", ("view-realm",)),
        ("26.7.4", "/admin/realms/{realm}/users/{user-id}", ("view-users",)),
        ("26.4.7", "/admin/realms/{realm}/clients/{client-uuid}", ("view-clients",)),
    ],
)
def test_the_least_set_of_a_measured_operation(version: str, path: str, least: RoleSet) -> None:
    entry = catalogs.load(version).find("GET", path)
    assert entry is not None
    assert entry.requirement.least == least


def test_the_order_of_power_is_a_function_of_role_and_version() -> None:
    assert power_of("manage-realm", catalogs.default_version()).becomes_admin
    assert not power_of("view-realm", catalogs.default_version()).becomes_admin
