"""Endpoints next to the Admin REST API: each has its own needs and its own fix, and Keycloak's own words come first."""

from typing import Any

import pytest

from devkit.explain.stage import caller_of, claims_of, jwt_of, refused
from kcproxy.explain import render
from kcproxy.explain.claims import read_caller
from kcproxy.model import Caller, Cause, Confidence, Explanation

_R = "/realms/demo"
_REGISTER = f"{_R}/clients-registrations/openid-connect"
_NOBODY = read_caller(None)
_POLICY = "Policy '{}' rejected request to client-registration service. Details: {}"


def user(**claims: Any) -> Caller:
    return caller_of(username="jane", sid="s-1", **claims)


def holding(client: str, *roles: str, **claims: Any) -> Caller:
    """A user with exactly these roles of one client in the token."""
    access: dict[str, Any] = (
        {"resource_access": {client: {"roles": list(roles)}}, "aud": client} if roles else {"resource_access": {}, "aud": None}
    )
    return read_caller("Bearer " + jwt_of(claims_of(username="jane", sid="s-1", **claims) | access))


def _by_policy(name: str, details: str, caller: Caller | None = None, **sent: Any) -> Explanation:
    body = {"error": "insufficient_scope", "error_description": _POLICY.format(name, details)}
    return refused("POST", _REGISTER, body=body, caller=caller or caller_of(roles={"realm-management": ["create-client"]}), sent=sent)


def test_a_policy_that_refuses_a_registration_is_named_with_keycloaks_words_first() -> None:
    explanation = _by_policy("Allowed Client Scopes", "Not permitted to use specified clientScope", scope="mcp:vault openid")

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.REGISTRATION_POLICY, Confidence.CERTAIN)
    assert explanation.summary.startswith("Keycloak says Policy 'Allowed Client Scopes' rejected request to client-registration service.")
    assert "create-client" not in explanation.summary
    assert "in realm demo" in explanation.summary
    assert "the request asks for the client scopes mcp:vault openid" in explanation.verdict.evidence
    own, change = explanation.fixes
    assert "client scopes" in own.summary
    assert "Allowed client scopes" in change.summary
    assert "Clients, tab Client registration, Authenticated access polices" in change.console
    assert not any(fix.roles or fix.kcadm for fix in explanation.fixes)


@pytest.mark.parametrize(
    ("name", "details", "says"),
    [
        ("Trusted Hosts", "Host not trusted.", "Trusted hosts"),
        ("Trusted Hosts", "URL doesn't match any trusted host or trusted domain", "hosts that the policy lists"),
        ("Allowed Protocol Mapper Types", "ProtocolMapper type not allowed", "protocol mappers"),
        ("Max Clients Limit", "It's allowed to have max 200 clients per realm", "limit of clients"),
        ("it's \u202e'mine'", "Something new", "fits the policy"),
    ],
)
@pytest.mark.parametrize("caller", [None, _NOBODY], ids=["with a token", "without"])
def test_each_policy_has_its_own_fix(name: str, details: str, says: str, caller: Caller | None) -> None:
    explanation = _by_policy(name, details, caller)

    assert explanation.verdict.cause is Cause.REGISTRATION_POLICY
    assert any(says in fix.summary for fix in explanation.fixes)
    tab = "Anonymous" if caller else "Authenticated"
    assert any(tab in step for fix in explanation.fixes for step in fix.console)
    assert any("initial access token" in fix.summary for fix in explanation.fixes) == (caller is not None)
    assert "\u202e" not in str(explanation.fixes) + explanation.summary


@pytest.mark.parametrize(
    ("method", "held", "role"),
    [
        ("POST", (), "create-client"),
        ("GET", ("create-client",), "view-clients"),
        ("PUT", ("create-client", "view-clients"), "manage-clients"),
        ("DELETE", (), "manage-clients"),
    ],
)
def test_client_registration_names_the_role_for_the_method_and_the_way_without(method: str, held: tuple[str, ...], role: str) -> None:
    path = f"{_R}/clients-registrations/default/app"
    body = {"error": "insufficient_scope", "error_description": "Forbidden"}
    explanation = refused(method, path, body=body, caller=caller_of(roles={"realm-management": list(held)} if held else None))

    assert explanation.verdict.cause is Cause.OTHER_ENDPOINT
    assert f"missing the role {role}" in explanation.summary
    assert explanation.fixes[0].kcadm == (
        f"kcadm.sh add-roles -r demo --uusername service-account-app --cclientid realm-management --rolename {role}",
    )
    assert "access token" in explanation.fixes[1].summary


@pytest.mark.parametrize(
    ("method", "description", "says"),
    [
        ("POST", "No remaining count on initial access token", "new initial access token"),
        ("POST", "Failed decode token", "initial access token"),
        ("GET", "Not authorized to view client. Not valid token or client credentials provided.", "registration access token"),
    ],
)
def test_a_registration_without_a_valid_token_says_which_one_it_needs(method: str, description: str, says: str) -> None:
    body = {"error": "invalid_token", "error_description": description}
    explanation = refused(method, _REGISTER, status=401, body=body, caller=_NOBODY)

    assert explanation.summary.startswith(f"Keycloak says {description.rstrip('.')}: ")
    assert says in explanation.fixes[0].summary


