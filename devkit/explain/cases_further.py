"""Further refusals, found by looking for variants of the reported ones on real servers; same form, same promises."""

from typing import Any

from devkit.explain.case import Case
from devkit.explain.stage import NOW, OLD_TABLE, USER_ID, caller_of, claims_of, jwt_of, table
from kcproxy.explain.claims import read_caller
from kcproxy.model import Caller, Cause, Confidence, Facts, RoleElsewhere, Withheld

_R = "/admin/realms/demo"
_TOKEN = "/realms/demo/protocol/openid-connect/token"
_ISSUER = "http://localhost:8080/realms/demo"
MIDDLE_TABLE = table("26.4.7")
_LIKELY = Confidence.LIKELY


def _console(realm: str = "demo") -> Caller:
    """A user's token of admin-cli as newer versions give it: lightweight, with a session and without a name, a sub or roles."""
    claims = {
        "iss": f"http://localhost:8080/realms/{realm}",
        "azp": "admin-cli",
        "typ": "Bearer",
        "sid": "s-9",
        "exp": NOW + 50,
        "iat": NOW - 9,
    }
    return read_caller("Bearer " + jwt_of({**claims, "jti": "onltro:1f2e"}))


def _asked(status: int, error: str, description: str | None = None, **form: str) -> dict[str, Any]:
    body = {"error": error} if description is None else {"error": error, "error_description": description}
    form = {"grant_type": "client_credentials", "client_id": "app", **form}
    return {"status": status, "caller": read_caller(None), "body": body, "form": form}


_WITHOUT = {"status": 401, "caller": read_caller(None)}
_WELL: dict[str, Any] = {
    "signature_valid": True,
    "issuer": _ISSUER,
    "key_ids": ("key-1",),
    "account_known": True,
    "account_enabled": True,
    "account_not_before_epoch_seconds": 0,
    "client_known": True,
    "client_enabled": True,
    "realm_not_before_epoch_seconds": 0,
}
_LIMITED_MAPPER = Facts(granted=("view-users",), full_scope=True, role_mapper_attached=True, fresh_token_roles=())
_NO_PATH = {"status": 404, "body": {"error": "HTTP 404 Not Found"}}

