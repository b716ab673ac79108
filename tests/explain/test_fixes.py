"""Fixes: exactly the missing roles, for exactly the account that calls, safely quoted for a shell."""

from msgspec.structs import replace

from devkit.explain.cases import held, master
from devkit.explain.stage import CLIENT_UUID, OLD_TABLE, TABLE, USER_ID, caller_of, jwt_of, refused
from kcproxy import catalog as catalogs
from kcproxy.explain import render
from kcproxy.explain.claims import read_caller
from kcproxy.model import Caller, Cause, Facts

USER = f"/admin/realms/demo/users/{USER_ID}"


def test_a_master_callers_fix_is_in_realm_master() -> None:
    explanation = refused("GET", USER, caller=master(client="ops"))

    assert explanation.verdict.cause is Cause.MASTER_ROLE_MISSING
    assert explanation.fixes[0].kcadm == (
        "kcadm.sh add-roles -r master --uusername service-account-ops --cclientid demo-realm --rolename view-users",
    )


def test_creating_a_realm_requires_a_realm_role_of_master() -> None:
    explanation = refused("POST", "/admin/realms", caller=master(client="ops"))

    assert explanation.verdict.cause is Cause.ROLE_MISSING
    assert explanation.fixes[0].kcadm == ("kcadm.sh add-roles -r master --uusername service-account-ops --rolename create-realm",)


def test_the_fix_for_a_user_grants_to_the_user() -> None:
    fix = refused("GET", USER, caller=caller_of(username="jane")).fixes[0]

    assert fix.kcadm == ("kcadm.sh add-roles -r demo --uusername jane --cclientid realm-management --rolename view-users",)
    assert fix.terraform is not None
    assert "keycloak_user_roles" in fix.terraform
    assert fix.console[1] == "Users, jane, tab Role mapping"


def test_several_missing_roles_are_granted_in_one_command() -> None:
    path = f"/admin/realms/demo/clients/{CLIENT_UUID}/roles/x/users"
    explanation = refused("GET", path, caller=held("view-users"), facts=Facts(granted=("view-users",), full_scope=True))

    assert explanation.verdict.missing == ("view-clients",)
    nothing = refused("GET", path)
    assert nothing.fixes[0].kcadm[0].endswith("--rolename view-clients --rolename view-users")


def test_a_held_role_is_not_granted_again_but_named_if_not_looked_up() -> None:
    path = f"/admin/realms/demo/clients/{CLIENT_UUID}/roles/x/users"
    alone = refused("GET", path, caller=held("view-users")).fixes[0]
    looked_up = refused("GET", path, caller=held("view-users"), facts=Facts(granted=("view-users",), full_scope=True)).fixes[0]

    assert (alone.roles, looked_up.roles) == (("view-clients",), ("view-clients",))
    assert "The call also needs view-users, which the token names" in (alone.warning or "")
    assert "The call also needs" not in (looked_up.warning or "")


def test_a_useful_response_comes_first_and_the_full_one_second() -> None:
    table = catalogs.load("26.7.5")
    first, second = refused("GET", "/admin/serverinfo", catalog=table).fixes

    assert (first.roles, first.gives) == (("query-realms",), "all but systemInfo")
    assert (second.roles, second.gives) == (("manage-realm",), "full")
    assert refused("GET", "/admin/realms/demo/users", catalog=table).fixes[0].gives is None


def test_if_the_scope_may_leave_the_role_out_the_fix_has_both() -> None:
    fix = refused("GET", USER, caller=caller_of(bare=True)).fixes[0]

    assert fix.kcadm[0].startswith("kcadm.sh add-roles")
    assert "scope-mappings/clients" in fix.kcadm[1]


def test_if_the_grant_is_known_only_the_scope_is_changed() -> None:
    facts = Facts(granted=("view-users",), full_scope=False, in_scope=(), client_uuid=CLIENT_UUID)
    fix = refused("GET", USER, caller=caller_of(bare=True), facts=facts).fixes[0]

    assert len(fix.kcadm) == 1
    assert f"CLIENT={CLIENT_UUID} && " in fix.kcadm[0]
    assert "/scope-mappings/clients/" in fix.kcadm[0]
    assert fix.terraform is not None
    assert "keycloak_generic_role_mapper" in fix.terraform


def test_versions_that_read_the_token_need_a_new_one() -> None:
    assert "fetch a new token" in refused("GET", USER, catalog=OLD_TABLE).fixes[0].summary
    assert "token" not in refused("GET", USER, catalog=TABLE).fixes[0].summary


def test_an_injected_token_is_replaced_by_the_proxy_itself() -> None:
    explanation = refused("GET", USER, catalog=OLD_TABLE, caller=_injected())

    assert "kcproxy then fetches a new token by itself" in explanation.fixes[0].summary


def _injected() -> Caller:
    return replace(caller_of(), injected=True)


def test_view_clients_has_a_warning_about_secrets_before_26_8() -> None:
    assert "secrets" in (refused("GET", "/admin/realms/demo/clients").fixes[0].warning or "")


def test_realm_admin_is_named_only_if_nothing_less_works_and_with_a_warning() -> None:
    fix = refused("POST", "/admin/realms/demo/only-admin").fixes[0]

    assert fix.roles == ("realm-admin",)
    assert "nothing less" in (fix.warning or "")


def test_with_a_part_of_the_roles_only_the_rest_is_missing() -> None:
    facts = Facts(granted=("view-users", "view-realm"), full_scope=True)
    explanation = refused("GET", f"/admin/realms/demo/clients/{CLIENT_UUID}/roles/x/users", caller=held("view-users"), facts=facts)

    assert explanation.verdict.missing == ("view-clients",)
    assert render.document(explanation)["required"]["least"] == ["view-clients", "view-users"]


def test_for_an_account_that_no_command_can_name_only_the_console_is_left() -> None:
    token = jwt_of({"iss": "http://localhost:8080/realms/master", "azp": "admin-cli", "jti": "onltro:1", "typ": "Bearer", "sid": "s"})
    fix = refused("GET", USER, caller=read_caller(f"Bearer {token}")).fixes[0]

    assert (fix.kcadm, fix.curl) == ((), ())
    assert "does not name" in fix.summary
    assert fix.console


def test_a_client_role_for_a_server_wide_operation_is_let_through_as_such() -> None:
    facts = Facts(granted=("query-realms",), full_scope=False, in_scope=(), realm_roles_granted=("admin",), realm_roles_in_scope=())

    explanation = refused("GET", "/admin/serverinfo", caller=caller_of(realm="master"), catalog=catalogs.load("26.7.4"), facts=facts)

    assert explanation.verdict.cause is Cause.SCOPE_EXCLUDES_ROLE
    assert "scope-mappings/clients/" in explanation.fixes[0].kcadm[0]
    assert "realm role" not in explanation.fixes[0].summary
