"""Explanations that were true but misleading: grammar, a role from a group, a reduced response that is enough, IDs that do not exist."""

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

    assert "is missing the roles view-clients, view-realm and view-users (client realm-management) for" in several.summary
    assert "is missing the role view-users (client realm-management) for" in one.summary


def test_a_role_of_another_client_from_a_group_is_found_in_the_token() -> None:
    caller = caller_of(roles={"shop": ["view-users"]})

    explanation = refused("GET", f"{_R}/users", caller=caller, facts=Facts(granted=(), full_scope=True, granted_elsewhere=()))

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_OF_OTHER_CLIENT, Confidence.CERTAIN)
    assert "role view-users of client shop in its token only has the name of an admin role" in explanation.summary


def test_the_least_power_for_a_useful_response_is_missing_and_more_gets_all_of_it() -> None:
    explanation = refused("GET", f"{_R}/groups/{USER_ID}", catalog=catalogs.load("26.7.5"), facts=Facts(granted=(), full_scope=True))

    assert explanation.verdict.missing == explanation.fixes[0].roles == ("view-users",)
    assert explanation.requirement is not None
    assert (explanation.requirement.full, explanation.requirement.lacks["view-users"]) == (("view-clients", "view-users"), ("clientRoles",))


@pytest.mark.parametrize(("also", "remarked"), [((), True), (("query-users",), False)])
def test_an_unknown_user_id_looks_like_a_guard_to_callers_who_cannot_look_up_users(also: tuple[str, ...], remarked: bool) -> None:
    roles = ("impersonation", *also)

    explanation = refused("POST", f"{_R}/users/{USER_ID}/impersonation", caller=held(*roles), facts=Facts(granted=roles, full_scope=True))

    assert explanation.verdict.cause is Cause.ESCALATION_GUARD
    assert any("user ID may also not exist" in line for line in explanation.verdict.evidence) is remarked


def test_a_hint_says_which_realms_are_in_the_list_of_realms() -> None:
    of_master = refused("GET", "/admin/realms", caller=master(), catalog=_TABLE)
    of_realm = refused("GET", "/admin/realms", caller=held(), catalog=_TABLE)

    assert any("{realm}-realm" in hint for hint in of_master.hints)
    assert not any("{realm}-realm" in hint for hint in of_realm.hints)


@pytest.mark.parametrize("path", [f"{_R}/users/{USER_ID}", f"{_R}/clients/{CLIENT_UUID}"])
def test_a_method_that_the_path_does_not_support_is_not_about_roles(path: str) -> None:
    explanation = refused("PATCH", path)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.PATH_WRONG, Confidence.LIKELY)
    assert "does not support PATCH at this path, only" in explanation.summary


def test_a_character_that_is_not_allowed_in_paths_is_named() -> None:
    body = {"error": "invalidCharacter", "error_description": "Request path contains invalid character ';'"}

    explanation = refused("GET", f"{_R}/users;x=y", status=400, body=body)

    assert explanation.verdict.cause is Cause.PATH_NOT_NORMALISED
    assert "invalid character ';'" in explanation.summary


def test_the_user_may_not_exist_if_all_known_facts_allow_the_call() -> None:
    roles = ("impersonation",)
    facts = Facts(granted=roles, full_scope=True)

    explanation = refused("POST", f"{_R}/users/{USER_ID}/impersonation", caller=held(*roles), catalog=catalogs.load("24.0.5"), facts=facts)

    assert explanation.verdict.cause is Cause.UNEXPLAINED
    assert any("user ID may also not exist" in line for line in explanation.verdict.evidence)


def test_an_operation_of_another_version_is_not_a_misspelling() -> None:
    body = {"error": "HTTP 404 Not Found"}

    other = refused("GET", f"{_R}/client-types", status=404, body=body, catalog=catalogs.load("24.0.5"))
    slip = refused("GET", f"{_R}/user", status=404, body=body, catalog=catalogs.load("24.0.5"))

    assert "probably meant" not in other.summary
    assert "/users was probably meant" in slip.summary


def test_a_master_token_from_before_the_realm_was_renamed() -> None:
    facts = Facts(granted=("view-users",), full_scope=True, fresh_token_roles=("view-users",))

    explanation = refused("GET", f"{_R}/users", caller=master("view-users", of="shop"), catalog=OLD_TABLE, facts=facts)

    assert explanation.verdict.cause is Cause.TOKEN_OLDER_THAN_GRANT
    assert "before the realm got its current name" in explanation.summary


_AUTHZ = f"{_R}/clients/{CLIENT_UUID}/authz/resource-server/policy"


