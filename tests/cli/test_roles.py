"""``kcproxy roles``: the table from every side. The facts named here are those of the users operations, which were measured first."""

import json
from pathlib import Path

import pytest

from kcproxy import catalog
from kcproxy.catalog.queries import differences
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.roles.text import change_text
from tests.cli.running import process, run, run_json

USER = "/admin/realms/{realm}/users/{user-id}"
VERSION = "26.7.4"


def test_the_whole_table_as_json_is_what_is_promised() -> None:
    document = run_json("roles", "--keycloak", VERSION)
    table = catalog.load(VERSION)
    assert document["keycloak"] == VERSION
    assert document["count"] == document["total"] == len(document["operations"]) == len(table.operations)
    promised = {"method", "path", "least", "anyOf", "admits", "features", "basis"}
    assert all(promised <= set(operation) for operation in document["operations"])
    (read,) = [row for row in document["operations"] if (row["method"], row["path"]) == ("GET", USER)]
    assert read["least"] == ["view-users"]
    assert read["anyOf"] == [["view-users"], ["manage-users"]]


@pytest.mark.parametrize("version", catalog.versions())
def test_each_table_says_how_much_of_it_was_measured_and_what_was_not_and_why(version: str) -> None:
    document = run_json("roles", "--keycloak", version)
    counts, undetermined = document["counts"], document["undetermined"]
    assert sum(counts.values()) == document["total"]
    assert counts["undetermined"] == len(undetermined) < 0.02 * document["total"]
    assert all(row["reason"] for row in undetermined)


@pytest.mark.parametrize("path", [USER, "/admin/realms/shop/users/42", "/admin/realms/shop/users/42?userProfileMetadata=true"])
def test_one_call_is_found_by_template_and_by_path(path: str) -> None:
    (operation,) = run_json("roles", "GET", path, "--keycloak", VERSION)["operations"]
    assert (operation["path"], operation["least"]) == (USER, ["view-users"])


def test_one_call_for_people_says_least_others_and_source() -> None:
    result = run("roles", "get", USER, "--keycloak", VERSION)
    assert result.exit_code == Exit.OK
    rows = {label.strip(): value.strip() for label, value in (line[2:].split("  ", 1) for line in result.stdout.splitlines()[1:] if line)}
    assert rows["least"] == "view-users"
    assert rows["also"] == "manage-users"
    assert VERSION in result.stderr


def test_a_path_alone_stands_for_everything_below_it() -> None:
    document = run_json("roles", "/admin/realms/shop/users", "--keycloak", VERSION)
    assert 1 < document["count"] <= document["total"]
    assert all(operation["path"].startswith("/admin/realms/{realm}/users") for operation in document["operations"])


def test_a_method_alone_filters() -> None:
    assert {operation["method"] for operation in run_json("roles", "DELETE")["operations"]} == {"DELETE"}


def test_what_a_role_allows() -> None:
    document = run_json("roles", "--role", "query-users", "--keycloak", VERSION)
    responses = {f"{row['method']} {row['path']}": row["answer"] for row in document["operations"]}
    assert responses["GET /admin/realms/{realm}/users/count"] == "full"
    assert responses["GET /admin/realms/{realm}/users"] == "reduced"
    assert f"GET {USER}" not in responses
    assert document["counts"]["full"] >= 1


def test_roles_together_open_what_both_open() -> None:
    one, both = (run_json("roles", *words) for words in (("--role", "view-users"), ("--role", "view-users", "--role", "manage-users")))
    assert both["counts"]["full"] > one["counts"]["full"]
    assert both["roles"] == ["manage-users", "view-users"]


def test_an_unknown_role_ends_with_4_and_a_suggestion() -> None:
    result = process("roles", "--role", "view-user")
    assert (result.returncode, result.stdout) == (Exit.UNKNOWN, "")
    assert "did you mean view-users?" in result.stderr


def test_an_unknown_operation_ends_with_4_and_the_methods_that_there_are() -> None:
    result = process("roles", "PATCH", "/admin/realms/shop/users/42")
    assert (result.returncode, result.stdout) == (Exit.UNKNOWN, "")
    assert "this path has DELETE, GET, PUT" in result.stderr


