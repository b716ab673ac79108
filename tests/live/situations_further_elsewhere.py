"""Variants of the reported refusals beside the Admin REST API's own: the token endpoint, paths, features, neighbours."""

from devkit.explain.stage import claims_of, jwt_of
from devkit.lab import SECRET, Attempt, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, OLD, READ_FROM_TOKEN, holding, situation, user_holding
from tests.live.situations_elsewhere import asks

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@situation("K-disabled", "the client is disabled", Cause.CLIENT_UNKNOWN, sure="likely", status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm, client_id=(await lab.make_client(enabled=False)).client_id)


@situation("K-public", "a public client asks for its service account's token", Cause.SERVICE_ACCOUNT_OFF, status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm, client_id=(await lab.make_client(publicClient=True, serviceAccountsEnabled=False)).client_id)


@situation(
    "K-assertion",
    "the client logs in by signed JWT, and a secret was sent",
    Cause.CLIENT_CREDENTIALS_WRONG,
    sure="",
    status=400,
    versions=(NEW, OLD),
)
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm, client_id=(await lab.make_client(clientAuthenticatorType="client-jwt")).client_id)


@situation("K-empty", "an empty grant_type", Cause.TOKEN_REQUEST_INVALID, sure="", status=400, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm, client_id=(await lab.make_client()).client_id, grant_type="")


@situation("K-get", "GET on the token endpoint", Cause.TOKEN_REQUEST_INVALID, sure="", status=405, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    return Attempt(method="GET", path=f"/realms/{lab.realm}/protocol/openid-connect/token")


@situation("K-setup", "a user with a pending required action", Cause.ACCOUNT_NOT_SET_UP, sure="", status=400, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    await lab.make_user("k-setup", requiredActions=["UPDATE_PASSWORD"])
    return asks(lab.realm, client_id=client.client_id, grant_type="password", username="k-setup", password=SECRET)


@situation("K-exchange", "token exchange is off for the client", Cause.GRANT_NOT_ALLOWED, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, path="/users")
    client = await lab.make_client()
    more = {"subject_token": attempt.token or "", "subject_token_type": _ACCESS_TOKEN}
    return asks(lab.realm, client_id=client.client_id, grant_type=_EXCHANGE, **more)


@situation("K-session", "a refresh after the logout", Cause.REFRESH_TOKEN_INVALID, sure="", status=400, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, path="/users")
    assert attempt.client is not None
    refresh = await lab.token(attempt.client, user=attempt.user, kind="refresh_token")
    found = await lab.admin("GET", f"/admin/realms/{lab.realm}/users?username={attempt.user}&exact=true")
    await lab.admin("POST", f"/admin/realms/{lab.realm}/users/{found[0]['id']}/logout")
    return asks(lab.realm, client_id=attempt.client.client_id, grant_type="refresh_token", refresh_token=refresh)


@situation("K-https", "the realm requires SSL, and the token request used plain HTTP", Cause.HTTPS_REQUIRED, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm(sslRequired="all")
    return asks(realm, client_id=(await lab.make_client(realm)).client_id)


@situation("L-realms", "/realms left out after /admin", Cause.PATH_WRONG, sure="", status=405, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.path = f"/admin/{lab.realm}/users"
    return attempt


@situation("L-method", "POST on a user instead of PUT", Cause.PATH_WRONG, sure="", status=404, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "manage-users", method="POST", path=f"/users/{await lab.make_user('l-method')}", json={})


@situation("L-singular", "/user for /users", Cause.PATH_WRONG, sure="", status=404, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "view-users", path="/user")


@situation("L-username", "the user name in the place of the user's id", Cause.NAME_USED_AS_ID, sure="", status=404, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    await lab.make_user("l-username")
    return await holding(lab, "view-users", path="/users/l-username")


@situation("L-case", "the realm's name in capitals", Cause.REALM_UNKNOWN, sure="", status=404, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.path = f"/admin/realms/{lab.realm.upper()}/users"
    return attempt


@situation(
    "J-none-old", "an unsigned token, on which this version fails", Cause.SIGNATURE_INVALID, sure="", versions=READ_FROM_TOKEN, status=500
)
async def _(lab: Lab) -> Attempt:
    claims = claims_of(realm=lab.realm, base=lab.keycloak.base_url, exp=4_000_000_000)
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=jwt_of(claims, alg="none"))


@situation("N-organizations", "organizations are off in the realm", Cause.FEATURE_OFF, sure="", versions=(NEW, MIDDLE), status=404)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "realm-admin", path="/organizations")


@situation(
    "O-introspect",
    "introspection with an access token instead of the client's credentials",
    Cause.OTHER_ENDPOINT,
    sure="likely",
    status=401,
    versions=(NEW, OLD),
)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="")
    attempt.method, attempt.path = "POST", f"/realms/{lab.realm}/protocol/openid-connect/token/introspect"
    attempt.form = {"token": attempt.token or ""}
    return attempt
