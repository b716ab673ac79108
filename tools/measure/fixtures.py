"""Fixtures of users, groups, roles and sessions."""

from typing import Any

from tools.measure.stage import PASSWORD, SECRET, Scope, fixture

OTP = {
    "type": "otp",
    "userLabel": "phone",
    "secretData": '{"value":"JBSWY3DPEHPK3PXP"}',
    "credentialData": '{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}',
}


def user_body(name: str) -> dict[str, Any]:
    """A complete user."""
    return {
        "username": name,
        "email": f"{name}@localhost",
        "firstName": "Ada",
        "lastName": "Example",
        "enabled": True,
        "emailVerified": True,
        "attributes": {"locale": ["en"], "colour": ["red"]},
        "credentials": [{"type": "password", "value": PASSWORD}],
    }


@fixture("user")
async def _user(scope: Scope) -> str:
    scope.facts["user.name"] = f"user-{scope.suffix}"
    return await scope.make("/users", user_body("user-{n}"))


@fixture("other-user")
async def _other_user(scope: Scope) -> str:
    scope.facts["other-user.name"] = f"other-user-{scope.suffix}"
    return await scope.make("/users", user_body("other-user-{n}"))


@fixture("otp-user")
async def _otp_user(scope: Scope) -> str:
    body = user_body("otp-user-{n}")
    user = await scope.make("/users", body | {"credentials": [*body["credentials"], OTP]})
    for credential in (await scope.realm.admin("GET", f"/users/{user}/credentials")).body:
        scope.facts[f"otp-user.{credential['type']}"] = credential["id"]
    return user


@fixture("administrator")
async def _administrator(scope: Scope) -> str:
    user = await scope.make("/users", user_body("administrator-{n}"))
    realm = scope.realm
    await realm.admin("POST", f"/users/{user}/role-mappings/clients/{realm.management_id}", [realm.roles["realm-admin"]])
    return user


@fixture("group")
async def _group(scope: Scope) -> str:
    scope.facts |= {"group.name": f"group-{scope.suffix}", "group.path": f"/group-{scope.suffix}"}
    return await scope.make("/groups", {"name": "group-{n}", "attributes": {"colour": ["red"]}})


@fixture("other-group")
async def _other_group(scope: Scope) -> str:
    return await scope.make("/groups", {"name": "other-group-{n}"})


@fixture("child")
async def _child(scope: Scope) -> str:
    answer = await scope.admin("POST", "/groups/{group}/children", {"name": "child-{n}", "attributes": {"colour": ["blue"]}})
    return str(answer.body["id"])


@fixture("administrators")
async def _administrators(scope: Scope) -> str:
    realm = scope.realm
    group = await scope.make("/groups", {"name": "administrators-{n}"})
    await realm.admin("POST", f"/groups/{group}/role-mappings/clients/{realm.management_id}", [realm.roles["realm-admin"]])
    return group


@fixture("role")
async def _role(scope: Scope) -> str:
    return await _realm_role(scope, "role")


@fixture("other-role")
async def _other_role(scope: Scope) -> str:
    return await _realm_role(scope, "other-role")


@fixture("admin-composite")
async def _admin_composite(scope: Scope) -> str:
    role = await _realm_role(scope, "admin-composite")
    await scope.admin("POST", "/roles-by-id/" + role + "/composites", [await _management_role(scope, "realm-admin")])
    return role


async def _realm_role(scope: Scope, kind: str) -> str:
    name = f"{kind}-{scope.suffix}"
    scope.facts[f"{kind}.name"] = name
    await scope.realm.admin("POST", "/roles", {"name": name, "description": "made for measuring", "attributes": {"colour": ["red"]}})
    return str((await scope.realm.admin("GET", f"/roles/{name}")).body["id"])


async def _management_role(scope: Scope, name: str) -> dict[str, Any]:
    return dict(scope.realm.roles[name])


@fixture("management")
async def _management(scope: Scope) -> str:
    return scope.realm.management_id


@fixture("admin-role")
async def _admin_role(scope: Scope) -> str:
    scope.facts["admin-role.name"] = "manage-users"
    return str(scope.realm.roles["manage-users"]["id"])


@fixture("realm-admin-role")
async def _realm_admin_role(scope: Scope) -> str:
    scope.facts["realm-admin-role.name"] = "realm-admin"
    return str(scope.realm.roles["realm-admin"]["id"])


@fixture("client-role")
async def _client_role(scope: Scope) -> str:
    return await _role_of_client(scope, "client", "client-role")


@fixture("other-client-role")
async def _other_client_role(scope: Scope) -> str:
    return await _role_of_client(scope, "other-client", "other-client-role")


async def _role_of_client(scope: Scope, owner: str, kind: str) -> str:
    client, name = await scope.get(owner), f"{kind}-{scope.suffix}"
    scope.facts[f"{kind}.name"] = name
    await scope.realm.admin("POST", f"/clients/{client}/roles", {"name": name, "attributes": {"colour": ["red"]}})
    return str((await scope.realm.admin("GET", f"/clients/{client}/roles/{name}")).body["id"])


@fixture("role+composites")
async def _role_composites(scope: Scope) -> str:
    await scope.admin("POST", "/roles-by-id/{role}/composites", _two_roles())
    return await scope.get("role")


