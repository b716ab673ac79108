"""Composites: what the call requires depends on the owner of the role in the path and on the owners of the roles in the body."""

from typing import Any

import pytest

from devkit.explain.cases import held
from devkit.explain.stage import CLIENT_UUID, ask
from kcproxy import catalog as catalogs
from kcproxy.model import Cause, Confidence, Explanation, Facts

REALM = "/admin/realms/demo"
BY_NAME, BY_ID = f"{REALM}/roles/staff/composites", f"{REALM}/roles-by-id/r0/composites"
OF_CLIENT = f"{REALM}/clients/{CLIENT_UUID}/roles/staff/composites"
ROLE: dict[str, Any] = {"id": "c0-a", "name": "c0-a"}
SAID = {"clientRole": True, "containerId": CLIENT_UUID}
OF_REALM = {"clientRole": False}
BOTH, CLIENTS, REALM_ONLY = ("manage-clients", "manage-realm"), ("manage-clients",), ("manage-realm",)


def asked(path: str, role: dict[str, Any], *, method: str = "POST", for_operator: bool = True, **facts: Any) -> Explanation:
    known = Facts(granted=(), full_scope=True, **facts) if facts else None
    table = catalogs.load(catalogs.default_version())
    explanation = ask(method, path, caller=held(), sent=[role], facts=known, catalog=table, for_operator=for_operator)
    assert explanation is not None
    return explanation


def said(explanation: Explanation) -> tuple[Cause, Confidence, tuple[str, ...]]:
    verdict = explanation.verdict
    return verdict.cause, verdict.confidence, tuple(sorted(verdict.missing))


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("path", "role", "facts", "required"),
    [
        (BY_NAME, ROLE | SAID, {"roles_are_built_in": False}, BOTH),
        (BY_NAME, ROLE, {"roles_are_built_in": False, "roles_in_body": {"c0-a": True}}, BOTH),
        (BY_NAME, ROLE, {"roles_in_body": {"c0-a": False}}, REALM_ONLY),
        (BY_ID, ROLE | SAID, {"roles_are_built_in": False, "target_role_is_client": False}, BOTH),
        (BY_ID, ROLE | SAID, {"roles_are_built_in": False, "target_role_is_client": True}, CLIENTS),
        (BY_ID, ROLE | OF_REALM, {"target_role_is_client": True}, BOTH),
        (BY_ID, ROLE, {"roles_in_body": {"c0-a": False}, "target_role_is_client": False}, REALM_ONLY),
        (OF_CLIENT, ROLE, {"roles_in_body": {"c0-a": False}}, BOTH),
        (OF_CLIENT, ROLE, {"roles_are_built_in": False, "roles_in_body": {"c0-a": True}}, CLIENTS),
    ],
)
def test_the_owners_of_all_roles_count(
    method: str, path: str, role: dict[str, Any], facts: dict[str, Any], required: tuple[str, ...]
) -> None:
    assert said(asked(path, role, method=method, **facts)) == (Cause.ROLE_MISSING, Confidence.CERTAIN, required)


@pytest.mark.parametrize(
    ("path", "other"),
    [(BY_NAME, "manage-clients and manage-realm"), (BY_ID, "manage-clients"), (OF_CLIENT, "manage-clients and manage-realm")],
)
@pytest.mark.parametrize("facts", [{}, {"admin_permissions_enabled": False}], ids=["alone", "looked up"])
def test_if_the_owner_is_unknown_nothing_is_certain_and_the_other_need_is_said(path: str, other: str, facts: dict[str, Any]) -> None:
    explanation = asked(path, ROLE, **facts)

    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert any(other in hint for hint in explanation.hints), explanation.hints


def test_a_caller_who_reads_no_roles_does_not_learn_whose_a_role_is() -> None:
    shown = [
        asked(BY_NAME, ROLE, for_operator=False, roles_in_body={"c0-a": of_client}, admin_permissions_enabled=False)
        for of_client in (True, False)
    ]

    assert said(shown[0]) == said(shown[1])
    assert shown[0].hints == shown[1].hints
    assert shown[0].verdict.confidence is not Confidence.CERTAIN
