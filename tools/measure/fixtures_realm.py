"""Fixtures of the realm itself: identity providers, flows, components, organizations, workflows."""

from typing import Any

from tools.measure.http import form_body, text_body
from tools.measure.stage import Scope, fixture

SSF_STREAM = {
    "delivery": {"method": "urn:ietf:rfc:8936"},
    "events_requested": ["https://schemas.openid.net/secevent/caep/event-type/session-revoked"],
}
LDAP = "org.keycloak.storage.UserStorageProvider"


def idp_body(alias: str) -> dict[str, Any]:
    """An OpenID Connect identity provider."""
    config = {
        "clientId": "broker",
        "clientSecret": "broker-secret",
        "authorizationUrl": "http://localhost:1/auth",
        "tokenUrl": "http://localhost:1/token",
        "useJwksUrl": "true",
        "validateSignature": "true",
        "jwksUrl": "{server}/realms/{realm}/protocol/openid-connect/certs",
        "issuer": "http://localhost:1",
    }
    return {"alias": alias, "providerId": "oidc", "enabled": True, "displayName": "before", "config": config}


def idp_mapper_body(name: str) -> dict[str, Any]:
    """A mapper of an identity provider."""
    config = {"syncMode": "INHERIT", "attribute": "colour", "attribute.value": "red"}
    return {
        "name": name,
        "identityProviderAlias": "{idp.alias}",
        "identityProviderMapper": "hardcoded-attribute-idp-mapper",
        "config": config,
    }


def ldap_body(name: str) -> dict[str, Any]:
    """A switched-off LDAP user federation (switched on it would be asked at every look for a user)."""
    config = {
        "enabled": ["false"],
        "vendor": ["other"],
        "connectionUrl": ["ldap://localhost:1"],
        "bindDn": ["cn=admin"],
        "bindCredential": ["secret"],
        "usersDn": ["ou=people"],
        "authType": ["simple"],
        "editMode": ["READ_ONLY"],
        "usernameLDAPAttribute": ["uid"],
        "rdnLDAPAttribute": ["uid"],
        "uuidLDAPAttribute": ["entryUUID"],
        "userObjectClasses": ["inetOrgPerson"],
        "connectionTimeout": ["500"],
        "readTimeout": ["500"],
    }
    return {"name": name, "providerId": "ldap", "providerType": LDAP, "parentId": "{realm.id}", "config": config}


@fixture("realm.id")
async def _realm_id(scope: Scope) -> str:
    return str((await scope.realm.admin("GET", "")).body["id"])


@fixture("idp")
async def _idp(scope: Scope) -> str:
    scope.facts["idp.alias"] = f"idp-{scope.suffix}"
    answer = await scope.admin("POST", "/identity-provider/instances", idp_body("idp-{n}"))
    return answer.location.rsplit("/", 1)[1]


@fixture("saml-idp")
async def _saml_idp(scope: Scope) -> str:
    config = {"singleSignOnServiceUrl": "http://localhost:1/saml", "entityId": "http://localhost:1", "idpEntityId": "http://localhost:1"}
    body = {"alias": "saml-idp-{n}", "providerId": "saml", "enabled": True, "config": config}
    return (await scope.admin("POST", "/identity-provider/instances", body)).location.rsplit("/", 1)[1]


@fixture("idp.mapper")
async def _idp_mapper(scope: Scope) -> str:
    return await scope.make("/identity-provider/instances/{idp.alias}/mappers", idp_mapper_body("mapper-{n}"))


@fixture("flow")
async def _flow(scope: Scope) -> str:
    scope.facts["flow.alias"] = f"flow-{scope.suffix}"
    body = {"alias": "flow-{n}", "providerId": "basic-flow", "topLevel": True, "builtIn": False, "description": "before"}
    return await scope.make("/authentication/flows", body)


