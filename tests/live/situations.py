"""The reported cases, each as a few steps on a real server that end in the same refusal."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from kcproxy.model import Cause
from tests.explain.stage import claims_of, jwt_of
from tests.live.lab import SECRET, Attempt, Client, Lab

Build = Callable[[Lab], Awaitable[Attempt]]

NEW, OLD, MIDDLE = "26.7.4", "24.0.5", "26.4.7"
ALL = (NEW, OLD, MIDDLE)
READ_FROM_TOKEN = (OLD, MIDDLE)
_NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """``truth`` is what the steps make true. ``sure``: confidence with look-ups. ``cured``: the first fix's commands make it pass."""

    id: str
    says: str
    build: Build
    truth: Cause
    sure: str = "certain"
    versions: tuple[str, ...] = ALL
    cured: bool = False
    status: int = 403


SITUATIONS: list[Situation] = []


def situation(
    id: str,  # noqa: A002 - the word of the table
    says: str,
    truth: Cause,
    *,
    sure: str = "certain",
    versions: tuple[str, ...] = ALL,
    cured: bool = False,
    status: int = 403,
) -> Callable[[Build], Build]:
    """Enter a build into the table."""

    def enter(build: Build) -> Build:
        SITUATIONS.append(Situation(id=id, says=says, build=build, truth=truth, sure=sure, versions=versions, cured=cured, status=status))
        return build

    return enter


async def _holding(lab: Lab, *roles: str, method: str = "GET", path: str, json: Any = None, **client: Any) -> Attempt:
    """A service account that holds these roles calls."""
    caller = await lab.make_client(**client)
    await lab.grant(caller, *roles)
    path = f"/admin/realms/{lab.realm}{path}"
    return Attempt(method=method, path=path, token=await lab.token(caller), client=caller, json=json)


async def _user_holding(lab: Lab, *roles: str, path: str, method: str = "GET") -> Attempt:
    caller = await lab.make_client()
    name = f"user-{caller.client_id}"
    await lab.grant(caller, *roles, to=await lab.make_user(name))
    path = f"/admin/realms/{lab.realm}{path}"
    return Attempt(method=method, path=path, token=await lab.token(caller, user=name), client=caller, user=name)


