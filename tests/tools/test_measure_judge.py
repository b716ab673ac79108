"""Which responses count as the same, and which as reduced."""

from typing import Any

import pytest

from tools.measure.judge import FIELDS_NAMED, Diagnosis, Outcome, Seen, canonical, difference, judge, lacking, normalised

UUIDS = ("7d9c1b5a-0c1e-4a55-9d58-0f4a2c1d2e3f", "00000000-1111-4222-8333-444444444444")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [2, 1]),
        ({"id": UUIDS[0]}, {"id": UUIDS[1]}),
        ({"id": "xqgf790hS5-nUAnqJ2j0_w"}, {"id": "QrVcYwhJSYmxC4ulLO4V1g"}),
        ({"username": "user-z00001z"}, {"username": "user-z000a9z"}),
        ({"createdTimestamp": 1795458806774}, {"createdTimestamp": 1795458999999}),
        ({"name": "x", "access": {"view": True, "manage": True}}, {"name": "x", "access": {"view": True}}),
        ({"name": "x", "access": {"view": True}}, {"name": "x"}),
        ({"secret": "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"}, {"secret": "z1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"}),
        ({"sid": "a", "sub": "x"}, {"sid": "b", "sub": "x"}),
        ('IssueInstant="2026-11-23T18:00:00.123Z"', 'IssueInstant="2026-11-23T19:11:11.456Z"'),
        ('SessionIndex="GIgC729NODkU8_gg::a"', 'SessionIndex="od8IYh5BXYI36huj::b"'),
        ({"roles": [{"name": "b"}, {"name": "a"}]}, {"roles": [{"name": "a"}, {"name": "b"}]}),
    ],
)
def test_what_differs_between_equal_states_does_not_count(one: Any, other: Any) -> None:
    assert canonical(normalised(one)) == canonical(normalised(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"secret": "**********"}, {"secret": "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"}),
        ({"count": 3}, {"count": 2}),
        ([{"name": "a"}], [{"name": "a"}, {"name": "a"}]),
        ({"access": "granted"}, {"access": "denied"}),
        (True, 1),
        ({"enabled": True}, {"enabled": False}),
    ],
)
def test_what_a_caller_may_or_may_not_see_counts(one: Any, other: Any) -> None:
    assert canonical(normalised(one)) != canonical(normalised(other))


@pytest.mark.parametrize(
    ("base", "got", "words"),
    [
        ([1, 2, 3], [1, 2, 3], ""),
        ([1, 2, 3], [], "no items"),
        ([1, 2, 3], [2, 3], "fewer items"),
        ([{"a": 1}, {"a": 2}], [{"b": 1}], "fewer items, with less in them"),
        ([{"a": 1, "b": 2}], [{"a": 1}], "items without fields: b"),
        ([{"a": 1}], [{"a": 2}], "items with other values"),
        ({"a": 1, "b": 2, "c": 3}, {"a": 1}, "without fields: b, c"),
        ({"a": 1, "b": [1]}, {"a": 1, "b": []}, "less or other in: b"),
        ({f"f{number:02}": 1 for number in range(20)}, {"f01": 1}, "only fields: f01"),
        (5, 3, "another value"),
        ("text", None, "no content"),
    ],
)
def test_a_reduced_response_is_described_without_counts(base: Any, got: Any, words: str) -> None:
    assert difference(base, got) == words


def seen(status: int, body: Any = None, after: Any = None) -> Seen:
    return Seen(status=status, body=body, after=after)


@pytest.mark.parametrize(
    ("base", "got", "outcome"),
    [
        (seen(200, [1]), seen(200, [1]), Outcome.FULL),
        (seen(200, [1]), seen(200, []), Outcome.REDUCED),
        (seen(200, [1]), seen(403), Outcome.REFUSED),
        (seen(200, [1]), seen(404), Outcome.REFUSED),
        (seen(200, [1]), seen(500), Outcome.REFUSED),
        (seen(201, None, {"groups": [200, ["g"]]}), seen(201, None, {"groups": [200, []]}), Outcome.REDUCED),
        (seen(201, None, {"groups": [200, ["g"]]}), seen(201, None, {"groups": [200, ["g"]]}), Outcome.FULL),
        (seen(204), seen(200), Outcome.REDUCED),
        (seen(400), seen(400), Outcome.FULL),
        (seen(400), seen(403), Outcome.REFUSED),
        (seen(400), seen(404), Outcome.REFUSED),
        (seen(302), seen(302), Outcome.FULL),
    ],
)
def test_an_attempt_is_measured_by_realm_admins(base: Seen, got: Seen, outcome: Outcome) -> None:
    assert judge(base, got).outcome is outcome


