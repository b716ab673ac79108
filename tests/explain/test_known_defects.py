"""Refusals that are defects of some versions: named as such on these versions only, with a way out that is no grant."""

from typing import Any

import pytest

from devkit.explain.cases import held
from devkit.explain.stage import USER_ID, ask, caller_of, causes
from kcproxy import catalog as catalogs
from kcproxy.explain.known_defects import DEFECTS
from kcproxy.model import Cause, Confidence, Explanation, Facts

_REALM = "/admin/realms/demo"
_ALL = Facts(granted=("realm-admin",), full_scope=True)


def _asked(method: str, path: str, version: str, *, caller: Any = None, **more: Any) -> Explanation:
    explanation = ask(
        method, path, caller=caller or held("realm-admin"), catalog=catalogs.catalog_for(version), keycloak_version=version, **more
    )
    assert explanation is not None
    return explanation


@pytest.mark.parametrize("version", ["26.6.4", "26.6.6", "26.7.0", "26.7.1"])
@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("PUT", f"{_REALM}/roles/admin", None),
        ("DELETE", f"{_REALM}/roles/create-realm", None),
        ("PUT", f"{_REALM}/roles-by-id/{USER_ID}", {"name": "admin"}),
    ],
)
@pytest.mark.parametrize("facts", [None, _ALL], ids=["claims alone", "looked up"])
def test_a_role_with_a_reserved_name_is_refused_by_a_defect(method: str, path: str, sent: Any, version: str, facts: Facts | None) -> None:
    explanation = _asked(method, path, version, sent=sent, facts=facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.KNOWN_DEFECT, Confidence.LIKELY)
    assert "26.7.2" in explanation.fixes[0].summary
    assert "another name" in explanation.fixes[0].summary
    assert explanation.fixes[0].roles == ()


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (f"{_REALM}/roles/admin", "26.7.2"),
        (f"{_REALM}/roles/admin", "26.6.7"),
        (f"{_REALM}/roles/admin", "26.5.6"),
        (f"{_REALM}/roles/staff", "26.7.1"),
    ],
)
def test_it_is_not_named_on_other_versions_and_for_other_names(path: str, version: str) -> None:
    assert Cause.KNOWN_DEFECT.value not in causes(_asked("PUT", path, version))


def test_if_only_the_line_is_known_the_defect_is_one_of_several_causes() -> None:
    explanation = ask("PUT", f"{_REALM}/roles/admin", caller=held("realm-admin"), catalog=catalogs.load("26.7.5"))

    assert explanation is not None
    assert explanation.verdict.cause is Cause.UNEXPLAINED
    assert Cause.KNOWN_DEFECT.value in causes(explanation)


def test_a_name_in_the_path_that_decides_is_not_cached_for_other_names() -> None:
    named = _asked("DELETE", f"{_REALM}/roles/admin", "26.7.1")
    other = _asked("DELETE", f"{_REALM}/roles/staff", "26.7.1")

    assert named.verdict.cause is not other.verdict.cause


@pytest.mark.parametrize(("version", "expected"), [("26.4.0", True), ("26.4.3", True), ("26.4.4", False), ("26.3.5", False)])
def test_assigning_a_role_named_admin_is_refused_by_a_defect(version: str, expected: bool) -> None:
    path = f"{_REALM}/users/{USER_ID}/role-mappings/clients/{USER_ID}"
    explanation = _asked("POST", path, version, sent=[{"name": "admin"}])

    assert (Cause.KNOWN_DEFECT.value in causes(explanation)) is expected


@pytest.mark.parametrize(
    ("version", "expected"), [("26.4.0", True), ("26.4.7", True), ("26.5.0", True), ("26.4.8", False), ("26.7.5", False)]
)
def test_roles_of_another_realm_are_those_of_its_own_client_in_master(version: str, expected: bool) -> None:
    roles = {"master-realm": ["manage-users"], "shop-realm": ["manage-clients", "view-realm"]}
    path = f"/admin/realms/master/users/{USER_ID}/role-mappings/clients/{USER_ID}"
    caller = caller_of(realm="master", roles=roles)
    explanation = _asked("POST", path, version, caller=caller, sent=[{"name": "manage-clients"}, {"name": "view-realm"}])

    assert (explanation.verdict.cause is Cause.KNOWN_DEFECT) is expected
    assert explanation.verdict.confidence is not Confidence.CERTAIN
    if expected:
        assert "shop-realm" in " ".join(explanation.verdict.evidence)


def test_the_guard_in_master_does_not_say_whose_roles_the_body_has() -> None:
    facts = Facts(granted=("manage-users",), full_scope=True)
    path = f"/admin/realms/master/users/{USER_ID}/role-mappings/clients/{USER_ID}"
    caller = caller_of(realm="master", roles={"master-realm": ["manage-users"]})
    explanation = _asked("POST", path, "26.7.5", caller=caller, facts=facts, sent=[{"name": "realm-admin"}])

    assert explanation.verdict.cause is Cause.ESCALATION_GUARD
    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert "master-realm" not in explanation.fixes[0].summary


def test_each_defect_names_its_source_and_the_version_that_repairs_it() -> None:
    for defect in DEFECTS:
        assert defect.source.startswith("https://github.com/keycloak/keycloak/")
        assert all(first < repaired for first, repaired in defect.versions)
        assert any(".".join(map(str, repaired)) in defect.repaired for _, repaired in defect.versions)
