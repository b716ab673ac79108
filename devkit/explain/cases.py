"""Reported refusals as facts: the request, the token, the response, and the true cause.

``truth`` is the cause that was found in the end. Without look-ups, it has to come first or be among the alternatives. With the facts of the
inspector, it has to come first, with the confidence ``sure``.
"""

from typing import Any

from devkit.explain.case import Case
from devkit.explain.cases_further import FURTHER
from devkit.explain.cases_permissions import PERMISSIONS
from devkit.explain.stage import CLIENT_UUID, NOW, OLD_TABLE, TABLE, USER_ID, caller_of, claims_of, jwt_of, table
from kcproxy.explain.claims import read_caller
from kcproxy.model import Caller, Cause, Confidence, Facts

_R = "/admin/realms/demo"
HTML = "<html><body><h1>403 Forbidden</h1></body></html>"


def held(*roles: str, container: str = "realm-management", **more: Any) -> Caller:
    """A service account whose token names these roles."""
    return caller_of(roles={container: list(roles)} if roles else None, **more)


def user(*roles: str, **more: Any) -> Caller:
    """A user whose token names these roles."""
    return caller_of(username="jane", sid="s-1", roles={"realm-management": list(roles)} if roles else None, **more)


def master(*roles: str, of: str = "demo", realm_roles: tuple[str, ...] = (), **more: Any) -> Caller:
    """A service account of master whose token names roles of ``{of}-realm``."""
    return caller_of(realm="master", realm_roles=list(realm_roles), roles={f"{of}-realm": list(roles)} if roles else None, **more)


def expired(seconds: int) -> Caller:
    """A token that expired so long ago."""
    return caller_of(exp=NOW - seconds, iat=NOW - seconds - 300)


NOTHING_GRANTED = Facts(granted=(), full_scope=True)


def old(**more: Any) -> dict[str, Any]:
    """The same on 24.0.5."""
    return {"catalog": OLD_TABLE, **more}


