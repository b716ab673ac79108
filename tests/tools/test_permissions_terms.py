"""Terms, the objects of operations, and what a run's journal becomes in the table."""

from typing import Any

import pytest

from tools.measure.run import tasks_of as role_tasks_of
from tools.measure.stage import Version
from tools.permissions.members import through_groups
from tools.permissions.objects import TYPES, keys_in, objects_of
from tools.permissions.run import role_sets, tasks_of
from tools.permissions.terms import by_permission, containment, for_objects, is_role, roles_of, term_of, type_wide
from tools.permissions.writer import needs_of

SCHEMA = {"Users": ("manage", "view"), "Roles": ("map-role",)}
VERSION = Version(text="26.7.5")
TASKS = {f"{task.operation.method} {task.operation.short} #{task.spec.variant}": task for task in tasks_of(VERSION)}


def test_terms_are_roles_scopes_of_a_type_and_scopes_of_an_object() -> None:
    assert is_role("query-users")
    assert not is_role("Users.view@user")
    assert str(term_of("Users.view@user")) == "Users.view@user"
    assert term_of("Users.view").target == ""
    assert roles_of(["query-users", "Users.view"]) == {"query-users"}


def test_a_scope_for_all_objects_contains_it_for_each() -> None:
    objects = {"user": "Users", "other-user": "Users", "role": "Roles"}

    inner = containment(SCHEMA, objects)

    assert inner["Users.view"] == {"Users.view@user", "Users.view@other-user"}
    assert inner["Roles.map-role"] == {"Roles.map-role@role"}
    assert set(for_objects(SCHEMA, objects)) == set().union(*inner.values())
    assert set(type_wide(SCHEMA)) == set(inner)


def test_a_set_of_terms_is_one_permission_for_each_object() -> None:
    permissions = by_permission(["Users.view", "Users.manage@user", "Users.view@user", "query-users", "Roles.map-role"])

    assert permissions == {("Users", ""): {"view"}, ("Users", "user"): {"manage", "view"}, ("Roles", ""): {"map-role"}}


@pytest.mark.parametrize(
    ("name", "objects"),
    [
        ("GET ~/users/{user-id} #", {"user": {"path": "user-id"}}),
        ("PUT ~/users/{user-id}/groups/{groupId} #", {"user": {"path": "user-id"}, "group": {"path": "groupId"}}),
        (
            "POST ~/users/{user-id}/role-mappings/clients/{client-id} #",
            {"user": {"path": "user-id"}, "client": {"path": "client-id"}, "client-role": {"body": "[].id"}},
        ),
        ("GET ~/roles-by-id/{role-id} #client-role", {"client-role": {"path": "role-id"}, "client": {"ownerOf": "client-role"}}),
        ("POST ~/users #groups", {"group": {"body": "groups"}}),
        ("GET ~/users #", {"user": {"listed": "users"}}),
        ("GET ~/users/{user-id}/groups #", {"user": {"path": "user-id"}, "group": {"related": "user+group"}}),
        ("GET ~/users/{user-id} #member", {"user": {"path": "user-id"}, "group": {"related": "user+group"}}),
        ("GET ~/clients/{client-uuid}/evaluate-scopes/generate-example-userinfo #", {"client": {"path": "client-uuid"}, "user": {"query": "userId"}}),
        ("POST ~/organizations/{org-id}/members #", {"organization": {"path": "org-id"}, "user": {"body": ""}}),
        ("GET ~/events #", {}),
    ],
)  # fmt: skip
def test_the_objects_of_an_operation_and_where_it_names_them(name: str, objects: dict[str, Any]) -> None:
    task = TASKS[name]

    assert objects_of(task.operation, task.spec) == objects


def test_every_object_of_every_operation_has_a_type() -> None:
    for task in role_tasks_of(VERSION):
        assert set(objects_of(task.operation, task.spec)) <= set(TYPES)


def test_a_fixtures_member_stands_for_the_fixture() -> None:
    assert keys_in("/x/{role.name}/{otp-user.otp}/{mail-port}") == ["role", "otp-user", "mail-port"]


def test_only_one_role_of_realm_management_is_tried_for_mapping() -> None:
    assert {task.spec.variant for task in TASKS.values() if task.spec.variant.startswith("admin-role-")} == {"admin-role-view-users"}


def test_sets_of_several_roles_come_from_the_role_table_of_the_same_line() -> None:
    task = TASKS["GET ~/users/{user-id}/role-mappings #"]

    assert all(len(roles) > 1 for roles in role_sets("26.7.5", task.operation))
    assert role_sets("26.7.5", task.operation) == role_sets("26.7.4", task.operation)


ENTRY: dict[str, Any] = {
    "closed": False,
    "objects": {"otp-user": {"path": "user-id"}, "client-role": {"body": "[].id"}, "client": {"ownerOf": "client-role"}},
    "anyOf": [["Users.manage@otp-user"]],
    "shows": [["Users.manage@otp-user"]],
    "admits": [["Users.manage@otp-user"]],
    "reduced": {"query-users": "no items"},
    "refusals": [403],
    "control": {"checked": 1, "open": []},
    "notes": [],
}


def test_an_entry_becomes_a_row_with_plain_names_and_only_the_objects_of_its_terms() -> None:
    assert needs_of(ENTRY) == {
        "objects": {"user": {"type": "Users", "path": "user-id"}},
        "anyOf": [["Users.manage@user"]],
        "admits": [["Users.manage@user"]],
        "reduced": {"query-users": "no items"},
        "controls": 1,
    }


def test_differences_with_a_query_role_and_opened_controls_are_reported() -> None:
    queried = {"anyOf": [], "shows": [], "admits": [["Users.view@otp-user"]]}
    opened = {"checked": 2, "open": [{"set": ["Users.manage@otp-user"], "object": "otp-user", "status": 200}]}

    row = needs_of(ENTRY | {"withQueryRole": queried, "control": opened, "shows": [], "refusals": [403, 404]})

    assert row["withQueryRole"]["admits"] == [["Users.view@user"]]
    assert row["notes"] == ["with Users.manage@user for another user it is open, too"]
    assert row["refusals"] == [403, 404]
    assert row["shows"] == []


def test_a_closed_entry_says_no_more() -> None:
    assert needs_of(ENTRY | {"closed": True}) == {"closed": True}


def test_scopes_of_a_group_are_found_beside_those_of_the_user() -> None:
    found: dict[str, dict[str, Any]] = {
        "plain": {"anyOf": [], "admits": [["Users.view@user"], ["Groups.view-members@group"]]},
        "two-sided": {
            "anyOf": [],
            "admits": [["Users.map-roles@user", "Roles.map-role@role"], ["Clients.map-roles@client", "Users.map-roles@user"]],
        },
        "closed": {"closed": True},
    }

    assert through_groups(found) == {"Users.view": ["Groups.view-members"]}
