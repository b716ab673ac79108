"""The table of calls. Operations without an entry are called without a body."""

from typing import Any

from tools.measure.fixtures import user_body
from tools.measure.fixtures_clients import client_body, mapper_body
from tools.measure.fixtures_realm import SSF_STREAM, idp_body, idp_mapper_body, workflow_body
from tools.measure.recipes import CERTIFICATE, CLIENT
from tools.measure.spec import Place, Spec

PATH = "/authz/resource-server"
AZ = "~/clients/{client-uuid}/authz/resource-server"
ROLE = {"id": "{role}", "name": "{role.name}"}
OTHER_ROLE = {"id": "{other-role}", "name": "{other-role.name}"}
CLIENT_ROLE = {"id": "{client-role}", "name": "{client-role.name}"}
OTHER_CLIENT_ROLE = {"id": "{other-client-role}", "name": "{other-client-role.name}"}
ADMIN_ROLE = {"id": "{admin-role}", "name": "{admin-role.name}"}
PERMISSIONS = {"enabled": True}
CERTIFICATE_FILE = ({"file": ("c.pem", CERTIFICATE.encode(), "application/octet-stream")}, {"keystoreFormat": "Certificate PEM"})
KEYSTORE = {"format": "PKCS12", "keyAlias": "k", "keyPassword": "secret", "storePassword": "secret", "realmAlias": "r"}
SMTP = {"host": "localhost", "port": "{mail-port}", "from": "stage@localhost", "auth": "false"}
LDAP_TEST = {
    "action": "testConnection",
    "connectionUrl": "ldap://localhost:1",
    "bindDn": "",
    "bindCredential": "",
    "connectionTimeout": "500",
    "authType": "none",
}
STREAM = ("user", "ssf-client+stream")
SSF_PLAIN = (
    ("GET", "stream"),
    ("DELETE", "stream"),
    ("POST", "stream/verify"),
    ("GET", "events/stats"),
    ("DELETE", "events"),
    ("DELETE", "events/queued"),
    ("GET", "pending-events/{jti}"),
)
REQUIRED_ACTION: dict[str, Any] = {
    "alias": "CONFIGURE_TOTP",
    "name": "Configure OTP",
    "providerId": "CONFIGURE_TOTP",
    "enabled": True,
    "defaultAction": False,
    "priority": 10,
    "config": {},
}
RESTORE_ACTION = (("PUT", "~/authentication/required-actions/CONFIGURE_TOTP", REQUIRED_ACTION),)
EVENTS_OFF = {"eventsEnabled": False, "adminEventsEnabled": False}
NO_DEFAULT_GROUP: tuple[tuple[str, str, Any], ...] = (("CLEAR", "~/default-groups", None),)
A_DEFAULT_GROUP: tuple[tuple[str, str, Any], ...] = (*NO_DEFAULT_GROUP, ("PUT", "~/default-groups/{group}", {}))


def role_body(name: str) -> dict[str, Any]:
    """A new role."""
    return {"name": name, "description": "new", "attributes": {"colour": ["green"]}}


def _mappings(owner: str, target: str, rich: str, role: dict[str, str]) -> dict[str, Spec]:
    """POST takes a fresh role, DELETE one that is mapped."""
    return {f"POST {owner}{target}": Spec(json=[role]), f"DELETE {owner}{target}": Spec(json=[role], needs=(rich,))}