A = (
    Case(id="C01", says="a backend reads a user with an account that holds nothing", method="GET", path=f"{_R}/users/{USER_ID}",
         truth=Cause.ROLE_MISSING, facts=NOTHING_GRANTED, missing=("view-users",)),
    Case(id="C06", says="a plug-in reads groups by path with query-groups alone", method="GET", path=f"{_R}/group-by-path/staff",
         truth=Cause.ROLE_MISSING, ask={"caller": held("query-groups")}, facts=Facts(granted=("query-groups",), full_scope=True), missing=("view-users",)),
    Case(id="C08", says="the console asks serverinfo for a user without any admin role", method="GET", path="/admin/serverinfo",
         truth=Cause.ROLE_MISSING, ask={"caller": user(client="security-admin-console", realm="master")}, facts=Facts(granted=())),
    Case(id="C09", says="a library lists clients while it syncs permissions", method="GET", path=f"{_R}/clients",
         truth=Cause.ROLE_MISSING, facts=NOTHING_GRANTED, missing=("view-clients",)),
)  # fmt: skip
B = (
    Case(id="C10", says="the roles stand in the client's scope and were never granted", method="GET", path=f"{_R}/users",
         truth=Cause.SCOPE_MAPPING_IS_NO_GRANT, ask={"caller": caller_of(bare=True)},
         facts=Facts(granted=(), full_scope=False, in_scope=("view-users",)), missing=("view-users",)),
    Case(id="C13", says="view-events belongs to the caller's own client", method="GET", path=f"{_R}/events",
         truth=Cause.ROLE_OF_OTHER_CLIENT, ask={"caller": held("view-events", "manage-events", container="app", realm_roles=["view-events"])},
         facts=Facts(granted=(), full_scope=True), missing=("view-events",)),
    Case(id="C13b", says="the same with a realm role of that name", method="GET", path=f"{_R}/events",
         truth=Cause.ROLE_OF_OTHER_CLIENT, ask=old(caller=caller_of(realm_roles=["view-events"])), facts=Facts(granted=(), full_scope=True)),
)  # fmt: skip
C = (
    Case(id="C17", says="full scope off with a partial list", method="GET", path=f"{_R}/clients", truth=Cause.SCOPE_EXCLUDES_ROLE,
         ask=old(caller=held("manage-users")), facts=Facts(granted=("manage-users", "view-clients"), full_scope=False, in_scope=("manage-users",)),
         missing=("view-clients",)),
    Case(id="C18", says="all roles granted, none in the token", method="GET", path=f"{_R}/users", truth=Cause.ROLES_NOT_IN_TOKEN,
         ask=old(caller=caller_of(bare=True)), facts=Facts(granted=("view-users",), full_scope=True, role_mapper_attached=False)),
    Case(id="C19", says="a token without resource_access where the token decides", method="GET", path=f"{_R}/users", truth=Cause.ROLES_NOT_IN_TOKEN,
         ask=old(caller=caller_of(bare=True, username="jane", sid="s-1")),
         facts=Facts(granted=("view-users",), full_scope=True, role_mapper_attached=False)),
    Case(id="C20", says="full scope off and the role granted only", method="GET", path=f"{_R}/users/profile", truth=Cause.SCOPE_EXCLUDES_ROLE,
         ask={"caller": caller_of(bare=True)}, facts=Facts(granted=("manage-users",), full_scope=False, in_scope=()), missing=("manage-users",)),
    Case(id="C26", says="an imported scope whose mapper writes nothing", method="GET", path=f"{_R}/users", truth=Cause.ROLES_NOT_IN_TOKEN,
         ask=old(caller=caller_of(bare=True)), facts=Facts(granted=("view-users",), full_scope=True, role_mapper_attached=False)),
)  # fmt: skip
D = (
    Case(id="C28", says="create_user looks the name up first", method="GET", path=f"{_R}/users?username=john", truth=Cause.ROLE_MISSING,
         ask={"caller": held("create-client")}, facts=Facts(granted=("create-client",), full_scope=True), missing=("view-users",)),
    Case(id="C30a", says="the users page asks for components", method="GET", path=f"{_R}/components", truth=Cause.ROLE_MISSING,
         ask={"caller": user("manage-users", "view-users", "query-users")},
         facts=Facts(granted=("manage-users", "view-users"), full_scope=True), missing=("view-realm",)),
    Case(id="C30b", says="and for identity providers", method="GET", path=f"{_R}/identity-provider/instances", truth=Cause.ROLE_MISSING,
         ask={"caller": user("manage-users", "view-users")}, facts=Facts(granted=("manage-users",), full_scope=True),
         missing=("view-identity-providers",)),
    Case(id="C31", says="a role by name takes view-realm", method="GET", path=f"{_R}/roles/iam-user", truth=Cause.ROLE_MISSING,
         ask={"caller": held("manage-users")}, facts=Facts(granted=("manage-users",), full_scope=True), missing=("view-realm",)),
    Case(id="C32", says="a group's details take view-users", method="GET", path=f"{_R}/groups/{USER_ID}", truth=Cause.ROLE_MISSING,
         ask={"caller": user("query-groups", "query-users", "view-realm")},
         facts=Facts(granted=("query-groups", "query-users", "view-realm"), full_scope=True, admin_permissions_enabled=False), missing=("view-users",)),
    Case(id="C34", says="an organization is created where only manage-realm opens it", method="POST", path=f"{_R}/organizations",
         truth=Cause.ROLE_MISSING, ask={"caller": held("manage-users")}, facts=Facts(granted=("manage-users",), full_scope=True),
         missing=("manage-realm",)),
    Case(id="C35", says="events have their own roles", method="GET", path=f"{_R}/events/config", truth=Cause.ROLE_MISSING,
         ask={"caller": user("view-realm")}, facts=Facts(granted=("view-realm",), full_scope=True), missing=("view-events",)),
    Case(id="C39", says="translations take view-realm", method="GET", path=f"{_R}/localization/it", truth=Cause.ROLE_MISSING,
         ask={"caller": user("view-users")}, facts=Facts(granted=("view-users",), full_scope=True), missing=("view-realm",)),
    Case(id="C40", says="a page reads clients, which shows their secrets", method="GET", path=f"{_R}/clients", truth=Cause.ROLE_MISSING,
         ask={"caller": user("view-realm", "view-users")}, facts=Facts(granted=("view-realm", "view-users"), full_scope=True),
         missing=("view-clients",)),
)  # fmt: skip
F = (
    Case(id="C52", says="the token is older than the realm that it created", method="PUT", path=_R, truth=Cause.TOKEN_OLDER_THAN_REALM,
         ask=old(caller=master("manage-users", of="other", realm_roles=("admin", "create-realm"))),
         facts=Facts(granted=("manage-realm",), full_scope=True, role_mapper_attached=True, fresh_token_roles=("manage-realm",))),
    Case(id="C53", says="findOne right after create", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_OLDER_THAN_REALM,
         ask=old(caller=master(realm_roles=("admin",))),
         facts=Facts(granted=("view-users",), full_scope=True, role_mapper_attached=True, fresh_token_roles=("view-users",))),
    Case(id="C57", says="granted again, and the cached token goes on", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_OLDER_THAN_GRANT,
         ask=old(), facts=Facts(granted=("view-users",), full_scope=True, role_mapper_attached=True, fresh_token_roles=("view-users",))),
)  # fmt: skip
G = (
    Case(id="C59", says="a master token with the roles of another realm only", method="GET", path="/admin/realms/test/users",
         truth=Cause.MASTER_ROLE_MISSING, ask={"caller": master("view-users", of="staging")}, facts=NOTHING_GRANTED, missing=("view-users",)),
    Case(id="C61", says="same client id in another realm, without its grants", method="GET", path=f"{_R}/users", truth=Cause.ROLE_MISSING,
         facts=NOTHING_GRANTED, missing=("view-users",)),
    Case(id="C65", says="one realm setting for token and call", method="GET", path="/admin/realms/other/users", truth=Cause.TOKEN_OF_OTHER_REALM,
         ask={"caller": held("realm-admin")}, facts=Facts(granted=("realm-admin",))),
    Case(id="C67", says="serverinfo, and plain text came back", method="GET", path="/admin/serverinfo", truth=Cause.NOT_KEYCLOAK,
         ask={"text": "404 page not found", "caller": held("realm-admin")}, facts=Facts()),
    Case(id="G-create", says="a realm is created with a realm's own token", method="POST", path="/admin/realms", truth=Cause.SERVER_WIDE_OPERATION,
         ask={"caller": held("realm-admin")}, facts=Facts(granted=("realm-admin",))),
)  # fmt: skip
_ADMIN_ROLE_IN_BODY = [{"id": "x", "name": "manage-users"}]
_MAP = f"{_R}/users/{USER_ID}/role-mappings/clients/{CLIENT_UUID}"
H = (
    Case(id="C70", says="an administrator assigns an admin role that the administrator does not have", method="POST", path=_MAP, truth=Cause.ESCALATION_GUARD,
         ask={"caller": held("manage-users"), "sent": [{"name": "realm-admin"}]}, facts=Facts(granted=("manage-users",), full_scope=True, roles_are_built_in=True, admin_permissions_enabled=False)),
    Case(id="C71", says="a master administrator may not map a role that the administrator has, on 26.4.7", method="POST", path=_MAP, truth=Cause.KNOWN_DEFECT,
         ask={"caller": master("manage-users"), "sent": _ADMIN_ROLE_IN_BODY, "catalog": table("26.4.7")},
         facts=Facts(granted=("manage-users",), full_scope=True, keycloak="26.4.7"), sure=Confidence.LIKELY),
    Case(id="C74", says="realm-management itself cannot be changed", method="PUT", path=f"{_R}/clients/{CLIENT_UUID}", truth=Cause.PROTECTED_OBJECT,
         ask={"caller": held("manage-clients")}, facts=Facts(granted=("manage-clients",), full_scope=True, target_is_built_in=True)),
    Case(id="H-imp", says="an administrator cannot be impersonated", method="POST", path=f"{_R}/users/{USER_ID}/impersonation",
         truth=Cause.ESCALATION_GUARD, ask={"caller": held("impersonation")}, facts=Facts(granted=("impersonation",), full_scope=True),
         sure=Confidence.LIKELY),
)  # fmt: skip
_FGAP = Facts(granted=("query-users",), full_scope=True, admin_permissions_enabled=True)
I = (  # noqa: E741 - the groups are lettered
    Case(id="C77", says="the label after a password reset, with permissions only", method="PUT",
         path=f"{_R}/users/{USER_ID}/credentials/{CLIENT_UUID}/userLabel", truth=Cause.FINE_GRAINED_PERMISSION_MISSING,
         ask={"caller": user("query-users")}, facts=_FGAP, sure=Confidence.LIKELY),
    Case(id="C78", says="execute-actions-email with the reset-password scope", method="PUT", path=f"{_R}/users/{USER_ID}/execute-actions-email",
         truth=Cause.FINE_GRAINED_PERMISSION_MISSING, ask={"caller": held("query-users")}, facts=_FGAP, sure=Confidence.LIKELY),
    Case(id="C79", says="the users of a client role, and the page asks for all clients", method="GET", path=f"{_R}/clients",
         truth=Cause.ROLE_MISSING, ask={"caller": user("query-users")}, facts=Facts(granted=("query-users",), full_scope=True)),
    Case(id="C80", says="permissions v1 do not cover new client roles", method="POST", path=f"{_R}/clients/{CLIENT_UUID}/roles",
         truth=Cause.ROLE_MISSING, ask={"caller": user("view-realm")}, facts=Facts(granted=("view-realm",), full_scope=True),
         missing=("manage-clients",)),
)  # fmt: skip
_HTTPS = {"iss": "https://kc.example/realms/demo"}
J = (
    Case(id="C84", says="the scheme of the issuer differs", method="GET", path=f"{_R}/users", truth=Cause.ISSUER_MISMATCH,
         ask={"status": 401, "caller": caller_of(iss="https://localhost:8080/realms/demo")}, facts=Facts(issuer="http://localhost:8080/realms/demo")),
    Case(id="C85", says="an in-cluster issuer at the public address", method="GET", path=f"{_R}/users", truth=Cause.ISSUER_MISMATCH,
         ask={"status": 401, "caller": caller_of(iss="http://keycloak.ns.svc/realms/demo")}, facts=Facts(issuer="http://localhost:8080/realms/demo")),
    Case(id="C87", says="an admin object that lives for hours", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_EXPIRED,
         ask={"status": 401, "caller": expired(412)}, facts=Facts()),
    Case(id="C91", says="roles are right, and the token counts no more", method="GET", path=f"{_R}/users", truth=Cause.SESSION_ENDED,
         ask={"status": 401, "caller": user("view-users")},
         facts=Facts(session_alive=False, account_known=True, account_enabled=True, client_known=True, client_enabled=True)),
    Case(id="C92", says="the console's list of realms after a brokered login on 26.0.5", method="GET", path="/admin/realms/master/ui-ext/realms/names",
         truth=Cause.KNOWN_DEFECT, ask={"status": 401, "caller": caller_of(realm="master", username="jane", sid="s"), "catalog": table("26.0.8"),
                                        "keycloak_version": "26.0.5"}, facts=Facts(keycloak="26.0.5"), sure=Confidence.LIKELY),
    Case(id="C93", says="a DPoP-bound token sent as Bearer", method="GET", path=f"{_R}/users", truth=Cause.PROOF_MISSING,
         ask={"status": 401, "caller": caller_of(cnf={"jkt": "x"}, typ="DPoP")}, facts=Facts(issuer="http://localhost:8080/realms/demo"),
         sure=Confidence.LIKELY),
    Case(id="J-id", says="the ID token instead of the access token", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_KIND_WRONG,
         ask={"status": 401, "caller": caller_of(typ="ID")}, facts=Facts()),
    Case(id="J-aud", says="26.8.2 wants the API in aud", method="GET", path=f"{_R}/users", truth=Cause.AUDIENCE_MISSING,
         ask={"status": 401, "keycloak_version": "26.8.2"}, facts=Facts(keycloak="26.8.2"), sure=Confidence.LIKELY),
    Case(id="J-client", says="the client was disabled", method="GET", path=f"{_R}/users", truth=Cause.CLIENT_DISABLED,
         ask={"status": 401}, facts=Facts(client_known=True, client_enabled=False)),
    Case(id="J-user", says="the user was deleted", method="GET", path=f"{_R}/users", truth=Cause.ACCOUNT_DISABLED,
         ask={"status": 401, "caller": user()}, facts=Facts(account_known=False)),
    Case(id="J-nbf", says="all tokens were revoked", method="GET", path=f"{_R}/users", truth=Cause.NOT_BEFORE,
         ask={"status": 401}, facts=Facts(realm_not_before_epoch_seconds=NOW - 5)),
    Case(id="J-out", says="the service account was signed out", method="GET", path=f"{_R}/users", truth=Cause.NOT_BEFORE,
         ask={"status": 401}, facts=Facts(realm_not_before_epoch_seconds=0, account_not_before_epoch_seconds=NOW - 5)),
    Case(id="J-kid", says="the signing key was removed", method="GET", path=f"{_R}/users", truth=Cause.SIGNING_KEY_UNKNOWN,
         ask={"status": 401}, facts=Facts(key_ids=("key-9",))),
    Case(id="J-none", says="an unsigned token", method="GET", path=f"{_R}/users", truth=Cause.SIGNATURE_INVALID,
         ask={"status": 401, "caller": read_caller("Bearer " + jwt_of(claims_of(), alg="none"))}, facts=Facts()),
    Case(id="J-realm", says="a space in the name of the realm on 24.0.5", method="GET", path="/admin/realms/my%20realm/users",
         truth=Cause.REALM_NAME_UNSUPPORTED, ask=old(status=401, caller=caller_of(realm="my realm", iss="http://localhost:8080/realms/my%20realm")),
         facts=Facts(keycloak="24.0.5"), sure=Confidence.LIKELY),
)  # fmt: skip
_TOKEN = "/realms/demo/protocol/openid-connect/token"
_SAME = "Invalid client or Invalid client credentials"
_CREDENTIALS = {"grant_type": "client_credentials", "client_id": "app"}


