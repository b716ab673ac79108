"""Fixtures of clients, client scopes, protocol mappers and authorization services."""

from typing import Any

from tools.measure.stage import SECRET, Scope, fixture


def client_body(name: str) -> dict[str, Any]:
    """A confidential client that can do everything."""
    return {
        "clientId": name,
        "name": "made for measuring",
        "description": "before",
        "secret": SECRET,
        "protocol": "openid-connect",
        "publicClient": False,
        "serviceAccountsEnabled": True,
        "directAccessGrantsEnabled": True,
        "standardFlowEnabled": True,
        "fullScopeAllowed": False,
        "redirectUris": ["http://localhost/cb"],
        "attributes": {"colour": "red"},
    }


def mapper_body(name: str) -> dict[str, Any]:
    """A protocol mapper that writes a constant claim."""
    config = {"claim.name": "fixed", "claim.value": "1", "jsonType.label": "String", "access.token.claim": "true"}
    return {"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": config}


@fixture("client")
async def _client(scope: Scope) -> str:
    scope.facts["client.name"] = f"client-{scope.suffix}"
    return await scope.make("/clients", client_body("client-{n}"))


@fixture("other-client")
async def _other_client(scope: Scope) -> str:
    scope.facts["other-client.name"] = f"other-client-{scope.suffix}"
    return await scope.make("/clients", client_body("other-client-{n}"))


@fixture("powerful-client")
async def _powerful_client(scope: Scope) -> str:
    """A client whose service account is an administrator."""
    realm = scope.realm
    client = await scope.make("/clients", client_body("powerful-{n}") | {"secret": "known-to-few", "fullScopeAllowed": True})
    user = (await realm.admin("GET", f"/clients/{client}/service-account-user")).body["id"]
    scope.facts["powerful-client.user"] = user
    await realm.admin("POST", f"/users/{user}/role-mappings/clients/{realm.management_id}", [realm.roles["realm-admin"]])
    return client


@fixture("saml-client")
async def _saml_client(scope: Scope) -> str:
    body = {"clientId": "saml-{n}", "protocol": "saml", "redirectUris": ["http://localhost/saml"], "adminUrl": "http://localhost/saml"}
    return await scope.make(
        "/clients",
        body | {"attributes": {"saml.assertion.signature": "false", "saml_assertion_consumer_url_post": "http://localhost/saml"}},
    )


@fixture("rotation-policy")
async def _rotation_policy(scope: Scope) -> str:
    periods = {"expiration-period": 2505600, "rotated-expiration-period": 172800, "remaining-rotation-period": 864000}
    profile = {"name": "rotation", "executors": [{"executor": "secret-rotation", "configuration": periods}]}
    await scope.admin("PUT", "/client-policies/profiles", {"profiles": [profile]})
    policy = {
        "name": "rotation",
        "enabled": True,
        "conditions": [{"condition": "any-client", "configuration": {}}],
        "profiles": ["rotation"],
    }
    await scope.admin("PUT", "/client-policies/policies", {"policies": [policy]})
    return "rotation"


@fixture("client+rotated-secret")
async def _rotated_secret(scope: Scope) -> str:
    await scope.get("rotation-policy")
    await scope.admin("POST", "/clients/{client}/client-secret", {})
    return await scope.get("client")


@fixture("spare-client-role")
async def _spare_client_role(scope: Scope) -> str:
    """A role that nobody holds, so that what is available is not empty."""
    await scope.admin("POST", "/clients/{client}/roles", {"name": "spare-{n}"})
    await scope.admin("POST", "/clients/{other-client}/roles", {"name": "spare-{n}"})
    return "spare"


@fixture("vc-scope")
async def _vc_scope(scope: Scope) -> str:
    scope.facts["vc-scope.name"] = f"vc-{scope.suffix}"
    await scope.realm.admin("PUT", "", {"verifiableCredentialsEnabled": True})
    attributes = {"vc.credential_configuration_id": "vc-{n}", "vc.credential_identifier": "vc-{n}", "vc.format": "dc+sd-jwt"}
    return await scope.make("/client-scopes", {"name": "vc-{n}", "protocol": "oid4vc", "attributes": attributes})


@fixture("user+vc")
async def _user_vc(scope: Scope) -> str:
    await scope.get("vc-scope")
    await scope.admin("POST", "/users/{user}/vc/credentials", {"credentialScopeName": "{vc-scope.name}"})
    return await scope.get("user")


@fixture("client+certificate")
async def _client_certificate(scope: Scope) -> str:
    await scope.admin("POST", "/clients/{client}/certificates/jwt.credential/generate", {})
    return await scope.get("client")