def test_an_ignored_part_of_a_body_is_named() -> None:
    base = seen(201, None, {"users/groups": [200, ["g"]], "users": [200, {"id": 1}]})
    got = seen(201, None, {"users/groups": [200, []], "users": [200, {"id": 1}]})
    assert judge(base, got) == Diagnosis(outcome=Outcome.REDUCED, status=201, missing="not all of the effect (users/groups: no items)")


def test_outcomes_have_an_order() -> None:
    assert Outcome.REFUSED.rank < Outcome.REDUCED.rank < Outcome.FULL.rank


@pytest.mark.parametrize(
    ("base", "got"),
    [
        ({"version": "1"}, {"version": "1", "memory": {"free": 3}}),
        ({"system": {"version": "1"}}, {"system": {"version": "1", "java": "17"}}),
    ],
)
def test_more_than_realm_admin_sees_is_no_less(base: Any, got: Any) -> None:
    assert difference(base, got) == ""
    assert difference(got, base) != ""
    judged = judge(Seen(status=200, body=base), Seen(status=200, body=got))
    assert judged == Diagnosis(outcome=Outcome.FULL, status=200)


MANY = {f"field{number}": number for number in range(FIELDS_NAMED + 1)}


@pytest.mark.parametrize(
    ("base", "got", "lacks"),
    [
        ({"name": "g", "roles": ["a"], "clientRoles": {"c": ["b"]}}, {"name": "g", "roles": ["a"]}, {"clientRoles"}),
        ({"cpu": 1, "memory": {"free": 1, "total": 2}}, {"cpu": 1, "memory": {"total": 2}}, {"memory.free"}),
        ([{"name": "a", "x": 1, "y": 1}, {"name": "b", "x": 2}], [{"name": "a", "x": 1}, {"name": "b", "x": 2}], {"y"}),
        ({"a": 1}, {"a": 1, "more": 2}, set()),
    ],
    ids=["a field", "a field inside", "a field of items", "nothing"],
)
def test_what_a_useful_answer_lacks_is_named(base: Any, got: Any, lacks: set[str]) -> None:
    assert lacking(base, got) == frozenset(lacks)


@pytest.mark.parametrize(
    ("base", "got"),
    [
        ([{"name": "a", "x": 1}], []),
        ([{"name": "a", "x": 1}, {"name": "b", "x": 1}], [{"name": "a", "x": 1}]),
        ({"realm": "r", "displayName": "R", "lifespan": 1}, {"realm": "r", "displayName": "R"}),
        ([{"name": "a", "x": 1}], [{"name": "a"}]),
        ({"x": 1, **MANY}, {"x": 1}),
        ({"clientMappings": {"c": 1}}, {}),
        ({"count": 2}, {"count": 1}),
        (3, 2),
        (["a", "b"], ["a", "c"]),
    ],
    ids=["emptied", "fewer items", "cut down to its name", "items cut down", "too many", "nothing left", "other", "a number", "others"],
)
def test_an_emptied_or_other_answer_is_of_no_use(base: Any, got: Any) -> None:
    assert lacking(base, got) is None
    assert not judge(Seen(status=200, body=base), Seen(status=200, body=got)).useful


def test_a_change_that_does_less_is_never_useful() -> None:
    base = Seen(status=201, body={"x": 1, "y": 1}, after={"user": [200, {"groups": ["a"]}]})
    got = Seen(status=201, body={"x": 1}, after={"user": [200, {}]})
    judged = judge(base, got)
    assert (judged.outcome, judged.useful, judged.lacks) == (Outcome.REDUCED, False, ())


def test_an_emptied_object_has_no_content() -> None:
    assert difference({"a": 1, "b": 2}, {}) == "no content"
