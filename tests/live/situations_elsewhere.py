"""The token endpoint, addresses, other layers and neighbours: reported refusals beside the Admin REST API's own."""

from devkit.lab import SECRET, Attempt, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, READ_FROM_TOKEN, holding, situation


def asks(realm: str, **form: str) -> Attempt:
    wanted = {"grant_type": "client_credentials", "client_secret": SECRET, **form}
    return Attempt(method="POST", path=f"/realms/{realm}/protocol/openid-connect/token", form=wanted)


@situation("C96", "a token for a client without a service account", Cause.SERVICE_ACCOUNT_OFF, status=401)
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm, client_id=(await lab.make_client(serviceAccountsEnabled=False)).client_id)


@situation("C97", "a wrong secret", Cause.CLIENT_CREDENTIALS_WRONG, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm, client_id=(await lab.make_client()).client_id, client_secret="**********")


@situation("C98", "a client of another realm", Cause.CLIENT_UNKNOWN, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    return asks("master", client_id=(await lab.make_client()).client_id)


@situation("C99", "login as realm-management", Cause.CLIENT_CREDENTIALS_WRONG, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    return asks(lab.realm, client_id="realm-management")


@situation("K-realm", "the realm is disabled", Cause.REALM_DISABLED, status=403)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    client = await lab.make_client(realm)
    await lab.set_realm(realm, enabled=False)
    return asks(realm, client_id=client.client_id)


@situation("C104", "a wrong password", Cause.USER_CREDENTIALS_WRONG, sure="", versions=(NEW,), status=400)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    return asks(lab.realm, client_id=client.client_id, grant_type="password", username="nobody", password="x")


@situation("C105", "an invalid refresh token", Cause.REFRESH_TOKEN_INVALID, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    return asks(lab.realm, client_id=client.client_id, grant_type="refresh_token", refresh_token="x")


@situation("C112", "a realm that does not exist", Cause.REALM_UNKNOWN, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    return asks("admin", client_id="account")


@situation("L-realm", "an admin call for a realm that does not exist", Cause.REALM_UNKNOWN, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "realm-admin", path="/users")
    attempt.path = "/admin/realms/no-such-realm/users"
    return attempt


@situation("C116", "the clientId in the place of the client's id", Cause.NAME_USED_AS_ID, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "view-clients", path="/clients/account-console/roles")


@situation("C117", "realm-management as an id in master", Cause.NAME_USED_AS_ID, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    await lab.grant(caller, "view-clients", owner="master-realm")
    path = "/admin/realms/master/clients/realm-management/roles/manage-users"
    return Attempt(method="GET", path=path, token=await lab.token(caller), client=caller)


@situation("C110", "/auth before the path, on a version without it", Cause.BASE_PATH_WRONG, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.path = "/auth" + attempt.path
    return attempt


@situation("C114", "a path without /admin/realms", Cause.PATH_WRONG, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-clients", path="/clients")
    attempt.path = attempt.path.removeprefix("/admin/realms")
    return attempt


@situation("C115", "/admin twice in the path", Cause.PATH_WRONG, sure="", status=405)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.path = "/admin" + attempt.path
    return attempt


@situation("M-slash", "two slashes at the beginning of the path", Cause.PATH_NOT_NORMALISED, sure="", versions=(NEW,), status=400)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.path = "/" + attempt.path
    return attempt


@situation("C130", "an Origin that the client does not allow", Cause.ORIGIN_NOT_ALLOWED, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "manage-users", path="/users")
    attempt.headers["Origin"] = "http://elsewhere.example:3000"
    return attempt


@situation("C132", "authorization services are off on the client", Cause.FEATURE_OFF, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "realm-admin", path="")
    assert attempt.client is not None
    attempt.path = f"/admin/realms/{lab.realm}/clients/{attempt.client.uuid}/authz/resource-server/settings"
    return attempt


@situation("C134", "permissions of the first version are off", Cause.FEATURE_OFF, sure="", versions=(NEW, MIDDLE), status=501)
async def _(lab: Lab) -> Attempt:
    await lab.admin("POST", f"/admin/realms/{lab.realm}/groups", {"name": "staff-c134"})
    group = (await lab.admin("GET", f"/admin/realms/{lab.realm}/groups?search=staff-c134"))[0]["id"]
    return await holding(lab, "realm-admin", path=f"/groups/{group}/management/permissions")


@situation("O-registration", "client registration without a token for it", Cause.OTHER_ENDPOINT, sure="likely")
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="")
    attempt.method, attempt.path, attempt.json = "POST", f"/realms/{lab.realm}/clients-registrations/default", {}
    return attempt


@situation(
    "C104-old",
    "a wrong password, on a version that answers 401",
    Cause.USER_CREDENTIALS_WRONG,
    sure="likely",
    versions=READ_FROM_TOKEN,
    status=401,
)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    return asks(lab.realm, client_id=client.client_id, grant_type="password", username="nobody", password="x")
