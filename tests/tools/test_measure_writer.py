"""The data file: the same findings, the same bytes."""

import json
from typing import Any

import pytest

from tools.measure.compare import differences
from tools.measure.run import Task
from tools.measure.spec import Operation, Spec
from tools.measure.writer import document, rows

PATH = "/admin/realms/{realm}/users"


def task(method: str = "GET", path: str = PATH, handler: str = "UsersResource#getUsers", body: str = "", **spec: Any) -> Task:
    return Task(operation=Operation(method=method, path=path, handler=handler, body=body), spec=Spec(**spec))


def entry(**changes: Any) -> dict[str, Any]:
    plain = {"anyOf": [["view-users"]], "admits": [["query-users"]], "reduced": {"query-users": "no items"}, "refusal": 403}
    return {**plain, "notes": [], "status": 200, "master": None, "masterRealmRoles": [], **changes}


def written(operations: list[dict[str, Any]]) -> str:
    provenance = {"date": "2026-11-23", "program": "test", "calls": 7}
    return document("26.7.4", provenance=provenance, discovery={}, contains={"b": ["a"], "a": []}, operations=operations)


def test_one_operation_a_line_and_valid_json() -> None:
    text = written([{"method": "GET", "path": "/a"}, {"method": "GET", "path": "/b"}])
    assert len([line for line in text.splitlines() if line.startswith('{"method"')]) == 2
    assert json.loads(text)["roles"] == {"a": [], "b": ["a"]}


def test_rows_are_sorted_by_path_method_and_body() -> None:
    tasks = [task(path="/b"), task("PUT", "/a"), task("GET", "/a")]
    listed = rows(tasks, {given.key: entry() for given in tasks})
    assert [(row["path"], row["method"]) for row in listed] == [("/a", "GET"), ("/a", "PUT"), ("/b", "GET")]


def test_optional_fields_are_left_out() -> None:
    (row,) = rows([task()], {task().key: entry(reduced={})})
    assert list(row) == ["method", "path", "handler", "anyOf", "admits"]


def test_what_was_not_measured_has_a_reason_and_no_sets() -> None:
    (row,) = rows([task()], {task().key: {"undetermined": "not reached"}})
    assert row["undetermined"] == "not reached"
    assert "anyOf" not in row


def test_a_variant_that_needs_the_same_is_left_out() -> None:
    plain, same, other = task(), task(variant="search"), task(variant="exact", when={"queryPresent": ["exact"]}, says="with exact")
    tasks = [plain, Task(operation=plain.operation, spec=same.spec), Task(operation=plain.operation, spec=other.spec)]
    (row,) = rows(tasks, {plain.key: entry(), same.key: entry(), other.key: entry(anyOf=[["manage-users"]])})
    assert [variant["id"] for variant in row["variants"]] == ["exact"]
    assert row["variants"][0]["when"] == {"queryPresent": ["exact"]}


def test_variants_for_single_roles_with_equal_needs_become_one() -> None:
    plain = task()
    tasks = [plain]
    done = {plain.key: entry()}
    for role, needed in (("view-events", "x"), ("manage-events", "x"), ("view-realm", "y")):
        variant = Task(operation=plain.operation, spec=Spec(variant=f"admin-role-{role}", when={"bodyHasAny": {"name": [role]}}, says=role))
        tasks.append(variant)
        done[variant.key] = entry(anyOf=[[needed]])
    (row,) = rows(tasks, done)
    names = {variant["id"]: variant["when"]["bodyHasAny"]["name"] for variant in row["variants"]}
    assert names == {"admin-role-manage-events-and-others": ["manage-events", "view-events"], "admin-role-view-realm": ["view-realm"]}


def test_the_body_is_named_only_where_it_tells_entries_apart() -> None:
    tasks = [task("POST", "/a", body="json"), task("POST", "/a", body="form"), task("POST", "/b", body="json")]
    listed = rows(tasks, {given.key: entry() for given in tasks})
    assert [row.get("body") for row in listed] == ["form", "json", None]


