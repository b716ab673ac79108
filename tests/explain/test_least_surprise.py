"""Answers that were true and misled: grammar, a role in a group, a thinner answer that is enough, ids of nobody, methods that are not there."""

import pytest

from devkit.explain.cases import held, master
from devkit.explain.stage import CLIENT_UUID, OLD_TABLE, USER_ID, caller_of, refused
from kcproxy import catalog as catalogs
from kcproxy.explain.claims import read_caller
from kcproxy.model import Cause, Confidence, Facts

_R = "/admin/realms/demo"
_TABLE = catalogs.load("26.7.4")


def test_several_roles_are_missing_and_one_is() -> None:
    several = refused("GET", f"{_R}/groups/{USER_ID}/role-mappings")
    one = refused("GET", f"{_R}/users")

    assert "the roles view-clients, view-realm and view-users of the client realm-management are missing" in several.summary
    assert "the role view-users of the client realm-management is missing" in one.summary


def test_a_role_of_another_client_that_came_by_a_group_is_seen_in_the_token() -> None:
    caller = caller_of(roles={"shop": ["view-users"]})

    explanation = refused("GET", f"{_R}/users", caller=caller, facts=Facts(granted=(), full_scope=True, granted_elsewhere=()))

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_OF_OTHER_CLIENT, Confidence.CERTAIN)
    assert "what its token names is role view-users of client shop" in explanation.summary


def test_the_least_power_that_gets_a_useful_answer_is_missing_and_everything_takes_more() -> None:
    explanation = refused("GET", f"{_R}/groups/{USER_ID}", catalog=catalogs.load("26.7.5"), facts=Facts(granted=(), full_scope=True))

    assert explanation.verdict.missing == explanation.fixes[0].roles == ("view-users",)
    assert explanation.requirement is not None
    assert (explanation.requirement.full, explanation.requirement.lacks["view-users"]) == (("view-clients", "view-users"), ("clientRoles",))


@pytest.mark.parametrize(("also", "told"), [((), True), (("query-users",), False)])
def test_an_id_of_nobody_looks_like_a_guard_to_whoever_may_not_look_users_up(also: tuple[str, ...], told: bool) -> None:
    roles = ("impersonation", *also)

    explanation = refused("POST", f"{_R}/users/{USER_ID}/impersonation", caller=held(*roles), facts=Facts(granted=roles, full_scope=True))

    assert explanation.verdict.cause is Cause.ESCALATION_GUARD
    assert any("id that is no user's" in line for line in explanation.verdict.evidence) is told


def test_the_list_of_realms_shows_each_realm_that_a_master_account_has_a_role_of() -> None:
    of_master = refused("GET", "/admin/realms", caller=master(), catalog=_TABLE)
    of_realm = refused("GET", "/admin/realms", caller=held(), catalog=_TABLE)

    assert any("{realm}-realm" in hint for hint in of_master.hints)
    assert not any("{realm}-realm" in hint for hint in of_realm.hints)


@pytest.mark.parametrize("path", [f"{_R}/users/{USER_ID}", f"{_R}/clients/{CLIENT_UUID}"])
def test_a_method_that_the_path_does_not_take_is_no_matter_of_roles(path: str) -> None:
    explanation = refused("PATCH", path)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.PATH_WRONG, Confidence.LIKELY)
    assert "no PATCH at this path: it takes" in explanation.summary


def test_a_character_that_paths_may_not_have_is_named() -> None:
    body = {"error": "invalidCharacter", "error_description": "Request path contains invalid character ';'"}

    explanation = refused("GET", f"{_R}/users;x=y", status=400, body=body)

    assert explanation.verdict.cause is Cause.PATH_NOT_NORMALISED
    assert "invalid character ';'" in explanation.summary


def test_where_everything_speaks_for_the_call_the_id_may_be_nobodys() -> None:
    roles = ("impersonation",)
    facts = Facts(granted=roles, full_scope=True)

    explanation = refused("POST", f"{_R}/users/{USER_ID}/impersonation", caller=held(*roles), catalog=catalogs.load("24.0.5"), facts=facts)

    assert explanation.verdict.cause is Cause.UNEXPLAINED
    assert any("id that is no user's" in line for line in explanation.verdict.evidence)


def test_an_operation_of_another_version_is_no_slip_of_the_pen() -> None:
    body = {"error": "HTTP 404 Not Found"}

    other = refused("GET", f"{_R}/client-types", status=404, body=body, catalog=catalogs.load("24.0.5"))
    slip = refused("GET", f"{_R}/user", status=404, body=body, catalog=catalogs.load("24.0.5"))

    assert "probably meant" not in other.summary
    assert "/users was probably meant" in slip.summary


def test_a_master_token_from_before_the_realm_was_renamed() -> None:
    facts = Facts(granted=("view-users",), full_scope=True, fresh_token_roles=("view-users",))

    explanation = refused("GET", f"{_R}/users", caller=master("view-users", of="shop"), catalog=OLD_TABLE, facts=facts)

    assert explanation.verdict.cause is Cause.TOKEN_OLDER_THAN_GRANT
    assert "before the realm got this name" in explanation.summary