# Tables read best with one case a line.
# fmt: off
SPECS: dict[str, Spec] = {
    # users
    "POST ~/users": Spec(json=user_body("new-{n}"), see=("~/users?username=new-{n}",)),
    "PUT ~/users/{user-id}": Spec(json={**user_body("user-{n}"), "firstName": "Changed", "credentials": []}),
    "PUT ~/users/profile": Spec(json={"attributes": [{"name": "username", "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]}}, {"name": "email", "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]}}, {"name": "colour", "permissions": {"view": ["admin"], "edit": ["admin"]}}]}, see=("~/users/profile",), before=(("RESTORE", "~/users/profile", None),)),
    "PUT ~/users/{user-id}/reset-password": Spec(json={"type": "password", "value": "other-pass-2", "temporary": True}),
    "PUT ~/users/{user-id}/execute-actions-email": Spec(json=["UPDATE_PASSWORD"]),
    "PUT ~/users/{user-id}/disable-credential-types": Spec(json=["otp"], variables={"user-id": "{otp-user}"}, see=("~/users/{otp-user}/credentials",)),
    "DELETE ~/users/{user-id}/credentials/{credentialId}": Spec(variables={"user-id": "{otp-user}"}, see=("~/users/{otp-user}/credentials",)),
    "POST ~/users/{user-id}/credentials/{credentialId}/moveAfter/{newPreviousCredentialId}": Spec(variables={"user-id": "{otp-user}"}, see=("~/users/{otp-user}/credentials",)),
    "POST ~/users/{user-id}/credentials/{credentialId}/moveToFirst": Spec(variables={"user-id": "{otp-user}"}, see=("~/users/{otp-user}/credentials",)),
    "PUT ~/users/{user-id}/credentials/{credentialId}/userLabel": Spec(text=("new label", "text/plain"), variables={"user-id": "{otp-user}"}, see=("~/users/{otp-user}/credentials",)),
    "POST ~/users/{user-id}/federated-identity/{provider}": Spec(json={"identityProvider": "{idp.alias}", "userId": "remote-{n}", "userName": "remote-{n}"}),
    "DELETE ~/users/{user-id}/federated-identity/{provider}": Spec(needs=("user+identity",)),
    "DELETE ~/users/{user-id}/consents/{client}": Spec(needs=("user+offline",)),
    "GET ~/users/{user-id}/groups": Spec(needs=("user+group",)),
    "DELETE ~/users/{user-id}/groups/{groupId}": Spec(needs=("user+group",)),
    "POST ~/users/{user-id}/logout": Spec(needs=("user+session",)),
    "POST ~/users/{user-id}/impersonation": Spec(ignore_body=True, see=()),
    "DELETE ~/sessions/{session}": Spec(needs=("user+session",), see=("~/users/{user}/sessions",)),
    **_mappings("~/users/{user-id}/role-mappings", "/realm", "user+roles", ROLE),
    **_mappings("~/users/{user-id}/role-mappings", "/clients/{client-id}", "user+roles", CLIENT_ROLE),
    **_mappings("~/users/{user-id}/role-mappings", "/clients/{client}", "user+roles", CLIENT_ROLE),
    "DELETE ~/attack-detection/brute-force/users": Spec(see=()),
    # groups
    "POST ~/groups": Spec(json={"name": "new-{n}", "attributes": {"colour": ["green"]}}),
    "PUT ~/groups/{group-id}": Spec(json={"name": "group-{n}", "attributes": {"colour": ["green"]}}),
    "POST ~/groups/{group-id}/children": Spec(json={"name": "new-{n}"}),
    **_mappings("~/groups/{group-id}/role-mappings", "/realm", "group+roles", ROLE),
    **_mappings("~/groups/{group-id}/role-mappings", "/clients/{client-id}", "group+roles", CLIENT_ROLE),
    **_mappings("~/groups/{group-id}/role-mappings", "/clients/{client}", "group+roles", CLIENT_ROLE),
    "PUT ~/default-groups/{groupId}": Spec(see=("~/default-groups",), before=NO_DEFAULT_GROUP, leaves=NO_DEFAULT_GROUP),
    "DELETE ~/default-groups/{groupId}": Spec(see=("~/default-groups",), before=A_DEFAULT_GROUP),
    "GET ~/default-groups": Spec(place=Place.ALONE, before=A_DEFAULT_GROUP, leaves=NO_DEFAULT_GROUP),
    # roles
    "POST ~/roles": Spec(json=role_body("new-{n}")),
    "PUT ~/roles/{role-name}": Spec(json=role_body("{role.name}")),
    "PUT ~/roles-by-id/{role-id}": Spec(json=role_body("{role.name}")),
    "POST ~/roles/{role-name}/composites": Spec(json=[OTHER_ROLE]),
    "POST ~/roles-by-id/{role-id}/composites": Spec(json=[OTHER_ROLE]),
    "DELETE ~/roles/{role-name}/composites": Spec(json=[OTHER_ROLE], needs=("role+composites",)),
    "DELETE ~/roles-by-id/{role-id}/composites": Spec(json=[OTHER_ROLE], needs=("role+composites",)),
    "POST ~/clients/{client-uuid}/roles": Spec(json=role_body("new-{n}")),
    "PUT ~/clients/{client-uuid}/roles/{role-name}": Spec(json=role_body("{client-role.name}")),
    "POST ~/clients/{client-uuid}/roles/{role-name}/composites": Spec(json=[OTHER_CLIENT_ROLE]),
    "DELETE ~/clients/{client-uuid}/roles/{role-name}/composites": Spec(json=[OTHER_CLIENT_ROLE], needs=("client-role+composites",)),
    # clients
    "POST ~/clients": Spec(json=client_body("new-{n}")),
    "PUT ~/clients/{client-uuid}": Spec(json={**client_body("client-{n}"), "description": "after"}),
    "POST ~/clients/{client-uuid}/client-secret": Spec(json={}),
    "GET ~/clients/{client-uuid}/client-secret/rotated": Spec(needs=("client+rotated-secret",)),
    "DELETE ~/clients/{client-uuid}/client-secret/rotated": Spec(needs=("client+rotated-secret",)),
    "GET ~/clients/{client-uuid}/certificates/{attr}": Spec(needs=("client+certificate",)),
    "POST ~/clients/{client-uuid}/certificates/{attr}/download": Spec(json=KEYSTORE, needs=("client+certificate",), accept="application/octet-stream"),
    "POST ~/clients/{client-uuid}/certificates/{attr}/generate-and-download": Spec(json=KEYSTORE, accept="application/octet-stream"),
    "POST ~/clients/{client-uuid}/certificates/{attr}/upload": Spec(multipart=CERTIFICATE_FILE),
    "POST ~/clients/{client-uuid}/certificates/{attr}/upload-certificate": Spec(multipart=CERTIFICATE_FILE),
    "POST ~/clients/{client-uuid}/nodes": Spec(json={"node": "127.0.0.1"}),
    "DELETE ~/clients/{client-uuid}/nodes/{node}": Spec(needs=("client+node",)),
    "POST ~/clients/{client-uuid}/protocol-mappers/models": Spec(json=mapper_body("new-{n}")),
    "POST ~/clients/{client-uuid}/protocol-mappers/add-models": Spec(json=[mapper_body("new-{n}")]),
    "PUT ~/clients/{client-uuid}/protocol-mappers/models/{id}": Spec(json={**mapper_body("mapper-{n}"), "id": "{client.mapper}", "config": {"claim.name": "fixed", "claim.value": "2", "jsonType.label": "String"}}),
    "DELETE ~/clients/{client-uuid}/default-client-scopes/{clientScopeId}": Spec(needs=("client+default-scope",)),
    "DELETE ~/clients/{client-uuid}/optional-client-scopes/{clientScopeId}": Spec(needs=("client+optional-scope",)),
    **_mappings("~/clients/{client-uuid}/scope-mappings", "/realm", "client+scope-mappings", ROLE),
    **_mappings("~/clients/{client-uuid}/scope-mappings", "/clients/{client}", "client+scope-mappings", OTHER_CLIENT_ROLE),
    "GET ~/clients/{client-uuid}/evaluate-scopes/generate-example-access-token": Spec(query="scope=openid&userId={user}"),
    "GET ~/clients/{client-uuid}/evaluate-scopes/generate-example-id-token": Spec(query="scope=openid&userId={user}"),
    "GET ~/clients/{client-uuid}/evaluate-scopes/generate-example-userinfo": Spec(query="scope=openid&userId={user}"),
    "GET ~/clients/{client-uuid}/evaluate-scopes/generate-example-saml-response": Spec(variables={"client-uuid": "{saml-client}"}, query="userId={user}"),
    "GET ~/clients/{client-uuid}/evaluate-scopes/protocol-mappers": Spec(query="scope=openid"),
    "POST ~/clients-initial-access": Spec(json={"expiration": 3600, "count": 2}),
    "GET ~/clients-initial-access": Spec(needs=("initial-access",)),
    "POST ~/client-description-converter": Spec(text=('{"clientId": "converted", "protocol": "openid-connect"}', "application/json")),
    "PUT ~/client-policies/policies": Spec(json={"policies": [{"name": "policy-{n}", "enabled": True, "conditions": [], "profiles": []}]}, see=("~/client-policies/policies",), before=(("PUT", "~/client-policies/policies", {"policies": []}),)),
    "PUT ~/client-policies/profiles": Spec(json={"profiles": [{"name": "profile-{n}", "executors": []}]}, see=("~/client-policies/profiles",), before=(("PUT", "~/client-policies/profiles", {"profiles": []}),)),
    # authorization services
    f"PUT {AZ}": Spec(json={"policyEnforcementMode": "PERMISSIVE", "decisionStrategy": "UNANIMOUS", "allowRemoteResourceManagement": True}),
    f"POST {AZ}/import": Spec(json={"policyEnforcementMode": "PERMISSIVE", "allowRemoteResourceManagement": True, "resources": [{"name": "imported-{n}"}], "policies": [], "scopes": []}),
    f"POST {AZ}/resource": Spec(json={"name": "new-{n}", "uris": ["/new"]}),
    f"PUT {AZ}/resource/{{resource-id}}": Spec(json={"_id": "{az-resource}", "name": "resource-{n}", "displayName": "after"}),
    f"GET {AZ}/resource/search": Spec(query="name=resource-{n}", needs=("az-resource",)),
    f"POST {AZ}/scope": Spec(json={"name": "new-{n}"}),
    f"PUT {AZ}/scope/{{scope-id}}": Spec(json={"id": "{az-scope}", "name": "scope-{n}", "displayName": "after"}),
    f"GET {AZ}/scope/search": Spec(query="name=scope-{n}", needs=("az-scope",)),
    f"POST {AZ}/policy": Spec(json={"name": "new-{n}", "type": "user", "config": {"users": '["{user}"]'}}),
    f"POST {AZ}/permission": Spec(json={"name": "new-{n}", "type": "resource", "config": {"resources": '["{az-resource}"]'}}),
    f"POST {AZ}/policy/{{type}}": Spec(json={"name": "new-{n}", "users": ["{user}"]}),
    f"POST {AZ}/permission/{{type}}": Spec(json={"name": "new-{n}", "resources": ["{az-resource}"]}),
    f"PUT {AZ}/policy/{{type}}/{{type}}": Spec(json={"id": "{az-policy}", "name": "policy-{n}", "type": "user", "users": ["{user}"], "description": "after"}),
    f"PUT {AZ}/permission/{{type}}/{{type}}": Spec(json={"id": "{az-permission}", "name": "permission-{n}", "type": "resource", "resources": ["{az-resource}"], "policies": ["{az-policy}"], "description": "after"}),
    f"PUT {AZ}/policy/{{type}}": Spec(json={"id": "{az-policy}", "name": "policy-{n}", "type": "user", "config": {"users": '["{user}"]'}, "description": "after"}, variables={"type": "{az-policy}"}),
    f"PUT {AZ}/permission/{{type}}": Spec(json={"id": "{az-permission}", "name": "permission-{n}", "type": "resource", "resources": ["{az-resource}"], "policies": ["{az-policy}"], "description": "after"}, variables={"type": "{az-permission}"}),
    f"DELETE {AZ}/policy/{{type}}": Spec(variables={"type": "{az-policy}"}),
    f"DELETE {AZ}/permission/{{type}}": Spec(variables={"type": "{az-permission}"}),
    f"GET {AZ}/policy/search": Spec(query="name=policy-{n}", needs=("az-policy",)),
    f"GET {AZ}/permission/search": Spec(query="name=permission-{n}", needs=("az-permission",)),
    f"GET {AZ}/policy/{{type}}/search": Spec(query="name=policy-{n}", needs=("az-policy",)),
    f"GET {AZ}/permission/{{type}}/search": Spec(query="name=permission-{n}", needs=("az-permission",)),
    # client scopes
    "POST ~/client-scopes": Spec(json={"name": "new-{n}", "protocol": "openid-connect"}),
    "PUT ~/client-scopes/{client-scope-id}": Spec(json={"name": "scope-{n}", "protocol": "openid-connect", "description": "after"}),
    "POST ~/client-scopes/{client-scope-id}/protocol-mappers/models": Spec(json=mapper_body("new-{n}")),
    "POST ~/client-scopes/{client-scope-id}/protocol-mappers/add-models": Spec(json=[mapper_body("new-{n}")]),
    "PUT ~/client-scopes/{client-scope-id}/protocol-mappers/models/{id}": Spec(json={**mapper_body("mapper-{n}"), "id": "{client-scope.mapper}", "config": {"claim.name": "fixed", "claim.value": "2", "jsonType.label": "String"}}),
    **_mappings("~/client-scopes/{client-scope-id}/scope-mappings", "/realm", "client-scope+scope-mappings", ROLE),
    **_mappings("~/client-scopes/{client-scope-id}/scope-mappings", "/clients/{client}", "client-scope+scope-mappings", OTHER_CLIENT_ROLE),
    "PUT ~/default-default-client-scopes/{clientScopeId}": Spec(see=()),
    "DELETE ~/default-default-client-scopes/{clientScopeId}": Spec(see=("~/default-default-client-scopes",), before=(("PUT", "~/default-default-client-scopes/{client-scope}", {}),)),
    "PUT ~/default-optional-client-scopes/{clientScopeId}": Spec(see=()),
    "DELETE ~/default-optional-client-scopes/{clientScopeId}": Spec(see=("~/default-optional-client-scopes",), before=(("PUT", "~/default-optional-client-scopes/{client-scope}", {}),)),
    # authentication
    "POST ~/authentication/flows": Spec(json={"alias": "new-{n}", "providerId": "basic-flow", "topLevel": True, "builtIn": False}),
    "PUT ~/authentication/flows/{id}": Spec(json={"id": "{flow}", "alias": "{flow.alias}", "providerId": "basic-flow", "topLevel": True, "builtIn": False, "description": "after"}),
    "POST ~/authentication/flows/{flowAlias}/copy": Spec(json={"newName": "copy-{n}"}),
    "PUT ~/authentication/flows/{flowAlias}/executions": Spec(json={"id": "{execution}", "requirement": "ALTERNATIVE", "providerId": "auth-cookie"}),
    "POST ~/authentication/flows/{flowAlias}/executions/execution": Spec(json={"provider": "auth-cookie"}),
    "POST ~/authentication/flows/{flowAlias}/executions/flow": Spec(json={"alias": "sub-{n}", "type": "basic-flow", "description": "d", "provider": "registration-page-form"}),
    "GET ~/authentication/flows/{flowAlias}/executions": Spec(needs=("execution",)),
    "GET ~/authentication/flows/{id}": Spec(needs=("execution",)),
    "POST ~/authentication/executions": Spec(json={"authenticator": "auth-cookie", "requirement": "DISABLED", "parentFlow": "{flow}", "priority": 50, "authenticatorFlow": False}),
    "POST ~/authentication/executions/{executionId}/config": Spec(json={"alias": "new-{n}", "config": {"defaultProvider": "x"}}, variables={"executionId": "{second-execution}"}, needs=("execution",)),
    "GET ~/authentication/executions/{executionId}/config/{id}": Spec(variables={"executionId": "{second-execution}"}, needs=("execution-config",)),
    "POST ~/authentication/executions/{executionId}/raise-priority": Spec(variables={"executionId": "{second-execution}"}, needs=("execution",)),
    "POST ~/authentication/config": Spec(json={"alias": "new-{n}", "config": {"defaultProvider": "x"}}),
    "PUT ~/authentication/config/{id}": Spec(json={"id": "{execution-config}", "alias": "config-{n}", "config": {"defaultProvider": "y"}}, see=("~/authentication/config/{execution-config}",)),
    "DELETE ~/authentication/config/{id}": Spec(see=("~/authentication/config/{execution-config}",)),
    "POST ~/authentication/register-required-action": Spec(json={"providerId": "delete_account", "name": "Delete Account"}, see=("~/authentication/required-actions",), before=(("CLEAR", "~/authentication/required-actions/delete_account", None),)),
    "GET ~/authentication/unregistered-required-actions": Spec(),
    "PUT ~/authentication/required-actions/{alias}": Spec(json={**REQUIRED_ACTION, "name": "Changed"}, see=("~/authentication/required-actions",), before=RESTORE_ACTION),
    "DELETE ~/authentication/required-actions/{alias}": Spec(see=("~/authentication/required-actions",), variables={"alias": "VERIFY_PROFILE"}, before=(("REGISTER", "VERIFY_PROFILE", "Verify Profile"),)),
    "POST ~/authentication/required-actions/{alias}/raise-priority": Spec(see=(), variables={"alias": "UPDATE_PASSWORD"}),
    "POST ~/authentication/required-actions/{alias}/lower-priority": Spec(see=(), variables={"alias": "UPDATE_PASSWORD"}),
    "GET ~/authentication/required-actions/{alias}/config": Spec(variables={"alias": "UPDATE_PASSWORD"}),
    "PUT ~/authentication/required-actions/{alias}/config": Spec(json={"config": {"max_auth_age": "100"}}, variables={"alias": "UPDATE_PASSWORD"}, see=("~/authentication/required-actions/UPDATE_PASSWORD/config",), before=(("DELETE", "~/authentication/required-actions/UPDATE_PASSWORD/config", None),)),
    "DELETE ~/authentication/required-actions/{alias}/config": Spec(variables={"alias": "UPDATE_PASSWORD"}, see=("~/authentication/required-actions/UPDATE_PASSWORD/config",), before=(("PUT", "~/authentication/required-actions/UPDATE_PASSWORD/config", {"config": {"max_auth_age": "100"}}),)),
    # identity providers
    "POST ~/identity-provider/instances": Spec(json=idp_body("new-{n}")),
    "PUT ~/identity-provider/instances/{alias}": Spec(json={**idp_body("{idp.alias}"), "displayName": "after"}),
    "POST ~/identity-provider/instances/{alias}/mappers": Spec(json={**idp_mapper_body("new-{n}")}),
    "PUT ~/identity-provider/instances/{alias}/mappers/{id}": Spec(json={**idp_mapper_body("mapper-{n}"), "id": "{idp.mapper}", "config": {"syncMode": "INHERIT", "attribute": "colour", "attribute.value": "green"}}),
    "GET ~/identity-provider/instances/{alias}/mappers": Spec(needs=("idp.mapper",)),
    "GET ~/identity-provider/instances/{alias}/export": Spec(variables={"alias": "{saml-idp}"}),
    "POST ~/identity-provider/upload-certificate": Spec(multipart=CERTIFICATE_FILE),
    # realm
    "PUT ~": Spec(json={"displayName": "after"}, see=("~",), before=(("PUT", "~", {"displayName": "before"}),)),
    "PUT ~/ui-ext": Spec(json={"realm": "{realm}", "displayName": "after", "upConfig": None}, see=("~",), before=(("PUT", "~", {"displayName": "before"}),)),
    "DELETE ~": Spec(place=Place.REALM, see=("~",)),
    "POST ~/logout-all": Spec(place=Place.REALM, see=("~",)),
    "POST ~/push-revocation": Spec(place=Place.REALM, see=("~",)),
    "PUT ~/events/config": Spec(json={**EVENTS_OFF, "eventsExpiration": 100}, see=("~/events/config",), before=(("PUT", "~/events/config", {**EVENTS_OFF, "eventsExpiration": 0}),)),
    "DELETE ~/events": Spec(see=("~/events",)),
    "DELETE ~/admin-events": Spec(see=("~/admin-events",)),
    "GET ~/localization/{locale}/{key}": Spec(needs=("locale",)),
    "POST ~/localization/{locale}": Spec(json={"new-{n}": "Wert"}, variables={"locale": "de"}, see=("~/localization/de",), before=(("CLEAR", "~/localization/de", None),)),
    "DELETE ~/localization/{locale}": Spec(see=("~/localization/de",), before=(("CLEAR", "~/localization/de", None), ("POST", "~/localization/de", {"key-{n}": "Wert"}))),
    "PUT ~/localization/{locale}/{key}": Spec(text=("Wert", "text/plain"), see=("~/localization/de",), variables={"locale": "de"}, before=(("CLEAR", "~/localization/de", None),)),
    "DELETE ~/localization/{locale}/{key}": Spec(see=("~/localization/de",), variables={"locale": "de"}, before=(("CLEAR", "~/localization/de", None), ("POST", "~/localization/de", {"key-{n}": "Wert"}))),
    "POST ~/components": Spec(json={"name": "new-{n}", "providerId": "hmac-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": "{realm.id}", "config": {"priority": ["1"], "secretSize": ["32"]}}),
    "PUT ~/components/{id}": Spec(json={"id": "{key-component}", "name": "keys-{n}", "providerId": "hmac-generated", "providerType": "org.keycloak.keys.KeyProvider", "parentId": "{realm.id}", "config": {"priority": ["2"], "secretSize": ["32"]}}),
    "GET ~/components/{id}/sub-component-types": Spec(variables={"id": "{ldap}"}, query="type=org.keycloak.storage.ldap.mappers.LDAPStorageMapper"),
    "POST ~/user-storage/{id}/sync": Spec(query="action=triggerFullSync"),
    "POST ~/user-storage/{parentId}/mappers/{id}/sync": Spec(query="direction=fedToKeycloak"),
    "POST ~/partial-export": Spec(),
    "POST ~/partialImport": Spec(json={"ifResourceExists": "SKIP"}),
    "POST ~/ldap-server-capabilities": Spec(json={"connectionUrl": "ldap://localhost:1", "authType": "none", "connectionTimeout": "500"}),
    # organizations
    "POST ~/organizations": Spec(json={"name": "new-{n}", "domains": [{"name": "new-{n}.example", "verified": False}]}),
    "PUT ~/organizations/{org-id}": Spec(json={"id": "{organization}", "name": "org-{n}", "description": "after", "enabled": True, "domains": [{"name": "{n}.example", "verified": False}]}, json_since=((26,), {"alias": "org-{n}"})),
    "POST ~/organizations/{org-id}/members": Spec(text=("{user}", "application/json")),
    "GET ~/organizations/{org-id}/members": Spec(needs=("member",)),
    "GET ~/organizations/{org-id}/members/count": Spec(needs=("member",)),
    "POST ~/organizations/{org-id}/members/invite-user": Spec(form={"email": "invited-{n}@localhost", "firstName": "A", "lastName": "B"}),
    "POST ~/organizations/{org-id}/members/invite-existing-user": Spec(form={"id": "{user}"}),
    "POST ~/organizations/{org-id}/identity-providers": Spec(text=("{idp.alias}", "application/json")),
    "GET ~/organizations/{org-id}/identity-providers": Spec(needs=("organization.idp",)),
    "POST ~/organizations/{org-id}/groups": Spec(json={"name": "new-{n}"}),
    "PUT ~/organizations/{org-id}/groups/{group-id}": Spec(json={"name": "org-group-{n}", "attributes": {"colour": ["green"]}}),
    "POST ~/organizations/{org-id}/groups/{group-id}/children": Spec(json={"name": "new-{n}"}),
    "DELETE ~/organizations/{org-id}/groups/{group-id}/members/{userId}": Spec(needs=("organization.group+member",)),
    "GET ~/organizations/{org-id}/groups/{group-id}/members": Spec(needs=("organization.group+member",)),
    "GET ~/organizations/{org-id}/groups/group-by-path/{path}": Spec(needs=("organization.group",)),
    **_mappings("~/organizations/{org-id}/groups/{group-id}/role-mappings", "/realm", "organization.group+roles", ROLE),
    **_mappings("~/organizations/{org-id}/groups/{group-id}/role-mappings", "/clients/{client-id}", "organization.group+roles", CLIENT_ROLE),
    # workflows
    "POST ~/workflows": Spec(json=workflow_body("new-{n}")),
    "PUT ~/workflows/{id}": Spec(json={**workflow_body("workflow-{n}"), "enabled": False}),
    "POST ~/workflows/{id}/deactivate/{type}/{resourceId}": Spec(needs=("workflow+active",)),
    "GET ~/workflows/scheduled/{resource-id}": Spec(needs=("workflow+active",)),
    # administration console's own
    "POST ~/ui-ext/role-mapping-delete/users/{id}": Spec(json=[{"roleId": "{role}"}, {"roleId": "{client-role}", "clientId": "{client}"}], needs=("user+roles",)),
    "POST ~/ui-ext/role-mapping-delete/groups/{id}": Spec(json=[{"roleId": "{role}"}, {"roleId": "{client-role}", "clientId": "{client}"}], needs=("group+roles",)),
    "POST ~/ui-ext/role-mapping-delete/roles/{id}": Spec(json=[{"roleId": "{other-role}"}, {"roleId": "{client-role}", "clientId": "{client}"}], needs=("role+composites",)),
    "POST ~/ui-ext/role-mapping-delete/clients/{id}": Spec(json=[{"roleId": "{role}"}, {"roleId": "{other-client-role}", "clientId": "{other-client}"}], needs=("client+scope-mappings",)),
    "POST ~/ui-ext/role-mapping-delete/clientScopes/{id}": Spec(json=[{"roleId": "{role}"}, {"roleId": "{other-client-role}", "clientId": "{other-client}"}], needs=("client-scope+scope-mappings",)),
    "GET ~/ui-ext/sessions/client": Spec(query="clientId={client}&type=ALL"),
    # not below one realm
    "POST /admin/realms": Spec(json={"realm": "new-{n}", "enabled": True}, see=()),
    "GET /admin/{realm}/console/whoami": Spec(console=True, ignore_body=True, note="only for tokens of the administration console: every other token gets 403"),
    # behind features
    "PUT ~/users-management-permissions": Spec(json=PERMISSIONS, see=("~/users-management-permissions",)),
    "PUT ~/clients/{client-uuid}/management/permissions": Spec(json=PERMISSIONS),
    "PUT ~/groups/{group-id}/management/permissions": Spec(json=PERMISSIONS),
    "PUT ~/roles/{role-name}/management/permissions": Spec(json=PERMISSIONS),
    "PUT ~/roles-by-id/{role-id}/management/permissions": Spec(json=PERMISSIONS),
    "PUT ~/clients/{client-uuid}/roles/{role-name}/management/permissions": Spec(json=PERMISSIONS),
    "PUT ~/identity-provider/instances/{alias}/management/permissions": Spec(json=PERMISSIONS),
    "POST ~/users/{user-id}/vc/credentials": Spec(json={"credentialScopeName": "{vc-scope.name}"}, needs=("vc-scope",)),
    "GET ~/users/{user-id}/vc/credentials": Spec(needs=("user+vc",)),
    "GET ~/users/{user-id}/vc/issued-credentials": Spec(needs=("user+vc",)),
    "DELETE ~/users/{user-id}/vc/issued-credentials/{id}": Spec(needs=("user+vc",)),
    "PUT ~/users/{user-id}/vc/credentials/{credentialScopeName}": Spec(needs=("user+vc",), see=("~/users/{user}/vc/credentials",)),
    "DELETE ~/users/{user-id}/vc/credentials/{credentialScopeName}": Spec(needs=("user+vc",), see=("~/users/{user}/vc/credentials",)),
    "PUT ~/users/{user-id}/vc/credentials/send-credential-offer": Spec(json={"credentialConfigurationId": "{vc-scope.name}"}, needs=("user+vc",)),
    "POST /admin/api/{realmName}/clients/v2": Spec(json={"clientId": "new-{n}", "protocol": "openid-connect"}),
    "PUT /admin/api/{realmName}/clients/v2/{id}": Spec(json={"clientId": "client-{n}", "protocol": "openid-connect", "description": "after"}, see=CLIENT[:1]),
    "PATCH /admin/api/{realmName}/clients/v2/{id}": Spec(text=('{"description": "after"}', "application/merge-patch+json"), see=CLIENT[:1]),
    "POST /admin/api/{realmName}/clients/{version}": Spec(json={"clientId": "new-{n}", "protocol": "openid-connect"}),
    "PUT /admin/api/{realmName}/clients/{version}/{id}": Spec(json={"clientId": "client-{n}", "protocol": "openid-connect", "description": "after"}, see=CLIENT[:1]),
    "PATCH /admin/api/{realmName}/clients/{version}/{id}": Spec(text=('{"description": "after"}', "application/merge-patch+json"), see=CLIENT[:1]),
    "POST /admin/api/v2/realms/{name}/clients": Spec(json={"clientId": "new-{n}", "protocol": "openid-connect"}),
    "PUT /admin/api/v2/realms/{name}/clients/{id}": Spec(json={"clientId": "client-{n}", "protocol": "openid-connect", "description": "after"}, see=CLIENT[:1]),
    "PATCH /admin/api/v2/realms/{name}/clients/{id}": Spec(text=('{"description": "after"}', "application/merge-patch+json"), see=CLIENT[:1]),
    "POST ~/ssf/clients/{clientId}/stream": Spec(json=SSF_STREAM),
    "PATCH ~/ssf/clients/{clientId}/stream": Spec(json={"description": "after"}, needs=STREAM),
    "POST ~/ssf/clients/{clientId}/stream/status": Spec(json={"status": "paused"}, needs=STREAM),
    "POST ~/ssf/clients/{clientId}/events/emit": Spec(json={"eventType": "CaepSessionRevoked", "subjectType": "user-username", "subjectValue": "{user.name}", "event": {}}, needs=STREAM),
    **{f"POST ~/ssf/clients/{{clientId}}/subjects/{verb}": Spec(json={"type": "user-username", "value": "{user.name}"}, needs=STREAM) for verb in ("add", "check", "ignore", "remove")},
    **{f"{method} ~/ssf/clients/{{clientId}}/{leaf}": Spec(needs=STREAM) for method, leaf in SSF_PLAIN},
    **{f"{method} ~/ssf/{leaf}": Spec(needs=STREAM) for method, leaf in (("GET", "config"), ("DELETE", "events"), ("DELETE", "events/queued"), ("GET", "events/stats"))},
    "PUT ~/client-types": Spec(json={"client-types": [], "global-client-types": []}),
}

