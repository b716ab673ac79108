"""The order in which Keycloak evaluates permissions: each rule was measured on real servers (docs/permissions-evaluation.md)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kcproxy.permissions import Object, Outcome, Permission, Rules, decide, rules_for
from tests.permissions.building import permission, situation, user

GRANTED, DENIED, MISSING, OPEN = Outcome.GRANTED, Outcome.DENIED, Outcome.MISSING, Outcome.OPEN
IN_SALES = user("bob", ("sales",))
BELOW_SALES = user("bob", ("emea", "sales"))


@pytest.mark.parametrize(
    ("asked", "scope", "permissions", "outcome"),
    [
        (user(), "view", [], MISSING),
        (user(), "view", [permission("Users view bob")], GRANTED),
        (user(), "view", [permission("Users view")], GRANTED),
        (user(), "view", [permission("Users view eve")], MISSING),
        (user(), "view", [permission("Users manage bob")], MISSING),
        (user(), "view", [permission("Users view bob", "no")], DENIED),
        (user(), "view", [permission("Users view bob", "")], MISSING),
        (user(), "view", [permission("Users view bob", "yes", "no")], DENIED),
        (user(), "view", [permission("Users view bob"), permission("Users view,manage bob", "no")], DENIED),
        (user(), "view", [permission("Users view bob"), permission("Users manage bob", "no")], GRANTED),
        (user(None), "view", [permission("Users view bob")], MISSING),
        (user(None), "view", [permission("Users view")], GRANTED),
        (Object(type="Roles", id="admin"), "map-role", [permission("Roles map-role admin")], GRANTED),
    ],
)
def test_a_permission_gives_its_scopes_on_what_it_names(asked: Object, scope: str, permissions: list[Permission], outcome: Outcome) -> None:
    assert decide(asked, scope, situation(*permissions)).outcome is outcome


@pytest.mark.parametrize(
    ("asked", "scope", "permissions", "outcome"),
    [
        (user(), "view", [permission("Users view"), permission("Users manage", "no")], DENIED),
        (user(), "view", [permission("Users view bob"), permission("Users manage", "no")], GRANTED),
        (user(None), "view", [permission("Users view"), permission("Users manage", "no")], GRANTED),
        (user(None), "manage", [permission("Users manage"), permission("Users manage", "no")], DENIED),
        (Object(type="Clients", id="app"), "view", [permission("Clients view"), permission("Clients map-roles", "no")], DENIED),
    ],
)
def test_a_denial_for_all_objects_takes_every_scope_but_those_given_on_the_object(
    asked: Object, scope: str, permissions: list[Permission], outcome: Outcome
) -> None:
    assert decide(asked, scope, situation(*permissions)).outcome is outcome


@pytest.mark.parametrize(
    ("asked", "scope", "permissions", "outcome"),
    [
        (IN_SALES, "view", [permission("Groups view-members sales")], GRANTED),
        (BELOW_SALES, "view", [permission("Groups view-members sales")], GRANTED),
        (user(), "view", [permission("Groups view-members sales")], MISSING),
        (IN_SALES, "view", [permission("Groups view sales")], MISSING),
        (IN_SALES, "view", [permission("Groups view-members")], GRANTED),
        (user(), "view", [permission("Groups view-members")], MISSING),
        (IN_SALES, "manage", [permission("Groups manage-members sales")], GRANTED),
        (IN_SALES, "impersonate", [permission("Groups impersonate-members sales")], GRANTED),
        (IN_SALES, "manage-group-membership", [permission("Groups manage-membership-of-members sales")], GRANTED),
        (IN_SALES, "view", [permission("Users view bob"), permission("Groups view-members sales", "no")], DENIED),
        (IN_SALES, "view", [permission("Users view bob"), permission("Groups view sales", "no")], DENIED),
        (IN_SALES, "view", [permission("Users view bob"), permission("Groups manage sales", "no")], GRANTED),
        (IN_SALES, "view", [permission("Groups view-members sales"), permission("Users view bob", "no")], DENIED),
        (IN_SALES, "view", [permission("Users view bob"), permission("Groups view-members", "no")], GRANTED),
        (IN_SALES, "view", [permission("Users view"), permission("Groups view-members", "no")], DENIED),
        (IN_SALES, "view", [permission("Groups view-members sales"), permission("Groups view-members", "no")], GRANTED),
        (IN_SALES, "view", [permission("Groups view-members sales"), permission("Users view", "no")], DENIED),
    ],
)
def test_permissions_on_groups_speak_for_their_members(asked: Object, scope: str, permissions: list[Permission], outcome: Outcome) -> None:
    assert decide(asked, scope, situation(*permissions)).outcome is outcome


@pytest.mark.parametrize(
    ("permissions", "outcome"),
    [
        ([permission("Users manage bob")], GRANTED),
        ([permission("Users reset-password bob")], GRANTED),
        ([permission("Users manage bob"), permission("Users reset-password bob", "no")], DENIED),
        ([permission("Users manage bob"), permission("Users reset-password", "no")], DENIED),
        ([permission("Users manage bob"), permission("Users reset-password eve", "no")], GRANTED),
        ([permission("Users manage bob"), permission("Users reset-password", "")], GRANTED),
        ([permission("Users reset-password bob"), permission("Users manage", "no")], GRANTED),
    ],
)
def test_managing_resets_passwords_only_while_no_permission_speaks_of_it(permissions: list[Permission], outcome: Outcome) -> None:
    assert decide(user(), "reset-password", situation(*permissions)).outcome is outcome


@pytest.mark.parametrize(
    ("version", "asked", "scope", "permissions", "outcome"),
    [
        ((26, 3, 5), IN_SALES, "view", [permission("Users view bob"), permission("Groups manage sales", "no")], DENIED),
        ((26, 4, 7), IN_SALES, "view", [permission("Users view bob"), permission("Groups manage sales", "no")], GRANTED),
        ((26, 5, 6), IN_SALES, "manage-group-membership", [permission("Groups manage-membership-of-members sales")], MISSING),
        ((26, 2, 5), user(), "reset-password", [permission("Users manage bob")], GRANTED),
        ((26, 2, 5), user(), "reset-password", [permission("Users manage bob"), permission("Users reset-password bob", "no")], GRANTED),
    ],
)
def test_earlier_versions_decide_otherwise(
    version: tuple[int, ...], asked: Object, scope: str, permissions: list[Permission], outcome: Outcome
) -> None:
    assert decide(asked, scope, situation(*permissions, rules=rules_for(version))).outcome is outcome


@pytest.mark.parametrize(
    ("permissions", "outcome"),
    [
        ([permission("Users view bob", "script")], OPEN),
        ([permission("Users manage bob", "script")], MISSING),
        ([permission("Users view bob", "script"), permission("Users view bob", "no")], DENIED),
        ([permission("Users view bob"), permission("Users manage bob", "script")], GRANTED),
        ([permission("Users view"), permission("Users manage", "script")], OPEN),
        ([permission("Users view bob", "script", "no")], DENIED),
        ([permission(f"Users view,{'x' * size} bob", "script") for size in range(1, 9)], OPEN),
    ],
)
def test_what_a_script_says_is_open_where_it_matters(permissions: list[Permission], outcome: Outcome) -> None:
    decision = decide(user(), "view", situation(*permissions))

    assert decision.outcome is outcome
    assert bool(decision.why) is (outcome is OPEN)


def test_contradicting_permissions_on_all_groups_are_open() -> None:
    both = [permission("Groups view-members"), permission("Groups view-members,view", "no")]

    decision = decide(IN_SALES, "view", situation(*both))

    assert decision.outcome is OPEN
    assert "contradict" in decision.why[0]


def test_without_the_users_groups_permissions_on_groups_leave_it_open() -> None:
    unknown = Object(type="Users", id="bob", groups=None)

    assert decide(unknown, "view", situation(permission("Groups view-members sales"))).outcome is OPEN
    assert decide(unknown, "view", situation(permission("Groups manage-members sales"))).outcome is MISSING
    assert decide(unknown, "view", situation(permission("Users view bob"))).outcome is GRANTED


def test_permissions_that_could_not_be_read_leave_everything_open() -> None:
    decision = decide(user(), "view", situation(permission("Users view bob"), complete=False))

    assert decision.outcome is OPEN
    assert decision.why == ("not all permissions could be read",)


def test_the_deciding_permissions_are_named_with_the_policies_that_deny() -> None:
    decision = decide(user(), "view", situation(permission("Users view bob"), permission("Users view,manage bob", "no")))

    assert [each.permission.name for each in decision.granting] == ["Users view bob (yes)"]
    assert [(each.permission.name, each.denying) for each in decision.denying] == [("Users view,manage bob (no)", ("No",))]


TEXTS = st.sampled_from(
    [
        "Users view bob",
        "Users manage bob",
        "Users view",
        "Users view,manage",
        "Users reset-password",
        "Groups view-members sales",
        "Groups view,manage-members",
        "Groups view sales",
    ]
)
SOME = st.lists(st.builds(permission, TEXTS, st.sampled_from(["yes", "no", ""])), max_size=6, unique_by=lambda each: each.id)


@given(SOME, st.permutations(range(6)))
def test_the_order_of_the_permissions_makes_no_difference(permissions: list[Permission], order: list[int]) -> None:
    turned = [permissions[place] for place in order if place < len(permissions)]

    for scope in ("view", "manage", "reset-password"):
        assert decide(IN_SALES, scope, situation(*permissions)).outcome is decide(IN_SALES, scope, situation(*turned)).outcome


@given(SOME)
def test_another_permission_that_grants_never_takes_anything_away(permissions: list[Permission]) -> None:
    before = decide(IN_SALES, "view", situation(*permissions)).outcome
    more = decide(IN_SALES, "view", situation(*permissions, permission("Users impersonate,view bob,eve"))).outcome

    assert before is not GRANTED or more is GRANTED


def test_the_defaults_are_the_rules_of_26_7() -> None:
    assert rules_for((26, 7, 5)) == Rules()


def test_a_permission_whose_policies_are_not_known_counts_only_where_it_applies() -> None:
    unread = (permission("Users view eve", ""),)
    there = situation(permission("Users view bob"))
    there = replace(there, permissions=replace(there.permissions, unread=unread))

    assert decide(user("bob"), "view", there).outcome is Outcome.GRANTED
    assert decide(user("eve"), "view", there).outcome is Outcome.OPEN


def test_a_denial_on_the_object_counts_even_if_other_permissions_are_not_known() -> None:
    there = situation(permission("Users view bob", "no"))
    there = replace(there, permissions=replace(there.permissions, unread=(permission("Users view", ""),)))

    assert decide(user("bob"), "view", there).outcome is Outcome.DENIED
    assert decide(user("bob"), "manage", there).outcome is Outcome.OPEN


def test_one_open_permission_is_what_denies_if_the_scope_is_refused() -> None:
    alone = decide(user(), "view", situation(permission("Users view bob", "script")))
    several = decide(user(), "view", situation(permission("Users view bob", "script"), permission("Users view", "script")))

    assert alone.if_refused is not None
    assert alone.if_refused.outcome is Outcome.DENIED
    assert [each.denying for each in alone.if_refused.denying] == [("Script",)]
    assert several.if_refused is None