def test_missing_fields_are_listed_if_the_reduced_response_is_useful() -> None:
    thin = {
        "useful": [["view-events"], ["view-users"]],
        "lacks": {"view-events": ["details"]},
        "reduced": {"view-events": "without fields: details"},
    }
    (row,) = rows([task()], {task().key: entry(**thin)})
    assert (row["useful"], row["lacks"]) == (thin["useful"], thin["lacks"])
    (row,) = rows([task()], {task().key: entry(useful=[["view-users"]], lacks={})})
    assert not {"useful", "lacks"} & row.keys()


def test_two_handlers_that_need_the_same_become_one_row() -> None:
    tasks = [task(handler="X#a"), task(handler="X#b")]
    assert len(rows(tasks, {given.key: entry() for given in tasks})) == 1


def test_two_handlers_that_need_different_roles_cannot_be_written() -> None:
    first, second = task(handler="X#a"), task(handler="X#b")
    with pytest.raises(ValueError, match="need different roles"):
        rows([first, second], {first.key: entry(), second.key: entry(anyOf=[["other"]])})


def test_realm_admins_own_error_is_noted() -> None:
    (row,) = rows([task()], {task().key: entry(status=404)})
    assert "404" in row["notes"]


def test_equal_findings_compare_equal_with_any_date() -> None:
    listed = rows([task()], {task().key: entry()})
    first, second = json.loads(written(listed)), json.loads(written(listed))
    second["provenance"] = {"date": "2027-01-01", "program": "other", "calls": 1}
    assert differences(first, second) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"anyOf": [["manage-users"]]}, "anyOf"),
        ({"reduced": {"query-users": "fewer items"}}, "reduced"),
        ({"refusal": 500}, "refusal"),
    ],
)
def test_a_different_finding_is_named(changed: dict[str, Any], words: str) -> None:
    first = json.loads(written(rows([task()], {task().key: entry()})))
    second = json.loads(written(rows([task()], {task().key: entry(**changed)})))
    (line,) = differences(first, second)
    assert line.startswith(f"GET {PATH}: {words}")


def test_an_operation_of_only_one_file_is_named() -> None:
    first = json.loads(written(rows([task()], {task().key: entry()})))
    second = json.loads(written([]))
    assert differences(first, second) == [f"only in the first: GET {PATH}"]


def test_a_variant_for_every_single_role_says_any_role() -> None:
    plain = task()
    tasks, done = [plain], {plain.key: entry()}
    for role in ("view-events", "manage-events"):
        variant = Task(operation=plain.operation, spec=Spec(variant=f"admin-role-{role}", when={"bodyHasAny": {"name": [role]}}, says=role))
        tasks.append(variant)
        done[variant.key] = entry(anyOf=[["realm-admin"]])
    (row,) = rows(tasks, done)
    assert [variant["says"] for variant in row["variants"]] == ["with any role of realm-management"]


def test_what_takes_tokens_of_master_only_says_so() -> None:
    closed = entry(anyOf=[], admits=[], reduced={}, refusal=401, status=401, masterRealmRoles=[["admin"]])
    (row,) = rows([task()], {task().key: closed})
    assert (row["refusal"], row["masterRealmRoles"]) == (401, [["admin"]])
    assert row["notes"] == "takes tokens of the realm master only: every other token gets 401"


def test_a_special_case_that_could_not_be_measured_is_named() -> None:
    plain = task()
    variant = Task(operation=plain.operation, spec=Spec(variant="both", when={"query": {"a": ["true"]}}, says="with a=true"))
    (row,) = rows([plain, variant], {plain.key: entry(), variant.key: {"undetermined": "what is read does not stand still"}})
    assert row["notes"] == "not measured with a=true: what is read does not stand still"
    assert "variants" not in row