def _token_answer(status: int, error: str, description: str, **form: str) -> dict[str, Any]:
    return {
        "status": status,
        "caller": read_caller(None),
        "body": {"error": error, "error_description": description},
        "form": {**_CREDENTIALS, **form},
    }


K = (
    Case(id="C96", says="a framework asks for a service account's token", method="POST", path=_TOKEN, truth=Cause.SERVICE_ACCOUNT_OFF,
         ask=_token_answer(401, "unauthorized_client", "Client not enabled to retrieve service account"), facts=Facts()),
    Case(id="C97", says="a secret of stars was imported", method="POST", path=_TOKEN, truth=Cause.CLIENT_CREDENTIALS_WRONG,
         ask=_token_answer(401, "unauthorized_client", _SAME), facts=Facts(client_known=True, client_enabled=True, client_bearer_only=False)),
    Case(id="C98", says="the client lives in another realm", method="POST", path=_TOKEN, truth=Cause.CLIENT_UNKNOWN,
         ask=_token_answer(401, "invalid_client", _SAME), facts=Facts(client_known=False)),
    Case(id="C62", says="admin-cli with a secret, in the wrong realm", method="POST", path=_TOKEN, truth=Cause.CLIENT_CREDENTIALS_WRONG,
         ask=_token_answer(401, "unauthorized_client", _SAME, client_id="admin-cli"), facts=Facts(client_known=True, client_bearer_only=False)),
    Case(id="C63", says="the two realms of the settings swapped", method="POST", path=_TOKEN, truth=Cause.CLIENT_UNKNOWN,
         ask=_token_answer(401, "invalid_client", _SAME), facts=Facts(client_known=False)),
    Case(id="C99", says="login as realm-management", method="POST", path=_TOKEN, truth=Cause.CLIENT_CREDENTIALS_WRONG,
         ask=_token_answer(401, "unauthorized_client", _SAME, client_id="realm-management"),
         facts=Facts(client_known=True, client_bearer_only=True)),
    Case(id="C104", says="wrong password", method="POST", path=_TOKEN, truth=Cause.USER_CREDENTIALS_WRONG,
         ask=_token_answer(400, "invalid_grant", "Invalid user credentials", grant_type="password", username="jane"),
         facts=Facts(), sure=Confidence.LIKELY),
    Case(id="C105", says="an expired refresh token", method="POST", path=_TOKEN, truth=Cause.REFRESH_TOKEN_INVALID,
         ask=_token_answer(400, "invalid_grant", "Token is not active", grant_type="refresh_token"), facts=Facts()),
    Case(id="C107", says="plain HTTP from a public address", method="POST", path=_TOKEN, truth=Cause.HTTPS_REQUIRED,
         ask=_token_answer(403, "invalid_request", "HTTPS required"), facts=Facts(ssl_required="external")),
    Case(id="K-disabled", says="a disabled client", method="POST", path=_TOKEN, truth=Cause.CLIENT_DISABLED,
         ask=_token_answer(401, "invalid_client", _SAME), facts=Facts(client_known=True, client_enabled=False)),
    Case(id="K-realm", says="a disabled realm", method="POST", path=_TOKEN, truth=Cause.REALM_DISABLED,
         ask=_token_answer(403, "access_denied", "Realm not enabled"), facts=Facts()),
    Case(id="K-account", says="the user of the service account is disabled", method="POST", path=_TOKEN, truth=Cause.ACCOUNT_DISABLED,
         ask=_token_answer(401, "invalid_request", "User 'service-account-app' disabled"), facts=Facts()),
    Case(id="C112", says="a realm named admin", method="POST", path="/realms/admin/protocol/openid-connect/token", truth=Cause.REALM_UNKNOWN,
         ask={"status": 404, "body": {"error": "Realm does not exist"}, "caller": read_caller(None)}, facts=Facts()),
)  # fmt: skip
_NO_PATH = {"status": 404, "body": {"error": "Unable to find matching target resource method"}}
L = (
    Case(id="C110", says="/auth on a version without it", method="GET", path="/auth/admin/realms/demo/users", truth=Cause.BASE_PATH_WRONG,
         ask=_NO_PATH, facts=Facts(), sure=Confidence.LIKELY),
    Case(id="C114", says="the path as a document printed it", method="GET", path="/demo/clients/x/roles", truth=Cause.PATH_WRONG,
         ask=_NO_PATH, facts=Facts(), sure=Confidence.LIKELY),
    Case(id="C115", says="/admin twice", method="DELETE", path="/admin/admin/realms/demo/clients/x", truth=Cause.PATH_WRONG,
         ask={"status": 405, "body": {"error": "HTTP 405 Method Not Allowed"}}, facts=Facts()),
    Case(id="C116", says="the clientId in the place of the id", method="GET", path=f"{_R}/clients/app/roles", truth=Cause.NAME_USED_AS_ID,
         ask={"status": 404, "body": {"error": "Could not find client"}, "caller": held("view-clients")}, facts=Facts(), sure=Confidence.LIKELY),
    Case(id="C117", says="realm-management as an id, in master", method="GET", path="/admin/realms/master/clients/realm-management/roles/manage-users",
         truth=Cause.NAME_USED_AS_ID, ask={"status": 404, "body": {"error": "Could not find client"}, "caller": master("view-clients", of="master")},
         facts=Facts(), sure=Confidence.LIKELY),
)  # fmt: skip
M = (
    Case(id="C121", says="a firewall dislikes the User-Agent", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={"text": HTML, "answer_headers": {"server": "cloudflare", "cf-ray": "8"}}, facts=Facts()),
    Case(id="C125", says="another listener answers plain HTTP", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={"text": "Forbidden", "caller": held("realm-admin")}, facts=Facts()),
    Case(id="C126", says="a token with the roles of 148 realms", method="GET", path=f"{_R}/users", truth=Cause.HEADERS_TOO_LARGE,
         ask={"status": 431, "caller": master("view-users")}, facts=Facts()),
    Case(id="C130", says="a browser from an unknown origin", method="POST", path=f"{_R}/users", truth=Cause.ORIGIN_NOT_ALLOWED,
         ask={"body": {"error": "Invalid origin"}, "headers": {"origin": "http://localhost:3000"}, "caller": held("manage-users")}, facts=Facts()),
    Case(id="M-slash", says="two slashes in the path", method="GET", path="//admin/realms/demo/users", truth=Cause.PATH_NOT_NORMALISED,
         ask={"status": 400, "body": {"error": "missingNormalization", "error_description": "missingNormalization"}}, facts=Facts()),
)  # fmt: skip
N = (
    Case(id="C132", says="authorization services are off on the client", method="GET",
         path=f"{_R}/clients/{CLIENT_UUID}/authz/resource-server/settings", truth=Cause.FEATURE_OFF,
         ask={"status": 404, "body": {"error": "HTTP 404 Not Found"}, "caller": held("view-authorization")}, facts=Facts(), sure=Confidence.LIKELY),
    Case(id="C133", says="permissions v1 are off", method="PUT", path=f"{_R}/users-management-permissions", truth=Cause.FEATURE_OFF,
         ask={"status": 501, "body": {"error": "Feature not enabled"}, "caller": held("manage-users")}, facts=Facts()),
    Case(id="C134", says="the console duplicates a group", method="GET", path=f"{_R}/groups/{USER_ID}/management/permissions",
         truth=Cause.FEATURE_OFF, ask={"status": 501, "body": {"error": "Feature not enabled"}}, facts=Facts()),
)  # fmt: skip
O = (  # noqa: E741 - the groups are lettered
    Case(id="C139", says="userinfo with a service account's token", method="GET", path="/realms/demo/protocol/openid-connect/userinfo",
         truth=Cause.OTHER_ENDPOINT, ask={"status": 401, "body": {"error": "invalid_token"}}, facts=Facts(), sure=Confidence.LIKELY),
    Case(id="C142", says="a UMA request after the session ended", method="POST", path="/realms/demo/authz/protection/permission",
         truth=Cause.OTHER_ENDPOINT, ask={"status": 403, "body": {"error": "access_denied"}}, facts=Facts(), sure=Confidence.LIKELY),
    Case(id="O-policy", says="a client is registered with a scope that a policy does not list", method="POST",
         path="/realms/demo/clients-registrations/openid-connect", truth=Cause.REGISTRATION_POLICY,
         ask={"body": {"error": "insufficient_scope", "error_description": "Policy 'Allowed Client Scopes' rejected request to client-registration service."
                       " Details: Not permitted to use specified clientScope"},
              "caller": held("create-client"), "sent": {"redirect_uris": ["http://localhost/cb"], "scope": "vault openid"}}, facts=Facts()),
    Case(id="O-broker", says="a token of an external provider, for a user without read-token", method="GET", path="/realms/demo/broker/ext/token",
         truth=Cause.OTHER_ENDPOINT, ask={"caller": user(), "body": {"errorMessage": "Client [app] not authorized to retrieve tokens from identity"
                                                                                     " provider [ext]."}}, facts=Facts()),
    Case(id="O-reg", says="client registration", method="POST", path="/realms/demo/clients-registrations/default", truth=Cause.OTHER_ENDPOINT,
         ask={"body": {"error": "insufficient_scope", "error_description": "Forbidden"}}, facts=Facts(), sure=Confidence.LIKELY),
)  # fmt: skip
MORE = (
    Case(id="X-revoked", says="the role was taken away, the token still names it", method="GET", path=f"{_R}/users", truth=Cause.ROLE_REVOKED,
         ask={"caller": held("view-users")}, facts=NOTHING_GRANTED, missing=("view-users",)),
    Case(id="X-recreated", says="service accounts were switched off and on", method="GET", path=f"{_R}/users",
         truth=Cause.SERVICE_ACCOUNT_RECREATED, ask={"caller": held("view-users")},
         facts=Facts(granted=(), full_scope=True, service_account_id="another"), missing=("view-users",)),
    Case(id="X-user", says="a user's token where the service account's was meant", method="GET", path=f"{_R}/users", truth=Cause.USER_TOKEN_USED,
         ask={"caller": user()}, facts=Facts(granted=(), granted_to_service_account=("view-users",), full_scope=True)),
    Case(id="X-light", says="a lightweight token of an account without the role", method="GET", path=f"{_R}/users", truth=Cause.ROLE_MISSING,
         ask={"caller": read_caller("Bearer " + jwt_of({"iss": "http://localhost:8080/realms/demo", "azp": "app", "sub": USER_ID, "typ": "Bearer"}))},
         facts=NOTHING_GRANTED, missing=("view-users",)),
    Case(id="X-impersonate", says="the creator of a realm lacks impersonation", method="POST", path=f"{_R}/users/{USER_ID}/impersonation",
         truth=Cause.MASTER_ROLE_MISSING, ask={"caller": master("manage-users", realm_roles=("create-realm",))},
         facts=Facts(granted=("manage-users",), full_scope=True), missing=("impersonation",)),
)  # fmt: skip

