"""The table of calls covers what the enumeration lists."""

import re
from pathlib import Path

import pytest

from tools.measure.behind import Features
from tools.measure.recipes import RULES
from tools.measure.run import OPERATIONS, Journal, operations_of, spec_of, tasks_of
from tools.measure.spec import PARAMETER, Operation, path_template
from tools.measure.stage import BUILDERS, PLACEHOLDER, Names, Version
from tools.measure.variants import REPRESENTATIVES, VARIANTS
from tools.measure.workbench import views_of

VERSIONS = sorted(path.stem for path in OPERATIONS.glob("[0-9]*.json"))
NEWEST = Version(text=VERSIONS[-1])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_parameter_of_every_operation_has_a_fixture(version: str) -> None:
    for operation in operations_of(version):
        template = path_template(operation, spec_of(operation, Version(text=version)), RULES)
        left = [name for name in PLACEHOLDER.findall(template) if name not in ("realm", "n") and not _has_builder(name)]
        assert not left, f"{operation.key}: {template}"


def _has_builder(key: str) -> bool:
    return (
        key in BUILDERS
        or key.rsplit(".", 1)[0] in BUILDERS
        or key in {"session", "offline-session", "second-execution"}
        or key.startswith("management.")
    )


def test_every_variant_belongs_to_an_operation_of_some_version() -> None:
    known = {f"{operation.method} {operation.short}" for version in VERSIONS for operation in operations_of(version)}
    assert set(VARIANTS) <= known


def test_variants_have_different_names() -> None:
    for operation, specs in VARIANTS.items():
        names = [spec.variant for spec in specs]
        assert len(names) == len(set(names)), operation
        assert all(spec.when and spec.says for spec in specs), operation


def test_conditions_use_the_closed_vocabulary() -> None:
    used = {key for specs in VARIANTS.values() for spec in specs for key in spec.when}
    assert used <= {"query", "queryPresent", "bodyPresent", "bodyHasAny", "parameterIs", "target"}


@pytest.mark.parametrize("version", VERSIONS)
def test_operations_behind_features_name_them(version: str) -> None:
    behind = [task for task in tasks_of(Version(text=version)) if task.spec.features]
    assert behind
    assert {name for task in behind for name in task.spec.features} <= set(Features(version).to_switch_on())


def test_the_two_same_named_parameters_of_a_path_are_filled_by_position() -> None:
    path = "/admin/realms/{realm}/clients/{client-uuid}/authz/resource-server/policy/{type}/{type}"
    operation = Operation(method="GET", path=path, handler="X#y")
    filled = path_template(operation, spec_of(operation, NEWEST), RULES)
    assert filled.endswith("/clients/{az-client}/authz/resource-server/policy/user/{az-policy}")


def test_a_version_with_an_older_representation_gets_its_own_call() -> None:
    operation = Operation(method="PUT", path="/admin/realms/{realm}/workflows/{id}", handler="WorkflowResource#update")
    older, newer = (spec_of(operation, Version(text=version)) for version in ("26.4.7", "26.5.6"))
    assert older.json["uses"] == "event-based-workflow"
    assert "uses" not in newer.json


def test_an_unknown_parameter_is_an_error_that_names_it() -> None:
    operation = Operation(method="GET", path="/admin/realms/{realm}/novelties/{novelty}", handler="X#y")
    with pytest.raises(KeyError, match="novelty"):
        path_template(operation, spec_of(operation, NEWEST), RULES)


def test_changes_of_users_show_in_the_users_state() -> None:
    operation = Operation(method="PUT", path="/admin/realms/{realm}/users/{user-id}", handler="X#y")
    assert "~/users/{user}/role-mappings" in views_of(operation, spec_of(operation, NEWEST))


def test_suffixes_never_repeat_and_have_the_shape_that_is_normalised_away() -> None:
    names = Names()
    made = [names.next() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(re.fullmatch(r"z[0-9a-z]{5}z", name) for name in made)


def test_a_journal_goes_on_where_it_stopped_but_tries_the_undetermined_again(tmp_path: Path) -> None:
    first = Journal(path=tmp_path / "journal.jsonl")
    first.add({"key": "a", "anyOf": []})
    first.add({"key": "b", "undetermined": "unstable"})
    first.add({"key": "c", "anyOf": []})
    first.add({"key": "c", "undetermined": "unstable, when it was done again"})
    first.note("calls", 12)
    second = Journal(path=first.path)
    second.load()
    assert set(second.done) == {"a"}
    assert set(second.left) == {"b", "c"}
    assert second.facts == {"calls": 12}


def test_a_journal_lacks_no_single_role_that_is_known_to_make_no_difference(tmp_path: Path) -> None:
    tasks = {task.key: task for task in tasks_of(NEWEST, r"^POST \S+/roles-by-id/\{role-id\}/composites ")}
    plain = next(key for key in tasks if " #" not in key)
    other, named = f"{plain} #admin-role-view-events", [f"{plain} #admin-role-{role}" for role in REPRESENTATIVES]
    journal = Journal(path=tmp_path / "journal.jsonl")
    assert journal.lacks(tasks[plain])
    assert journal.lacks(tasks[other])
    journal.note("roles", {role: [] for role in ("view-events", *REPRESENTATIVES)})
    for key in (plain, *named):
        journal.add({"key": key, "anyOf": [["manage-realm"]]})
    assert not any(journal.lacks(tasks[key]) for key in (plain, *named, other))
    journal.add({"key": named[0], "anyOf": [["realm-admin"]]})
    assert journal.lacks(tasks[other])
    assert not journal.lacks(tasks[f"{plain} #admin-role-query-realms"])


def test_path_parameters_are_recognised_with_their_own_names() -> None:
    assert PARAMETER.findall("/admin/realms/{realm}/users/{user-id}") == ["realm", "user-id"]