_AUTHZ = f"{_R}/clients/{CLIENT_UUID}/authz/resource-server/policy"


def test_who_may_read_every_clients_policies_may_not_read_the_realms_own_permissions() -> None:
    facts = Facts(granted=("manage-clients",), full_scope=True, admin_permissions_enabled=True, target_is_permissions=True)

    explanation = refused("GET", _AUTHZ, caller=held("manage-clients"), catalog=_TABLE, facts=facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.CERTAIN)
    assert explanation.verdict.missing == explanation.fixes[0].roles == ("view-realm",)
    assert "admin-permissions" in explanation.summary


def test_to_change_them_takes_manage_realm() -> None:
    facts = Facts(granted=("manage-clients",), full_scope=True, admin_permissions_enabled=True, target_is_permissions=True)

    explanation = refused("POST", f"{_AUTHZ}/user", caller=held("manage-clients"), catalog=_TABLE, facts=facts)

    assert explanation.fixes[0].roles == ("manage-realm",)


def test_without_look_ups_it_is_likely_for_whoever_may_do_it_to_other_clients() -> None:
    explanation = refused("GET", _AUTHZ, caller=held("manage-clients"), catalog=_TABLE)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.LIKELY)
    assert explanation.verdict.missing == ("view-realm",)


def test_before_26_7_that_client_was_one_like_others() -> None:
    explanation = refused("GET", _AUTHZ, caller=held("manage-clients"), catalog=catalogs.load("26.4.7"))

    assert explanation.verdict.missing != ("view-realm",)


@pytest.mark.parametrize(("on", "told"), [(None, True), (True, True), (False, False)])
def test_whoever_lacks_the_ordinary_role_is_told_of_the_other_one(on: bool | None, told: bool) -> None:
    explanation = refused(
        "GET", _AUTHZ, caller=held(), catalog=_TABLE, facts=Facts(granted=(), full_scope=True, admin_permissions_enabled=on)
    )

    assert explanation.verdict.missing == ("view-authorization",)
    assert any("admin-permissions" in hint and "view-realm" in hint for hint in explanation.hints) is told


@pytest.mark.parametrize("looked_up", [True, False])
def test_an_exchanged_token_that_was_meant_for_others_is_not_older_than_the_grant_for_certain(looked_up: bool) -> None:
    facts = Facts(granted=("view-users",), full_scope=True, role_mapper_attached=True, fresh_token_roles=("view-users",))
    caller = caller_of(jti="trrtte:9f0d", aud="account", roles={"account": ["view-profile"]})

    explanation = refused("GET", f"{_R}/users", caller=caller, catalog=catalogs.load("26.4.7"), facts=facts if looked_up else None)

    causes = [explanation.verdict.cause, *(item.cause for item in explanation.verdict.alternatives)]
    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert Cause.ROLES_NOT_IN_TOKEN in causes
    if looked_up:
        assert causes[0] is Cause.ROLES_NOT_IN_TOKEN
        assert "exchanged for one for account" in explanation.summary
        assert "without the parameter audience" in explanation.fixes[0].summary


def test_a_user_is_not_told_what_else_the_service_account_may_do() -> None:
    caller = caller_of(username="jane", sid="s-1")
    facts = Facts(granted=(), full_scope=True, granted_to_service_account=("manage-clients", "manage-realm", "view-users"))

    explanation = refused("GET", f"{_R}/users", caller=caller, facts=facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.USER_TOKEN_USED, Confidence.CERTAIN)
    assert "manage-clients" not in str(explanation.verdict.evidence)
    assert "manage-realm" not in str(explanation.verdict.evidence)


@pytest.mark.parametrize(("contained", "cause"), [("realm-admin", Cause.ESCALATION_GUARD), ("my-own", Cause.UNEXPLAINED)])
def test_a_new_role_that_contains_an_admin_role_hands_it_out(contained: str, cause: Cause) -> None:
    sent = {"name": "x", "composite": True, "composites": {"client": {"realm-management": [contained]}}}
    facts = Facts(granted=("manage-clients",), full_scope=True)

    explanation = refused("POST", f"{_R}/clients/{CLIENT_UUID}/roles", caller=held("manage-clients"), facts=facts, sent=sent)

    assert explanation.verdict.cause is cause
    assert explanation.verdict.missing == ()


@pytest.mark.parametrize("table", ["26.7.4", "24.0.5"])
@pytest.mark.parametrize("authorization", [None, "Bearer x", "Bearer abc.def.ghi", "Basic Zm9v"])
def test_of_a_caller_who_showed_no_readable_token_nothing_is_concluded(table: str, authorization: str | None) -> None:
    explanation = refused("GET", f"{_R}/users", catalog=catalogs.load(table), caller=read_caller(authorization))

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.POSSIBLE)
    assert (
        "it takes the role view-users of the client realm-management, and the request came with no token that shows" in explanation.summary
    )
    assert any("Keycloak answers such a request with 401" in line for line in explanation.verdict.evidence)
    assert "(unknown)" not in str(explanation.verdict)