def test_a_broker_token_takes_the_role_read_token_of_the_client_broker() -> None:
    words = "Client [app] not authorized to retrieve tokens from identity provider [ext]."
    explanation = refused("GET", f"{_R}/broker/ext/token", body={"errorMessage": words}, caller=user())

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.OTHER_ENDPOINT, Confidence.CERTAIN)
    assert explanation.summary.startswith("Keycloak says Client [app] not authorized to retrieve tokens")
    assert "missing the role read-token (client broker) for GET /realms/demo/broker/ext/token in realm demo." in explanation.summary
    fix = explanation.fixes[0]
    assert fix.kcadm == ("kcadm.sh add-roles -r demo --uusername jane --cclientid broker --rolename read-token",)
    assert "new token" in fix.summary


def test_a_client_without_authorization_services_is_no_resource_server() -> None:
    body = {"error": "invalid_clientId", "error_description": "Client application [app] is not registered as a resource server."}
    explanation = refused("GET", f"{_R}/authz/protection/resource_set", body=body)

    assert explanation.summary.startswith("Keycloak says Client application [app] is not registered as a resource server: ")
    assert "switch Authorization on" in explanation.fixes[0].summary


@pytest.mark.parametrize(("caller", "commands"), [(user(), False), (caller_of(), True)], ids=["user", "service account"])
def test_the_protection_api_takes_the_service_account_of_the_resource_server(caller: Caller, commands: bool) -> None:
    body = {"error": "invalid_scope", "error_description": "Requires uma_protection scope."}
    explanation = refused("GET", f"{_R}/authz/protection/resource_set", body=body, caller=caller)

    assert "missing the role uma_protection (client app)" in explanation.summary
    assert bool(explanation.fixes[0].kcadm) == commands
    assert commands or "client_credentials" in explanation.fixes[0].summary


def test_a_uma_request_without_a_token_says_which_one_it_needs() -> None:
    body = {"error": "invalid_bearer_token", "error_description": "Could not obtain bearer access_token from request."}
    explanation = refused("POST", f"{_R}/authz/protection/permission", body=body, caller=_NOBODY)

    assert explanation.summary.startswith("Keycloak says Could not obtain bearer access_token from request: ")
    assert "client_credentials" in explanation.fixes[0].summary


@pytest.mark.parametrize(
    ("method", "path", "held", "role"),
    [
        ("GET", "", ("view-groups",), "view-profile"),
        ("GET", "/", ("view-groups",), "view-profile"),
        ("POST", "", ("view-profile",), "manage-account"),
        ("GET", "/sessions/devices", ("view-groups",), "view-profile"),
        ("DELETE", "/sessions", ("view-profile",), "manage-account"),
        ("GET", "/applications", ("view-profile",), "view-applications"),
        ("GET", "/applications/x/consent", ("view-profile",), "view-consent"),
        ("POST", "/applications/x/consent", ("view-consent",), "manage-consent"),
        ("GET", "/groups", ("view-profile",), "view-groups"),
        ("DELETE", "/credentials/x", ("view-profile",), "manage-account"),
    ],
)
def test_the_account_api_names_the_role_for_method_and_path(method: str, path: str, held: tuple[str, ...], role: str) -> None:
    explanation = refused(method, f"{_R}/account{path}", caller=holding("account", *held))

    assert explanation.verdict.cause is Cause.OTHER_ENDPOINT
    assert f"missing the role {role}" in explanation.summary
    assert "(client account)" in explanation.summary
    assert f"--uusername jane --cclientid account --rolename {role}" in explanation.fixes[0].kcadm[0]
    assert "Keycloak says" not in explanation.summary


def test_a_token_without_roles_of_account_lacks_them_by_its_scope() -> None:
    explanation = refused("GET", f"{_R}/account", status=401, caller=user(bare=True))

    assert "missing the role view-profile or manage-account (client account)" in explanation.summary
    assert "through the scope of client app" in explanation.fixes[0].summary


def test_a_service_account_cannot_use_the_account_api_with_any_role() -> None:
    explanation = refused("GET", f"{_R}/account", status=401, caller=caller_of(aud="account"))

    assert "is a service account, and the account API is only for users" in explanation.summary
    assert not explanation.fixes[0].kcadm


def test_user_managed_access_that_is_off_is_a_switch_of_the_realm() -> None:
    explanation = refused("GET", f"{_R}/account/resources", body={"errorMessage": "User-managed access not enabled"}, caller=user())

    assert "User-managed access on" in explanation.fixes[0].summary


def test_userinfo_takes_the_scope_openid() -> None:
    challenge = {"www-authenticate": 'Bearer realm="demo", error="insufficient_scope", error_description="Missing openid scope"'}
    explanation = refused("GET", f"{_R}/protocol/openid-connect/userinfo", text=" ", answer_headers=challenge, caller=user())

    assert explanation.verdict.confidence is Confidence.CERTAIN
    assert explanation.summary.startswith("Keycloak says Missing openid scope: the token of jane is missing the scope openid")
    assert "scope=openid" in explanation.fixes[0].summary


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/broker/ext/token"),
        ("GET", "/broker/ext/endpoint"),
        ("POST", "/clients-registrations/default"),
        ("GET", "/account"),
        ("GET", "/protocol/openid-connect/userinfo"),
        ("POST", "/protocol/openid-connect/token/introspect"),
        ("GET", "/authz/protection/permission"),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("caller", [_NOBODY, read_caller("Bearer x"), caller_of(), user(bare=True)])
def test_no_neighbour_is_explained_by_admin_roles(method: str, path: str, status: int, caller: Caller) -> None:
    explanation = refused(method, f"{_R}{path}", status=status, caller=caller, body={"error": "invalid_token"})

    assert explanation.verdict.cause is Cause.OTHER_ENDPOINT
    assert "No admin role" not in explanation.summary
    assert "in realm demo" in explanation.summary
    assert explanation.fixes
    assert "WWW-Authenticate" not in dict(render.headers(explanation))
