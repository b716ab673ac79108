"""The token has what the call requires, and Keycloak refused it: nothing is claimed, and the fix is a look."""

import pytest

from devkit.explain.cases import held
from devkit.explain.stage import CLIENT_UUID, USER_ID, ask, caller_of, causes
from kcproxy import catalog as catalogs
from kcproxy.model import Cause, Confidence, Facts

_TABLE = catalogs.load("26.7.5")
_REALM = "/admin/realms/demo"


@pytest.mark.parametrize(
    ("method", "path", "others"),
    [
        ("GET", f"{_REALM}/users", {Cause.ROLE_REVOKED, Cause.FINE_GRAINED_PERMISSION_MISSING}),
        ("PUT", f"{_REALM}/roles/staff", {Cause.ROLE_REVOKED, Cause.PROTECTED_OBJECT}),
        ("PUT", f"{_REALM}/clients/{CLIENT_UUID}/roles/staff", {Cause.ROLE_REVOKED, Cause.PROTECTED_OBJECT}),
        ("POST", f"{_REALM}/users/{USER_ID}/role-mappings/realm", {Cause.ROLE_REVOKED, Cause.ESCALATION_GUARD}),
    ],
)
def test_the_other_causes_have_checks_and_the_fix_grants_nothing(method: str, path: str, others: set[Cause]) -> None:
    explanation = ask(method, path, caller=held("realm-admin"), catalog=_TABLE)

    assert explanation is not None
    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert {cause.value for cause in others} <= set(causes(explanation))
    assert all(other.check for other in explanation.verdict.alternatives)
    assert [(fix.roles, fix.kcadm, fix.curl) for fix in explanation.fixes] == [((), (), ())]


def test_a_revocation_that_was_looked_up_is_certain_and_has_a_grant() -> None:
    facts = Facts(granted=(), full_scope=True)
    explanation = ask("GET", f"{_REALM}/users", caller=held("view-users"), catalog=_TABLE, facts=facts)

    assert explanation is not None
    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_REVOKED, Confidence.CERTAIN)
    assert explanation.fixes[0].roles == ("view-users",)


@pytest.mark.parametrize("role", ["admin", "create-realm"])
@pytest.mark.parametrize(("method", "below"), [("PUT", ""), ("DELETE", ""), ("POST", "/composites"), ("DELETE", "/composites")])
def test_the_roles_of_master_that_open_the_server_are_protected(role: str, method: str, below: str) -> None:
    caller = caller_of(realm="master", roles={"master-realm": sorted(_TABLE.roles)}, realm_roles=["admin"])
    explanation = ask(method, f"/admin/realms/master/roles/{role}{below}", caller=caller, catalog=_TABLE)

    assert explanation is not None
    assert explanation.verdict.cause is Cause.PROTECTED_OBJECT
    assert explanation.fixes[0].roles == ()
    assert role in explanation.summary


@pytest.mark.parametrize("facts", [None, Facts(granted=(), full_scope=True)], ids=["claims alone", "looked up"])
def test_a_protected_role_gets_no_advice_to_grant_one(facts: Facts | None) -> None:
    explanation = ask(
        "PUT", "/admin/realms/master/roles/admin", caller=caller_of(realm="master"), catalog=_TABLE, facts=facts, keycloak_version="26.7"
    )

    assert explanation is not None
    assert explanation.verdict.cause is Cause.PROTECTED_OBJECT
    assert [fix.roles for fix in explanation.fixes] == [()]


def test_a_role_of_a_built_in_client_is_protected_by_its_id_as_well() -> None:
    facts = Facts(granted=("realm-admin",), full_scope=True, target_role_is_client=True, target_is_built_in=True)
    path = f"{_REALM}/roles-by-id/{USER_ID}"
    explanation = ask("PUT", path, caller=held("realm-admin"), catalog=_TABLE, facts=facts, keycloak_version="26.7.5")

    assert explanation is not None
    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.PROTECTED_OBJECT, Confidence.CERTAIN)


@pytest.mark.parametrize(("of_client", "missing"), [(True, "manage-clients"), (False, "manage-realm")])
def test_a_role_by_its_id_that_was_looked_up_has_one_certain_fix(of_client: bool, missing: str) -> None:
    facts = Facts(granted=("view-realm",), full_scope=True, target_role_is_client=of_client, target_is_built_in=False)
    explanation = ask("DELETE", f"{_REALM}/roles-by-id/{USER_ID}", caller=held("view-realm"), catalog=_TABLE, facts=facts)

    assert explanation is not None
    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.CERTAIN)
    assert [fix.roles for fix in explanation.fixes] == [(missing,)]
    assert not any("belongs to a client" in hint for hint in explanation.hints)


def test_a_role_by_its_id_that_nobody_looked_up_has_a_fix_for_each_case() -> None:
    explanation = ask("DELETE", f"{_REALM}/roles-by-id/{USER_ID}", caller=held(), catalog=_TABLE)

    assert explanation is not None
    assert [fix.roles for fix in explanation.fixes] == [("manage-realm",), ("manage-clients",)]
    assert explanation.fixes[1].summary.startswith("If the role belongs to a client: grant")


_AUTHZ = f"{_REALM}/clients/{CLIENT_UUID}/authz/resource-server"


@pytest.mark.parametrize(
    ("method", "path", "roles", "is_hinted"),
    [
        ("GET", f"{_AUTHZ}/scope", ("manage-clients",), True),
        ("POST", f"{_AUTHZ}/permission/scope", ("manage-clients",), True),
        ("GET", _AUTHZ, ("view-clients",), True),
        ("GET", f"{_AUTHZ}/scope", ("manage-clients", "view-authorization"), False),
        ("GET", f"{_AUTHZ}/scope", ("manage-authorization",), False),
        ("GET", f"{_AUTHZ}/scope", (), False),
        ("GET", f"{_REALM}/clients", ("manage-clients",), False),
    ],
)
def test_version_1_of_the_permissions_is_named_where_it_needs_more(
    method: str, path: str, roles: tuple[str, ...], *, is_hinted: bool
) -> None:
    facts = Facts(granted=roles, full_scope=True)
    explanation = ask(method, path, caller=held(*roles), catalog=_TABLE, facts=facts)

    assert explanation is not None
    assert any("admin-fine-grained-authz:v1" in hint and "view-authorization" in hint for hint in explanation.hints) is is_hinted
