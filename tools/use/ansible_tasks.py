"""The tasks: what each module is asked to do, in an order in which each succeeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tools.use import realm as r
from tools.use.stage import Made


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task. ``does``: what it does, in a few words. ``arguments``: without address, login and realm; may need ids that Keycloak chose."""

    module: str
    does: str
    arguments: Mapping[str, Any] | Callable[[Made], Mapping[str, Any]]


NOT_RUN: Mapping[str, str] = {
    "keycloak_authz_custom_policy": "needs a policy in JavaScript, deployed at the server",
    "keycloak_clienttemplate": "its endpoint does not exist any more",
    "keycloak_realm_info": "reads the public address of the realm, without a login",
}

HIDDEN: Mapping[str, frozenset[str]] = {
    "keycloak_clientsecret_regenerate": frozenset({"value", "msg"}),
    "keycloak_component_info": frozenset({"kid"}),
    "keycloak_user_federation": frozenset({"id", "msg"}),
    "keycloak_realm_keys_metadata_info": frozenset({"active", "certificate", "kid", "publicKey", "validTo", "msg"}),
}
"""Members of results that differ from run to run."""


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


def _key(*, state: str) -> Callable[[Made], Mapping[str, Any]]:
    config = {"certificate": "", "enabled": True, "active": False, "priority": 1, "algorithm": "RS256"}
    named = {"name": "own-key", "parent_id": r.REALM, "provider_id": "rsa", "state": state}
    return lambda _: {**named, "config": {"private_key": _private_key(), **config}}


def _tasks(module: str, *steps: tuple[str, Mapping[str, Any] | Callable[[Made], Mapping[str, Any]]]) -> tuple[Task, ...]:
    return tuple(Task(module=f"keycloak_{module}", does=does, arguments=arguments) for does, arguments in steps)


