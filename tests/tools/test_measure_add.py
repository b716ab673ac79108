"""One command for a new version: what is measured again, what stays, and the changelog's line."""

from typing import Any

import pytest

from tools.measure.add import CHANGELOG, STEPS, with_version
from tools.measure.kept import merged, renewed
from tools.measure.run import Task
from tools.measure.spec import Operation, Spec

LINE = "- The role tables were measured on Keycloak 24.0.5, 26.7.4.\n"


def task(method: str, path: str) -> Task:
    return Task(operation=Operation(method=method, path=path, handler="X#y"), spec=Spec())


def row(method: str, path: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, "anyOf": [["view-users"]], "admits": [["view-users"]], **more}


def test_the_changelog_names_the_version_once_in_order() -> None:
    once = with_version(f"a\n{LINE}b\n", "26.7.5")
    assert once == "a\n- The role tables were measured on Keycloak 24.0.5, 26.7.4, 26.7.5.\nb\n"
    assert with_version(once, "26.7.5") == once
    assert "24.0.5, 26.4.7, 26.7.4, 26.7.5" in with_version(once, "26.4.7")


def test_a_changelog_without_the_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="no line"):
        with_version("# Changelog\n", "26.7.5")


def test_the_projects_changelog_has_the_line() -> None:
    assert with_version(CHANGELOG.read_text(), "99.0.0") != CHANGELOG.read_text()


def test_the_steps_lead_from_the_number_to_the_tests() -> None:
    assert [step.name for step in STEPS] == ["operations", "measurement", "26.8, documented", "documents", "changelog", "tests"]


@pytest.mark.parametrize(
    ("line", "again"),
    [
        (row("GET", "/a"), False),
        (row("GET", "/a", admits=[["query-users"]], reduced={"query-users": "no items"}), True),
        (row("GET", "/a", variants=[{"anyOf": [["x"]], "admits": [["y"]]}]), True),
        (row("GET", "/a", master={"anyOf": [["x"]], "admits": [["y"]]}), True),
        ({"method": "GET", "path": "/a", "undetermined": "no end"}, True),
        (row("POST", "/a", admits=[["query-users"]]), False),
    ],
    ids=["full", "thinner", "a thinner case", "thinner for master", "undetermined", "a change"],
)
def test_reads_with_reduced_responses_are_measured_again(line: dict[str, Any], again: bool) -> None:
    found = renewed({"operations": [line]}, [task(line["method"], "/a")])
    assert bool(found) is again


@pytest.mark.parametrize("path", ["/admin/realms/{realm}", "/admin/realms", "/admin/realms/{realm}/ui-ext/effective-roles/clients/{id}"])
def test_readings_whose_fixtures_grew_are_measured_again(path: str) -> None:
    assert renewed({"operations": [row("GET", path)]}, [task("GET", path)])


def test_what_was_not_measured_now_stays_as_it_was() -> None:
    known = {"operations": [row("GET", "/a", notes="old"), row("GET", "/b", notes="old")]}
    new = [row("GET", "/a", notes="new"), {"method": "GET", "path": "/b", "undetermined": "not measured"}]
    assert [line["notes"] for line in merged(known, new)] == ["new", "old"]


def test_what_could_not_be_determined_now_does_not_keep_the_old_answer() -> None:
    known = {"operations": [row("GET", "/a")]}
    (line,) = merged(known, [{"method": "GET", "path": "/a", "undetermined": "no end within 900 seconds"}])
    assert line["undetermined"]