@fixture("client-of-flow")
async def _client_of_flow(scope: Scope) -> str:
    return await scope.make("/clients", {"clientId": "of-flow-{n}", "authenticationFlowBindingOverrides": {"browser": "{flow}"}})


@fixture("execution")
async def _execution(scope: Scope) -> str:
    await scope.get("flow")
    first = await scope.make("/authentication/flows/{flow.alias}/executions/execution", {"provider": "auth-cookie"})
    scope.facts["second-execution"] = await scope.make(
        "/authentication/flows/{flow.alias}/executions/execution", {"provider": "identity-provider-redirector"}
    )
    return first


@fixture("execution-config")
async def _execution_config(scope: Scope) -> str:
    await scope.get("execution")
    return await scope.make(
        "/authentication/executions/{second-execution}/config", {"alias": "config-{n}", "config": {"defaultProvider": "x"}}
    )


@fixture("key-component")
async def _key_component(scope: Scope) -> str:
    body = {
        "name": "keys-{n}",
        "providerId": "hmac-generated",
        "providerType": "org.keycloak.keys.KeyProvider",
        "parentId": "{realm.id}",
        "config": {"priority": ["1"], "secretSize": ["32"]},
    }
    return await scope.make("/components", body)


@fixture("ldap")
async def _ldap(scope: Scope) -> str:
    return await scope.make("/components", ldap_body("ldap-{n}"))


@fixture("ldap-mapper")
async def _ldap_mapper(scope: Scope) -> str:
    config = {
        "groups.dn": ["ou=groups"],
        "group.name.ldap.attribute": ["cn"],
        "group.object.classes": ["groupOfNames"],
        "membership.ldap.attribute": ["member"],
        "membership.attribute.type": ["DN"],
        "membership.user.ldap.attribute": ["uid"],
        "mode": ["READ_ONLY"],
        "user.roles.retrieve.strategy": ["LOAD_GROUPS_BY_MEMBER_ATTRIBUTE"],
        "preserve.group.inheritance": ["false"],
        "drop.non.existing.groups.during.sync": ["false"],
    }
    body = {
        "name": "mapper-{n}",
        "providerId": "group-ldap-mapper",
        "providerType": "org.keycloak.storage.ldap.mappers.LDAPStorageMapper",
        "parentId": "{ldap}",
        "config": config,
    }
    return await scope.make("/components", body)


@fixture("required-action")
async def _required_action(_scope: Scope) -> str:
    """A built-in required action: there is one of each in a realm."""
    return "CONFIGURE_TOTP"


@fixture("unmanaged")
async def _unmanaged(scope: Scope) -> str:
    """Users of this realm may hold attributes that its user profile does not know."""
    profile = (await scope.realm.admin("GET", "/users/profile")).body
    await scope.realm.admin("PUT", "/users/profile", profile | {"unmanagedAttributePolicy": "ENABLED"})
    return "unmanaged"


@fixture("unregistered-action")
async def _unregistered_action(scope: Scope) -> str:
    await scope.realm.admin("DELETE", "/authentication/required-actions/VERIFY_PROFILE")
    return "VERIFY_PROFILE"


@fixture("invitation")
async def _invitation(scope: Scope) -> str:
    form = form_body({"email": f"invited-{scope.suffix}@localhost", "firstName": "A", "lastName": "B"})
    path = await scope.fill_text("/organizations/{organization}", encode=True)
    await scope.realm.admin("POST", path + "/members/invite-user", body=form)
    return str((await scope.realm.admin("GET", path + "/invitations")).body[0]["id"])


@fixture("workflow+active")
async def _workflow_active(scope: Scope) -> str:
    await scope.admin("POST", "/workflows/{workflow}/activate/USERS/{user}", {})
    return await scope.get("workflow")


@fixture("ssf-client")
async def _ssf_client(scope: Scope) -> str:
    scope.facts["ssf-client.name"] = f"ssf-{scope.suffix}"
    await scope.realm.admin("PUT", "", {"attributes": {"ssf.transmitterEnabled": "true"}})
    body = {"clientId": "ssf-{n}", "publicClient": False, "serviceAccountsEnabled": True, "attributes": {"ssf.enabled": "true"}}
    return await scope.make("/clients", body)