CALLS = "GET /admin/realms/shop/users/42\nGET /admin/realms/shop/users/count\nGET /realms/shop/account\n"


def test_the_least_roles_for_a_list_of_calls(tmp_path: Path) -> None:
    file = tmp_path / "calls"
    file.write_text(CALLS, encoding="utf-8")
    document = run_json("roles", "--calls", str(file), "--keycloak", VERSION)
    assert document["least"] == ["view-users"]
    assert [call["line"] for call in document["calls"]] == [1, 2]
    assert [call["path"] for call in document["elsewhere"]] == ["/realms/shop/account"]


def test_a_list_of_calls_comes_from_standard_input_too() -> None:
    result = run("roles", "--calls", "-", "--keycloak", VERSION, typed=CALLS + "PUT /admin/realms/shop/users/42\n")
    assert result.exit_code == Exit.OK
    assert "Least combination: manage-users" in result.stdout


@pytest.mark.parametrize("line", ["GET /admin/realms/shop/no-such-thing", "nonsense"])
def test_calls_that_are_not_known_end_with_4(line: str) -> None:
    assert run("roles", "--calls", "-", typed=CALLS + line + "\n").exit_code == Exit.UNKNOWN


def test_differences_need_a_table_for_both_versions() -> None:
    result = run("roles", "--diff", "1.2.3", VERSION)
    assert result.exit_code == Exit.UNKNOWN
    assert "there is no table for Keycloak 1.2.3" in result.stderr


def test_differences_between_the_oldest_and_the_newest_table() -> None:
    first, last = catalog.versions()[0], catalog.versions()[-1]
    result = run("roles", "--diff", first, last, "--json")
    document = json.loads(result.stdout)
    assert (document["from"], document["to"]) == (first, last)
    assert document["counts"] == {name: len(document[name]) for name in ("added", "removed", "changed")}
    assert f"From Keycloak {first} to {last}" in run("roles", "--diff", first, last).stdout


def test_the_nearest_table_is_taken_and_said() -> None:
    result = run("roles", "GET", USER, "--keycloak", "26.7.0", "--json")
    document = json.loads(result.stdout)
    assert (document["keycloak"], document["asked"]) == (catalog.nearest("26.7.0"), "26.7.0")
    assert "There is no table for Keycloak 26.7.0" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("roles", "--diff", "1", "2", "--calls", "-"),
        ("roles", "--calls", "-", "--role", "x"),
        ("roles", "GET", "PUT"),
        ("roles", "/a", "/b"),
        ("roles", "users"),
        ("roles", "--calls", "/no/such/file"),
    ],
)
def test_contradictory_questions_end_with_2(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == Exit.USAGE


def test_there_is_no_colour_where_nobody_looks_and_narrow_terminals_get_two_lines() -> None:
    wide = run("roles", "/admin/realms/{realm}/users", environ={"COLUMNS": "300"}).stdout
    narrow = run("roles", "/admin/realms/{realm}/users", environ={"COLUMNS": "50"}).stdout
    assert "\x1b" not in wide + narrow
    assert len(narrow.splitlines()) == 2 * len(wide.splitlines())


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        (
            "26.6.4",
            "26.7.4",
            "/clients/{client-uuid}/client-secret",
            "when the client is realm-management: manage-clients → no role is enough",
        ),
        ("26.6.4", "26.7.4", "/users/{user-id}/impersonation", "when the user holds an administrator's roles: impersonation → realm-admin"),
        ("26.6.4", "26.7.4", "/localization", "any role of 26.6.4 but impersonation → any role of 26.7.4 but impersonation"),
    ],
)
def test_a_change_is_described_in_a_few_words(old: str, new: str, path: str, says: str) -> None:
    found = differences(catalog.load(old), catalog.load(new))
    texts = {change_text(change) for change in found.changed if change.entry.operation.path == f"/admin/realms/{{realm}}{path}"}
    assert says in texts


def test_a_misspelt_path_gets_the_one_that_was_probably_meant() -> None:
    done = run("roles", "GET", "/admin/realms/{realm}/usres/{user-id}")
    assert done.exit_code == 4
    assert "did you mean /admin/realms/{realm}/users/{user-id}?" in done.stderr
