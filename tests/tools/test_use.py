"""Least roles of tools: what is compared, what is kept, what the pages say. The runs themselves need a server."""

import json
from pathlib import Path
from typing import Any

import pytest
from keycloak import KeycloakAdmin

from kcproxy import catalog
from kcproxy.usage.needs import entries_by_key
from tools.use import python_keycloak_async
from tools.use.arguments import BY_METHOD, LATE, NOT_RUN
from tools.use.kept import RESULTS, document, keep, kept, merged, unequal
from tools.use.page import FOLDER, TITLES, documents
from tools.use.python_keycloak import arguments, methods
from tools.use.stage import Made
from tools.use.trial import Result, comparable, place_of_difference, plain

MADE = Made(
    flow="f",
    execution="e",
    execution_config="c",
    bare_execution="b",
    organization="o",
    component="k",
    credential="p",
    resource_permission="r",
)
ID, OTHER_ID = "70015000-0000-4000-8000-000000000001", "0a015000-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"id": ID}, {"id": OTHER_ID}),
        ([{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1}]),
        ({"at": 1796076234892}, {"at": 1796076250108}),
        ({"a": 1, "access": {"manage": True}}, {"a": 1}),
    ],
)
def test_ids_times_orders_and_own_rights_are_no_difference(one: Any, other: Any) -> None:
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        ({"result": {"a": [1, 2]}}, {"result": {"a": [1, 3]}}, "result.a[1]"),
        ({"result": {"a": 1}}, {"result": {}}, "result.a"),
        ({"result": [1]}, {"result": []}, "result"),
        ({"result": 1}, {"reports": "KeycloakGetError 403"}, "KeycloakGetError 403"),
        ({"result": {"secret": "one"}}, {"result": {"secret": "two"}}, "result.secret"),
    ],
)
def test_a_difference_is_named_by_its_place_without_values(one: Any, other: Any, place: str) -> None:
    assert place_of_difference(comparable(one), comparable(other)) == place


def test_every_method_of_the_library_is_tried_or_has_a_reason() -> None:
    assert set(LATE) | set(BY_METHOD) <= set(methods())
    assert not set(methods()) & set(NOT_RUN)
    for name in methods():
        assert isinstance(arguments(name, MADE), dict), name


def test_every_asynchronous_method_is_tried_or_has_a_reason() -> None:
    twins = {name for name in vars(KeycloakAdmin) if name.startswith("a_") and not name.startswith("a__")}
    assert {trial.name for trial in python_keycloak_async.trials()} | set(python_keycloak_async.not_run()) == twins


def test_what_removes_objects_comes_last() -> None:
    found = methods()
    assert found[-len(LATE) :] == list(LATE)
    assert found.index("get_users") < found.index("create_user") < found.index("update_user") < found.index("delete_user")


def test_results_are_kept_as_they_were(tmp_path: Path) -> None:
    results = [Result(name="read", least=("view-users",), operations=("GET /x",)), Result(name="odd", least=None, problem="why")]
    found = document("python-keycloak", library="1", keycloak="26.7.5", not_run={"b": "y", "a": "x"}, results=results)
    keep(found, tmp_path)
    (again,) = kept(tmp_path)
    assert again == json.loads(json.dumps(found))
    assert again["trials"] == [
        {"name": "read", "least": ["view-users"], "operations": ["GET /x"]},
        {"name": "odd", "least": None, "operations": [], "problem": "why"},
    ]


def test_a_part_of_a_run_replaces_only_its_own_results(tmp_path: Path) -> None:
    def of(*results: Result) -> dict[str, Any]:
        return document("gocloak", library="1", keycloak="26.7.5", not_run={}, results=results)

    keep(of(Result(name="a", least=()), Result(name="b", least=("view-users",), differs="x")), tmp_path)
    found = merged(of(Result(name="b", least=("view-users",))), ["b", "a"], tmp_path)
    assert [trial["name"] for trial in found["trials"]] == ["b", "a"]
    assert [trial["name"] for trial in merged(of(), ["a"], tmp_path)["trials"]] == ["a"]
    assert unequal(found) == []


def test_what_was_not_equal_is_said() -> None:
    results = [
        Result(name="a", least=("view-users",), differs="result.b"),
        Result(name="b", least=("view-users", "view-realm"), needless=("view-realm",)),
        Result(name="c", least=()),
    ]
    found = document("ansible", library="1", keycloak="26.7.5", not_run={}, results=results)
    assert unequal(found) == ["a: another result with view-users: result.b", "b: the same result without view-realm"]


@pytest.mark.parametrize("found", kept(), ids=lambda found: found["tool"])
def test_every_kept_result_has_a_page_that_names_each_use(found: dict[str, Any]) -> None:
    text = documents()[f"{FOLDER}/{found['tool']}.md"]
    assert found["tool"] in TITLES
    for trial in found["trials"]:
        assert f"`{trial['name']}`" in text
    known = entries_by_key(catalog.load(found["keycloak"]))
    operations = {
        operation.partition(" [")[0] for trial in found["trials"] if trial["least"] is not None for operation in trial["operations"]
    }
    assert operations <= set(known)


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_no_kept_result_has_a_token(file: Path) -> None:
    assert "eyJ" not in file.read_text(encoding="utf-8")


def test_long_texts_are_cut() -> None:
    assert plain(f"a {ID}\n  b") == "a ID b"
    assert len(plain("x" * 9000)) == 2000
