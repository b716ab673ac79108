"""Variants of the reported refusals: roles that come by detours, accounts that are not what they look like, guards and permissions."""

from typing import Any

from devkit.lab import SECRET, Attempt, Client, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, OLD, READ_FROM_TOKEN, holding, let_inspector_look, situation, user_holding

LIGHTWEIGHT = {"client.use.lightweight.access.token.enabled": "true"}


def _in(lab: Lab, realm: str | None = None) -> str:
    return f"/admin/realms/{realm or lab.realm}"


async def _group_with(lab: Lab, name: str, *roles: str) -> str:
    await lab.admin("POST", f"{_in(lab)}/groups", {"name": name})
    group = (await lab.admin("GET", f"{_in(lab)}/groups?search={name}"))[0]["id"]
    for role in roles:
        owner, found = await lab.role(lab.realm, "realm-management", role)
        await lab.admin("POST", f"{_in(lab)}/groups/{group}/role-mappings/clients/{owner}", [found])
    return str(group)


async def _console_token(lab: Lab, realm: str, user: str) -> str:
    form = {"grant_type": "password", "client_id": "admin-cli", "username": user, "password": SECRET}
    return str((await lab.grant_token(realm, form))["access_token"])


async def _realm_role_of_master(lab: Lab, caller: Client, name: str, method: str = "POST") -> None:
    role = await lab.admin("GET", f"/admin/realms/master/roles/{name}")
    await lab.admin(method, f"/admin/realms/master/users/{caller.account}/role-mappings/realm", [role])


# no role, or the wrong one


