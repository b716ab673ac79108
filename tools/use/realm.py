"""The realm in which a tool is tried: always the same names and ids, with the tool's service account and its roles."""

from collections.abc import Mapping
from typing import Any

REALM, CALLER, SECRET, PASSWORD = "tools", "tool", "tool-secret", "ann-password"
USERNAME, OTHER_USERNAME = "ann", "bob"
CLIENT_NAME, SCOPE_NAME, IDP, FLOW = "shop", "tools-scope", "partner", "tools-flow"
REALM_ROLE, OTHER_REALM_ROLE, CLIENT_ROLE, OTHER_CLIENT_ROLE = "reader", "editor", "buyer", "seller"
GROUP_NAME, TEAM_NAME = "staff", "team"


def _id(number: int) -> str:
    return f"70015000-0000-4000-8000-{number:012d}"


USER, OTHER_USER, GROUP, TEAM, CLIENT, SCOPE, SPARE_SCOPE = (_id(number) for number in range(1, 8))
REALM_ROLE_ID, OTHER_REALM_ROLE_ID, CLIENT_ROLE_ID, OTHER_CLIENT_ROLE_ID = (_id(number) for number in range(11, 15))
CLIENT_MAPPER, SCOPE_MAPPER, IDP_MAPPER = (_id(number) for number in range(21, 24))
RESOURCE, POLICY, PERMISSION, AUTHZ_SCOPE = (_id(number) for number in range(31, 35))
CALLER_ID, CALLER_USER = _id(41), _id(42)

REALM_ROLES: list[Mapping[str, Any]] = [{"id": REALM_ROLE_ID, "name": REALM_ROLE}, {"id": OTHER_REALM_ROLE_ID, "name": OTHER_REALM_ROLE}]
CLIENT_ROLES: list[Mapping[str, Any]] = [
    {"id": CLIENT_ROLE_ID, "name": CLIENT_ROLE},
    {"id": OTHER_CLIENT_ROLE_ID, "name": OTHER_CLIENT_ROLE},
]


def mapper(identity: str, name: str) -> dict[str, Any]:
    """A protocol mapper that writes a constant claim."""
    config = {"claim.name": name, "claim.value": "1", "jsonType.label": "String", "access.token.claim": "true"}
    return {"id": identity, "name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": config}


def scope() -> dict[str, Any]:
    """A client scope with a mapper. It is made after the import: a realm that is imported with scopes gets no built-in ones."""
    return {"id": SCOPE, "name": SCOPE_NAME, "protocol": "openid-connect", "protocolMappers": [mapper(SCOPE_MAPPER, "scope-mapper")]}


def realm(*, mail_port: int) -> dict[str, Any]:
    """The representation. The tool's service account holds no role of realm-management."""
    return {
        "realm": REALM,
        "enabled": True,
        "organizationsEnabled": True,
        "bruteForceProtected": True,
        "adminEventsEnabled": True,
        "eventsEnabled": True,
        "smtpServer": {"host": "127.0.0.1", "port": str(mail_port), "from": "keycloak@example.com"},
        "roles": {"realm": _roles(REALM_ROLES), "client": {CLIENT_NAME: _roles(CLIENT_ROLES)}},
        "groups": [_group()],
        "defaultGroups": [f"/{GROUP_NAME}/{TEAM_NAME}"],
        "users": [_user(), _other_user(), _caller_user()],
        "clients": [_client(), _caller_client()],
        "identityProviders": [_identity_provider(IDP), _identity_provider("spare-partner")],
        "identityProviderMappers": [_identity_provider_mapper()],
    }


def _roles(named: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The roles. The first one contains the second one of the realm and of the client, so that responses show roles of both."""
    inner = {"realm": [OTHER_REALM_ROLE], "client": {CLIENT_NAME: [OTHER_CLIENT_ROLE]}}
    return [dict(named[0]) | {"composite": True, "composites": inner}, dict(named[1])]


def _group() -> dict[str, Any]:
    team = {"id": TEAM, "name": TEAM_NAME, "path": f"/{GROUP_NAME}/{TEAM_NAME}"}
    roles = {"realmRoles": [REALM_ROLE], "clientRoles": {CLIENT_NAME: [CLIENT_ROLE]}}
    return {"id": GROUP, "name": GROUP_NAME, "path": f"/{GROUP_NAME}", "subGroups": [team], **roles}


def _user() -> dict[str, Any]:
    return {
        "id": USER,
        "username": USERNAME,
        "enabled": True,
        "email": "ann@example.com",
        "firstName": "Ann",
        "lastName": "One",
        "credentials": [{"type": "password", "value": PASSWORD}],
        "realmRoles": [REALM_ROLE],
        "clientRoles": {CLIENT_NAME: [CLIENT_ROLE]},
        "groups": [f"/{GROUP_NAME}"],
        "federatedIdentities": [{"identityProvider": IDP, "userId": "ann-there", "userName": "ann-there"}],
        "clientConsents": [{"clientId": CLIENT_NAME, "grantedClientScopes": ["email"]}],
    }


def _other_user() -> dict[str, Any]:
    return {
        "id": OTHER_USER,
        "username": OTHER_USERNAME,
        "enabled": True,
        "email": "bob@example.com",
        "firstName": "Bob",
        "lastName": "Two",
    }


def _caller_user() -> dict[str, Any]:
    return {"id": CALLER_USER, "username": f"service-account-{CALLER}", "enabled": True, "serviceAccountClientId": CALLER}


def _caller_client() -> dict[str, Any]:
    flows = {"standardFlowEnabled": False, "serviceAccountsEnabled": True}
    return {"id": CALLER_ID, "clientId": CALLER, "secret": SECRET, "publicClient": False, **flows}


def _client() -> dict[str, Any]:
    return {
        "id": CLIENT,
        "clientId": CLIENT_NAME,
        "secret": SECRET,
        "publicClient": False,
        "serviceAccountsEnabled": True,
        "directAccessGrantsEnabled": True,
        "authorizationServicesEnabled": True,
        "redirectUris": ["https://shop.example.com/*"],
        "protocolMappers": [mapper(CLIENT_MAPPER, "client-mapper")],
        "authorizationSettings": {
            "scopes": [{"id": AUTHZ_SCOPE, "name": "read"}],
            "resources": [{"_id": RESOURCE, "name": "order", "uris": ["/orders/*"], "scopes": [{"name": "read"}]}],
            "policies": [
                {"id": POLICY, "name": "readers", "type": "role", "config": {"roles": f'[{{"id": "{REALM_ROLE}", "required": false}}]'}},
                {
                    "id": PERMISSION,
                    "name": "read-orders",
                    "type": "scope",
                    "config": {"resources": '["order"]', "scopes": '["read"]', "applyPolicies": '["readers"]'},
                },
            ],
        },
    }


def _identity_provider(alias: str) -> dict[str, Any]:
    there = "https://partner.example.com"
    config = {"clientId": "shop", "clientSecret": "partner-secret", "authorizationUrl": f"{there}/auth", "tokenUrl": f"{there}/token"}
    return {"alias": alias, "providerId": "oidc", "enabled": True, "config": config}


def _identity_provider_mapper() -> dict[str, Any]:
    config = {"attribute": "origin", "attribute.value": IDP, "syncMode": "INHERIT"}
    kind = "hardcoded-attribute-idp-mapper"
    return {"id": IDP_MAPPER, "name": "origin", "identityProviderAlias": IDP, "identityProviderMapper": kind, "config": config}