_GROUP = {"name": "guests"}
_ROLE = {"name": "auditor"}
_CLIENT_ROLE = {"name": "auditor", "client_id": r.CLIENT_NAME}
_CLIENT = {"client_id": "kiosk"}
_USER = {"username": "carl"}
_SCOPE = {"name": "more-scope"}
_IDP = {"alias": "more-partner"}
_ABSENT = {"state": "absent"}
_IDP_MAPPER = {
    "name": "origin",
    "identityProviderMapper": "hardcoded-attribute-idp-mapper",
    "config": {"attribute": "origin", "attribute.value": "there", "syncMode": "INHERIT"},
}
_REALM_ROLES = {"roles": [{"name": r.OTHER_REALM_ROLE}]}
_CLIENT_ROLES = {"roles": [{"name": r.OTHER_CLIENT_ROLE}], "client_id": r.CLIENT_NAME}
_FLOW = {"alias": "more-flow"}
_EXECUTION = {"providerId": "identity-provider-redirector", "requirement": "ALTERNATIVE"}
_ACTION = {"alias": "TERMS_AND_CONDITIONS", "name": "Terms", "providerId": "TERMS_AND_CONDITIONS"}
_AUTHZ_SCOPE = {"name": "write", "client_id": r.CLIENT_NAME}
_PERMISSION = {"name": "writing", "client_id": r.CLIENT_NAME, "permission_type": "scope"}
_COMPONENT = {
    "name": "more-key",
    "parent_id": r.REALM,
    "provider_id": "hmac-generated",
    "provider_type": "org.keycloak.keys.KeyProvider",
}
_KEY_CONFIG = {"priority": 0, "enabled": True, "active": False, "algorithm": "HS512"}
_FEDERATION = {"name": "directory"}
_LDAP: dict[str, Any] = {
    "provider_id": "ldap",
    "provider_type": "org.keycloak.storage.UserStorageProvider",
    "config": {
        "enabled": True,
        "editMode": "READ_ONLY",
        "vendor": "other",
        "usernameLDAPAttribute": "uid",
        "rdnLDAPAttribute": "uid",
        "uuidLDAPAttribute": "entryUUID",
        "userObjectClasses": "inetOrgPerson",
        "connectionUrl": "ldap://127.0.0.1:9",
        "usersDn": "ou=Users,dc=example,dc=com",
        "authType": "none",
        "searchScope": "1",
        "importEnabled": True,
    },
}
_PROFILE = {
    "attributes": [
        {"name": "username", "display_name": "Username", "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]}},
        {"name": "email", "display_name": "Email", "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]}},
    ]
}

TASKS: tuple[Task, ...] = (
    *_tasks(
        "user",
        ("create", _USER | {"email": "carl@example.com", "enabled": True}),
        ("create with password and group", {"username": "dora", "credentials": [{"type": "password", "value": "a-password"}], "groups": [{"name": r.GROUP_NAME, "state": "present"}]}),
        ("change", _USER | {"first_name": "Carl"}),
        ("nothing to change", _USER | {"first_name": "Carl"}),
        ("delete", _USER | _ABSENT),
    ),
    *_tasks("group", ("create", _GROUP), ("create a subgroup", _GROUP | {"name": "inner", "parents": [{"name": r.GROUP_NAME}]}), ("change", _GROUP | {"attributes": {"floor": ["2"]}}), ("delete", _GROUP | _ABSENT)),
    *_tasks(
        "role",
        ("create a realm role", _ROLE),
        ("change a realm role", _ROLE | {"description": "changed"}),
        ("create a client role", _CLIENT_ROLE),
        ("make a realm role composite", _ROLE | {"composite": True, "composites": [{"name": r.REALM_ROLE}]}),
        ("delete a client role", _CLIENT_ROLE | _ABSENT),
        ("delete a realm role", _ROLE | _ABSENT),
    ),
    *_tasks(
        "realm_rolemapping",
        ("add to a group", _REALM_ROLES | {"group_name": r.GROUP_NAME}),
        ("remove from a group", _REALM_ROLES | {"group_name": r.GROUP_NAME} | _ABSENT),
    ),
    *_tasks(
        "client_rolemapping",
        ("add to a group", _CLIENT_ROLES | {"group_name": r.GROUP_NAME}),
        ("remove from a group", _CLIENT_ROLES | {"group_name": r.GROUP_NAME} | _ABSENT),
    ),
    *_tasks(
        "user_rolemapping",
        ("add realm roles to a user", _REALM_ROLES | {"target_username": r.USERNAME}),
        ("add client roles to a user", _CLIENT_ROLES | {"target_username": r.USERNAME}),
        ("add client roles to a service account", _CLIENT_ROLES | {"service_account_user_client_id": r.CLIENT_NAME}),
        ("remove realm roles from a user", _REALM_ROLES | {"target_username": r.USERNAME} | _ABSENT),
        ("remove client roles from a user", _CLIENT_ROLES | {"target_username": r.USERNAME} | _ABSENT),
    ),
    *_tasks(
        "client",
        ("create", _CLIENT),
        ("create with a secret and mapper", {"client_id": "till", "secret": "till-secret", "full_scope_allowed": False, "protocol_mappers": [{k: v for k, v in r.mapper("", "more").items() if k != "id"}]}),
        ("change", _CLIENT | {"description": "changed"}),
        ("nothing to change", _CLIENT | {"description": "changed"}),
        ("delete", _CLIENT | _ABSENT),
    ),
    *_tasks("client_rolescope", ("add client roles", {"client_id": "till", "client_scope_id": r.CLIENT_NAME, "role_names": [r.CLIENT_ROLE]}), ("remove client roles", {"client_id": "till", "client_scope_id": r.CLIENT_NAME, "role_names": [r.CLIENT_ROLE], **_ABSENT}), ("add realm roles", {"client_id": "till", "role_names": [r.REALM_ROLE]}), ("remove realm roles", {"client_id": "till", "role_names": [r.REALM_ROLE], **_ABSENT})),
    *_tasks("clientsecret_info", ("read", {"client_id": r.CLIENT_NAME})),
    *_tasks("clientsecret_regenerate", ("regenerate", {"client_id": r.CLIENT_NAME})),
    *_tasks("clientscope", ("create", _SCOPE | {"protocol": "openid-connect"}), ("change", _SCOPE | {"description": "changed"}), ("delete", _SCOPE | _ABSENT)),
    *_tasks(
        "clientscope_type",
        ("of the realm", {"default_clientscopes": ["profile", "email", r.SCOPE_NAME], "optional_clientscopes": ["phone"]}),
        ("of a client", {"client_id": r.CLIENT_NAME, "default_clientscopes": ["profile", r.SCOPE_NAME], "optional_clientscopes": ["phone"]}),
    ),
    *_tasks(
        "authentication",
        ("create a flow", _FLOW | {"providerId": "basic-flow", "authenticationExecutions": [_EXECUTION]}),
        ("copy a flow", {"alias": "copied-flow", "copyFrom": "browser", "authenticationExecutions": []}),
        ("change a flow", _FLOW | {"providerId": "basic-flow", "authenticationExecutions": [_EXECUTION | {"requirement": "REQUIRED"}]}),
        ("delete a flow", _FLOW | _ABSENT),
    ),
    *_tasks(
        "authentication_required_actions",
        ("change", {"required_actions": [_ACTION | {"enabled": True}], "state": "present"}),
        ("delete", {"required_actions": [_ACTION], **_ABSENT}),
        ("register", {"required_actions": [_ACTION | {"enabled": False}], "state": "present"}),
    ),
    *_tasks("authz_authorization_scope", ("create", _AUTHZ_SCOPE | {"state": "present"}), ("change", _AUTHZ_SCOPE | {"state": "present", "display_name": "Write"})),
    *_tasks("authz_permission", ("create", _PERMISSION | {"state": "present", "scopes": ["write"], "policies": ["readers"]}), ("change", _PERMISSION | {"state": "present", "scopes": ["write"], "policies": ["readers"], "description": "changed"})),
    *_tasks("authz_permission_info", ("read", {"name": "writing", "client_id": r.CLIENT_NAME})),
    *_tasks("authz_permission", ("delete", _PERMISSION | _ABSENT)),
    *_tasks("authz_authorization_scope", ("delete", _AUTHZ_SCOPE | _ABSENT)),
    *_tasks(
        "identity_provider",
        ("create", _IDP | {"provider_id": "github", "config": {"clientId": "a", "clientSecret": "b"}}),
        ("create with a mapper", {"alias": "mapped-partner", "provider_id": "github", "config": {"clientId": "a", "clientSecret": "b"}, "mappers": [_IDP_MAPPER]}),
        ("change", _IDP | {"display_name": "Changed"}),
        ("delete", _IDP | _ABSENT),
    ),
    *_tasks(
        "component",
        ("create", _COMPONENT | {"state": "present", "config": _KEY_CONFIG}),
        ("change", _COMPONENT | {"state": "present", "config": _KEY_CONFIG | {"priority": 1}}),
    ),
    *_tasks("component_info", ("read", {"name": "more-key"})),
    *_tasks("component", ("delete", _COMPONENT | _ABSENT)),
    *_tasks("realm_keys_metadata_info", ("read", {})),
    *_tasks("realm_key", ("create", _key(state="present")), ("delete", _key(state="absent"))),
    *_tasks("user_federation", ("create", _FEDERATION | _LDAP), ("change", _FEDERATION | _LDAP | {"config": _LDAP["config"] | {"vendor": "rhds"}}), ("delete", _FEDERATION | _ABSENT)),
    *_tasks(
        "userprofile",
        ("change", {"parent_id": r.REALM, "state": "present", "config": {"kc_user_profile_config": [_PROFILE]}}),
        ("delete", {"parent_id": r.REALM, **_ABSENT}),
    ),
    *_tasks("realm", ("change", {"id": r.REALM, "realm": r.REALM, "display_name": "Changed", "enabled": True}), ("delete", {"id": r.REALM, "realm": r.REALM, **_ABSENT})),
)  # fmt: skip
