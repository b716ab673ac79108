"""The measured tables against what Keycloak's own tests say; each difference was settled by asking a real server."""

import re
from collections.abc import Iterator

import pytest

from kcproxy import catalog
from kcproxy.catalog import Catalog, Entry
from kcproxy.model import Requirement
from tests.catalog.keycloak_rules import FAMILIES, MAPPED_BY_MANAGE_USERS, NOT_MAPPED_BY_MANAGE_USERS, SINGLE, Numbers

VERSIONS = tuple(version for version in catalog.versions() if version != "26.8")
NOBODY = "-"
MAPPING = ("POST ~/users/{}/role-mappings/clients/{}", "DELETE ~/users/{}/role-mappings/clients/{}")
OF_26_7 = ("26.7.4", "26.7.5")
EMPTY_LIST = (
    "Keycloak's test sends an empty list, which manage-clients may; for any realm role in it the real server wants manage-realm, too"
)
CLIENT_IS_VIEWED = "26.7 wants to see the client as well, whichever it is; the test was read at an older state"
MEMBER_IS_VIEWED = "26.7 wants to see the user as well; the test was read at another state"
EXPORT_IS_CHANGED = "the test was read at a state before 24.0; 24.0.5 wants manage-realm, as the tests of later versions do"
ONLY_REALM_ADMIN = (
    "26.4 lets nobody but realm-admin map any role of realm-management; the test runs with another version of fine-grained permissions"
)

SETTLED: dict[tuple[str, str], dict[str, str]] = {
    **{
        (f"{method} {owner}/scope-mappings/realm", "manage-clients"): dict.fromkeys(("26.6.4", *OF_26_7), EMPTY_LIST)
        for method in ("POST", "DELETE")
        for owner in ("~/clients/{}", "~/client-scopes/{}")
    },
    **{
        (f"GET ~/{owner}/{{}}/role-mappings/clients/{{}}{leaf}", role): dict.fromkeys(OF_26_7, CLIENT_IS_VIEWED)
        for owner in ("users", "groups")
        for leaf in ("", "/composite")
        for role in ("view-users", "manage-users")
    },
    ("POST ~/partial-export", "view-realm"): dict.fromkeys(("24.0.5", "25.0.6"), EXPORT_IS_CHANGED),
    ("GET ~/organizations/members/{}/organizations", "query-organizations"): dict.fromkeys(OF_26_7, MEMBER_IS_VIEWED),
    **{
        (f"{operation} with {role}", "manage-users"): {"26.4.7": ONLY_REALM_ADMIN}
        for operation in MAPPING
        for role in MAPPED_BY_MANAGE_USERS
    },
}
"""Operation and roles, and for each version where the table says something else the reason."""

Cell = tuple[str, str, bool, bool]
"""Operation, roles, whether Keycloak's tests let them in, whether the table does."""


@pytest.mark.parametrize("version", VERSIONS)
def test_keycloaks_own_tests_and_the_table_agree_or_the_difference_is_settled(version: str) -> None:
    different = {(operation, roles) for operation, roles, said, found in cells(version) if said is not found}
    assert different == {cell for cell, reasons in SETTLED.items() if version in reasons}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_is_asked_about_many_cells(version: str) -> None:
    assert len(list(cells(version))) > 1000


def cells(version: str) -> Iterator[Cell]:
    """Every statement of Keycloak's tests on a version, beside the table's."""
    table = catalog.load(version)
    rows = _rows(table)
    for operation, roles, said, variant in _said(tuple(int(part) for part in version.split("."))):
        assert operation in rows, f"{version} has no {operation}"
        for entry in rows[operation]:
            yield operation, roles, said, _lets_in(table, _of(entry, variant), roles)
    for operation in MAPPING:
        for role in (*MAPPED_BY_MANAGE_USERS, *NOT_MAPPED_BY_MANAGE_USERS):
            (entry,) = rows[operation]
            needs = entry.pick(query={}, body=[{"name": role}], master=False)
            yield f"{operation} with {role}", "manage-users", role in MAPPED_BY_MANAGE_USERS, _lets_in(table, needs, "manage-users")


def _said(numbers: Numbers) -> Iterator[tuple[str, str, bool, str]]:
    for family in FAMILIES:
        if family.since <= numbers < family.until:
            for text, viewer_may, others_may_not in (
                (family.view, True, True),
                (family.view_shared, True, False),
                (family.manage, False, True),
            ):
                for operation in text.strip().splitlines():
                    name = operation.strip()
                    yield from ((name, roles, False, "") for roles in (NOBODY, *(family.area.others if others_may_not else ())))
                    yield from ((name, roles, True, "") for roles in ("realm-admin", family.area.manage))
                    yield name, family.area.view, viewer_may, ""
    for rule in SINGLE:
        if rule.since <= numbers < rule.until:
            for operation in rule.operations:
                yield from ((operation, roles, True, rule.variant) for roles in rule.lets_in)
                yield from ((operation, roles, False, rule.variant) for roles in rule.refuses)


def _rows(table: Catalog) -> dict[str, list[Entry]]:
    rows: dict[str, list[Entry]] = {}
    for entry in table.operations:
        path = entry.operation.path.replace("/admin/realms/{realm}", "~", 1)
        rows.setdefault(f"{entry.operation.method} {re.sub(r'{[^}]*}', '{}', path)}", []).append(entry)
    return rows


def _of(entry: Entry, variant: str) -> Requirement:
    return next((each.requirement for each in entry.variants if each.id == variant), entry.requirement)


def _lets_in(table: Catalog, requirement: Requirement, roles: str) -> bool:
    held = () if roles == NOBODY else tuple(roles.split("+"))
    return table.satisfies(held, requirement.admits)
