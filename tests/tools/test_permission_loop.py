"""The loop of permissions: its calls are those of the table, and its page counts what was found."""

import pytest

from kcproxy.catalog.permissions import load_permissions
from tools.permissions.loop.__main__ import cases_of
from tools.permissions.loop.attempt import name_of
from tools.permissions.loop.page import documents
from tools.permissions.loop.results import RESULTS, Kind, Result, kept, replaced


@pytest.mark.parametrize("version", ["26.7.5", "26.4.7"])
def test_every_call_that_permissions_open_is_tried(version: str) -> None:
    cases = cases_of(version)
    tried = {(task.operation.method, task.operation.path) for task in cases if not task.spec.variant}
    opened = {(entry.method, entry.path) for entry in load_permissions(version).entries if entry.need.opening}
    assert tried == opened
    assert len({task.key for task in cases}) == len(cases)


def test_calls_that_permissions_do_not_open_are_left_out() -> None:
    names = {name_of(task) for task in cases_of("26.7.5")}
    assert "PUT /admin/realms/{realm}/users/{user-id}/reset-password" in names
    assert "GET /admin/realms/{realm}/keys" not in names


def test_the_page_has_the_counts_of_the_kept_runs() -> None:
    (page,) = documents().values()
    for file in RESULTS.glob("*.json"):
        run = kept(file.stem)
        assert sum(run["counts"].values()) == run["calls"]
        assert len([item for item in run["exceptions"] if item["kind"] != Kind.FIXED]) == run["calls"] - run["counts"]["fixed"]
        assert f"| {run['keycloak']} | {run['date']} | {run['calls']} | {run['counts']['fixed']} |" in page


@pytest.mark.parametrize("version", [file.stem for file in RESULTS.glob("*.json")])
def test_no_call_of_a_kept_run_failed(version: str) -> None:
    assert [item for item in kept(version)["exceptions"] if item["kind"] == Kind.FAILED] == []


def test_a_call_that_is_made_again_replaces_its_exception_only() -> None:
    run = {
        "calls": 3,
        "counts": {"fixed": 1, "let in": 0, "role": 1, "other": 0, "failed": 1},
        "controls": 1,
        "scopes": 2,
        "certain": 1,
        "exceptions": [
            {"name": "GET /a", "kind": "failed", "reason": "a timeout", "control": False, "scopes": 0, "confidence": ""},
            {"name": "GET /b", "kind": "role", "reason": "a role", "control": False, "scopes": 0, "confidence": "certain"},
        ],
    }
    again = [Result(name=name, kind=Kind.FIXED, control=True, scopes=1, confidence="certain") for name in ("GET /a", "GET /c")]

    now = replaced(run, again)

    assert now["counts"] == {"fixed": 2, "let in": 0, "role": 1, "other": 0, "failed": 0}
    assert (now["calls"], now["controls"], now["scopes"], now["certain"]) == (3, 2, 3, 2)
    assert [item["name"] for item in now["exceptions"]] == ["GET /b"]
    assert now["again"] == [{"name": "GET /a", "first": "failed: a timeout"}]
