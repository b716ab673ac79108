"""Fine-grained admin permissions for calls that list objects: a query role and a permission on one object come before one for all."""

import json
import shlex
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from devkit.explain.stage import USER_ID, caller_of, refused
from kcproxy.catalog.permissions import ObjectPlace
from kcproxy.explain import render
from kcproxy.model import Confidence, Explanation, Facts
from kcproxy.permissions import Object, Permission
from kcproxy.permissions.facts import Listed, PermissionFacts
from tests.explain.test_permissions import CATALOG, GROUP_ID, MISSING, looked_up, permission

_R = "/admin/realms/demo"
SHOP = "cccc0f0f-3aae-4b0e-af38-629b3432738a"
CLIENTS, USERS = ObjectPlace(type="Clients", listed="clients"), ObjectPlace(type="Users", listed="users")
CHILDREN, PARENT = ObjectPlace(type="Groups", listed="children"), ObjectPlace(type="Groups", path="group-id")
CLIENT, BOB = Object(type="Clients", id=SHOP), Object(type="Users", id=USER_ID)
ON_SHOP = permission("Shop", "Clients", "view", SHOP)


def found(*permissions: Permission, place: ObjectPlace, named: tuple[Object, ...] | None = None, held: tuple[Object, ...] = ()) -> Facts:
    facts = looked_up(*permissions)
    assert isinstance(facts.permissions, PermissionFacts)
    listed = {place: Listed(named=named, held=held)}
    labels = {SHOP: "shop", USER_ID: "bob", GROUP_ID: "/sales"}
    return replace(facts, permissions=replace(facts.permissions, objects={}, listed=listed, labels=labels))


def explained(facts: Facts, path: str, *, for_operator: bool = True, **query: Any) -> Explanation:
    caller = caller_of(roles={"realm-management": list(facts.granted or ())})
    return refused("GET", f"{_R}{path}", caller=caller, catalog=CATALOG, facts=facts, for_operator=for_operator, **query)


def made_by(explanation: Explanation) -> list[Any]:
    bodies = [json.loads(shlex.split(line)[-1]) for line in explanation.fixes[0].kcadm if "-b" in shlex.split(line)]
    return [body.get("resources") for body in bodies if "scopes" in body]


def test_the_query_role_is_all_that_is_missing_where_a_permission_lets_view_one_object() -> None:
    explanation = explained(found(ON_SHOP, place=CLIENTS, named=(CLIENT,), held=(CLIENT,)), "/clients")

    assert (explanation.verdict.cause.value, explanation.verdict.confidence) == (MISSING, Confidence.CERTAIN)
    assert "query-clients" in explanation.summary
    first = explanation.fixes[0]
    assert (first.roles, made_by(explanation)) == (("query-clients",), [])
    assert all((first.console, first.kcadm, first.curl, first.terraform, first.ansible))
    assert first.gives == "only the clients that permissions let the caller view"


def test_where_the_filter_names_one_object_the_fix_is_a_query_role_and_a_permission_on_it() -> None:
    explanation = explained(found(place=CLIENTS, named=(CLIENT,)), "/clients")

    assert "view on client shop" in explanation.summary
    assert (explanation.fixes[0].roles, made_by(explanation)) == (("query-clients",), [[SHOP]])
    assert all((explanation.fixes[0].console, explanation.fixes[0].kcadm, explanation.fixes[0].curl))
    assert not [
        fix for fix in explanation.fixes if fix.kcadm and '"resourceType": "Clients"' in fix.kcadm[-1] and "resources" not in fix.kcadm[-1]
    ]


def test_objects_that_a_filter_finds_beside_the_callers_own_change_nothing() -> None:
    other = Object(type="Clients", id="other")
    explanation = explained(found(ON_SHOP, place=CLIENTS, named=(other, CLIENT), held=(CLIENT,)), "/clients")

    assert (explanation.fixes[0].roles, made_by(explanation)) == (("query-clients",), [])