_PROOF = jwt_of({"htu": "http://localhost:8180/admin/realms/demo/users", "htm": "GET"}, typ="dpop+jwt")
OPEN = (
    Case(id="Y-missing", says="a request without any token", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_MISSING,
         ask={"status": 401, "caller": read_caller(None)}, facts=Facts()),
    Case(id="Y-basic", says="client id and secret sent to the admin API", method="GET", path=f"{_R}/users", truth=Cause.SCHEME_WRONG,
         ask={"status": 401, "caller": read_caller("Basic YXBwOnMzY3JldA==")}, facts=Facts()),
    Case(id="Y-cut", says="a variable that was never filled", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_MALFORMED,
         ask={"status": 401, "caller": read_caller("Bearer undefined")}, facts=Facts()),
    Case(id="Y-early", says="a token from a host whose clock runs ahead", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_NOT_YET_VALID,
         ask={"status": 401, "caller": caller_of(nbf=NOW + 90)}, facts=Facts()),
    Case(id="Y-proof", says="a DPoP proof made for the proxy's address", method="GET", path=f"{_R}/users", truth=Cause.PROOF_MISMATCH,
         ask={"status": 401, "caller": read_caller("DPoP " + jwt_of(claims_of(cnf={"jkt": "x"}, typ="DPoP"))), "headers": {"dpop": _PROOF}},
         facts=Facts(issuer="http://localhost:8080/realms/demo"), sure=Confidence.LIKELY),
    Case(id="Y-rejected", says="a token in which nothing is wrong", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_REJECTED,
         ask={"status": 401}, facts=Facts(), sure=Confidence.LIKELY),
    Case(id="Y-flow", says="a password login with a client that allows none", method="POST", path=_TOKEN, truth=Cause.GRANT_NOT_ALLOWED,
         ask=_token_answer(400, "unauthorized_client", "Client not allowed for direct access grants", grant_type="password"), facts=Facts()),
    Case(id="Y-setup", says="a user with a temporary password", method="POST", path=_TOKEN, truth=Cause.ACCOUNT_NOT_SET_UP,
         ask=_token_answer(400, "invalid_grant", "Account is not fully set up", grant_type="password", username="jane"), facts=Facts()),
    Case(id="Y-scope", says="a scope that the client does not have", method="POST", path=_TOKEN, truth=Cause.SCOPE_INVALID,
         ask=_token_answer(400, "invalid_scope", "Invalid scopes: admin", scope="admin"), facts=Facts()),
    Case(id="Y-request", says="a token request without grant_type", method="POST", path=_TOKEN, truth=Cause.TOKEN_REQUEST_INVALID,
         ask=_token_answer(400, "invalid_request", "Missing form parameter: grant_type"), facts=Facts()),
    Case(id="Y-nobody", says="a call that no role of the realm allows", method="PUT", path=f"{_R}/nobody", truth=Cause.OPERATION_IMPOSSIBLE,
         ask={"caller": held("realm-admin")}, facts=Facts(granted=("realm-admin",), full_scope=True), sure=Confidence.LIKELY),
    Case(id="Y-extension", says="an endpoint of an extension", method="GET", path=f"{_R}/my-extension/things", truth=Cause.OPERATION_UNKNOWN,
         facts=Facts(), sure=Confidence.POSSIBLE),
    Case(id="Y-untold", says="a call whose need could not be measured", method="GET", path=f"{_R}/untold", truth=Cause.OPERATION_UNKNOWN,
         facts=Facts(), sure=Confidence.POSSIBLE),
    Case(id="Y-unexplained", says="everything speaks for the call", method="GET", path=f"{_R}/users", truth=Cause.UNEXPLAINED,
         ask=old(caller=held("view-users")), facts=Facts(granted=("view-users",), full_scope=True, role_mapper_attached=True),
         sure=Confidence.LIKELY),
)  # fmt: skip

CASES: tuple[Case, ...] = (*A, *B, *C, *D, *F, *G, *H, *I, *J, *K, *L, *M, *N, *O, *MORE, *OPEN, *FURTHER, *PERMISSIONS)
__all__ = ["CASES", "HTML", "TABLE", "Case", "held", "master", "user"]