@fixture("ssf-client+stream")
async def _ssf_stream(scope: Scope) -> str:
    await scope.get("ssf-client")
    await scope.admin("POST", "/ssf/clients/{ssf-client.name}/stream", SSF_STREAM)
    return await scope.get("ssf-client")


@fixture("locale")
async def _locale(scope: Scope) -> str:
    locale = "de"
    await scope.admin("POST", f"/localization/{locale}", {"key-{n}": "Wert"})
    return locale


@fixture("organization")
async def _organization(scope: Scope) -> str:
    body: dict[str, Any] = {
        "name": "org-{n}",
        "description": "before",
        "domains": [{"name": "{n}.example", "verified": False}],
    }
    if scope.realm.version.since(26):  # 25 refuses attributes of a new organization
        body["attributes"] = {"colour": ["red"]}
    return await scope.make("/organizations", body)


@fixture("member")
async def _member(scope: Scope) -> str:
    user = await scope.get("user")
    await _add_to_organization(scope, "members", user)
    return user


@fixture("organization.idp")
async def _organization_idp(scope: Scope) -> str:
    await scope.get("idp")
    await _add_to_organization(scope, "identity-providers", await scope.get("idp.alias"))
    return await scope.get("idp.alias")


async def _add_to_organization(scope: Scope, what: str, name: str) -> None:
    """The body is the bare id or alias: 25 takes quotation marks for a part of it."""
    path = await scope.fill_text("/organizations/{organization}/", encode=True)
    await scope.realm.admin("POST", path + what, body=text_body(name, "application/json"))


@fixture("organization.group")
async def _organization_group(scope: Scope) -> str:
    scope.facts["organization.group.path"] = f"/org-group-{scope.suffix}"
    return await scope.make("/organizations/{organization}/groups", {"name": "org-group-{n}", "attributes": {"colour": ["red"]}})


@fixture("organization.child")
async def _organization_child(scope: Scope) -> str:
    return await scope.make("/organizations/{organization}/groups/{organization.group}/children", {"name": "org-child-{n}"})


@fixture("organization.group+member")
async def _organization_group_member(scope: Scope) -> str:
    await scope.admin("PUT", "/organizations/{organization}/groups/{organization.group}/members/{member}", {})
    return await scope.get("organization.group")


@fixture("organization.group+roles")
async def _organization_group_roles(scope: Scope) -> str:
    path = "/organizations/{organization}/groups/{organization.group}/role-mappings"
    await scope.admin("POST", path + "/realm", [{"id": "{role}", "name": "{role.name}"}])
    await scope.admin("POST", path + "/clients/{client}", [{"id": "{client-role}", "name": "{client-role.name}"}])
    return await scope.get("organization.group")


@fixture("workflow")
async def _workflow(scope: Scope) -> str:
    workflow = await scope.make("/workflows", workflow_body("workflow-{n}"))
    if not scope.realm.version.since(26, 5):  # later versions have no operations on single steps
        first, second = (await scope.realm.admin("GET", f"/workflows/{workflow}/steps")).body
        scope.facts |= {"workflow.step": first["id"], "workflow.second-step": second["id"]}
    return workflow


@fixture("workflow-event")
async def _workflow_event(scope: Scope) -> str:
    """What a login is called in the representation of a workflow."""
    return "user_authenticated" if scope.realm.version.since(26, 5) else "user_login"


def workflow_body(name: str) -> dict[str, Any]:
    """A workflow that notifies a user some day."""
    steps = [{"uses": "notify-user", "after": "5000000", "with": {"message": "m"}}, {"uses": "disable-user", "after": "6000000"}]
    return {"name": name, "on": "{workflow-event}", "enabled": True, "steps": steps}
