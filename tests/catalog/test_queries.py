"""Questions to the table: below a path, by role, for a list of calls, between versions."""

import copy
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.catalog import Catalog, Entry, parse
from kcproxy.catalog.documents import entry_document, table_head
from kcproxy.catalog.power import powers_of
from kcproxy.catalog.queries import differences, least_cover, operations_at, operations_below, reach
from kcproxy.model import RoleSet
from tests.catalog.conftest import DOCUMENT, POWERS, USER

ROLES = ("impersonation", "manage-realm", "manage-users", "query-users", "view-clients", "view-users")
SETS = st.lists(
    st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True).map(lambda roles: tuple(sorted(roles))), min_size=1, max_size=3
)


def keys(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.operation.key for entry in entries]


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", USER, [f"GET {USER}"]),
        ("GET", "/admin/realms/shop/users/42", [f"GET {USER}"]),
        ("HEAD", "/admin/realms/shop/users/42?briefRepresentation=true", [f"GET {USER}"]),
        (
            "POST",
            "/admin/realms/shop/import",
            ["POST /admin/realms/{realm}/import (json)", "POST /admin/realms/{realm}/import (multipart)"],
        ),
        ("PATCH", "/admin/realms/shop/users/42", []),
        ("GET", "/realms/shop/account", []),
        ("GET", "/admin/realms/shop/nothing", []),
    ],
)
def test_an_operation_is_found_by_template_and_by_path(table: Catalog, method: str, path: str, found: list[str]) -> None:
    assert keys(operations_at(table, method, path)) == found


@pytest.mark.parametrize(
    ("prefix", "method", "count"),
    [
        ("/admin/realms/{realm}/users/{user-id}", None, 3),
        ("/admin/realms/shop/users/42/", None, 3),
        ("/admin/realms/{realm}/users*", "GET", 3),
        ("/admin/realms/{realm}/use", None, 0),
        ("/", None, len(DOCUMENT["operations"])),
    ],
)
def test_what_lies_below_a_path_is_found_segment_by_segment(table: Catalog, prefix: str, method: str | None, count: int) -> None:
    assert len(operations_below(table, prefix, method)) == count


def test_a_role_opens_in_full_in_part_or_together_with_others(table: Catalog) -> None:
    found = reach(table, ("query-users",), table.operations)
    assert keys(found.full) == ["GET /admin/realms/{realm}/users/count"]
    assert keys(found.reduced) == ["GET /admin/realms/{realm}/users"]
    assert found.together == ()
    together = reach(table, ("view-clients",), operations_at(table, "GET", USER)).together
    assert together == ()


def test_what_opens_only_together_tells_what_to_add(table: Catalog) -> None:
    document = copy.deepcopy(DOCUMENT)
    both = [["manage-realm", "view-users"], ["manage-realm", "manage-users"]]
    document["operations"][0] |= {"anyOf": both, "admits": both}
    changed = parse(document)
    ((entry, more),) = reach(changed, ("view-users",), changed.operations[:1]).together
    assert entry.operation.path == "/admin/realms/{realm}/users"
    assert more == ("manage-realm",)


@pytest.mark.parametrize(
    ("demands", "least"),
    [
        ([], ()),
        ([((),)], ()),
        ([(("view-users",), ("manage-users",))], ("view-users",)),
        ([(("view-users",), ("manage-users",)), (("manage-users",),)], ("manage-users",)),
        ([(("view-users",), ("manage-users",)), (("query-users",),)], ("view-users",)),
        ([(("view-users",),), (("manage-realm",),)], ("manage-realm", "view-users")),
        ([(("manage-realm", "view-clients"),), (("query-clients",),)], ("manage-realm", "view-clients")),
        ([()], None),
    ],
)
def test_the_least_combination_for_several_calls(table: Catalog, demands: list[tuple[RoleSet, ...]], least: RoleSet | None) -> None:
    assert least_cover(table, demands) == least


@given(demands=st.lists(SETS.map(tuple), max_size=5))
def test_no_combination_does_with_less_than_the_least(demands: list[tuple[RoleSet, ...]]) -> None:
    table = parse(DOCUMENT, powers_of(POWERS, "26.7.4"))
    least = least_cover(table, demands)
    assert least is not None
    fitting = [
        roles
        for size in range(len(ROLES) + 1)
        for roles in combinations(ROLES, size)
        if all(table.satisfies(roles, sets) for sets in demands)
    ]
    assert least in fitting
    assert table.rank(least) == min(table.rank(roles) for roles in fitting)


def _changed(**row: Any) -> Catalog:
    document = copy.deepcopy(DOCUMENT)
    document["keycloak"] = "26.8.0"
    document["operations"][0] |= row
    document["roles"]["manage-organizations"] = []
    del document["roles"]["impersonation"]
    document["operations"] = document["operations"][:-1]
    document["operations"].append(
        {"method": "GET", "path": "/admin/realms/{name}/new", "anyOf": [["view-users"]], "admits": [["view-users"]]}
    )
    return parse(document)


def test_differences_tell_what_came_what_went_and_what_needs_other_roles(table: Catalog) -> None:
    found = differences(table, _changed(anyOf=[["manage-users"]], path="/admin/realms/{r}/users"))
    assert [change.entry.operation.key for change in found.changed] == ["GET /admin/realms/{r}/users"]
    assert [change.entry.operation.key for change in found.added] == ["GET /admin/realms/{name}/new"]
    assert [change.entry.operation.key for change in found.removed] == ["GET /admin/realms/{realm}/odd"]
    assert (found.new_roles, found.gone_roles) == (("manage-organizations",), ("impersonation",))


def test_a_table_does_not_differ_from_itself(table: Catalog) -> None:
    found = differences(table, table)
    assert (found.added, found.removed, found.changed, found.new_roles, found.gone_roles) == ((), (), (), (), ())


def test_an_entry_as_a_document_has_the_promised_members(table: Catalog) -> None:
    (entry,) = operations_at(table, "GET", USER)
    assert entry_document(entry) == {
        "method": "GET",
        "path": USER,
        "least": ["view-users"],
        "anyOf": [["view-users"], ["manage-users"]],
        "admits": [["view-users"], ["manage-users"]],
        "features": [],
        "basis": "measured",
        "handler": "UserResource#getUser",
    }


def test_impossible_and_undetermined_operations_are_distinguished(table: Catalog) -> None:
    create, odd = operations_at(table, "POST", "/admin/realms")[0], operations_at(table, "GET", "/admin/realms/x/odd")[0]
    assert (entry_document(create)["anyOf"], entry_document(create)["least"]) == ([], None)
    assert entry_document(create)["masterRealmRoles"] == [["create-realm"]]
    assert (entry_document(odd)["anyOf"], entry_document(odd)["undetermined"]) == (None, "needs a Kerberos server")


def test_bodies_and_special_cases_stand_in_the_document(table: Catalog) -> None:
    documents = [entry_document(entry) for entry in operations_at(table, "POST", "/admin/realms/x/import")]
    assert [document["body"] for document in documents] == ["json", "multipart"]
    (export,) = (entry_document(entry) for entry in operations_at(table, "POST", "/admin/realms/x/partial-export"))
    assert export["variants"][0]["says"] == "with exportClients=true"
    assert export["variants"][0]["least"] == ["manage-realm", "view-clients"]


def test_the_head_of_a_document_tells_whose_table_it_is(table: Catalog) -> None:
    head = table_head(table)
    assert (head["keycloak"], head["count"], head["provenance"]["program"]) == ("26.7.4", len(DOCUMENT["operations"]), "test")
