"""The smallest addition: every proposal, put in force, grants what was asked."""

import pytest

from kcproxy.permissions import Permission, decide
from kcproxy.permissions.additions import Addition, AdditionKind, additions
from kcproxy.permissions.model import Object
from tests.permissions.building import permission, situation, user

ADD_SCOPE, ADD_OBJECT, NEW, CHANGE = (
    AdditionKind.ADD_SCOPE,
    AdditionKind.ADD_OBJECT,
    AdditionKind.NEW_PERMISSION,
    AdditionKind.CHANGE_DENIAL,
)


def proposed(asked: Object, scope: str, *permissions: Permission) -> list[Addition]:
    there = situation(*permissions)
    return list(additions(decide(asked, scope, there), there))


@pytest.mark.parametrize(
    ("permissions", "kinds"),
    [
        ([], [NEW]),
        ([permission("Users view bob")], []),
        ([permission("Users manage bob")], [ADD_SCOPE, NEW]),
        ([permission("Users view eve")], [ADD_OBJECT, NEW]),
        ([permission("Users manage bob", "no")], [NEW]),
        ([permission("Users view eve", "script")], [NEW]),
        ([permission("Users manage")], [NEW]),
        ([permission("Users view"), permission("Users manage", "no")], [NEW]),
        ([permission("Users view bob", "no")], [CHANGE]),
        ([permission("Users view bob", "no"), permission("Users manage bob")], [CHANGE]),
    ],
)
def test_what_is_proposed_grants_what_was_asked(permissions: list[Permission], kinds: list[AdditionKind]) -> None:
    assert [each.kind for each in proposed(user(), "view", *permissions)] == kinds


def test_what_opens_nothing_else_comes_before_what_opens_more() -> None:
    both = (permission("Users manage bob,eve"), permission("Users view,impersonate eve"), permission("Users manage bob"))

    found = proposed(user(), "view", *both)

    assert [(each.kind, each.opens_more) for each in found] == [(ADD_SCOPE, False), (NEW, False), (ADD_SCOPE, True), (ADD_OBJECT, True)]


def test_a_policy_that_names_the_caller_alone_is_taken_for_a_new_permission() -> None:
    (new,) = proposed(user(), "view")

    assert new.policy is not None
    assert new.policy.name == "Yes"


def test_for_a_whole_type_the_new_permission_names_no_object() -> None:
    (new,) = proposed(user(None), "manage", permission("Users manage bob"))

    assert new.kind is NEW
    assert new.asked.id is None


def test_a_denial_that_no_addition_can_help_is_named() -> None:
    (change,) = proposed(user("bob", ("sales",)), "view", permission("Groups view-members sales", "no"))

    assert change.kind is CHANGE
    assert change.permission is not None
    assert change.permission.name == "Groups view-members sales (no)"