EVALUATION = {"userId": "{user}", "clientId": "{az-client}", "resources": [{"_id": "{az-resource}", "name": "resource-{n}"}], "entitlements": False, "context": {"attributes": {}}, "roleIds": []}
EVALUATE = Spec(json=EVALUATION, needs=("az-permission",), place=Place.READ)

BODIES: dict[str, Spec] = {
    "POST ~/testSMTPConnection json": Spec(json=SMTP),
    "POST ~/testSMTPConnection form": Spec(form={"config": '{"host":"localhost","port":"{mail-port}","from":"stage@localhost"}'}),
    "POST ~/testLDAPConnection json": Spec(json=LDAP_TEST),
    "POST ~/testLDAPConnection form": Spec(form=LDAP_TEST),
    "POST ~/identity-provider/import-config json": Spec(json={"providerId": "oidc", "fromUrl": "{server}/realms/{realm}/.well-known/openid-configuration"}),
    "POST ~/identity-provider/import-config multipart": Spec(multipart=({"file": ("c.json", b'{"issuer": "http://localhost:1"}', "application/json")}, {"providerId": "oidc"})),
    "POST ~/localization/{locale} multipart": Spec(multipart=({"file": ("m.json", b'{"new": "Wert"}', "application/json")}, {}), variables={"locale": "de"}, see=("~/localization/de",), before=(("CLEAR", "~/localization/de", None),)),
}
"""Specs of one of several bodies that share method and path."""