ROLES = (
    Case(id="A-console", says="a user of the realm logs in with admin-cli and holds nothing", method="GET", path=f"{_R}/users",
         truth=Cause.ROLE_MISSING, ask={"caller": _console()},
         facts=Facts(granted=(), full_scope=True, lightweight=True, account_id=USER_ID, account_name="jane"), missing=("view-users",)),
    Case(id="A-console-master", says="a user of master, by admin-cli, without the roles of that realm", method="GET", path=f"{_R}/users",
         truth=Cause.MASTER_ROLE_MISSING, ask={"caller": _console("master")},
         facts=Facts(granted=(), full_scope=True, lightweight=True, account_id=USER_ID, account_name="jane"), missing=("view-users",)),
    Case(id="B-above", says="a client of one's own has a role realm-admin", method="GET", path=f"{_R}/users", truth=Cause.ROLE_OF_OTHER_CLIENT,
         ask={"caller": caller_of(roles={"app": ["realm-admin"]})},
         facts=Facts(granted=(), full_scope=True, granted_elsewhere=(RoleElsewhere(name="realm-admin", client="app"),)), missing=("view-users",)),
    Case(id="C-mapper", says="the mapper of client roles is limited to another client", method="GET", path=f"{_R}/users",
         truth=Cause.ROLES_NOT_IN_TOKEN, ask={"catalog": OLD_TABLE}, facts=_LIMITED_MAPPER),
    Case(id="C-mapper-26", says="the same on 26.4.7", method="GET", path=f"{_R}/users",
         truth=Cause.ROLES_NOT_IN_TOKEN, ask={"catalog": MIDDLE_TABLE}, facts=_LIMITED_MAPPER),
    Case(id="G-create-admin", says="master, and neither create-realm nor a look-up that finds it", method="POST", path="/admin/realms",
         truth=Cause.ROLE_MISSING, ask={"caller": caller_of(realm="master")}, facts=Facts(granted=(), realm_roles_granted=("default-roles-master",)),
         missing=("create-realm",)),
)  # fmt: skip
TOKENS = (
    Case(id="J-revoked", says="a program revoked its token and went on with it", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_REVOKED,
         ask={"status": 401}, facts=Facts(**_WELL), sure=_LIKELY),
    Case(id="J-revoked-user", says="the same with a user's token, whose session is alive", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_REVOKED,
         ask={"status": 401, "caller": caller_of(username="jane", sid="s-1")}, facts=Facts(**_WELL, session_alive=True), sure=_LIKELY),
    Case(id="J-initial", says="an initial access token on the admin API", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_KIND_WRONG,
         ask={"status": 401, "caller": caller_of(typ="InitialAccessToken", azp=None, preferred_username=None)}, facts=Facts()),
    Case(id="J-light-out", says="a lightweight token after the logout", method="GET", path=f"{_R}/users", truth=Cause.SESSION_ENDED,
         ask={"status": 401, "caller": _console()}, facts=Facts(signature_valid=True, issuer=_ISSUER, session_alive=False)),
    Case(id="J-dpop", says="a bound token, and its signature is the realm's", method="GET", path=f"{_R}/users", truth=Cause.PROOF_MISSING,
         ask={"status": 401, "caller": caller_of(cnf={"jkt": "x"}, typ="DPoP"), "keycloak_version": "26.7.4"},
         facts=Facts(signature_valid=True, issuer=_ISSUER)),
    Case(id="J-none-old", says="an unsigned token, over which an old version fails", method="GET", path=f"{_R}/users", truth=Cause.SIGNATURE_INVALID,
         ask={"status": 500, "catalog": OLD_TABLE, "body": {"error": "unknown_error"},
              "caller": read_caller("Bearer " + jwt_of(claims_of(), alg="none"))}, facts=Facts()),
    Case(id="J-withheld", says="an operation that the proxy's own limit leaves out", method="DELETE", path=f"{_R}/users/{USER_ID}",
         truth=Cause.TOKEN_WITHHELD, ask={**_WITHOUT, "withheld": Withheld.OPERATIONS}, facts=Facts()),
    Case(id="J-page", says="a page in a browser calls the admin API through the proxy", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_WITHHELD,
         ask={**_WITHOUT, "withheld": Withheld.BROWSER}, facts=Facts()),
    Case(id="J-no-account", says="a realm that no account of the proxy serves", method="GET", path=f"{_R}/users", truth=Cause.TOKEN_MISSING,
         ask={**_WITHOUT, "withheld": Withheld.NO_ACCOUNT}, facts=Facts()),
)  # fmt: skip
ELSEWHERE = (
    Case(id="K-assertion", says="the client logs in by signed JWT, and a secret was sent", method="POST", path=_TOKEN,
         truth=Cause.CLIENT_CREDENTIALS_WRONG, ask=_asked(400, "invalid_client", "Parameter client_assertion_type is missing"), facts=Facts()),
    *(
        Case(id=f"K-assertion-{which}", says="a signed assertion that Keycloak does not take", method="POST", path=_TOKEN,
             truth=Cause.CLIENT_CREDENTIALS_WRONG, ask=_asked(400, "invalid_client", description), facts=Facts())
        for which, description in (
            ("address", "Invalid token audience"),
            ("two-addresses", "Multiple audiences not allowed"),
            ("expired", "Token is not active"),
            ("twice", "Token reuse detected"),
            ("key", "Client authentication with signed JWT failed: Signature on JWT token failed validation"),
            ("old", "Token was issued too far in the past to be used now"),
            ("no-expiry", "Token exp claim is required"),
            ("no-id", "Token jti claim is required"),
        )
    ),
    Case(id="K-basic", says="a per cent sign in the secret was not encoded for Basic", method="POST", path=_TOKEN,
         truth=Cause.CLIENT_CREDENTIALS_WRONG, ask=_asked(400, "unauthorized_client", "Unexpected error when authenticating client"),
         facts=Facts(), sure=_LIKELY),
    Case(id="K-empty-grant", says="a variable left grant_type empty", method="POST", path=_TOKEN, truth=Cause.TOKEN_REQUEST_INVALID,
         ask=_asked(400, "unsupported_grant_type", "Unsupported grant_type", grant_type=""), facts=Facts()),
    Case(id="K-get", says="the token endpoint opened with GET", method="GET", path=_TOKEN, truth=Cause.TOKEN_REQUEST_INVALID,
         ask=_asked(405, "HTTP 405 Method Not Allowed"), facts=Facts()),
    Case(id="K-exchange", says="token exchange, and the client's switch for it is off", method="POST", path=_TOKEN, truth=Cause.GRANT_NOT_ALLOWED,
         ask=_asked(400, "invalid_request", "Standard token exchange is not enabled for the requested client",
                    grant_type="urn:ietf:params:oauth:grant-type:token-exchange"), facts=Facts()),
    Case(id="K-uma", says="a UMA ticket for a client without authorization services", method="POST", path=_TOKEN, truth=Cause.FEATURE_OFF,
         ask=_asked(400, "invalid_request", "Client does not support permissions"), facts=Facts()),
    Case(id="L-realms", says="/realms left out between /admin and the realm", method="GET", path="/admin/demo/users", truth=Cause.PATH_WRONG,
         ask={"status": 405, "body": {"error": "HTTP 405 Method Not Allowed"}}, facts=Facts(), sure=_LIKELY),
    Case(id="L-method", says="POST on a user, which takes PUT", method="POST", path=f"{_R}/users/{USER_ID}", truth=Cause.PATH_WRONG,
         ask=_NO_PATH, facts=Facts(), sure=_LIKELY),
    Case(id="L-singular", says="/user for /users", method="GET", path=f"{_R}/user/{USER_ID}", truth=Cause.PATH_WRONG, ask=_NO_PATH, facts=Facts(),
         sure=_LIKELY),
    Case(id="L-slash", says="a role's name with a slash that was not encoded", method="GET", path=f"{_R}/roles/a/b/c/d/e", truth=Cause.PATH_WRONG,
         ask=_NO_PATH, facts=Facts(), sure=_LIKELY),
    Case(id="N-organizations", says="organizations are off in the realm, in Keycloak's own words", method="GET", path=f"{_R}/organizations",
         truth=Cause.FEATURE_OFF, ask={"status": 404, "body": {"errorMessage": "Organizations not enabled for this realm."}}, facts=Facts()),
)  # fmt: skip

