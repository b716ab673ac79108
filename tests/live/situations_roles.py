"""Roles, scopes, realms and guards: the reported 403s, each as a few steps on a real server that end in the same refusal."""

from devkit.lab import Attempt, Client, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, OLD, READ_FROM_TOKEN, holding, let_inspector_look, situation, user_holding


@situation("C01", "an account without roles reads a user", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    user = await lab.make_user(f"john-{id(lab) % 100000}-c01")
    return await holding(lab, path=f"/users/{user}")


@situation("C06", "groups by path with query-groups alone", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    await lab.admin("POST", f"/admin/realms/{lab.realm}/groups", {"name": "staff-c06"})
    return await holding(lab, "query-groups", path="/group-by-path/staff-c06")


@situation("C08", "serverinfo for a user without an admin role", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, path="")
    attempt.path = "/admin/serverinfo"
    return attempt


@situation("C09", "clients are listed by an account without a role", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, path="/clients")


@situation("C10", "the role is in the client's scope and was never granted", Cause.SCOPE_MAPPING_IS_NO_GRANT, fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/users", fullScopeAllowed=False)
    assert attempt.client is not None
    await lab.let_through(attempt.client, "view-users")
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("C13", "the caller's own client has a role of that name", Cause.ROLE_OF_OTHER_CLIENT, fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/users")
    assert attempt.client is not None
    base = f"/admin/realms/{lab.realm}/clients/{attempt.client.uuid}/roles"
    await lab.admin("POST", base, {"name": "view-users"})
    await lab.grant(attempt.client, "view-users", owner=attempt.client.client_id)
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("C13b", "the realm has a role of that name", Cause.ROLE_OF_OTHER_CLIENT, fixed=True)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    await let_inspector_look(lab, realm)
    caller = await lab.make_client(realm)
    await lab.admin("POST", f"/admin/realms/{realm}/roles", {"name": "view-users"})
    role = await lab.admin("GET", f"/admin/realms/{realm}/roles/view-users")
    await lab.admin("POST", f"/admin/realms/{realm}/users/{caller.account}/role-mappings/realm", [role])
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=await lab.token(caller), client=caller)


@situation("C17", "full scope off, and one of two roles in scope", Cause.SCOPE_EXCLUDES_ROLE, fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-events", "view-users", path="/users", fullScopeAllowed=False)
    assert attempt.client is not None
    await lab.let_through(attempt.client, "view-events")
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("C20", "full scope off, and no role in scope", Cause.SCOPE_EXCLUDES_ROLE, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "view-users", path="/users", fullScopeAllowed=False)


@situation("C18", "granted, and the client scope roles was removed from the client", Cause.ROLES_NOT_IN_TOKEN, versions=(OLD,))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
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
    attempt = await user_holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await _without_roles_scope(lab, attempt.client)
    attempt.token = await lab.token(attempt.client, user=attempt.user)
    return attempt


@situation("C28", "a library looks a user name up before it creates the user", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "create-client", path="/users?username=john&exact=true")


@situation("C30a", "the users page asks for components", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    return await user_holding(lab, "manage-users", "view-users", path="/components?type=org.keycloak.storage.UserStorageProvider")


@situation("C30b", "and for identity providers", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    return await user_holding(lab, "manage-users", "view-users", path="/identity-provider/instances")


@situation("C31", "a role is read by name with manage-users", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "manage-users", path="/roles/offline_access")


@situation("C32", "a group is opened with query-groups, query-users and view-realm", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    await lab.admin("POST", f"/admin/realms/{lab.realm}/groups", {"name": "staff-c32"})
    group = (await lab.admin("GET", f"/admin/realms/{lab.realm}/groups?search=staff-c32"))[0]["id"]
    return await holding(lab, "query-groups", "query-users", "view-realm", path=f"/groups/{group}")


@situation("C35", "events with view-realm", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "view-realm", path="/events/config")


@situation("C40", "a page reads clients without view-clients", Cause.ROLE_MISSING, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    return await user_holding(lab, "view-realm", "view-users", path="/clients")


@situation("C52", "a master token is older than the realm that it is used for", Cause.TOKEN_OLDER_THAN_REALM, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    admin = await lab.admin("GET", "/admin/realms/master/roles/admin")
    await lab.admin("POST", f"/admin/realms/master/users/{caller.account}/role-mappings/realm", [admin])
    token = await lab.token(caller)
    realm = await lab.make_realm()
    await let_inspector_look(lab, realm)
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users", token=token, client=caller)


@situation("C57", "the role was granted after the token was issued", Cause.TOKEN_OLDER_THAN_GRANT, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/users")
    assert attempt.client is not None
    await lab.grant(attempt.client, "view-users")
    return attempt


@situation("C59", "a master account with the roles of another realm", Cause.MASTER_ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    other = await lab.make_realm()
    caller = await lab.make_client("master")
    await lab.grant(caller, "view-users", owner=f"{other}-realm")
    return Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=await lab.token(caller), client=caller)


@situation("C61", "the same client in another realm, without its grants", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, path="/users")


@situation("C65", "the token of one realm for another", Cause.TOKEN_OF_OTHER_REALM)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "realm-admin", path="/users")
    attempt.path = f"/admin/realms/{await lab.make_realm()}/users"
    return attempt


@situation("C65b", "a realm's token for master", Cause.TOKEN_OF_OTHER_REALM)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "realm-admin", path="/users")
    attempt.path = "/admin/realms/master/users"
    return attempt


@situation("G-create", "a realm is created with a realm's own token", Cause.SERVER_WIDE_OPERATION)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "realm-admin", path="/users")
    attempt.method, attempt.path, attempt.json = "POST", "/admin/realms", {"realm": "never"}
    return attempt


@situation("G-create-master", "a realm is created by a master account without create-realm", Cause.ROLE_MISSING)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    return Attempt(method="POST", path="/admin/realms", token=await lab.token(caller), client=caller, json={"realm": "never"})


@situation("C70", "an admin role is granted by a caller without that role", Cause.ESCALATION_GUARD)
async def _(lab: Lab) -> Attempt:
    owner, role = await lab.role(lab.realm, "realm-management", "realm-admin")
    attempt = await holding(lab, "manage-users", method="POST", path="")
    assert attempt.client is not None
    attempt.path = f"/admin/realms/{lab.realm}/users/{attempt.client.account}/role-mappings/clients/{owner}"
    attempt.json = [role]
    return attempt


@situation("C71", "a master administrator may not assign a role that they have", Cause.KNOWN_DEFECT, sure="likely", versions=(MIDDLE,))
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
    attempt = await holding(lab, "manage-clients", method="PUT", path=f"/clients/{owner['id']}")
    attempt.json = {**owner, "description": "mine"}
    return attempt


@situation(
    "H-impersonate", "an administrator is impersonated with impersonation alone", Cause.ESCALATION_GUARD, sure="likely", versions=(NEW,)
)
async def _(lab: Lab) -> Attempt:
    boss = await lab.make_user("boss-h")
    attempt = await holding(lab, "impersonation", method="POST", path=f"/users/{boss}/impersonation")
    assert attempt.client is not None
    await lab.grant(attempt.client, "realm-admin", to=boss)
    return attempt


@situation("C78", "fine-grained permissions, and none for this call", Cause.FINE_GRAINED_PERMISSION_MISSING, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm(adminPermissionsEnabled=True)
    await let_inspector_look(lab, realm)
    user = await lab.make_user("c78", realm)
    caller = await lab.make_client(realm)
    await lab.grant(caller, "query-users")
    return Attempt(method="GET", path=f"/admin/realms/{realm}/users/{user}", token=await lab.token(caller), client=caller)


@situation("X-revoked", "the role was removed, the token still names it", Cause.ROLE_REVOKED, versions=(NEW,), fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.grant(attempt.client, "view-users", method="DELETE")
    return attempt


@situation("X-recreated", "service accounts were switched off and on", Cause.SERVICE_ACCOUNT_RECREATED, versions=(NEW,), fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.change(attempt.client, serviceAccountsEnabled=False)
    await lab.change(attempt.client, serviceAccountsEnabled=True)
    return attempt


@situation("X-user", "a user's token where the service account's was meant", Cause.USER_TOKEN_USED)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, path="/users")
    assert attempt.client is not None
    await lab.grant(attempt.client, "view-users")
    return attempt


@situation("X-creator", "the creator of a realm may not impersonate in it", Cause.MASTER_ROLE_MISSING, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    user = await lab.make_user("x-creator")
    caller = await lab.make_client("master")
    await lab.grant(caller, "manage-users", "view-users", owner=f"{lab.realm}-realm")
    path = f"/admin/realms/{lab.realm}/users/{user}/impersonation"
    return Attempt(method="POST", path=path, token=await lab.token(caller), client=caller, json={})