def test_a_filter_that_finds_nothing_leaves_the_query_role() -> None:
    explanation = explained(found(ON_SHOP, place=CLIENTS, named=(), held=(CLIENT,)), "/clients")

    assert (explanation.fixes[0].roles, made_by(explanation)) == (("query-clients",), [])


def test_where_the_list_is_of_everything_a_held_permission_stands_for_it() -> None:
    explanation = explained(found(permission("Bob", "Users", "view", USER_ID), place=USERS, held=(BOB,)), "/users")

    assert explanation.fixes[0].roles == ("query-users",)
    assert "the scope view on user bob is given by permission Bob" in explanation.verdict.evidence


def test_where_nothing_is_held_and_nothing_named_all_objects_are_asked_for() -> None:
    explanation = explained(found(place=USERS), "/users")

    assert "view on all users" in explanation.summary
    assert [fix.roles for fix in explanation.fixes] == [(), ("query-users",), ("view-users",)]
    assert "for those users that the list has to show" in explanation.fixes[1].summary


def test_a_permission_for_all_is_not_the_first_fix_where_others_would_lose_theirs() -> None:
    explanation = explained(found(permission("Team", "Users", "view", GROUP_ID, policy="others"), place=USERS), "/users")

    assert explanation.fixes[0].roles == ("query-users",)
    assert any("denies every other caller" in (fix.warning or "") for fix in explanation.fixes[1:])


def test_a_permission_on_a_group_whose_members_are_listed_leaves_the_query_role() -> None:
    explanation = explained(found(permission("Team", "Groups", "view-members", GROUP_ID), place=USERS), "/users")

    assert [fix.roles for fix in explanation.fixes] == [("query-users",), ("view-users",)]


def test_children_of_a_group_take_a_permission_on_each_and_none_for_all_groups() -> None:
    facts = found(place=CHILDREN, named=(Object(type="Groups", id="emea"), Object(type="Groups", id="apac")))
    assert isinstance(facts.permissions, PermissionFacts)
    facts = replace(facts, permissions=replace(facts.permissions, objects={PARENT: Object(type="Groups", id=GROUP_ID)}))

    explanation = explained(facts, f"/groups/{GROUP_ID}/children")

    assert explanation.fixes[0].roles == ("query-groups",)
    assert sorted(made_by(explanation)) == [[GROUP_ID], ["apac"], ["emea"]]


@pytest.mark.parametrize("held", [(), (CLIENT,)])
def test_callers_get_the_same_words_whether_the_filter_finds_something_or_not(held: tuple[Object, ...]) -> None:
    permissions = (ON_SHOP,) if held else ()
    hidden = Object(type="Clients", id="hidden")
    one, none, many = (
        render.document(explained(found(*permissions, place=CLIENTS, named=named, held=held), "/clients", for_operator=False))
        for named in ((hidden,), (), None)
    )

    assert one == none == many
    assert "hidden" not in json.dumps(one)


def test_callers_who_hold_nothing_are_not_told_that_they_need_everything() -> None:
    explanation = explained(found(place=CLIENTS, named=(CLIENT,)), "/clients", for_operator=False)

    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert (explanation.fixes[0].roles, explanation.fixes[0].kcadm) == (("query-clients",), ())


def test_a_count_takes_all_users_unless_a_permission_lets_count_one() -> None:
    nothing, one = (explained(found(*own, place=USERS), "/users/count") for own in ((), (permission("Bob", "Users", "view", USER_ID),)))

    assert "view on all users" in nothing.summary
    assert [fix.roles for fix in one.fixes] == [("query-users",)]


@pytest.mark.parametrize("realm", ["my realm", "100%"])
def test_a_role_is_not_printed_twice_if_a_form_cannot_hold_the_realm(realm: str) -> None:
    facts = found(permission("Bob", "Users", "view", USER_ID), place=USERS)
    caller = caller_of(realm=realm, roles={"realm-management": []})

    explanation = refused("GET", f"/admin/realms/{quote(realm)}/users/count", caller=caller, catalog=CATALOG, facts=facts)

    assert [fix.roles for fix in explanation.fixes] == [("query-users",)]