def test_reading_the_policies_of_clients_is_not_reading_the_permissions_of_the_realm() -> None:
    facts = Facts(granted=("manage-clients",), full_scope=True, admin_permissions_enabled=True, target_is_permissions=True)

    explanation = refused("GET", _AUTHZ, caller=held("manage-clients"), catalog=_TABLE, facts=facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.CERTAIN)
    assert explanation.verdict.missing == explanation.fixes[0].roles == ("view-realm",)
    assert "admin-permissions" in explanation.summary


def test_changing_them_requires_manage_realm() -> None:
    facts = Facts(granted=("manage-clients",), full_scope=True, admin_permissions_enabled=True, target_is_permissions=True)

    explanation = refused("POST", f"{_AUTHZ}/user", caller=held("manage-clients"), catalog=_TABLE, facts=facts)

    assert explanation.fixes[0].roles == ("manage-realm",)


def test_without_look_ups_it_is_likely_if_other_clients_are_allowed() -> None:
    explanation = refused("GET", _AUTHZ, caller=held("manage-clients"), catalog=_TABLE)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.LIKELY)
    assert explanation.verdict.missing == ("view-realm",)


def test_before_26_7_that_client_was_like_others() -> None:
    explanation = refused("GET", _AUTHZ, caller=held("manage-clients"), catalog=catalogs.load("26.4.7"))

    assert explanation.verdict.missing != ("view-realm",)


@pytest.mark.parametrize(("on", "hinted"), [(None, True), (True, True), (False, False)])
def test_a_caller_without_the_usual_role_gets_a_hint_about_the_other_one(on: bool | None, hinted: bool) -> None:
    explanation = refused(
        "GET", _AUTHZ, caller=held(), catalog=_TABLE, facts=Facts(granted=(), full_scope=True, admin_permissions_enabled=on)
    )

    assert explanation.verdict.missing == ("view-authorization",)
    assert any("admin-permissions" in hint and "view-realm" in hint for hint in explanation.hints) is hinted


@pytest.mark.parametrize("looked_up", [True, False])
def test_an_exchanged_token_for_others_is_not_certainly_older_than_the_grant(looked_up: bool) -> None:
    facts = Facts(granted=("view-users",), full_scope=True, role_mapper_attached=True, fresh_token_roles=("view-users",))
    caller = caller_of(jti="trrtte:9f0d", aud="account", roles={"account": ["view-profile"]})

    explanation = refused("GET", f"{_R}/users", caller=caller, catalog=catalogs.load("26.4.7"), facts=facts if looked_up else None)

    causes = [explanation.verdict.cause, *(item.cause for item in explanation.verdict.alternatives)]
    assert explanation.verdict.confidence is not Confidence.CERTAIN
    assert Cause.ROLES_NOT_IN_TOKEN in causes
    if looked_up:
        assert causes[0] is Cause.ROLES_NOT_IN_TOKEN
        assert "exchanged for one with the audience account" in explanation.summary
        assert "without the parameter audience" in explanation.fixes[0].summary


def test_other_roles_of_the_service_account_are_not_disclosed_to_a_user() -> None:
    caller = caller_of(username="jane", sid="s-1")
    facts = Facts(granted=(), full_scope=True, granted_to_service_account=("manage-clients", "manage-realm", "view-users"))

    explanation = refused("GET", f"{_R}/users", caller=caller, facts=facts)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.USER_TOKEN_USED, Confidence.CERTAIN)
    assert "manage-clients" not in str(explanation.verdict.evidence)
    assert "manage-realm" not in str(explanation.verdict.evidence)


@pytest.mark.parametrize(("contained", "cause"), [("realm-admin", Cause.ESCALATION_GUARD), ("my-own", Cause.UNEXPLAINED)])
def test_creating_a_role_that_contains_an_admin_role_is_guarded(contained: str, cause: Cause) -> None:
    sent = {"name": "x", "composite": True, "composites": {"client": {"realm-management": [contained]}}}
    facts = Facts(granted=("manage-clients",), full_scope=True)

    explanation = refused("POST", f"{_R}/clients/{CLIENT_UUID}/roles", caller=held("manage-clients"), facts=facts, sent=sent)

    assert explanation.verdict.cause is cause
    assert explanation.verdict.missing == ()


@pytest.mark.parametrize("table", ["26.7.4", "24.0.5"])
@pytest.mark.parametrize("authorization", [None, "Bearer x", "Bearer abc.def.ghi", "Basic Zm9v"])
def test_nothing_is_concluded_about_a_caller_without_a_readable_token(table: str, authorization: str | None) -> None:
    explanation = refused("GET", f"{_R}/users", catalog=catalogs.load(table), caller=read_caller(authorization))

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ROLE_MISSING, Confidence.POSSIBLE)
    assert "no readable token that shows the role view-users (client realm-management), which GET" in explanation.summary
    assert any("Keycloak responds with 401 to such a request" in line for line in explanation.verdict.evidence)
    assert "(unknown)" not in str(explanation.verdict)