# 26.4 takes a changed workflow only if it is the old one but for its name and `enabled`.
WORKFLOW_26_4 = {"id": "{workflow}", "name": "workflow-{n}", "uses": "event-based-workflow", "enabled": False, "on": "{workflow-event}", "steps": [{"id": "{workflow.step}", "uses": "notify-user", "after": "5000000", "priority": "1", "with": {"message": "m"}}, {"id": "{workflow.second-step}", "uses": "disable-user", "after": "6000000", "priority": "2", "with": {}}]}
EARLIER: dict[str, Spec] = {
    "GET /admin/{realm}/console/whoami": Spec(ignore_body=True, until=(25,)),
    "PUT ~/workflows/{id}": Spec(json=WORKFLOW_26_4, needs=("workflow",), until=(26, 5)),
    "POST ~/workflows/set": Spec(json={"workflows": [workflow_body("new-{n}")]}, see=(), until=(26, 5)),
    "POST ~/workflows/{id}/steps": Spec(json={"uses": "delete-user", "after": "7000000"}, see=("~/workflows/{workflow}/steps",), until=(26, 5)),
    "DELETE ~/workflows/{id}/steps/{stepId}": Spec(see=("~/workflows/{workflow}/steps",), until=(26, 5)),
    "GET ~/workflows/{id}/steps/{stepId}": Spec(needs=("workflow",), until=(26, 5)),
    "POST ~/workflows/{id}/bind/{type}/{resourceId}": Spec(text=("1000000", "application/json"), until=(26, 5)),
}
"""Specs of versions before the one that `until` names, where their representations are other ones."""


for _kind, _name in (("policy", "{az-policy}"), ("permission", "{az-permission}")):
    _by_id = Spec(variables={"type": _name})
    for _leaf in ("associatedPolicies", "dependentPolicies", "resources", "scopes"):
        SPECS[f"GET {AZ}/{_kind}/{{type}}/{_leaf}"] = _by_id
    SPECS[f"GET {AZ}/{_kind}/{{type}} findById"] = _by_id
    SPECS[f"POST {AZ}/{_kind}/evaluate"] = EVALUATE
    SPECS[f"POST {AZ}/{_kind}/{{type}}/evaluate"] = EVALUATE
# fmt: on
