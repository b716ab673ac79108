"""Arguments for the methods of python-keycloak: by parameter, and by method where that is not enough."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from devkit.certificates import Authority
from tools.use import realm as r
from tools.use.stage import Made, key_provider

Value = Any | Callable[[Made], Any]

NOT_RUN: Mapping[str, str] = {
    "change_current_realm": "sends no request",
    "get_current_realm": "sends no request",
    "get_subgroups": "sends no request",
    "create_realm": "needs a token of the realm master with the realm role create-realm",
    "import_realm": "needs a token of the realm master with the realm role create-realm",
    "get_client_management_permissions": "needs fine-grained permissions, version 1, which are switched off by default",
    "update_client_management_permissions": "needs fine-grained permissions, version 1, which are switched off by default",
    "group_set_permissions": "needs fine-grained permissions, version 1, which are switched off by default",
    "sync_users": "needs an LDAP server",
}

LATE = (
    "import_client_authz_config",
    "update_client",
    "delete_default_default_client_scope",
    "delete_client_scope",
    "delete_component",
    "delete_authenticator_config",
    "delete_authentication_flow_execution",
    "delete_authentication_flow",
    "organization_idp_remove",
    "organization_user_remove",
    "delete_organization",
    "delete_idp",
    "delete_group",
    "delete_user",
    "delete_role_by_id",
    "delete_client_role",
    "delete_client",
    "delete_realm_role",
    "delete_realm",
)
"""They remove what other methods need, so they are called last, in this order."""

_PAYLOAD_OF_POLICY = {"name": "more-readers", "type": "role", "logic": "POSITIVE", "roles": [{"id": r.REALM_ROLE_ID, "required": False}]}
_SCOPE_PERMISSION = {"name": "more-reading", "type": "scope", "resources": [r.RESOURCE], "scopes": [r.AUTHZ_SCOPE], "policies": [r.POLICY]}
_MAPPER_OF_IDP = {
    "id": r.IDP_MAPPER,
    "name": "origin",
    "identityProviderAlias": r.IDP,
    "identityProviderMapper": "hardcoded-attribute-idp-mapper",
    "config": {"attribute": "origin", "attribute.value": "other", "syncMode": "INHERIT"},
}


def _certificate(_: Made) -> str:
    with TemporaryDirectory() as folder:
        return Authority(Path(folder)).file.read_text(encoding="utf-8")


BY_PARAMETER: Mapping[str, Value] = {
    "user_id": r.USER,
    "username": r.USERNAME,
    "password": "another-password",
    "group_id": r.GROUP,
    "path": f"/{r.GROUP_NAME}/{r.TEAM_NAME}",
    "client_id": r.CLIENT,
    "client_role_id": r.CLIENT,
    "client_roles_owner_id": r.CLIENT,
    "client_scope_id": r.SCOPE,
    "client_scope_name": r.SCOPE_NAME,
    "scope_id": r.SCOPE,
    "protocol_mapper_id": r.SCOPE_MAPPER,
    "mapper_id": r.CLIENT_MAPPER,
    "client_mapper_id": r.CLIENT_MAPPER,
    "role_id": r.REALM_ROLE_ID,
    "role_name": r.REALM_ROLE,
    "roles": r.REALM_ROLES[1:],
    "realm_name": r.REALM,
    "idp_alias": r.IDP,
    "provider_id": r.IDP,
    "provider_userid": "ann-there",
    "provider_username": "ann-there",
    "flow_alias": r.FLOW,
    "flow_id": lambda made: made.flow,
    "execution_id": lambda made: made.execution,
    "config_id": lambda made: made.execution_config,
    "component_id": lambda made: made.component,
    "organization_id": lambda made: made.organization,
    "action_alias": "CONFIGURE_TOTP",
    "resource_id": r.RESOURCE,
    "policy_id": r.POLICY,
    "attribute": "jwt.credential",
    "diff": -1,
}
"""The value of a parameter; a function of the ids that Keycloak chose."""


def _flow(made: Made) -> dict[str, Any]:
    return {"id": made.flow, "alias": r.FLOW, "description": "changed", "providerId": "basic-flow", "topLevel": True, "builtIn": False}


def _config(made: Made) -> dict[str, Any]:
    return {"id": made.execution_config, "alias": "tools-config", "config": {"defaultProvider": "other"}}


_CLIENT_ROLE: dict[str, Value] = {"role_name": r.CLIENT_ROLE}
_SOME_CLIENT_ROLES: dict[str, Value] = {"roles": r.CLIENT_ROLES[1:]}
_HELD_CLIENT_ROLE = {"roles": r.CLIENT_ROLES[:1]}
_HELD_REALM_ROLE = {"roles": r.REALM_ROLES[:1]}
_OTHER_USER = {"user_id": r.OTHER_USER}

BY_METHOD: Mapping[str, Mapping[str, Value]] = {
    # users
    "create_user": {"payload": {"username": "carl", "email": "carl@example.com", "enabled": True}},
    "update_user": {"payload": {"firstName": "Anna"}},
    "send_update_account": {"payload": ["UPDATE_PASSWORD"]},
    "get_client_role_members": _CLIENT_ROLE,
    "get_client_role_groups": _CLIENT_ROLE,
    "add_user_social_login": _OTHER_USER,
    "delete_credential": {"credential_id": lambda made: made.credential},
    "group_user_add": _OTHER_USER | {"group_id": r.GROUP},
    "revoke_consent": {"client_id": r.CLIENT_NAME},
    "get_client_id": {"client_id": r.CLIENT_NAME},
    # roles
    "create_realm_role": {"payload": {"name": "auditor"}},
    "create_client_role": {"payload": {"name": "auditor"}},
    "update_realm_role": {"payload": {"name": r.REALM_ROLE, "description": "changed"}},
    "update_client_role": _CLIENT_ROLE | {"payload": {"name": r.CLIENT_ROLE, "description": "changed"}},
    "update_role_by_id": {"payload": {"name": r.REALM_ROLE, "description": "changed again"}},
    "get_client_role": _CLIENT_ROLE,
    "get_client_role_id": _CLIENT_ROLE,
    "delete_client_role": _CLIENT_ROLE,
    "delete_role_by_id": {"role_id": r.OTHER_REALM_ROLE_ID},
    "get_composite_client_roles_of_role": _CLIENT_ROLE,
    "add_composite_client_roles_to_role": _CLIENT_ROLE | _SOME_CLIENT_ROLES,
    "remove_composite_client_roles_from_role": _CLIENT_ROLE | _SOME_CLIENT_ROLES,
    "add_realm_default_roles": {"payload": r.REALM_ROLES[1:]},
    "remove_realm_default_roles": {"payload": r.REALM_ROLES[1:]},
    "assign_client_role": _SOME_CLIENT_ROLES,
    "assign_group_client_roles": _SOME_CLIENT_ROLES,
    "delete_client_roles_of_user": _HELD_CLIENT_ROLE,
    "delete_group_client_roles": _HELD_CLIENT_ROLE,
    "delete_realm_roles_of_user": _HELD_REALM_ROLE,
    "delete_group_realm_roles": _HELD_REALM_ROLE,
    "assign_client_roles_to_client_scope": _SOME_CLIENT_ROLES,
    "delete_client_roles_of_client_scope": _SOME_CLIENT_ROLES,
    "add_client_specific_roles_to_client_scope": _SOME_CLIENT_ROLES,
    "remove_client_specific_roles_of_client_scope": _SOME_CLIENT_ROLES,
    # groups
    "create_group": {"payload": {"name": "guests"}},
    "update_group": {"payload": {"name": r.GROUP_NAME, "attributes": {"floor": ["2"]}}},
    # clients
    "create_client": {"payload": {"clientId": "kiosk"}},
    "update_client": {"payload": {"clientId": r.CLIENT_NAME, "description": "changed"}},
    "add_client_default_client_scope": {"payload": {}},
    "add_client_optional_client_scope": {"payload": {}},
    "add_mapper_to_client": {"payload": r.mapper("", "more") | {"id": None}},
    "update_client_mapper": {"payload": r.mapper(r.CLIENT_MAPPER, "client-mapper")},
    "get_client_installation_provider": {"provider_id": "keycloak-oidc-keycloak-json"},
    "upload_certificate": {"certcont": _certificate},
    # client scopes
    "create_client_scope": {"payload": {"name": "more-scope", "protocol": "openid-connect"}},
    "add_default_optional_client_scope": {"scope_id": r.SPARE_SCOPE},
    "delete_default_optional_client_scope": {"scope_id": r.SPARE_SCOPE},
    "update_client_scope": {"payload": {"name": r.SCOPE_NAME, "protocol": "openid-connect", "description": "changed"}},
    "add_mapper_to_client_scope": {"payload": r.mapper("", "more") | {"id": None}},
    "update_mapper_in_client_scope": {"payload": r.mapper(r.SCOPE_MAPPER, "scope-mapper")},
    # authorization services
    "create_client_authz_client_policy": {"payload": {"name": "shops", "type": "client", "clients": [r.CLIENT]}},
    "create_client_authz_policy": {"payload": {"name": "shops-too", "type": "client", "config": {"clients": f'["{r.CLIENT}"]'}}},
    "create_client_authz_resource": {"payload": {"name": "invoice", "uris": ["/invoices/*"]}},
    "create_client_authz_resource_based_permission": {
        "payload": {"name": "orders", "type": "resource", "resources": [r.RESOURCE], "policies": [r.POLICY]}
    },
    "create_client_authz_role_based_policy": {"payload": _PAYLOAD_OF_POLICY},
    "create_client_authz_scope_permission": {"payload": _SCOPE_PERMISSION},
    "create_client_authz_scopes": {"payload": {"name": "write"}},
    "update_client_authz_resource": {"payload": {"name": "order", "displayName": "Orders"}},
    "update_client_authz_resource_permission": {
        "resource_id": lambda made: made.resource_permission,
        "payload": {"name": "all-orders", "type": "resource", "resources": [r.RESOURCE], "policies": [r.POLICY]},
    },
    "update_client_authz_scope_permission": {"scope_id": r.PERMISSION, "payload": _SCOPE_PERMISSION | {"name": "read-orders"}},
    "get_client_authz_scope_permission": {"scope_id": r.PERMISSION},
    "get_client_authz_permission_associated_policies": {"policy_id": r.PERMISSION},
    "get_client_authz_policy_resources": {"policy_id": r.PERMISSION},
    "get_client_authz_policy_scopes": {"policy_id": r.PERMISSION},
    "import_client_authz_config": {"payload": {"allowRemoteResourceManagement": True, "policyEnforcementMode": "ENFORCING"}},
    # authentication
    "create_authentication_flow": {"payload": {"alias": "more-flow", "providerId": "basic-flow", "topLevel": True, "builtIn": False}},
    "copy_authentication_flow": {"payload": {"newName": "copied-flow"}},
    "create_authentication_flow_execution": {"payload": {"provider": "auth-cookie"}},
    "create_authentication_flow_subflow": {
        "payload": {"alias": "inner", "provider": "registration-page-form", "type": "basic-flow", "description": "inner"}
    },
    "create_execution_config": {
        "execution_id": lambda made: made.bare_execution,
        "payload": {"alias": "more-config", "config": {"defaultProvider": r.IDP}},
    },
    "update_authentication_flow": {"payload": _flow},
    "update_authentication_flow_executions": {"payload": lambda made: {"id": made.execution, "requirement": "ALTERNATIVE", "priority": 20}},
    "update_authenticator_config": {"payload": _config},
    "get_authenticator_provider_config_description": {"provider_id": "identity-provider-redirector"},
    "update_required_action": {
        "payload": {"alias": "CONFIGURE_TOTP", "name": "Configure OTP", "providerId": "CONFIGURE_TOTP", "enabled": True, "priority": 10}
    },
    # identity providers
    "create_idp": {"payload": {"alias": "more-partner", "providerId": "github", "config": {"clientId": "a", "clientSecret": "b"}}},
    "update_idp": {"payload": {"alias": r.IDP, "providerId": "oidc", "displayName": "Partner"}},
    "add_mapper_to_idp": {"payload": _MAPPER_OF_IDP | {"id": None, "name": "more"}},
    "update_mapper_in_idp": {"mapper_id": r.IDP_MAPPER, "payload": _MAPPER_OF_IDP},
    # realm
    "get_events": {"query": {"type": "LOGIN"}},
    "get_admin_events": {"query": {"resourceTypes": "CLIENT_SCOPE", "max": 1}},
    "update_realm": {"payload": {"displayName": "Changed"}},
    "partial_import_realm": {"payload": {"ifResourceExists": "SKIP", "roles": {"realm": [{"name": "imported"}]}}},
    "set_events": {"payload": {"eventsEnabled": True, "eventsExpiration": 3600}},
    "create_component": {"payload": key_provider("more-key")},
    "update_component": {"payload": key_provider("tools-key") | {"config": {"priority": ["1"]}}},
    "update_realm_users_profile": {"payload": {"attributes": [{"name": "username"}, {"name": "email"}]}},
    # organizations
    "create_organization": {"payload": {"name": "umbrella", "domains": [{"name": "umbrella.example.com"}]}},
    "update_organization": {
        "payload": {"name": "acme", "alias": "acme", "domains": [{"name": "acme.example.com"}], "description": "changed"}
    },
    "organization_user_add": _OTHER_USER,
    "organization_idp_add": {"idp_alias": "spare-partner"},
}
"""Arguments of one method that differ from those of its parameters."""
