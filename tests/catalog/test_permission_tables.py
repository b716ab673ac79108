"""The tables of permissions: every file keeps to its format, and says what was seen by hand."""

import json
from collections.abc import Iterator
from importlib import resources

import pytest

from kcproxy import catalog
from kcproxy.catalog.permissions import (
    Levels,
    PermissionEntry,
    PermissionNeed,
    PermissionTable,
    Term,
    TermSet,
    first_edition,
    load_permissions,
    parse_permissions,
    permission_versions,
)
from kcproxy.errors import CatalogError

TABLES = [load_permissions(version) for version in permission_versions()]
R = "/admin/realms/{realm}"


def needs(table: PermissionTable) -> Iterator[tuple[PermissionEntry, PermissionNeed]]:
    for entry in table.entries:
        yield entry, entry.need
        for variant in entry.variants:
            yield entry, variant.need


def levels(need: PermissionNeed) -> list[Levels]:
    return [need.levels] if need.with_query_role is None else [need.levels, need.with_query_role]


def terms(need: PermissionNeed) -> Iterator[Term]:
    for level in levels(need):
        for sets in (level.any_of, level.shows, level.admits):
            for chosen in sets:
                yield from chosen


def gives(larger: TermSet, smaller: TermSet) -> bool:
    """Whether a set gives all that another one does: a scope for all objects gives it for each."""
    return all(term in larger or Term(type=term.type, scope=term.scope) in larger for term in smaller)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.version)
def test_every_term_is_a_scope_that_the_server_lists_or_a_role(table: PermissionTable) -> None:
    for entry, need in needs(table):
        for term in terms(need):
            if term.role:
                assert term.role in table.query_roles or "-" in term.role, entry
            else:
                assert term.scope in table.types[term.type], entry
                assert not term.object or need.objects[term.object].type == term.type, entry


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.version)
def test_sets_are_minimal_and_what_gets_all_is_let_in(table: PermissionTable) -> None:
    for entry, need in needs(table):
        for level in levels(need):
            for sets in (level.any_of, level.shows, level.admits):
                assert not any(one != other and gives(one, other) for one in sets for other in sets), entry
            assert all(any(gives(full, less) for less in level.shows) for full in level.any_of), entry
            assert all(any(gives(shown, less) for less in level.admits) for shown in level.shows), entry


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.version)
def test_a_table_has_the_operations_of_the_role_table(table: PermissionTable) -> None:
    line = [version for version in catalog.versions() if version.rpartition(".")[0] == table.version.rpartition(".")[0]]
    known = {(entry.operation.method, entry.operation.path, entry.operation.body) for entry in catalog.load(line[-1]).operations}

    assert {(entry.method, entry.path, entry.body) for entry in table.entries} == known


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.version)
def test_what_was_not_measured_is_behind_a_feature_or_says_why(table: PermissionTable) -> None:
    unknown = [entry for entry in table.entries if entry.need.undetermined is not None]

    assert len(unknown) <= len(table.entries) // 8
    assert all(entry.need.undetermined for entry in unknown)


def full(table: PermissionTable, method: str, path: str) -> list[list[str]]:
    entry = table.find(method, f"{R}{path}")
    assert entry is not None
    return [[str(term) for term in terms] for terms in entry.need.levels.any_of]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.version)
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/users/{user-id}", [["Users.view@user"]]),
        ("PUT", "/users/{user-id}", [["Users.manage@user"]]),
        ("POST", "/users", [["Users.manage"]]),
        ("PUT", "/users/{user-id}/groups/{groupId}", [["Groups.manage-membership@group", "Users.manage-group-membership@user"]]),
        ("GET", "/clients/{client-uuid}/client-secret", [["Clients.view@client"]]),
        ("POST", "/roles", []),
        ("PUT", "/default-groups/{groupId}", []),
        ("GET", "/events", []),
        ("POST", "/components", []),
    ],
)
def test_known_needs(table: PermissionTable, method: str, path: str, expected: list[list[str]]) -> None:
    assert full(table, method, path) == expected


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.version)
def test_lists_show_something_only_with_a_role_that_lets_query(table: PermissionTable) -> None:
    entry = table.find("GET", f"{R}/users")

    assert entry is not None
    shows = [[str(term) for term in terms] for terms in entry.need.levels.shows]
    is_early = table.version.startswith(("26.2.", "26.3.", "26.4."))
    by_group = [["Groups.view", "query-users"]] if is_early else []  # view of a group lists its members there
    assert sorted(shows) == sorted([["Users.view"], ["Users.view@user", "query-users"], *by_group])
    assert ("query-users",) in [tuple(str(term) for term in terms) for terms in entry.need.levels.admits]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.version)
def test_scopes_of_a_group_stand_for_scopes_of_its_members(table: PermissionTable) -> None:
    assert table.through_groups["Users.view"] == ("Groups.view-members",)
    assert table.through_groups["Users.manage"] == ("Groups.manage-members",)
    assert table.through_groups["Users.impersonate"] == ("Groups.impersonate-members",)


@pytest.mark.parametrize("text", ["query-users", "Users.view", "Users.view@user", "Groups.manage-membership-of-members@organization.group"])
def test_a_term_is_written_as_it_was_read(text: str) -> None:
    assert str(Term.read(text)) == text


def test_an_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CatalogError, match=r"no table of permissions for Keycloak 1\.0\.0: there are 26"):
        load_permissions("1.0.0")


def test_a_file_of_another_schema_is_refused() -> None:
    with pytest.raises(CatalogError, match="schema 2: this program reads 1"):
        parse_permissions({"schema": 2})


@pytest.mark.parametrize("row", [{"method": "GET", "path": "/x"}, {"method": "GET", "path": "/x", "admits": [], "anyOf": 3}])
def test_a_row_that_breaks_the_format_is_named(row: dict[str, object]) -> None:
    document = {"schema": 1, "keycloak": "26.7.5", "types": {}, "throughGroups": {}, "queryRoles": [], "operations": [row]}

    with pytest.raises(CatalogError, match=r"permissions of Keycloak 26\.7\.5, GET /x"):
        parse_permissions(document)


@pytest.mark.parametrize("version", permission_versions())
def test_a_file_has_one_operation_a_line_in_order(version: str) -> None:
    text = (resources.files("kcproxy.catalog") / "data" / "permissions" / f"{version}.json").read_text(encoding="utf-8")
    rows = [json.loads(line.rstrip(",")) for line in text.splitlines() if line.startswith('{"method"')]

    assert len(rows) == len(load_permissions(version).entries)
    assert rows == sorted(rows, key=lambda row: (row["path"], row["method"], row.get("body", "")))


def test_the_first_edition_names_the_feature_and_the_versions() -> None:
    known = first_edition()

    assert known["feature"] == "admin-fine-grained-authz"
    assert set(permission_versions()) <= set(known["versions"])
