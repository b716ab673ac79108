"""Keycloak's representations to permissions: both forms, and malformed ones."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.permissions import Permission, permission_set
from kcproxy.permissions.model import (
    AggregatedCondition,
    ClientCondition,
    ClientScopeCondition,
    Condition,
    GroupCondition,
    GroupMember,
    Logic,
    OpenCondition,
    RegexCondition,
    Required,
    RoleCondition,
    Strategy,
    TimeCondition,
    UserCondition,
)
from kcproxy.permissions.parse import MOST, policy_of


def at(*parts: int) -> datetime:
    """A time in the server's own zone."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - which zone that is, nobody knows


LISTED = {
    "id": "p1",
    "name": "Support",
    "type": "scope",
    "resourceType": "Users",
    "decisionStrategy": "UNANIMOUS",
    "resources": ["internal"],
    "scopes": ["internal"],
    "resourcesData": [{"name": "bob", "_id": "internal"}],
    "scopesData": [{"id": "internal", "name": "view"}],
}
SUPPORT = Permission(id="p1", name="Support", type="Users", scopes=frozenset({"view"}), objects=frozenset({"bob"}), policies=("yes",))


def test_a_permission_has_the_names_of_its_resources_and_scopes() -> None:
    read = permission_set([LISTED], [], associated={"p1": [{"id": "yes", "name": "Yes"}]})

    assert read.permissions == (SUPPORT,)
    assert read.complete


def test_earlier_versions_are_asked_for_each_part() -> None:
    plain = {"id": "p1", "name": "Support", "type": "scope", "config": {"defaultResourceType": "Users"}}
    parts: dict[str, Any] = {
        "associated": {"p1": [{"id": "yes"}]},
        "resources": {"p1": [{"name": "bob"}]},
        "scopes": {"p1": [{"name": "view"}]},
    }

    assert permission_set([plain], [], **parts).permissions == (SUPPORT,)


def test_the_resource_that_bears_the_types_name_means_all_objects() -> None:
    wide = LISTED | {"resourcesData": [{"name": "Users"}]}

    (read,) = permission_set([wide], [], associated={"p1": []}).permissions

    assert read.type_wide


@pytest.mark.parametrize(
    ("item", "associated"),
    [
        (LISTED | {"resourceType": None}, {"p1": []}),
        ({key: value for key, value in LISTED.items() if key != "resourcesData"}, {"p1": []}),
        (LISTED | {"scopesData": [{"id": 3}]}, {"p1": []}),
        ({"name": "no id"}, {}),
        ("text", {}),
    ],
)
def test_a_permission_that_cannot_be_read_leaves_the_set_incomplete(item: Any, associated: dict[str, Any]) -> None:
    read = permission_set([item], [], associated=associated)

    assert read.permissions == ()
    assert not read.complete


def test_a_permission_whose_policies_are_not_known_is_unread() -> None:
    read = permission_set([LISTED], [])

    assert read.permissions == ()
    assert [each.name for each in read.unread] == ["Support"]
    assert read.complete


def test_too_many_permissions_leave_the_set_incomplete() -> None:
    many = [LISTED | {"id": str(number)} for number in range(MOST + 1)]

    read = permission_set(many, [], associated={str(number): [] for number in range(MOST + 1)})

    assert len(read.permissions) == MOST
    assert not read.complete


CASES: list[tuple[str, dict[str, Any], dict[str, str], Condition]] = [
    ("user", {"users": ["a"]}, {"users": '["a"]'}, UserCondition(users=frozenset("a"))),
    (
        "role",
        {"roles": [{"id": "r", "required": True}], "fetchRoles": True},
        {"roles": '[{"id":"r","required":true}]', "fetchRoles": "true"},
        RoleCondition(roles=(Required(id="r", required=True),), fetch_roles=True),
    ),
    (
        "group",
        {"groups": [{"id": "g", "extendChildren": True}], "groupsClaim": "groups"},
        {"groups": '[{"id":"g","extendChildren":true}]', "groupsClaim": "groups"},
        GroupCondition(groups=(GroupMember(id="g", extend_children=True),), claim="groups"),
    ),
    ("client", {"clients": ["c"]}, {"clients": '["c"]'}, ClientCondition(clients=frozenset("c"))),
    (
        "client-scope",
        {"clientScopes": [{"id": "s", "required": False}]},
        {"clientScopes": '[{"id":"s","required":false}]'},
        ClientScopeCondition(scopes=(Required(id="s"),)),
    ),
    (
        "time",
        {"notBefore": "2026-01-02 03:04:05", "notOnOrAfter": "2026-12-31", "hour": "9", "hourEnd": "17", "month": "3"},
        {"nbf": "2026-01-02 03:04:05", "noa": "2026-12-31", "hour": "9", "hourEnd": "17", "month": "3"},
        TimeCondition(not_before=at(2026, 1, 2, 3, 4, 5), not_after=at(2026, 12, 31), hour=(9, 17), month=(3, 3)),
    ),
    (
        "regex",
        {"targetClaim": "email", "pattern": ".*", "targetContextAttributes": False},
        {"targetClaim": "email", "pattern": ".*", "targetContextAttributes": "false"},
        RegexCondition(claim="email", pattern=".*"),
    ),
]


@pytest.mark.parametrize(("kind", "typed", "config", "condition"), CASES, ids=[case[0] for case in CASES])
def test_a_policy_is_read_from_its_own_members_and_from_its_config(
    kind: str, typed: dict[str, Any], config: dict[str, str], condition: Condition
) -> None:
    head = {"id": "x", "name": "X", "type": kind, "logic": "NEGATIVE"}

    for item in (head | typed, head | {"config": config}):
        policy = policy_of(item)
        assert policy is not None
        assert (policy.condition, policy.logic) == (condition, Logic.NEGATIVE)


def test_an_aggregated_policy_takes_its_parts_from_the_endpoint() -> None:
    item = {"id": "x", "name": "X", "type": "aggregate", "decisionStrategy": "CONSENSUS", "config": {}}

    policy = policy_of(item, {"x": [{"id": "a"}, {"id": "b"}]})
    unknown = policy_of(item)

    assert policy is not None
    assert policy.condition == AggregatedCondition(policies=("a", "b"), strategy=Strategy.CONSENSUS)
    assert unknown is not None
    assert isinstance(unknown.condition, OpenCondition)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "js", "code": "script.js"},
        {"type": "of-an-extension"},
        {"type": "user", "config": {"users": "not json"}},
        {"type": "user", "users": [1]},
        {"type": "user", "users": ["x"] * (MOST + 1)},
        {"type": "role", "config": {}},
        {"type": "role", "roles": ["name"]},
        {"type": "time", "notBefore": "yesterday"},
        {"type": "time", "hour": "late"},
        {"type": "regex", "targetClaim": 3, "pattern": "x"},
        {"type": "user", "config": {"users": "[" * 100000}},
        {},
    ],
)
def test_what_is_not_understood_is_open(item: dict[str, Any]) -> None:
    policy = policy_of({"id": "x", "name": "X", **item})

    assert policy is not None
    assert isinstance(policy.condition, OpenCondition)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*LISTED, "config", "users", "roles", "hour"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(JSON, JSON, st.dictionaries(st.sampled_from(["p1", "x"]), JSON))
def test_nothing_that_a_server_may_answer_raises(permissions: Any, policies: Any, parts: dict[str, Any]) -> None:
    permission_set(permissions, policies, associated=parts, resources=parts, scopes=parts)
