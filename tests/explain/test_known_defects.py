"""Refusals that are defects of some versions: named as such on these versions only, with a way out that is no grant."""

from itertools import pairwise
from typing import Any

import pytest

from devkit.explain.cases import held
from devkit.explain.stage import USER_ID, ask, caller_of, causes
from kcproxy import catalog as catalogs
from kcproxy.explain.context import version_key
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


@pytest.mark.parametrize("version", ["26.7.0", "26.7.1"])
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
        (f"{_REALM}/roles/admin", "26.6.4"),
        (f"{_REALM}/roles/admin", "26.6.3"),
        (f"{_REALM}/roles/admin", "26.5.6"),
        (f"{_REALM}/roles/staff", "26.7.1"),
    ],
)
def test_it_is_not_named_on_other_versions_and_for_other_names(path: str, version: str) -> None:
    assert Cause.KNOWN_DEFECT.value not in causes(_asked("PUT", path, version))


@pytest.mark.parametrize("version", ["26.6.5", "26.6.6"])
def test_a_version_that_may_have_the_defect_is_said_to_be_uncertain(version: str) -> None:
    explanation = _asked("PUT", f"{_REALM}/roles/admin", version, facts=_ALL)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.KNOWN_DEFECT, Confidence.POSSIBLE)
    assert "may have a defect" in explanation.summary
    assert any("not certain" in line and "26.6.7 repairs it" in line for line in explanation.verdict.evidence)


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


@pytest.mark.parametrize("facts", [None, Facts(granted=("manage-users", "view-users"), full_scope=True, roles_are_built_in=True)])
def test_a_master_administrator_who_has_the_role_meets_the_defect_and_not_the_guard(facts: Facts | None) -> None:
    caller = caller_of(realm="master", roles={"demo-realm": ["manage-users", "view-users"]})
    path = f"{_REALM}/users/{USER_ID}/role-mappings/clients/{USER_ID}"
    explanation = _asked("POST", path, "26.4.7", caller=caller, facts=facts, sent=[{"name": "view-users"}])

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.KNOWN_DEFECT, Confidence.LIKELY)
    assert Cause.ESCALATION_GUARD.value not in causes(explanation)


_OTHER_REALM = {"master-realm": ["manage-users"], "shop-realm": ["manage-clients", "view-realm"]}


def _assigned_in_master(version: str) -> Explanation:
    path = f"/admin/realms/master/users/{USER_ID}/role-mappings/clients/{USER_ID}"
    caller = caller_of(realm="master", roles=_OTHER_REALM)
    return _asked("POST", path, version, caller=caller, sent=[{"name": "manage-clients"}, {"name": "view-realm"}])


@pytest.mark.parametrize("version", ["26.4.0", "26.4.7"])
def test_roles_of_another_realm_are_those_of_its_own_client_in_master(version: str) -> None:
    explanation = _assigned_in_master(version)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.KNOWN_DEFECT, Confidence.LIKELY)
    assert "shop-realm" in " ".join(explanation.verdict.evidence)


@pytest.mark.parametrize("version", ["26.4.8", "26.5.1", "26.7.5"])
def test_repaired_versions_do_not_have_the_defect_of_other_realms(version: str) -> None:
    assert Cause.KNOWN_DEFECT.value not in causes(_assigned_in_master(version))


def test_the_first_version_of_a_line_that_was_not_tried_is_uncertain() -> None:
    explanation = _assigned_in_master("26.5.0")

    assert Cause.KNOWN_DEFECT.value in causes(explanation)
    assert explanation.verdict.cause is not Cause.KNOWN_DEFECT or explanation.verdict.confidence is Confidence.POSSIBLE


@pytest.mark.parametrize(
    ("version", "confidence"),
    [
        ("26.0.0", Confidence.POSSIBLE),
        ("26.0.5", Confidence.LIKELY),
        ("26.0.6", Confidence.LIKELY),
        ("26.0.8", Confidence.LIKELY),
        ("26.0.9", Confidence.POSSIBLE),
        ("26.0", Confidence.POSSIBLE),
        ("26.1.0", None),
    ],
)
def test_the_list_of_realms_after_a_brokered_login(version: str, confidence: Confidence | None) -> None:
    caller = caller_of(realm="master", username="jane", sid="s")
    path = "/admin/realms/master/ui-ext/realms/names"
    explanation = ask(
        "GET", path, caller=caller, status=401, catalog=catalogs.catalog_for(version), keycloak_version=version, facts=Facts()
    )

    assert explanation is not None
    found = {explanation.verdict.cause: explanation.verdict.confidence}
    found |= {each.cause: each.confidence for each in explanation.verdict.alternatives}
    assert found.get(Cause.KNOWN_DEFECT) is confidence


def test_the_guard_in_master_does_not_say_whose_roles_the_body_has() -> None:
    facts = Facts(granted=("manage-users",), full_scope=True)
    path = f"/admin/realms/master/users/{USER_ID}/role-mappings/clients/{USER_ID}"
    caller = caller_of(realm="master", roles={"master-realm": ["manage-users"]})
    explanation = _asked("POST", path, "26.7.5", caller=caller, facts=facts, sent=[{"name": "realm-admin"}])

    assert explanation.verdict.cause is Cause.ESCALATION_GUARD
    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert "master-realm" not in explanation.fixes[0].summary


def test_each_defect_names_its_source_and_the_versions_that_repair_it() -> None:
    for defect in DEFECTS:
        assert defect.source.startswith("https://github.com/keycloak/keycloak/issues/")
        assert all(each.first < each.end for each in defect.versions)
        assert all(version_key(repaired) not in each for repaired in defect.repaired for each in defect.versions)


def test_no_version_belongs_to_two_entries_of_one_defect() -> None:
    for defect in DEFECTS:
        ordered = sorted(defect.versions, key=lambda each: each.first)
        assert all(before.end <= after.first for before, after in pairwise(ordered))


@pytest.mark.parametrize(
    ("version", "expected"), [("26.4.0", True), ("26.4.3", True), ("26.4.4", False), ("26.4.7", False), ("26.3.5", False)]
)
@pytest.mark.parametrize("kind", ["users", "groups"])
def test_a_realm_admin_who_may_not_assign_admin_roles_meets_a_defect(kind: str, version: str, expected: bool) -> None:
    path = f"{_REALM}/{kind}/{USER_ID}/role-mappings/clients/{USER_ID}"
    explanation = _asked("POST", path, version, sent=[{"name": "view-users"}], facts=_ALL)

    assert (explanation.verdict.cause is Cause.KNOWN_DEFECT) is expected
    if expected:
        assert "26.4.4" in explanation.fixes[0].summary
        assert explanation.fixes[0].roles == ()
