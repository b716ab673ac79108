"""Operations with several sides: what the table says is needed, put to the evaluator."""

import pytest

from kcproxy.catalog.permissions import Levels, PermissionNeed, Term
from kcproxy.permissions import Outcome, Permission
from kcproxy.permissions.additions import AdditionKind
from kcproxy.permissions.model import Object
from kcproxy.permissions.operation import decide_operation, operation_additions
from tests.permissions.building import permission, situation, user

OBJECTS = {
    "user": user(),
    "group": Object(type="Groups", id="sales"),
    "client": Object(type="Clients", id="app"),
    "role": Object(type="Roles", id="r0"),
}


def levels(*alternatives: str) -> Levels:
    sets = tuple(tuple(Term.read(text) for text in alternative.split(" ") if text) for alternative in alternatives)
    return Levels(any_of=sets, shows=sets, admits=sets)


JOIN = PermissionNeed(levels=levels("Groups.manage-membership@group Users.manage-group-membership@user"))
LISTING = PermissionNeed(levels=levels("Users.view", "Users.view@user query-users"))
LEAVE = PermissionNeed(
    levels=levels(
        "Groups.manage-membership-of-members@group Groups.manage-membership@group",
        "Groups.manage-membership@group Users.manage-group-membership@user",
    )
)
RESET = PermissionNeed(levels=levels("Users.manage@user", "Users.reset-password@user"))
COMPOSITE = PermissionNeed(
    levels=levels("Users.manage@user Clients.map-roles-composite@client", "Users.manage@user Roles.map-role-composite@role")
)
QUERIED = PermissionNeed(levels=levels("Users.manage"), with_query_role=levels("Groups.view@group Users.manage"))
CLOSED = PermissionNeed(closed=True)
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("need", "roles", "permissions", "outcome", "lacking"),
    [
        (JOIN, NONE, [], Outcome.MISSING, ["Groups.manage-membership@group", "Users.manage-group-membership@user"]),
        (JOIN, NONE, [permission("Groups manage-membership sales")], Outcome.MISSING, ["Users.manage-group-membership@user"]),
        (JOIN, NONE, [permission("Groups manage-membership sales"), permission("Users manage-group-membership bob")], Outcome.GRANTED, []),
        (
            JOIN,
            NONE,
            [permission("Groups manage-membership sales", "no"), permission("Users manage-group-membership bob")],
            Outcome.DENIED,
            ["Groups.manage-membership@group"],
        ),
        (JOIN, NONE, [permission("Groups manage-membership sales", "script"), permission("Users manage-group-membership bob")], Outcome.OPEN, ["Groups.manage-membership@group"]),
        (LISTING, NONE, [permission("Users view bob")], Outcome.MISSING, ["query-users"]),
        (LISTING, NONE, [], Outcome.MISSING, ["Users.view@user", "query-users"]),
        (LEAVE, NONE, [], Outcome.MISSING, ["Groups.manage-membership@group", "Users.manage-group-membership@user"]),
        (LEAVE, NONE, [permission("Groups manage-membership sales")], Outcome.MISSING, ["Users.manage-group-membership@user"]),
        (LISTING, frozenset({"query-users"}), [permission("Users view bob")], Outcome.GRANTED, []),
        (LISTING, None, [permission("Users view bob")], Outcome.OPEN, ["query-users"]),
        (RESET, NONE, [permission("Users manage bob")], Outcome.GRANTED, []),
        (RESET, NONE, [permission("Users manage bob"), permission("Users reset-password bob", "no")], Outcome.DENIED, ["Users.reset-password@user"]),
        (COMPOSITE, NONE, [], Outcome.MISSING, ["Users.manage@user", "Roles.map-role-composite@role"]),
        (COMPOSITE, NONE, [permission("Clients map-roles-composite app")], Outcome.MISSING, ["Users.manage@user"]),
        (QUERIED, NONE, [permission("Users manage")], Outcome.GRANTED, []),
        (QUERIED, frozenset({"query-users"}), [permission("Users manage")], Outcome.MISSING, ["Groups.view@group"]),
        (CLOSED, NONE, [permission("Users manage")], Outcome.MISSING, []),
    ],
)  # fmt: skip
def test_the_nearest_alternative_says_what_is_lacking(
    need: PermissionNeed, roles: frozenset[str] | None, permissions: list[Permission], outcome: Outcome, lacking: list[str]
) -> None:
    decision = decide_operation(need, OBJECTS, roles, situation(*permissions))

    assert decision.outcome is outcome
    assert [str(each.term) for each in decision.lacking] == lacking


def test_an_object_that_could_not_be_resolved_leaves_it_open() -> None:
    there = situation(permission("Groups manage-membership sales"))

    assert decide_operation(JOIN, {"group": OBJECTS["group"]}, NONE, there).outcome is Outcome.OPEN


def test_what_was_not_measured_is_open() -> None:
    assert decide_operation(PermissionNeed(undetermined="not measured"), {}, NONE, situation()).outcome is Outcome.OPEN


def test_each_lacking_side_gets_its_own_additions() -> None:
    there = situation(permission("Groups manage-membership staff"))

    group, member = operation_additions(decide_operation(JOIN, OBJECTS, NONE, there), there)

    assert [each.kind for each in group] == [AdditionKind.ADD_OBJECT, AdditionKind.NEW_PERMISSION]
    assert [each.kind for each in member] == [AdditionKind.NEW_PERMISSION]


@pytest.mark.parametrize(
    ("need", "lacking"),
    [
        (
            PermissionNeed(levels=levels("Users.manage", "Users.manage@user Groups.manage@group")),
            {"Users.manage@user", "Groups.manage@group"},
        ),
        (
            PermissionNeed(levels=levels("Clients.map-roles@client", "Roles.map-role@role Users.view@user")),
            {"Roles.map-role@role", "Users.view@user"},
        ),
    ],
)
def test_two_scopes_of_named_objects_come_before_one_of_all(need: PermissionNeed, lacking: set[str]) -> None:
    decision = decide_operation(need, OBJECTS, NONE, situation())

    assert {str(each.term) for each in decision.lacking} == lacking


def test_a_permission_for_all_does_not_open_the_named_object_from_which_a_denial_takes_the_scope() -> None:
    need = PermissionNeed(levels=levels("Groups.view", "Groups.view@group query-groups"))
    wide, closed = permission("Groups view"), permission("Groups view-members", "no")

    assert decide_operation(need, OBJECTS, NONE, situation(wide)).outcome is Outcome.GRANTED
    denied = decide_operation(need, OBJECTS, NONE, situation(wide, closed))
    assert denied.outcome is Outcome.DENIED
    assert [str(each.term) for each in denied.lacking if each.decision] == ["Groups.view@group"]
