"""Which calls the loop makes: every operation of the table, and every variant that the table keeps."""

import json

import pytest

from tools.fixloop.__main__ import VERSIONS, sampled
from tools.fixloop.needs import DATA, Case, cases_of, need_of
from tools.measure.run import Task
from tools.measure.spec import Operation, Spec


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def by_name(version: str) -> dict[str, Case]:
    return {case.name: case for case in cases_of(version)}


def test_every_line_of_the_table_and_every_variant_of_one_is_called(version: str) -> None:
    cases = cases_of(version)
    operations = json.loads((DATA / f"{version}.json").read_text())["operations"]
    called = {(case.task.operation.method, case.task.operation.path) for case in cases}
    assert {(row["method"], row["path"]) for row in operations} == called
    assert len([case for case in cases if not case.task.spec.variant]) >= len(operations)
    variants = sum(len(row.get("variants", ())) for row in operations)
    assert len([case for case in cases if case.task.spec.variant]) >= variants


def test_no_two_calls_have_the_same_key(version: str) -> None:
    keys = [case.key for case in cases_of(version)]
    assert len(keys) == len(set(keys))


def test_a_need_that_depends_on_the_target_shows_the_plain_line() -> None:
    case = by_name("26.7.4")["GET /admin/realms/{realm}/roles-by-id/{role-id} when the role belongs to a client"]
    assert case.need.hidden
    assert frozenset({"view-clients"}) in case.need.any_of
    assert frozenset({"view-realm"}) in case.need.shown.any_of


def test_a_need_that_depends_on_the_body_shows_itself() -> None:
    case = by_name("26.7.4")[
        "POST /admin/realms/{realm}/users/{user-id}/role-mappings/clients/{client-id} with manage-events of realm-management"
    ]
    assert not case.need.hidden
    assert case.need.shown is case.need
    assert all("manage-users" in roles or "realm-admin" in roles for roles in case.need.any_of)


ROW = {
    "method": "POST",
    "path": "/admin/realms/{realm}/things",
    "anyOf": [["manage-realm"]],
    "admits": [["manage-realm"]],
    "variants": [
        {
            "id": "admin-role-a-and-others",
            "when": {"bodyHasAny": {"name": ["a", "b"]}},
            "says": "with a role",
            "anyOf": [["x"]],
            "admits": [["x"]],
        }
    ],
}
OPERATION = Operation(method="POST", path="/admin/realms/{realm}/things", handler="Things#make")


@pytest.mark.parametrize(
    ("variant", "roles"),
    [("", {frozenset({"manage-realm"})}), ("admin-role-b", {frozenset({"x"})}), ("admin-role-c", None), ("brief", None)],
    ids=["the plain call", "one of a joined variant", "a role that needs nothing else", "a variant that the table does not keep"],
)
def test_a_variant_is_called_where_the_table_keeps_it(variant: str, roles: set[frozenset[str]] | None) -> None:
    need = need_of(ROW, Task(operation=OPERATION, spec=Spec(variant=variant)))
    assert (need.any_of if need else None) == roles


def test_an_undetermined_line_is_no_need() -> None:
    need = need_of({"method": "GET", "path": "/x", "undetermined": "no fixture"}, Task(operation=OPERATION, spec=Spec()))
    assert need is not None
    assert need.undetermined == "no fixture"
    assert need.closed


def test_the_sample_for_the_shell_is_spread_over_what_commands_can_open() -> None:
    cases = cases_of("26.7.4")
    chosen = sampled(cases, 25)
    assert len(chosen) == 25
    needs = {case.key: case.need for case in cases}
    assert not any(needs[key].open_to_all or needs[key].shown.closed for key in chosen)
    assert {"GET", "POST", "PUT", "DELETE"} <= {key.split(" ")[0] for key in chosen}