@fixture("client.mapper")
async def _client_mapper(scope: Scope) -> str:
    return await scope.make("/clients/{client}/protocol-mappers/models", mapper_body("mapper-{n}"))


@fixture("client+node")
async def _client_node(scope: Scope) -> str:
    await scope.admin("POST", "/clients/{client}/nodes", {"node": "127.0.0.1"})
    return await scope.get("client")


@fixture("client+scope-mappings")
async def _client_scope_mappings(scope: Scope) -> str:
    return await _scope_mappings(scope, "client", "/clients/{client}")


@fixture("client-scope+scope-mappings")
async def _scope_scope_mappings(scope: Scope) -> str:
    return await _scope_mappings(scope, "client-scope", "/client-scopes/{client-scope}")


async def _scope_mappings(scope: Scope, key: str, path: str) -> str:
    await scope.admin("POST", path + "/scope-mappings/realm", [{"id": "{role}", "name": "{role.name}"}])
    roles = [{"id": "{other-client-role}", "name": "{other-client-role.name}"}]
    await scope.admin("POST", path + "/scope-mappings/clients/{other-client}", roles)
    return await scope.get(key)


@fixture("client-scope")
async def _client_scope(scope: Scope) -> str:
    scope.facts["client-scope.name"] = f"scope-{scope.suffix}"
    body = {"name": "scope-{n}", "protocol": "openid-connect", "description": "before", "attributes": {"display.on.consent.screen": "true"}}
    return await scope.make("/client-scopes", body)


@fixture("client-scope.mapper")
async def _client_scope_mapper(scope: Scope) -> str:
    return await scope.make("/client-scopes/{client-scope}/protocol-mappers/models", mapper_body("mapper-{n}"))


@fixture("client+default-scope")
async def _client_default_scope(scope: Scope) -> str:
    await scope.admin("PUT", "/clients/{client}/default-client-scopes/{client-scope}", {})
    return await scope.get("client-scope")


@fixture("client+optional-scope")
async def _client_optional_scope(scope: Scope) -> str:
    await scope.admin("PUT", "/clients/{client}/optional-client-scopes/{client-scope}", {})
    return await scope.get("client-scope")


@fixture("initial-access")
async def _initial_access(scope: Scope) -> str:
    return str((await scope.admin("POST", "/clients-initial-access", {"expiration": 3600, "count": 2})).body["id"])


@fixture("az-client")
async def _az_client(scope: Scope) -> str:
    body = client_body("az-{n}") | {"authorizationServicesEnabled": True}
    return await scope.make("/clients", body)


@fixture("az-scope")
async def _az_scope(scope: Scope) -> str:
    answer = await scope.admin("POST", AZ + "/scope", {"name": "scope-{n}", "displayName": "before"})
    return str(answer.body["id"])


@fixture("az-resource")
async def _az_resource(scope: Scope) -> str:
    body = {
        "name": "resource-{n}",
        "type": "urn:measured",
        "uris": ["/measured/{n}"],
        "scopes": [{"id": "{az-scope}", "name": "scope-{n}"}],
        "attributes": {"colour": ["red"]},
    }
    return str((await scope.admin("POST", AZ + "/resource", body)).body["_id"])


@fixture("az-policy")
async def _az_policy(scope: Scope) -> str:
    return str((await scope.admin("POST", AZ + "/policy/user", {"name": "policy-{n}", "users": ["{user}"]})).body["id"])


@fixture("az-permission")
async def _az_permission(scope: Scope) -> str:
    body = {"name": "permission-{n}", "resources": ["{az-resource}"], "policies": ["{az-policy}"]}
    return str((await scope.admin("POST", AZ + "/permission/resource", body)).body["id"])


@fixture("az-scope-permission")
async def _az_scope_permission(scope: Scope) -> str:
    body = {"name": "scope-permission-{n}", "scopes": ["{az-scope}"], "policies": ["{az-policy}"]}
    return str((await scope.admin("POST", AZ + "/permission/scope", body)).body["id"])


AZ = "/clients/{az-client}/authz/resource-server"


@fixture("client-policy")
async def _client_policy(scope: Scope) -> str:
    """A client policy with its profile, neither of which does anything."""
    await scope.admin("PUT", "/client-policies/profiles", {"profiles": [{"name": "profile-{n}", "executors": []}]})
    policy = {"name": "policy-{n}", "enabled": False, "conditions": [], "profiles": ["profile-{n}"]}
    await scope.admin("PUT", "/client-policies/policies", {"policies": [policy]})
    return "client-policy"