_SPRING = {"timestamp": "2026-11-23T20:00:00Z", "status": 403, "error": "Forbidden", "path": f"{_R}/users"}
_HOLDS = {"caller": caller_of(roles={"realm-management": ["view-users"]})}
BETWEEN = (
    Case(id="M-spring", says="a gateway's own JSON, for a caller who holds the role", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={**_HOLDS, "body": _SPRING}, facts=Facts(granted=("view-users",), full_scope=True), sure=_LIKELY),
    Case(id="M-spring-bare", says="the same for one who holds nothing: the role may be missing as well", method="GET", path=f"{_R}/users",
         truth=Cause.NOT_KEYCLOAK, ask={"body": _SPRING}, facts=Facts(granted=(), full_scope=True), sure=_LIKELY),
    Case(id="M-kong", says="an API gateway's refusal", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={"body": {"message": "You cannot consume this service"}}, facts=Facts(granted=(), full_scope=True)),
    Case(id="M-mesh", says="a service mesh's refusal", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={"text": "RBAC: access denied"}, facts=Facts(granted=(), full_scope=True)),
    Case(id="M-words", says="Keycloak's form, and a gateway's words", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={**_HOLDS, "catalog": OLD_TABLE, "body": {"error": "Access to this API has been disallowed"}}, sure=Confidence.POSSIBLE),
    Case(id="M-challenge", says="an authenticating proxy in front refuses the token", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={"status": 401, "body": {"error": "invalid_token"}, "answer_headers": {"www-authenticate": 'Bearer error="invalid_token"'}},
         facts=Facts(), sure=_LIKELY),
    Case(id="M-hidden", says="an ingress that shows /admin to nobody", method="GET", path=f"{_R}/users", truth=Cause.NOT_KEYCLOAK,
         ask={"status": 404, "text": "default backend - 404"}, facts=Facts()),
    Case(id="M-https", says="the admin API over plain HTTP where the realm requires SSL", method="GET", path=f"{_R}/users", truth=Cause.HTTPS_REQUIRED,
         ask={"body": {"error": "invalid_request", "error_description": "HTTPS required"}}, facts=Facts(granted=(), ssl_required="all")),
)  # fmt: skip
ACCOUNTS = (
    Case(id="P-exchanged", says="another client's service account, by token exchange", method="GET", path=f"{_R}/users", truth=Cause.ROLE_MISSING,
         ask={"caller": caller_of(username="service-account-other", sub=USER_ID)}, facts=Facts(granted=(), full_scope=True, service_account_id="another"),
         missing=("view-users",)),
    Case(id="P-create-scope", says="create-realm is granted, and the client's scope keeps it back", method="POST", path="/admin/realms",
         truth=Cause.SCOPE_EXCLUDES_ROLE, ask={"caller": caller_of(realm="master", bare=True)},
         facts=Facts(granted=(), full_scope=False, realm_roles_granted=("create-realm",), realm_roles_in_scope=()), missing=("create-realm",)),
    Case(id="P-create-old", says="create-realm was granted after the token", method="POST", path="/admin/realms", truth=Cause.TOKEN_OLDER_THAN_GRANT,
         ask={"catalog": OLD_TABLE, "caller": caller_of(realm="master")},
         facts=Facts(granted=(), full_scope=True, realm_roles_granted=("create-realm",), fresh_token_realm_roles=("create-realm",))),
    Case(id="P-create-revoked", says="create-realm was taken away, the token still names it", method="POST", path="/admin/realms",
         truth=Cause.ROLE_REVOKED, ask={"caller": caller_of(realm="master", realm_roles=["create-realm"])},
         facts=Facts(granted=(), full_scope=True, realm_roles_granted=()), missing=("create-realm",)),
    Case(id="P-serverinfo", says="serverinfo for an account of master without any role", method="GET", path="/admin/serverinfo",
         truth=Cause.ROLE_MISSING, ask={"caller": caller_of(realm="master")}, facts=Facts(granted=(), full_scope=True)),
    Case(id="P-borrowed", says="a version whose table is another one's", method="GET", path=f"{_R}/users", truth=Cause.ROLE_MISSING,
         ask={"keycloak_version": "26.9.0"}, facts=Facts(granted=(), full_scope=True), sure=_LIKELY, missing=("view-users",)),
)  # fmt: skip

FURTHER: tuple[Case, ...] = (*ROLES, *TOKENS, *ELSEWHERE, *BETWEEN, *ACCOUNTS)