@situation(
    "A-composite",
    "a realm role that contains view-users, and a call for clients",
    Cause.ROLE_MISSING,
    versions=(NEW,),
    fixed=True,
)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/clients")
    assert attempt.client is not None
    await lab.admin("POST", f"{_in(lab)}/roles", {"name": "helpdesk"})
    role = await lab.admin("GET", f"{_in(lab)}/roles/helpdesk")
    _, inner = await lab.role(lab.realm, "realm-management", "view-users")
    await lab.admin("POST", f"{_in(lab)}/roles-by-id/{role['id']}/composites", [inner])
    await lab.admin("POST", f"{_in(lab)}/users/{attempt.client.account}/role-mappings/realm", [role])
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("A-console", "a user of the realm, by admin-cli, without roles", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    await lab.make_user("a-console")
    return Attempt(method="GET", path=f"{_in(lab)}/users", token=await _console_token(lab, lab.realm, "a-console"))


@situation("B-above", "the caller's own client has a role realm-admin", Cause.ROLE_OF_OTHER_CLIENT, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/users")
    assert attempt.client is not None
    await lab.admin("POST", f"{_in(lab)}/clients/{attempt.client.uuid}/roles", {"name": "realm-admin"})
    await lab.grant(attempt.client, "realm-admin", owner=attempt.client.client_id)
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("B-left", "the role came from a group that the account has left", Cause.ROLE_REVOKED, versions=(NEW,), fixed=True)
async def _(lab: Lab) -> Attempt:
    group = await _group_with(lab, "b-left", "view-users")
    attempt = await holding(lab, path="/users")
    assert attempt.client is not None
    membership = f"{_in(lab)}/users/{attempt.client.account}/groups/{group}"
    await lab.admin("PUT", membership)
    attempt.token = await lab.token(attempt.client)
    await lab.admin("DELETE", membership)
    return attempt


# granted, and it does not count


@situation(
    "C-optional",
    "the role is in an optional client scope that was not asked for",
    Cause.SCOPE_EXCLUDES_ROLE,
    fixed=True,
    versions=(NEW, OLD),
)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users", fullScopeAllowed=False)
    assert attempt.client is not None
    await lab.admin("POST", f"{_in(lab)}/client-scopes", {"name": "c-optional", "protocol": "openid-connect"})
    scopes = await lab.admin("GET", f"{_in(lab)}/client-scopes")
    scope = next(item["id"] for item in scopes if item["name"] == "c-optional")
    owner, role = await lab.role(lab.realm, "realm-management", "view-users")
    await lab.admin("POST", f"{_in(lab)}/client-scopes/{scope}/scope-mappings/clients/{owner}", [role])
    await lab.admin("PUT", f"{_in(lab)}/clients/{attempt.client.uuid}/optional-client-scopes/{scope}")
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("C-light", "a lightweight token, and full scope off", Cause.SCOPE_EXCLUDES_ROLE, versions=(NEW, MIDDLE))
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "view-users", path="/users", fullScopeAllowed=False, attributes=LIGHTWEIGHT)


@situation("C-mapper", "the mapper of client roles is limited to another client", Cause.ROLES_NOT_IN_TOKEN, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    scopes = await lab.admin("GET", f"{_in(lab)}/client-scopes")
    roles = next(scope["id"] for scope in scopes if scope["name"] == "roles")
    client = f"{_in(lab)}/clients/{attempt.client.uuid}"
    await lab.admin("DELETE", f"{client}/default-client-scopes/{roles}")
    config = {"claim.name": "resource_access.${client_id}.roles", "usermodel.clientRoleMapping.clientId": "account"}
    config |= {"multivalued": "true", "jsonType.label": "String", "access.token.claim": "true"}
    kind = {"protocol": "openid-connect", "protocolMapper": "oidc-usermodel-client-role-mapper"}
    await lab.admin("POST", f"{client}/protocol-mappers/models", {"name": "limited", **kind, "config": config})
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("F-joined", "the account joined the group with the role after its token", Cause.TOKEN_OLDER_THAN_GRANT, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    group = await _group_with(lab, "f-joined", "view-users")
    attempt = await holding(lab, path="/users")
    assert attempt.client is not None
    await lab.admin("PUT", f"{_in(lab)}/users/{attempt.client.account}/groups/{group}")
    return attempt


# master


@situation("G-create-scope", "create-realm is granted, and the client has full scope off", Cause.SCOPE_EXCLUDES_ROLE)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master", fullScopeAllowed=False)
    await _realm_role_of_master(lab, caller, "create-realm")
    return Attempt(method="POST", path="/admin/realms", token=await lab.token(caller), client=caller, json={"realm": "never"})


@situation("G-create-old", "create-realm was granted after the token", Cause.TOKEN_OLDER_THAN_GRANT, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    token = await lab.token(caller)
    await _realm_role_of_master(lab, caller, "create-realm")
    return Attempt(method="POST", path="/admin/realms", token=token, client=caller, json={"realm": "never"})


@situation("G-create-revoked", "create-realm was removed, the token still names it", Cause.ROLE_REVOKED, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    await _realm_role_of_master(lab, caller, "create-realm")
    token = await lab.token(caller)
    await _realm_role_of_master(lab, caller, "create-realm", "DELETE")
    return Attempt(method="POST", path="/admin/realms", token=token, client=caller, json={"realm": "never"})


@situation("G-serverinfo", "an account of master without roles reads serverinfo", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    return Attempt(method="GET", path="/admin/serverinfo", token=await lab.token(caller), client=caller)


# accounts that are not what they look like


@situation("P-exchanged", "another client's service account, by token exchange", Cause.ROLE_MISSING, versions=(NEW, MIDDLE))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/users")
    assert attempt.client is not None
    exchanger = await lab.make_client(attributes={"standard.token.exchange.enabled": "true"})
    await lab.grant(exchanger, "view-users")
    config = {"included.client.audience": exchanger.client_id, "access.token.claim": "true"}
    mapper = {"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": config}
    await lab.admin("POST", f"{_in(lab)}/clients/{attempt.client.uuid}/protocol-mappers/models", mapper)
    form = {"subject_token": await lab.token(attempt.client), "subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    attempt.token = await lab.token(exchanger, grant_type="urn:ietf:params:oauth:grant-type:token-exchange", **form)
    return attempt


@situation("P-name", "a user whose name begins like that of a service account", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    await lab.make_user("service-account-jane")
    caller = await lab.make_client()
    token = await lab.token(caller, user="service-account-jane")
    return Attempt(method="GET", path=f"{_in(lab)}/users", token=token, client=caller, user="service-account-jane")


async def _pairwise(lab: Lab, *roles: str) -> Attempt:
    attempt = await user_holding(lab, *roles, path="/users")
    assert attempt.client is not None
    await lab.change(attempt.client, redirectUris=["https://app.example/*"])
    mapper = {"name": "pairwise", "protocol": "openid-connect", "protocolMapper": "oidc-sha256-pairwise-sub-mapper", "config": {}}
    await lab.admin("POST", f"{_in(lab)}/clients/{attempt.client.uuid}/protocol-mappers/models", mapper)
    attempt.token = await lab.token(attempt.client, user=attempt.user)
    return attempt


@situation("P-pairwise", "a token whose sub comes from a mapper", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await _pairwise(lab)


@situation("P-pairwise-out", "the same after the logout", Cause.SESSION_ENDED, status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    attempt = await _pairwise(lab, "view-users")
    found = await lab.admin("GET", f"{_in(lab)}/users?username={attempt.user}&exact=true")
    await lab.admin("POST", f"{_in(lab)}/users/{found[0]['id']}/logout")
    return attempt


@situation("P-address", "a mapper writes the e-mail address where the name belongs", Cause.ROLE_MISSING, versions=(NEW,), fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, path="/users")
    assert attempt.client is not None
    config = {"user.attribute": "email", "claim.name": "preferred_username", "access.token.claim": "true", "jsonType.label": "String"}
    mapper = {"name": "address", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-property-mapper", "config": config}
    await lab.admin("POST", f"{_in(lab)}/clients/{attempt.client.uuid}/protocol-mappers/models", mapper)
    attempt.token = await lab.token(attempt.client, user=attempt.user)
    return attempt


@situation("P-no-sub", "a user's token without sub, because the client scope basic is missing", Cause.ROLE_MISSING, versions=(NEW, MIDDLE))
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, path="/users")
    assert attempt.client is not None
    basic = next(scope["id"] for scope in await lab.admin("GET", f"{_in(lab)}/client-scopes") if scope["name"] == "basic")
    await lab.admin("DELETE", f"{_in(lab)}/clients/{attempt.client.uuid}/default-client-scopes/{basic}")
    attempt.token = await lab.token(attempt.client, user=attempt.user)
    return attempt


@situation(
    "F-again", "the realm was deleted and created again, so the grants of master are gone", Cause.ROLE_REVOKED, versions=(NEW,), fixed=True
)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    caller = await lab.make_client("master")
    await lab.grant(caller, "view-users", owner=f"{realm}-realm")
    token = await lab.token(caller)
    await lab.admin("DELETE", f"/admin/realms/{realm}")
    await lab.admin("POST", "/admin/realms", {"realm": realm, "enabled": True})
    await lab.log_in()
    await let_inspector_look(lab, realm)
    return Attempt(method="GET", path=f"{_in(lab, realm)}/users", token=token, client=caller)


# guards, built-ins, permissions


@situation("H-group", "a group is given an admin role by a caller without that role", Cause.ESCALATION_GUARD, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    group = await _group_with(lab, "h-group")
    owner, role = await lab.role(lab.realm, "realm-management", "manage-realm")
    return await holding(lab, "manage-users", method="POST", path=f"/groups/{group}/role-mappings/clients/{owner}", json=[role])


@situation("H-default", "an admin role is put among the realm's default roles", Cause.ESCALATION_GUARD, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    default = await lab.admin("GET", f"{_in(lab)}/roles/default-roles-{lab.realm}")
    _, role = await lab.role(lab.realm, "realm-management", "manage-users")
    return await holding(lab, "manage-realm", method="POST", path=f"/roles-by-id/{default['id']}/composites", json=[role])


@situation("H-builtin", "a role is added to realm-management", Cause.PROTECTED_OBJECT, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    owner, _ = await lab.role(lab.realm, "realm-management", "view-users")
    return await holding(lab, "manage-clients", method="POST", path=f"/clients/{owner}/roles", json={"name": "my-role"})


async def _permitted(lab: Lab, scopes: list[str]) -> tuple[str, Client, str, str]:
    """A realm with fine-grained permissions, where a client may do something to one of two users."""
    realm = await lab.make_realm(adminPermissionsEnabled=True)
    await let_inspector_look(lab, realm)
    caller, one, other = await lab.make_client(realm), await lab.make_user("one", realm), await lab.make_user("other", realm)
    await lab.grant(caller, "query-users")
    owner = (await lab.admin("GET", f"{_in(lab, realm)}/clients?clientId=admin-permissions"))[0]["id"]
    server = f"{_in(lab, realm)}/clients/{owner}/authz/resource-server"
    await lab.admin("POST", f"{server}/policy/user", {"name": "caller", "users": [caller.account]})
    policy = (await lab.admin("GET", f"{server}/policy?name=caller"))[0]["id"]
    permission: dict[str, Any] = {"name": "one", "resourceType": "Users", "scopes": scopes, "policies": [policy], "resources": [one]}
    await lab.admin("POST", f"{server}/permission/scope", permission)
    return realm, caller, one, other


@situation("I-other", "permission to manage one user, and another is changed", Cause.FINE_GRAINED_PERMISSION_MISSING, versions=(NEW,))
@situation(  # before 26.7, a user policy does not permit a service account, and a caller does not learn whom a permission of others is about
    "I-other-old",
    "a permission that does not permit the caller names one user, and another is changed",
    Cause.FINE_GRAINED_PERMISSION_MISSING,
    sure="likely",
    versions=(MIDDLE,),
)
async def _(lab: Lab) -> Attempt:
    realm, caller, _, other = await _permitted(lab, ["view", "manage"])
    path = f"{_in(lab, realm)}/users/{other}"
    return Attempt(method="PUT", path=path, token=await lab.token(caller), client=caller, json={"firstName": "X"})


@situation("I-off", "the permission exists, but permissions were switched off again", Cause.ROLE_MISSING, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    realm, caller, one, _ = await _permitted(lab, ["view"])
    await lab.set_realm(realm, adminPermissionsEnabled=False)
    return Attempt(method="GET", path=f"{_in(lab, realm)}/users/{one}", token=await lab.token(caller), client=caller)


# tokens


async def _revoke(lab: Lab, attempt: Attempt) -> Attempt:
    assert attempt.client is not None
    form = {"client_id": attempt.client.client_id, "client_secret": SECRET, "token": attempt.token or ""}
    async with lab.http.post(f"{lab.keycloak.base_url}/realms/{lab.realm}/protocol/openid-connect/revoke", data=form) as answer:
        assert answer.status == 200
    return attempt


@situation("J-revoked", "a program revoked its token and continued to use it", Cause.TOKEN_REVOKED, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    return await _revoke(lab, await holding(lab, "view-users", path="/users"))


@situation("J-revoked-user", "the same with a user's token", Cause.TOKEN_REVOKED, sure="likely", status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    return await _revoke(lab, await user_holding(lab, "view-users", path="/users"))


@situation("J-light-out", "a lightweight token after the logout", Cause.SESSION_ENDED, versions=(NEW, MIDDLE), status=401)
async def _(lab: Lab) -> Attempt:
    user = await lab.make_user("j-light-out")
    token = await _console_token(lab, lab.realm, "j-light-out")
    await lab.admin("POST", f"{_in(lab)}/users/{user}/logout")
    return Attempt(method="GET", path=f"{_in(lab)}/users", token=token)


@situation("J-initial", "an initial access token for client registration", Cause.TOKEN_KIND_WRONG, status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    made = await lab.admin("POST", f"{_in(lab)}/clients-initial-access", {"count": 1, "expiration": 60})
    return Attempt(method="GET", path=f"{_in(lab)}/users", token=made["token"])


@situation("J-off", "service accounts were switched off for the client", Cause.ACCOUNT_DISABLED, status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.change(attempt.client, serviceAccountsEnabled=False)
    return attempt


@situation("J-client-gone", "the client was deleted", Cause.CLIENT_DISABLED, status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.admin("DELETE", f"{_in(lab)}/clients/{attempt.client.uuid}")
    return attempt


@situation("J-renamed", "the realm was renamed after the token", Cause.REALM_UNKNOWN, status=401, versions=(NEW, OLD))
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    caller = await lab.make_client(realm)
    token = await lab.token(caller)
    await lab.rename_realm(realm, f"{realm}-new")
    return Attempt(method="GET", path=f"{_in(lab, realm + '-new')}/users", token=token)
