"""In a realm with fine-grained admin permissions, only realm-admin assigns roles of realm-management. Measured on six versions."""

from typing import Any

import pytest

from devkit.explain.cases import held
from devkit.explain.stage import CLIENT_UUID, USER_ID, ask, causes
from kcproxy import catalog as catalogs
from kcproxy.model import Cause, Confidence, Explanation, Facts

REALM = "/admin/realms/demo"
MAP = f"{REALM}/users/{USER_ID}/role-mappings/clients/{CLIENT_UUID}"
COMPOSITES = f"{REALM}/roles/staff/composites"
CALLS = [
    ("POST", MAP),
    ("DELETE", MAP),
    ("POST", f"{REALM}/groups/{USER_ID}/role-mappings/clients/{CLIENT_UUID}"),
    ("POST", COMPOSITES),
    ("DELETE", COMPOSITES),
    ("POST", f"{REALM}/roles-by-id/{USER_ID}/composites"),
    ("POST", f"{REALM}/clients/{CLIENT_UUID}/roles/staff/composites"),
]


def asked(method: str, path: str, *roles: str, version: str = "26.7.5", looked_up: bool = True, **facts: Any) -> Explanation:
    known = Facts(granted=roles, full_scope=True, **facts) if looked_up else None
    explanation = ask(
        method,
        path,
        caller=held(*roles),
        catalog=catalogs.catalog_for(version),
        keycloak_version=version,
        facts=known,
        for_operator=True,
        sent=[{"id": "r1", "name": "view-users", "clientRole": True, "containerId": CLIENT_UUID}],
    )
    assert explanation is not None
    return explanation


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("roles", [(), ("manage-users",), ("manage-users", "manage-clients", "manage-realm")], ids=len)
def test_no_other_role_lets_a_caller_assign_them_and_none_is_advised(method: str, path: str, roles: tuple[str, ...]) -> None:
    explanation = asked(method, path, *roles, admin_permissions_enabled=True, roles_are_built_in=True)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ESCALATION_GUARD, Confidence.CERTAIN)
    assert "only realm-admin can assign" in explanation.summary
    assert [fix.roles for fix in explanation.fixes] == [()]
    assert "realm-admin do this once" in explanation.fixes[0].summary


@pytest.mark.parametrize("roles", [(), ("manage-users",)], ids=len)
def test_with_permissions_off_the_measured_roles_count(roles: tuple[str, ...]) -> None:
    explanation = asked("POST", MAP, *roles, admin_permissions_enabled=False, roles_are_built_in=True)

    assert "only realm-admin" not in explanation.summary
    assert explanation.verdict.cause is (Cause.ESCALATION_GUARD if roles else Cause.ROLE_MISSING) or "manage-users" in roles


@pytest.mark.parametrize("looked_up", [True, False])
def test_while_the_switch_is_unknown_nothing_is_certain_and_both_are_named(*, looked_up: bool) -> None:
    explanation = asked("POST", MAP, looked_up=looked_up)

    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert {Cause.ROLE_MISSING.value, Cause.ESCALATION_GUARD.value} <= set(causes(explanation))


@pytest.mark.parametrize(
    ("version", "method", "path", "expected"),
    [
        ("26.2.5", "POST", MAP, False),
        ("26.3.5", "POST", MAP, True),
        ("26.6.4", "POST", COMPOSITES, True),
        ("26.6.4", "DELETE", COMPOSITES, False),
        ("26.6.4", "DELETE", MAP, True),
        ("26.7.5", "POST", f"{REALM}/clients/{CLIENT_UUID}/scope-mappings/clients/{CLIENT_UUID}", False),
    ],
)
def test_it_is_said_of_the_versions_and_calls_that_were_measured(version: str, method: str, path: str, *, expected: bool) -> None:
    explanation = asked(method, path, version=version, admin_permissions_enabled=True, roles_are_built_in=True)

    assert ("only realm-admin" in explanation.summary) is expected


def test_a_role_with_such_a_name_of_another_client_is_not_meant() -> None:
    explanation = asked("POST", MAP, admin_permissions_enabled=True, roles_are_built_in=False)

    assert "only realm-admin" not in explanation.summary