@fixture("client-role+composites")
async def _client_role_composites(scope: Scope) -> str:
    roles = [{"id": "{other-role}", "name": "{other-role.name}"}, {"id": "{other-client-role}", "name": "{other-client-role.name}"}]
    await scope.admin("POST", "/roles-by-id/{client-role}/composites", roles)
    return await scope.get("client-role")


def _two_roles() -> list[dict[str, str]]:
    return [{"id": "{other-role}", "name": "{other-role.name}"}, {"id": "{client-role}", "name": "{client-role.name}"}]


@fixture("user+roles")
async def _user_roles(scope: Scope) -> str:
    return await _map_roles(scope, "user", "/users/{user}")


@fixture("group+roles")
async def _group_roles(scope: Scope) -> str:
    return await _map_roles(scope, "group", "/groups/{group}")


async def _map_roles(scope: Scope, key: str, path: str) -> str:
    await scope.admin("POST", path + "/role-mappings/realm", [{"id": "{role}", "name": "{role.name}"}])
    await scope.admin("POST", path + "/role-mappings/clients/{client}", [{"id": "{client-role}", "name": "{client-role.name}"}])
    return await scope.get(key)


@fixture("user+group")
async def _user_group(scope: Scope) -> str:
    await scope.admin("PUT", "/users/{user}/groups/{group}", {})
    return await scope.get("user")


@fixture("user+identity")
async def _user_identity(scope: Scope) -> str:
    body = {"identityProvider": "{idp.alias}", "userId": "remote-{n}", "userName": "remote-{n}"}
    await scope.admin("POST", "/users/{user}/federated-identity/{idp.alias}", body)
    return await scope.get("user")


@fixture("user+session")
async def _user_session(scope: Scope) -> str:
    await scope.get("user")
    token = await _login(scope, "openid")
    scope.facts["session"] = str(token["session_state"])
    return await scope.get("user")


@fixture("user+offline")
async def _user_offline(scope: Scope) -> str:
    await scope.get("user")
    token = await _login(scope, "openid offline_access")
    scope.facts["offline-session"] = str(token["session_state"])
    return await scope.get("user")


async def _login(scope: Scope, wanted: str) -> dict[str, Any]:
    await scope.get("client")
    fields = {
        "client_id": await scope.get("client.name"),
        "client_secret": SECRET,
        "grant_type": "password",
        "username": await scope.get("user.name"),
        "password": PASSWORD,
        "scope": wanted,
    }
    return await scope.realm.server.token(scope.realm.name, fields)


@fixture("user+admin-role")
async def _user_admin_role(scope: Scope) -> str:
    await _map_all_admin_roles(scope, "/users/{user}/role-mappings/clients/{management}")
    return await scope.get("user")


@fixture("group+admin-role")
async def _group_admin_role(scope: Scope) -> str:
    await _map_all_admin_roles(scope, "/groups/{group}/role-mappings/clients/{management}")
    return await scope.get("group")


@fixture("role+admin-role")
async def _role_admin_role(scope: Scope) -> str:
    await _map_all_admin_roles(scope, "/roles-by-id/{role}/composites")
    return await scope.get("role")


async def _map_all_admin_roles(scope: Scope, path: str) -> None:
    await scope.admin("POST", path, [dict(role) for role in scope.realm.roles.values()])


@fixture("user+administrators")
async def _user_administrators(scope: Scope) -> str:
    await scope.admin("PUT", "/users/{user}/groups/{administrators}", {})
    return await scope.get("user")


@fixture("default-group")
async def _default_group(scope: Scope) -> str:
    """A default group of the realm: new users are members. It has no roles, otherwise every caller would have them."""
    group = await scope.make("/groups", {"name": "default-{n}"})
    await scope.realm.admin("PUT", f"/default-groups/{group}", {})
    return group


@fixture("child+roles")
async def _child_roles(scope: Scope) -> str:
    await scope.admin("POST", "/groups/{child}/role-mappings/realm", [{"id": "{role}", "name": "{role.name}"}])
    client_role = [{"id": "{client-role}", "name": "{client-role.name}"}]
    await scope.admin("POST", "/groups/{child}/role-mappings/clients/{client}", client_role)
    return await scope.get("child")


@fixture("group-of-client-roles")
async def _group_of_client_roles(scope: Scope) -> str:
    group = await scope.make("/groups", {"name": "of-client-roles-{n}"})
    await scope.admin("POST", f"/groups/{group}/role-mappings/clients/{{other-client}}", [_other_client_role_body()])
    return group


@fixture("client-of-client-roles")
async def _client_of_client_roles(scope: Scope) -> str:
    client = await scope.make("/clients", {"clientId": "of-client-roles-{n}", "fullScopeAllowed": False})
    await scope.admin("POST", f"/clients/{client}/scope-mappings/clients/{{other-client}}", [_other_client_role_body()])
    return client


@fixture("scope-of-client-roles")
async def _scope_of_client_roles(scope: Scope) -> str:
    made = await scope.make("/client-scopes", {"name": "of-client-roles-{n}", "protocol": "openid-connect"})
    await scope.admin("POST", f"/client-scopes/{made}/scope-mappings/clients/{{other-client}}", [_other_client_role_body()])
    return made


def _other_client_role_body() -> dict[str, str]:
    return {"id": "{other-client-role}", "name": "{other-client-role.name}"}
