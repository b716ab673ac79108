"""What the loop accepts as the explanation of a refusal, and what it complains of."""

from copy import deepcopy
from typing import Any

import pytest

from tools.fixloop.explained import complaints, explanation_of, first_fix, sets_in
from tools.fixloop.needs import Need
from tools.measure.http import Answer
from tools.measure.spec import Operation

OPERATION = Operation(method="GET", path="/admin/realms/{realm}/users/{user-id}", handler="UserResource#getUser")
SETS = frozenset({frozenset({"view-users"}), frozenset({"manage-users"})})
NEED = Need(any_of=SETS, admits=SETS)
SENTENCE = "service-account-loop may not: view-users is missing."
BODY: dict[str, Any] = {
    "error": "HTTP 403 Forbidden",
    "errorMessage": SENTENCE,
    "explanation": {
        "id": "d-1",
        "cause": "role-missing",
        "summary": SENTENCE,
        "operation": {"method": "GET", "path": OPERATION.path, "realm": "shop"},
        "required": {"least": ["view-users"], "anyOf": [["manage-users"], ["view-users"]], "admits": [["manage-users"], ["view-users"]]},
        "missing": ["view-users"],
        "fixes": [{"summary": "Grant it", "roles": ["view-users"], "kcadm": ["kcadm.sh add-roles"]}],
    },
}
HEADERS = {
    "kcproxy-cause": "role-missing",
    "kcproxy-required-role": "view-users",
    "kcproxy-accepted-roles": "manage-users;view-users",
    "kcproxy-denial-id": "d-1",
    "www-authenticate": 'Bearer error="insufficient_scope"',
}


def answer(*, headers: dict[str, str] | None = None, required: dict[str, Any] | None = None, **changed: Any) -> Answer:
    body = deepcopy(BODY)
    body["explanation"] |= changed
    body["explanation"]["required"] |= required or {}
    return Answer(status=403, body=body, headers=HEADERS | (headers or {}))


def test_a_right_explanation_has_nothing_to_complain_of() -> None:
    assert complaints(answer(), OPERATION, NEED, ("role-missing",)) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (answer(cause="role-revoked"), "cause role-revoked"),
        (answer(operation={"method": "GET", "path": "/admin/realms/{realm}/users"}), "operation"),
        (answer(required={"anyOf": [["view-users"]]}), "anyOf"),
        (answer(required={"admits": [["query-users"]]}), "admits"),
        (answer(missing=["manage-realm"]), "missing"),
        (answer(missing=[]), "missing"),
        (answer(headers={"kcproxy-required-role": "manage-users"}), "Kcproxy-Required-Role"),
        (answer(headers={"kcproxy-accepted-roles": "view-users"}), "Kcproxy-Accepted-Roles"),
        (answer(headers={"kcproxy-denial-id": "d-2"}), "Kcproxy-Denial-Id"),
        (answer(headers={"www-authenticate": ""}), "WWW-Authenticate"),
        (answer(summary="another sentence"), "no sentence"),
        (answer(fixes=[]), "no fix"),
    ],
)
def test_each_part_that_is_wrong_is_complained_of(wrong: Answer, named: str) -> None:
    found = complaints(wrong, OPERATION, NEED, ("role-missing",))
    assert any(line.startswith(named) for line in found), found


@pytest.mark.parametrize("body", [None, "text", {"error": "HTTP 403 Forbidden"}, {"explanation": "no object"}])
def test_an_answer_without_explanation_is_complained_of(body: Any) -> None:
    bare = Answer(status=403, body=body)
    assert complaints(bare, OPERATION, NEED, ("role-missing",)) == ["the 403 has no explanation"]
    assert explanation_of(bare) == {}
    assert first_fix(bare) == {}


def test_sets_of_roles_are_read_from_the_header() -> None:
    assert sets_in("a,b;c") == {frozenset({"a", "b"}), frozenset({"c"})}
    assert sets_in("") == frozenset()


def test_the_least_set_may_be_one_with_a_useful_answer_that_is_not_full() -> None:
    useful = Need(any_of=frozenset({frozenset({"manage-users"})}), admits=SETS, useful=SETS)
    full_only = Need(any_of=useful.any_of, admits=SETS)
    given = answer(required={"anyOf": [["manage-users"]]}, headers={"kcproxy-accepted-roles": "manage-users"})

    assert complaints(given, OPERATION, useful, ("role-missing",)) == []
    assert complaints(given, OPERATION, full_only, ("role-missing",)) == ["missing ['view-users']"]