@situation("C01", "an account without any role reads a user", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    user = await lab.make_user(f"john-{id(lab) % 100000}-c01")
    return await _holding(lab, path=f"/users/{user}")


@situation("C06", "groups by path with query-groups alone", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    await lab.admin("POST", f"/admin/realms/{lab.realm}/groups", {"name": "staff-c06"})
    return await _holding(lab, "query-groups", path="/group-by-path/staff-c06")


@situation("C08", "serverinfo for a user without any admin role", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    attempt = await _user_holding(lab, path="")
    attempt.path = "/admin/serverinfo"
    return attempt


@situation("C09", "clients are listed by an account without a role", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    return await _holding(lab, path="/clients")


@situation("C10", "the role stands in the client's scope and was never granted", Cause.SCOPE_MAPPING_IS_NO_GRANT, cured=True)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, path="/users", fullScopeAllowed=False)
    assert attempt.client is not None
    await lab.let_through(attempt.client, "view-users")
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("C13", "the caller's own client has a role of that name", Cause.ROLE_OF_OTHER_CLIENT, cured=True)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, path="/users")
    assert attempt.client is not None
    base = f"/admin/realms/{lab.realm}/clients/{attempt.client.uuid}/roles"
    await lab.admin("POST", base, {"name": "view-users"})
    await lab.grant(attempt.client, "view-users", owner=attempt.client.client_id)
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("C13b", "the realm has a role of that name", Cause.ROLE_OF_OTHER_CLIENT, cured=True)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    await _let_inspector_look(lab, realm)
    caller = await lab.make_client(realm)
    await lab.admin("POST", f"/admin/realms/{realm}/roles", {"name": "view-users"})
    role = await lab.admin("GET", f"/admin/realms/{realm}/roles/view-users")
    await lab.admin("POST", f"/admin/realms/{realm}/users/{caller.account}/role-mappings/realm", [role])
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=await lab.token(caller), client=caller)


@situation("C17", "full scope off, and one of two roles let through", Cause.SCOPE_EXCLUDES_ROLE, cured=True)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-events", "view-users", path="/users", fullScopeAllowed=False)
    assert attempt.client is not None
    await lab.let_through(attempt.client, "view-events")
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("C20", "full scope off, and no role let through", Cause.SCOPE_EXCLUDES_ROLE, cured=True)
async def _(lab: Lab) -> Attempt:
    return await _holding(lab, "view-users", path="/users", fullScopeAllowed=False)


@situation("C18", "granted, and the client scope roles was taken off the client", Cause.ROLES_NOT_IN_TOKEN, versions=(OLD,))
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await _without_roles_scope(lab, attempt.client)
    attempt.token = await lab.token(attempt.client)
    return attempt


async def _without_roles_scope(lab: Lab, client: Client) -> None:
    scopes = await lab.admin("GET", f"/admin/realms/{client.realm}/client-scopes")
    roles = next(scope["id"] for scope in scopes if scope["name"] == "roles")
    await lab.admin("DELETE", f"/admin/realms/{client.realm}/clients/{client.uuid}/default-client-scopes/{roles}")


@situation("C19", "a user with the role, and a client without the scope roles", Cause.ROLES_NOT_IN_TOKEN, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    attempt = await _user_holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await _without_roles_scope(lab, attempt.client)
    attempt.token = await lab.token(attempt.client, user=attempt.user)
    return attempt


@situation("C28", "a library looks a user name up before it creates the user", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    return await _holding(lab, "create-client", path="/users?username=john&exact=true")


@situation("C30a", "the users page asks for components", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    return await _user_holding(lab, "manage-users", "view-users", path="/components?type=org.keycloak.storage.UserStorageProvider")


@situation("C30b", "and for identity providers", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    return await _user_holding(lab, "manage-users", "view-users", path="/identity-provider/instances")


@situation("C31", "a role is read by name with manage-users", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    return await _holding(lab, "manage-users", path="/roles/offline_access")


@situation("C32", "a group is opened with query-groups, query-users and view-realm", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    await lab.admin("POST", f"/admin/realms/{lab.realm}/groups", {"name": "staff-c32"})
    group = (await lab.admin("GET", f"/admin/realms/{lab.realm}/groups?search=staff-c32"))[0]["id"]
    return await _holding(lab, "query-groups", "query-users", "view-realm", path=f"/groups/{group}")


@situation("C35", "events with view-realm", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    return await _holding(lab, "view-realm", path="/events/config")


@situation("C40", "a page reads clients without view-clients", Cause.ROLE_MISSING, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    return await _user_holding(lab, "view-realm", "view-users", path="/clients")


@situation("C52", "a master token is older than the realm that it is used for", Cause.TOKEN_OLDER_THAN_REALM, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    admin = await lab.admin("GET", "/admin/realms/master/roles/admin")
    await lab.admin("POST", f"/admin/realms/master/users/{caller.account}/role-mappings/realm", [admin])
    token = await lab.token(caller)
    realm = await lab.make_realm()
    await _let_inspector_look(lab, realm)
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=token, client=caller)


async def _let_inspector_look(lab: Lab, realm: str) -> None:
    if lab.inspector is not None:
        await lab.allow_inspector(lab.inspector, realm)


@situation("C57", "the role was granted after the token was issued", Cause.TOKEN_OLDER_THAN_GRANT, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, path="/users")
    assert attempt.client is not None
    await lab.grant(attempt.client, "view-users")
    return attempt


@situation("C59", "a master account with the roles of another realm", Cause.MASTER_ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    other = await lab.make_realm()
    caller = await lab.make_client("master")
    await lab.grant(caller, "view-users", owner=f"{other}-realm")
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=await lab.token(caller), client=caller)


@situation("C61", "the same client in another realm, without its grants", Cause.ROLE_MISSING, cured=True)
async def _(lab: Lab) -> Attempt:
    return await _holding(lab, path="/users")


@situation("C65", "the token of one realm for another", Cause.TOKEN_OF_OTHER_REALM)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "realm-admin", path="/users")
    attempt.path = f"/admin/realms/{await lab.make_realm()}/users"
    return attempt


@situation("C65b", "a realm's token for master", Cause.TOKEN_OF_OTHER_REALM)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "realm-admin", path="/users")
    attempt.path = "/admin/realms/master/users"
    return attempt


@situation("G-create", "a realm is created with a realm's own token", Cause.SERVER_WIDE_OPERATION)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "realm-admin", path="/users")
    attempt.method, attempt.path, attempt.json = "POST", "/admin/realms", {"realm": "never"}
    return attempt


@situation("G-create-master", "a realm is created by a master account without create-realm", Cause.ROLE_MISSING, sure="likely")
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    return Attempt(method="POST", path="/admin/realms", token=await lab.token(caller), client=caller, json={"realm": "never"})


@situation("C70", "an admin role is handed out by somebody who lacks it", Cause.ESCALATION_GUARD)
async def _(lab: Lab) -> Attempt:
    owner, role = await lab.role(lab.realm, "realm-management", "realm-admin")
    attempt = await _holding(lab, "manage-users", method="POST", path="")
    assert attempt.client is not None
    attempt.path = f"/admin/realms/{lab.realm}/users/{attempt.client.account}/role-mappings/clients/{owner}"
    attempt.json = [role]
    return attempt


@situation("C71", "a master administrator may not assign a role that he holds", Cause.KNOWN_DEFECT, sure="likely", versions=(MIDDLE,))
async def _(lab: Lab) -> Attempt:
    owner, role = await lab.role(lab.realm, "realm-management", "view-users")
    user = await lab.make_user("c71")
    caller = await lab.make_client("master")
    await lab.grant(caller, "manage-users", "view-users", "view-clients", owner=f"{lab.realm}-realm")
    path = f"/admin/realms/{lab.realm}/users/{user}/role-mappings/clients/{owner}"
    return Attempt(method="POST", path=path, token=await lab.token(caller), client=caller, json=[role])


@situation("C74", "the built-in client realm-management is changed", Cause.PROTECTED_OBJECT, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    owner = (await lab.admin("GET", f"/admin/realms/{lab.realm}/clients?clientId=realm-management"))[0]
    attempt = await _holding(lab, "manage-clients", method="PUT", path=f"/clients/{owner['id']}")
    attempt.json = {**owner, "description": "mine"}
    return attempt


@situation(
    "H-impersonate", "an administrator is impersonated with impersonation alone", Cause.ESCALATION_GUARD, sure="likely", versions=(NEW,)
)
async def _(lab: Lab) -> Attempt:
    boss = await lab.make_user("boss-h")
    attempt = await _holding(lab, "impersonation", method="POST", path=f"/users/{boss}/impersonation")
    assert attempt.client is not None
    await lab.grant(attempt.client, "realm-admin", to=boss)
    return attempt


@situation("C78", "fine-grained permissions, and none for this call", Cause.FINE_GRAINED_PERMISSION_MISSING, sure="likely", versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm(adminPermissionsEnabled=True)
    await _let_inspector_look(lab, realm)
    user = await lab.make_user("c78", realm)
    caller = await lab.make_client(realm)
    await lab.grant(caller, "query-users")
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users/{user}", token=await lab.token(caller), client=caller)


@situation("C84", "the token's issuer has another host", Cause.ISSUER_MISMATCH, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await lab.token(attempt.client, host="keycloak.ns.svc:8080")
    return attempt


@situation("C87", "the token has expired", Cause.TOKEN_EXPIRED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users", attributes={"access.token.lifespan": "1"})
    await asyncio.sleep(3)
    return attempt


@situation("C91", "the user has logged out", Cause.SESSION_ENDED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _user_holding(lab, "view-users", path="/users")
    found = await lab.admin("GET", f"/admin/realms/{lab.realm}/users?username={attempt.user}&exact=true")
    await lab.admin("POST", f"/admin/realms/{lab.realm}/users/{found[0]['id']}/logout")
    return attempt


@situation("J-id", "the ID token instead of the access token", Cause.TOKEN_KIND_WRONG, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await lab.token(attempt.client, kind="id_token", scope="openid")
    return attempt


@situation("J-refresh", "the refresh token instead of the access token", Cause.TOKEN_KIND_WRONG, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _user_holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await lab.token(attempt.client, user=attempt.user, kind="refresh_token")
    return attempt


@situation("J-missing", "no token at all", Cause.TOKEN_MISSING, status=401)
async def _(lab: Lab) -> Attempt:
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users")


@situation("J-basic", "client id and secret instead of a token", Cause.SCHEME_WRONG, status=401)
async def _(lab: Lab) -> Attempt:
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", headers={"Authorization": "Basic YXBwOnMzY3JldA=="})


@situation("J-cut", "a token that was cut off", Cause.TOKEN_MALFORMED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    attempt.token = (attempt.token or "")[:300]
    return attempt


@situation("J-none", "an unsigned token", Cause.SIGNATURE_INVALID, versions=(NEW,), status=401)
async def _(lab: Lab) -> Attempt:
    claims = claims_of(realm=lab.realm, base=lab.keycloak.base_url, exp=4_000_000_000)
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=jwt_of(claims, alg="none"))


@situation("J-signature", "claims that were changed after signing", Cause.SIGNATURE_INVALID, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, path="/users")
    head, payload, signature = (attempt.token or "").split(".")
    forged = jwt_of(claims_of(realm=lab.realm, base=lab.keycloak.base_url, exp=4_000_000_000)).split(".")[1]
    attempt.token = f"{head}.{forged}.{signature}"
    assert payload != forged
    return attempt


@situation("J-kid", "the key that signed the token was removed", Cause.SIGNING_KEY_UNKNOWN, status=401)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    caller = await lab.make_client(realm)
    parent = (await lab.admin("GET", f"/admin/realms/{realm}"))["id"]
    provider = {"name": "passing", "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": parent}
    await lab.admin("POST", f"/admin/realms/{realm}/components", {**provider, "config": {"priority": ["500"]}})
    token = await lab.token(caller)
    found = await lab.admin("GET", f"/admin/realms/{realm}/components?name=passing")
    await lab.admin("DELETE", f"/admin/realms/{realm}/components/{found[0]['id']}")
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=token, client=caller)


@situation("J-realm", "the token's realm is gone", Cause.REALM_UNKNOWN, status=401)
async def _(lab: Lab) -> Attempt:
    claims = claims_of(realm="no-such-realm", base=lab.keycloak.base_url, exp=4_000_000_000)
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=jwt_of(claims))


@situation("J-client", "the client was disabled", Cause.CLIENT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.change(attempt.client, enabled=False)
    return attempt


@situation("J-user", "the user was disabled", Cause.ACCOUNT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _user_holding(lab, "view-users", path="/users")
    base = f"/admin/realms/{lab.realm}/users"
    found = (await lab.admin("GET", f"{base}?username={attempt.user}&exact=true"))[0]
    await lab.admin("PUT", f"{base}/{found['id']}", {**found, "enabled": False})
    return attempt


@situation("J-deleted", "the user was deleted", Cause.ACCOUNT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _user_holding(lab, "view-users", path="/users")
    base = f"/admin/realms/{lab.realm}/users"
    found = (await lab.admin("GET", f"{base}?username={attempt.user}&exact=true"))[0]
    await lab.admin("DELETE", f"{base}/{found['id']}")
    return attempt


@situation("J-not-before", "all tokens of the realm were revoked", Cause.NOT_BEFORE, status=401)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    await _let_inspector_look(lab, realm)
    caller = await lab.make_client(realm)
    token = await lab.token(caller)
    await asyncio.sleep(1.1)
    await lab.set_realm(realm, notBefore=int(time.time()))
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=token, client=caller)


@situation("J-signed-out", "an administrator signed the service account out", Cause.NOT_BEFORE, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await asyncio.sleep(1.1)
    await lab.admin("POST", f"/admin/realms/{lab.realm}/users/{attempt.client.account}/logout")
    return attempt


@situation("J-blank", "a blank in the realm's name", Cause.REALM_NAME_UNSUPPORTED, sure="likely", versions=(OLD,), status=401)
async def _(lab: Lab) -> Attempt:
    name = f"my {lab.realm}"
    await lab.make_realm(name)
    caller = await lab.make_client(name)
    token = await lab.token(caller)
    return Attempt(method="GET", path=f"/admin/realms/my%20{lab.realm}/users", token=token, client=caller)


@situation("C93", "a DPoP-bound token without a proof", Cause.PROOF_MISSING, sure="likely", versions=(NEW, MIDDLE), status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await _bound_token(lab, attempt.client)
    return attempt


async def _bound_token(lab: Lab, client: Client) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    address = f"{lab.keycloak.base_url}/realms/{client.realm}/protocol/openid-connect/token"
    claims = {"jti": uuid4().hex, "htm": "POST", "htu": address, "iat": int(time.time())}
    proof = jwt.encode(claims, key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": public})
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": SECRET}
    async with lab.http.post(address, data=form, headers={"DPoP": proof}) as answer:
        granted = await answer.json()
    assert granted["token_type"] == "DPoP", granted
    return str(granted["access_token"])


@situation("X-revoked", "the role was taken away, the token still names it", Cause.ROLE_REVOKED, versions=(NEW,), cured=True)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.grant(attempt.client, "view-users", method="DELETE")
    return attempt


@situation("X-recreated", "service accounts were switched off and on", Cause.SERVICE_ACCOUNT_RECREATED, versions=(NEW,), cured=True)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.change(attempt.client, serviceAccountsEnabled=False)
    await lab.change(attempt.client, serviceAccountsEnabled=True)
    return attempt


@situation("X-user", "a user's token where the service account's was meant", Cause.USER_TOKEN_USED)
async def _(lab: Lab) -> Attempt:
    attempt = await _user_holding(lab, path="/users")
    assert attempt.client is not None
    await lab.grant(attempt.client, "view-users")
    return attempt


@situation("X-light", "a lightweight token of an account without the role", Cause.ROLE_MISSING, versions=(NEW, MIDDLE), cured=True)
async def _(lab: Lab) -> Attempt:
    flag = {"client.use.lightweight.access.token.enabled": "true"}
    return await _holding(lab, path="/users", attributes=flag)


@situation("X-creator", "whoever created a realm may not impersonate in it", Cause.MASTER_ROLE_MISSING, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    user = await lab.make_user("x-creator")
    caller = await lab.make_client("master")
    await lab.grant(caller, "manage-users", "view-users", owner=f"{lab.realm}-realm")
    path = f"/admin/realms/{lab.realm}/users/{user}/impersonation"
    return Attempt(method="POST", path=path, token=await lab.token(caller), client=caller, json={})


def _asks(realm: str, **form: str) -> Attempt:
    wanted = {"grant_type": "client_credentials", "client_secret": SECRET, **form}
    return Attempt(method="POST", path=f"/realms/{realm}/protocol/openid-connect/token", form=wanted)


@situation("C96", "a token for a client without a service account", Cause.SERVICE_ACCOUNT_OFF, status=401)
async def _(lab: Lab) -> Attempt:
    return _asks(lab.realm, client_id=(await lab.make_client(serviceAccountsEnabled=False)).client_id)


@situation("C97", "a wrong secret", Cause.CLIENT_CREDENTIALS_WRONG, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    return _asks(lab.realm, client_id=(await lab.make_client()).client_id, client_secret="**********")


@situation("C98", "a client of another realm", Cause.CLIENT_UNKNOWN, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    return _asks("master", client_id=(await lab.make_client()).client_id)


@situation("C99", "login as realm-management", Cause.CLIENT_CREDENTIALS_WRONG, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    return _asks(lab.realm, client_id="realm-management")


@situation("K-realm", "the realm is disabled", Cause.REALM_DISABLED, status=403)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    client = await lab.make_client(realm)
    await lab.set_realm(realm, enabled=False)
    return _asks(realm, client_id=client.client_id)


@situation("C104", "a wrong password", Cause.USER_CREDENTIALS_WRONG, sure="", versions=(NEW,), status=400)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    return _asks(lab.realm, client_id=client.client_id, grant_type="password", username="nobody", password="x")


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
    return _asks(lab.realm, client_id=client.client_id, grant_type="password", username="nobody", password="x")


@situation("C105", "a refresh token that is none", Cause.REFRESH_TOKEN_INVALID, sure="", status=400)
async def _(lab: Lab) -> Attempt:
    client = await lab.make_client()
    return _asks(lab.realm, client_id=client.client_id, grant_type="refresh_token", refresh_token="x")


@situation("C112", "a realm that does not exist", Cause.REALM_UNKNOWN, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    return _asks("admin", client_id="account")


@situation("L-realm", "an admin call for a realm that does not exist", Cause.REALM_UNKNOWN, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "realm-admin", path="/users")
    attempt.path = "/admin/realms/no-such-realm/users"
    return attempt


@situation("C116", "the clientId in the place of the client's id", Cause.NAME_USED_AS_ID, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    return await _holding(lab, "view-clients", path="/clients/account-console/roles")


@situation("C117", "realm-management as an id in master", Cause.NAME_USED_AS_ID, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    await lab.grant(caller, "view-clients", owner="master-realm")
    path = "/admin/realms/master/clients/realm-management/roles/manage-users"
    return Attempt(method="GET", path=path, token=await lab.token(caller), client=caller)


@situation("C110", "/auth before the path, on a version without it", Cause.BASE_PATH_WRONG, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    attempt.path = "/auth" + attempt.path
    return attempt


@situation("C114", "a path without /admin/realms", Cause.PATH_WRONG, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-clients", path="/clients")
    attempt.path = attempt.path.removeprefix("/admin/realms")
    return attempt


@situation("C115", "/admin twice in the path", Cause.PATH_WRONG, sure="", status=405)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    attempt.path = "/admin" + attempt.path
    return attempt


@situation("M-slash", "two slashes at the beginning of the path", Cause.PATH_NOT_NORMALISED, sure="", versions=(NEW,), status=400)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "view-users", path="/users")
    attempt.path = "/" + attempt.path
    return attempt


@situation("C130", "a browser's origin that the client does not allow", Cause.ORIGIN_NOT_ALLOWED, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "manage-users", path="/users")
    attempt.headers["Origin"] = "http://elsewhere.example:3000"
    return attempt


@situation("C132", "authorization services are off on the client", Cause.FEATURE_OFF, sure="", status=404)
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, "realm-admin", path="")
    assert attempt.client is not None
    attempt.path = f"/admin/realms/{lab.realm}/clients/{attempt.client.uuid}/authz/resource-server/settings"
    return attempt


@situation("C134", "permissions of the first version are off", Cause.FEATURE_OFF, sure="", versions=(NEW, MIDDLE), status=501)
async def _(lab: Lab) -> Attempt:
    await lab.admin("POST", f"/admin/realms/{lab.realm}/groups", {"name": "staff-c134"})
    group = (await lab.admin("GET", f"/admin/realms/{lab.realm}/groups?search=staff-c134"))[0]["id"]
    return await _holding(lab, "realm-admin", path=f"/groups/{group}/management/permissions")


@situation("O-registration", "client registration without a token for it", Cause.OTHER_ENDPOINT, sure="likely")
async def _(lab: Lab) -> Attempt:
    attempt = await _holding(lab, path="")
    attempt.method, attempt.path, attempt.json = "POST", f"/realms/{lab.realm}/clients-registrations/default", {}
    return attempt


def of(version: str) -> list[Situation]:
    """The situations of one version."""
    return [entry for entry in SITUATIONS if version in entry.versions]
