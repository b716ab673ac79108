"""More of the Admin REST API: how requests are written, odd names, roles that come by long ways, accounts and clients that are gone."""

import asyncio
import time
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from devkit.lab import Attempt, Client, Lab
from kcproxy.model import Cause
from tests.live.registry import MIDDLE, NEW, READ_FROM_TOKEN, holding, let_inspector_look, situation, user_holding
from tests.live.situations_token_endpoint import EXCHANGES


def _in(lab: Lab, realm: str | None = None) -> str:
    return f"/admin/realms/{realm or lab.realm}"


# how it is written


@situation("J-blanks", "two blanks between Bearer and the token", Cause.TOKEN_MALFORMED, sure="likely", status=401, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.headers = {"Authorization": f"Bearer  {attempt.token}"}
    return attempt


@situation("J-colon", "a colon after Bearer", Cause.TOKEN_MALFORMED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.headers = {"Authorization": f"Bearer: {attempt.token}"}
    return attempt


@situation("J-scheme", "the scheme DPoP before a token that is bound to no key", Cause.SCHEME_WRONG, sure="likely", status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    attempt.headers = {"Authorization": f"DPoP {attempt.token}"}
    return attempt


@situation("L-patch", "PATCH on a user that does not exist, by an account without roles", Cause.PATH_WRONG, sure="likely")
async def _(lab: Lab) -> Attempt:
    return await holding(lab, method="PATCH", path=f"/users/{uuid4()}", json={})


@situation("L-semicolon", "a semicolon in the path", Cause.PATH_NOT_NORMALISED, sure="", status=400, versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    return await holding(lab, "view-users", path="/users;page=1")


# odd names


@situation("P-odd", "a client id with blanks, quotes, a slash, a per cent sign and letters beyond ASCII", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    return await holding(lab, path="/users", clientId='it\'s a "möglich" $client/100%', fullScopeAllowed=False)


@situation("P-odd-realm", "the same in the name of a realm", Cause.ROLE_MISSING, sure="likely", versions=(NEW, MIDDLE), fixed=True)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm(f"it's a réalm.100% {lab.realm}")
    caller = await lab.make_client(realm)
    path = f"/admin/realms/{quote(realm, safe='')}/users"
    return Attempt(method="GET", path=path, token=await lab.token(caller), client=caller)


@situation("P-renamed", "the service account of a client that was renamed", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client()
    await lab.change(caller, clientId=f"{caller.client_id}-renamed")
    renamed = Client(realm=caller.realm, client_id=f"{caller.client_id}-renamed", uuid=caller.uuid, account=caller.account)
    return Attempt(method="GET", path=f"{_in(lab)}/users", token=await lab.token(renamed), client=renamed)


@situation("J-renamed-client", "the client was renamed after the token", Cause.CLIENT_DISABLED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await lab.change(attempt.client, clientId=f"{attempt.client.client_id}-renamed")
    return attempt


# roles that come by long ways


async def _group(lab: Lab, name: str) -> str:
    await lab.admin("POST", f"{_in(lab)}/groups", {"name": name})
    return str((await lab.admin("GET", f"{_in(lab)}/groups?search={name}"))[0]["id"])


@situation("B-group", "the group has a role of that name, of another client", Cause.ROLE_OF_OTHER_CLIENT)
async def _(lab: Lab) -> Attempt:
    attempt, shop, group = await holding(lab, path="/users"), await lab.make_client(), await _group(lab, "b-group")
    assert attempt.client is not None
    await lab.admin("POST", f"{_in(lab)}/clients/{shop.uuid}/roles", {"name": "view-users"})
    owner, role = await lab.role(lab.realm, shop.client_id, "view-users")
    await lab.admin("POST", f"{_in(lab)}/groups/{group}/role-mappings/clients/{owner}", [role])
    await lab.admin("PUT", f"{_in(lab)}/users/{attempt.client.account}/groups/{group}")
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("A-parent", "the role is the child group's, and the account is in the parent", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt, parent = await holding(lab, path="/users"), await _group(lab, "a-parent")
    assert attempt.client is not None
    child = await lab.admin("POST", f"{_in(lab)}/groups/{parent}/children", {"name": "a-child"})
    owner, role = await lab.role(lab.realm, "realm-management", "view-users")
    await lab.admin("POST", f"{_in(lab)}/groups/{child['id']}/role-mappings/clients/{owner}", [role])
    await lab.admin("PUT", f"{_in(lab)}/users/{attempt.client.account}/groups/{parent}")
    attempt.token = await lab.token(attempt.client)
    return attempt


async def _nested(lab: Lab, depth: int) -> Any:
    """A realm role that contains one that contains one … that contains view-users."""
    _, role = await lab.role(lab.realm, "realm-management", "view-users")
    for level in range(depth):
        await lab.admin("POST", f"{_in(lab)}/roles", {"name": f"level-{level}"})
        above = await lab.admin("GET", f"{_in(lab)}/roles/level-{level}")
        await lab.admin("POST", f"{_in(lab)}/roles-by-id/{above['id']}/composites", [role])
        role = above
    return role


@situation("C-nested", "view-users through four levels of composites, and full scope off", Cause.SCOPE_EXCLUDES_ROLE, fixed=True)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, path="/users", fullScopeAllowed=False)
    assert attempt.client is not None
    await lab.admin("POST", f"{_in(lab)}/users/{attempt.client.account}/role-mappings/realm", [await _nested(lab, 4)])
    attempt.token = await lab.token(attempt.client)
    return attempt


@situation("B-default", "view-users came from the default roles and was removed from them", Cause.ROLE_REVOKED, versions=(NEW,), fixed=True)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    await let_inspector_look(lab, realm)
    default = await lab.admin("GET", f"{_in(lab, realm)}/roles/default-roles-{realm}")
    _, role = await lab.role(realm, "realm-management", "view-users")
    await lab.admin("POST", f"{_in(lab, realm)}/roles-by-id/{default['id']}/composites", [role])
    caller = await lab.make_client(realm)
    token = await lab.token(caller)
    await lab.admin("DELETE", f"{_in(lab, realm)}/users/{caller.account}/role-mappings/realm", [default])
    return Attempt(method="GET", path=f"{_in(lab, realm)}/users", token=token, client=caller)


@situation(
    "E-exchanged", "a token that was exchanged for one of another client", Cause.ROLES_NOT_IN_TOKEN, sure="likely", versions=(MIDDLE,)
)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users", attributes=EXCHANGES)
    assert attempt.client is not None
    form = {"subject_token": attempt.token or "", "subject_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    grant = "urn:ietf:params:oauth:grant-type:token-exchange"
    attempt.token = await lab.token(attempt.client, grant_type=grant, audience="account", **form)
    return attempt


@situation("I-realms-own", "the realm's own permissions, read with manage-clients", Cause.ROLE_MISSING, versions=(NEW,), fixed=True)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm(adminPermissionsEnabled=True)
    await let_inspector_look(lab, realm)
    caller = await lab.make_client(realm)
    await lab.grant(caller, "manage-clients")
    owner = (await lab.admin("GET", f"{_in(lab, realm)}/clients?clientId=admin-permissions"))[0]["id"]
    path = f"{_in(lab, realm)}/clients/{owner}/authz/resource-server/policy"
    return Attempt(method="GET", path=path, token=await lab.token(caller), client=caller)


@situation("H-contains", "a new role is to contain an admin role", Cause.ESCALATION_GUARD, sure="likely", versions=(NEW,))
async def _(lab: Lab) -> Attempt:
    shop = await lab.make_client()
    role = {"name": "boss", "composite": True, "composites": {"client": {"realm-management": ["realm-admin"]}}}
    return await holding(lab, "manage-clients", method="POST", path=f"/clients/{shop.uuid}/roles", json=role)


# master


@situation("G-realms", "a master account without roles lists realms", Cause.ROLE_MISSING, fixed=True)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master")
    return Attempt(method="GET", path="/admin/realms", token=await lab.token(caller), client=caller)


@situation("G-serverinfo-scope", "serverinfo, granted by a role of master-realm, and full scope off", Cause.SCOPE_EXCLUDES_ROLE, fixed=True)
async def _(lab: Lab) -> Attempt:
    caller = await lab.make_client("master", fullScopeAllowed=False)
    await lab.grant(caller, "query-realms", owner="master-realm")
    return Attempt(method="GET", path="/admin/serverinfo", token=await lab.token(caller), client=caller)


@situation("F-renamed", "a master token is older than the realm's name", Cause.TOKEN_OLDER_THAN_GRANT, versions=READ_FROM_TOKEN)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    caller = await lab.make_client("master")
    await lab.grant(caller, "view-users", owner=f"{realm}-realm")
    token = await lab.token(caller)
    await lab.rename_realm(realm, f"{realm}-new")
    await lab.log_in()
    await let_inspector_look(lab, f"{realm}-new")
    return Attempt(method="GET", path=f"{_in(lab, realm + '-new')}/users", token=token, client=caller)


# tokens that were good


@situation("J-offline", "the offline session of the token was ended", Cause.SESSION_ENDED, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await user_holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    attempt.token = await lab.token(attempt.client, user=attempt.user, scope="openid offline_access")
    user = (await lab.admin("GET", f"{_in(lab)}/users?username={attempt.user}&exact=true"))[0]["id"]
    for session in await lab.admin("GET", f"{_in(lab)}/users/{user}/offline-sessions/{attempt.client.uuid}"):
        await lab.admin("DELETE", f"{_in(lab)}/sessions/{session['id']}?isOffline=true")
    return attempt


@situation("J-everybody", "all users of the realm were logged out", Cause.SESSION_ENDED, status=401)
async def _(lab: Lab) -> Attempt:
    realm = await lab.make_realm()
    await let_inspector_look(lab, realm)
    caller = await lab.make_client(realm)
    await lab.make_user("j-everybody", realm)
    token = await lab.token(caller, user="j-everybody")
    await lab.admin("POST", f"{_in(lab, realm)}/logout-all")
    return Attempt(method="GET", path=f"{_in(lab, realm)}/users", token=token, client=caller)


@situation("J-client-before", "all tokens of the client were revoked", Cause.NOT_BEFORE, status=401)
async def _(lab: Lab) -> Attempt:
    attempt = await holding(lab, "view-users", path="/users")
    assert attempt.client is not None
    await asyncio.sleep(1.1)
    await lab.change(attempt.client, notBefore=int(time.time()))
    return attempt
