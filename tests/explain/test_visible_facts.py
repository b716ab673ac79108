"""What a look-up shows about roles of others is for operators; a caller is shown it only if Keycloak shows it to them as well."""

from typing import Any

import pytest
from msgspec.structs import replace

from devkit.explain.cases import held
from devkit.explain.stage import BARE_403, CLIENT_UUID, NOW, USER_ID, caller_of
from kcproxy import catalog as catalogs
from kcproxy.explain.engine import diagnose, with_operators_view
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.render import body
from kcproxy.model import Answer, Caller, Cause, Confidence, Explanation, Facts, RequestFacts

_TABLE = catalogs.load("26.7.5")
_REALM = "/admin/realms/demo"
_ROLE = f"{_REALM}/roles-by-id/{USER_ID}"
_MAP = f"{_REALM}/users/{USER_ID}/role-mappings/clients/{CLIENT_UUID}"


def _inputs(method: str, path: str, *, granted: tuple[str, ...], sent: Any = None, caller: Caller | None = None, **facts: Any) -> Inputs:
    return Inputs(
        request=RequestFacts(target=_TABLE.target(method, path), body=sent),
        caller=caller or held(),
        answer=Answer(status=403, json=BARE_403),
        catalog=_TABLE,
        facts=Facts(**{"granted": granted, "full_scope": True, **facts}),
        now_epoch_seconds=NOW,
        keycloak_version="26.7.5",
    )


def _explained(inputs: Inputs) -> Explanation:
    diagnosis = diagnose(inputs)
    assert diagnosis is not None
    return with_operators_view(diagnosis.explanation("e", inputs), inputs)


def _shown(inputs: Inputs) -> dict[str, Any]:
    return body(_explained(inputs), None)


def _shown_without_owner(inputs: Inputs) -> dict[str, Any]:
    assert inputs.facts is not None
    return _shown(
        inputs._replace(facts=replace(inputs.facts, target_role_is_client=None, target_is_built_in=None, roles_are_built_in=None))
    )


@pytest.mark.parametrize("granted", [(), ("view-users",), ("manage-users",), ("query-clients",), ("view-events", "manage-events")])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("owner", [(True, True), (True, False), (False, False)])
def test_a_caller_who_sees_no_roles_gets_the_same_response_for_any_owner(
    method: str, granted: tuple[str, ...], owner: tuple[bool, bool]
) -> None:
    of_client, built_in = owner
    found = _inputs(method, _ROLE, granted=granted, target_role_is_client=of_client, target_is_built_in=built_in)

    assert _shown(found) == _shown_without_owner(found)


@pytest.mark.parametrize(("of_client", "missing"), [(True, "manage-clients"), (False, "manage-realm")])
def test_the_operators_record_has_the_one_role_that_is_missing(of_client: bool, missing: str) -> None:
    found = _inputs("DELETE", _ROLE, granted=("view-users",), target_role_is_client=of_client, target_is_built_in=False)
    explanation = _explained(found)

    assert len(explanation.fixes) == 2
    assert explanation.operator is not None
    assert explanation.operator.verdict.confidence is Confidence.CERTAIN
    assert [fix.roles for fix in explanation.operator.fixes] == [(missing,)]


@pytest.mark.parametrize("granted", [("view-realm",), ("view-clients",)])
@pytest.mark.parametrize(("of_client", "missing"), [(True, "manage-clients"), (False, "manage-realm")])
def test_a_caller_who_can_read_roles_of_one_kind_knows_the_kind(of_client: bool, missing: str, granted: tuple[str, ...]) -> None:
    found = _inputs("DELETE", _ROLE, granted=granted, target_role_is_client=of_client, target_is_built_in=False)
    explanation = _explained(found)

    assert explanation.verdict.confidence is Confidence.CERTAIN
    assert [fix.roles for fix in explanation.fixes] == [(missing,)]


def test_which_client_owns_a_role_is_shown_only_to_those_who_see_client_roles() -> None:
    found = _inputs("PUT", _ROLE, granted=("manage-realm",), target_role_is_client=True, target_is_built_in=True)

    assert "built-in" not in str(_shown(found))
    seen = found._replace(facts=replace(found.facts or Facts(), granted=("manage-realm", "manage-clients")))
    assert _explained(seen).verdict.cause is Cause.PROTECTED_OBJECT


def test_roles_that_the_scope_of_the_client_holds_back_do_not_show_anything() -> None:
    found = _inputs(
        "DELETE",
        _ROLE,
        granted=("view-realm", "view-clients"),
        full_scope=False,
        in_scope=("view-users",),
        target_role_is_client=True,
        target_is_built_in=False,
    )

    assert _shown(found) == _shown_without_owner(found)


def test_before_grants_are_live_the_token_decides_what_its_caller_sees() -> None:
    found = _inputs("DELETE", _ROLE, granted=("view-clients", "view-realm"), target_role_is_client=True, target_is_built_in=False)
    old = found._replace(catalog=catalogs.load("26.4.7"), keycloak_version="26.4.7")
    without, with_role = old._replace(caller=held("view-users")), old._replace(caller=held("view-clients"))

    assert _shown(without) == _shown_without_owner(without)
    assert _shown(with_role) != _shown_without_owner(with_role)


@pytest.mark.parametrize("built_in", [True, False])
def test_the_owner_of_roles_in_the_body_is_hidden_from_callers_who_see_no_clients(built_in: bool) -> None:
    found = _inputs("POST", _MAP, granted=("view-users",), sent=[{"name": "realm-admin"}], roles_are_built_in=built_in)

    assert _shown(found) == _shown_without_owner(found)


def test_a_refusal_that_only_an_admin_role_gets_is_certain_for_its_caller() -> None:
    found = _inputs(
        "POST", _MAP, granted=("manage-users",), sent=[{"name": "realm-admin"}], roles_are_built_in=True, admin_permissions_enabled=False
    )
    explanation = _explained(found)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ESCALATION_GUARD, Confidence.CERTAIN)


@pytest.mark.parametrize("built_in", [True, False])
def test_in_master_a_caller_who_sees_no_clients_does_not_learn_whose_roles_they_are(built_in: bool) -> None:
    path = f"/admin/realms/master/users/{USER_ID}/role-mappings/clients/{CLIENT_UUID}"
    caller = caller_of(realm="master", roles={"master-realm": ["manage-users"]})
    found = _inputs("POST", path, granted=("manage-users",), caller=caller, sent=[{"name": "manage-clients"}], roles_are_built_in=built_in)

    assert _shown(found) == _shown_without_owner(found)


def test_an_ordinary_role_with_the_name_of_an_admin_role_is_not_guarded() -> None:
    found = _inputs("POST", _MAP, granted=("view-clients", "view-users"), sent=[{"name": "realm-admin"}], roles_are_built_in=False)
    explanation = _explained(found)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.CERTAIN)
    assert [fix.roles for fix in explanation.fixes] == [("manage-users",)]


@pytest.mark.parametrize("built_in", [None, False])
def test_the_guard_is_not_certain_if_the_owner_of_the_roles_is_not_known(built_in: bool | None) -> None:
    found = _inputs("POST", _MAP, granted=("manage-users",), sent=[{"name": "realm-admin"}], roles_are_built_in=built_in)
    explanation = _explained(found)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ESCALATION_GUARD, Confidence.LIKELY)
