"""Converts records to JSON, with the members and the order of 24.0.5 and 26.7.4."""

from collections.abc import Iterable
from typing import Any

from kcproxy.simulator.dialect import Dialect
from kcproxy.simulator.state import Client, Group, Realm, Role, Session, User

_UNSENT = {"secret", "attributes", "protocolMappers", "id", "clientId", "enabled", "publicClient", "bearerOnly", "access"}


def user(record: User, dialect: Dialect, *, brief: bool = False, access: dict[str, bool] | None = None) -> dict[str, Any]:
    """A UserRepresentation; members without a value are left out."""
    names = {"firstName": record.first_name, "lastName": record.last_name, "email": record.email}
    stamps = {"enabled": record.enabled, "createdTimestamp": record.created_milliseconds}
    if not dialect.live_grants:
        stamps = dict(reversed(stamps.items()))
    result: dict[str, Any] = {"id": record.id, "username": record.username}
    result |= {name: value for name, value in names.items() if value is not None}
    result |= {"emailVerified": record.email_verified, **stamps}
    if not brief:
        result |= {"totp": False, "disableableCredentialTypes": [], "requiredActions": list(record.required_actions)}
        result["notBefore"] = record.not_before_seconds
    return result | ({"access": access} if access is not None else {})


def user_access(roles: frozenset[str], dialect: Dialect) -> dict[str, bool]:
    """What the caller may do with a user (UserPermissionEvaluator#getAccess)."""
    manage = "manage-users" in roles
    access = {"manageGroupMembership": manage}
    if dialect.live_grants:
        access["resetPassword"] = manage
    view = manage or "view-users" in roles
    return access | {"view": view, "mapRoles": manage, "impersonate": "impersonation" in roles, "manage": manage}


def listed_user_access(roles: frozenset[str], dialect: Dialect) -> dict[str, bool]:
    """The same in lists of users: from 26 on only whether the caller may manage them."""
    return {"manage": "manage-users" in roles} if dialect.live_grants else user_access(roles, dialect)


def role(record: Role, *, full: bool = False) -> dict[str, Any]:
    """A RoleRepresentation; ``full`` adds the attributes."""
    result: dict[str, Any] = {"id": record.id, "name": record.name}
    if record.description is not None:
        result["description"] = record.description
    result |= {
        "composite": bool(record.composites),
        "clientRole": record.client is not None,
        "containerId": record.container_id,
    }
    return result | ({"attributes": record.attributes} if full else {})


def roles(records: Iterable[Role]) -> list[dict[str, Any]]:
    """Roles as lists show them."""
    return [role(record) for record in records]


def role_mappings(records: Iterable[Role]) -> dict[str, Any]:
    """A MappingsRepresentation: realm roles, and client roles by client; either left out if there is none."""
    realm_roles = [role(record) for record in records if record.client is None]
    by_client: dict[str, dict[str, Any]] = {}
    for record in records:
        if record.client is not None:
            name = record.client.client_id
            entry = by_client.setdefault(name, {"id": record.client.id, "client": name, "mappings": []})
            entry["mappings"].append(role(record))
    return ({"realmMappings": realm_roles} if realm_roles else {}) | ({"clientMappings": by_client} if by_client else {})


def group_access(roles_held: frozenset[str]) -> dict[str, bool]:
    """What the caller may do with a group."""
    manage = "manage-users" in roles_held
    view = manage or "view-users" in roles_held
    return {"view": view, "viewMembers": view, "manageMembers": manage, "manage": manage, "manageMembership": manage}


def group(record: Group, *, full: bool, count: bool = True, access: dict[str, bool] | None = None) -> dict[str, Any]:
    """A GroupRepresentation; ``full`` adds attributes and roles, ``count`` the number of children."""
    result: dict[str, Any] = {"id": record.id, "name": record.name, "path": record.path}
    if record.parent is not None:
        result["parentId"] = record.parent.id
    if count:
        result["subGroupCount"] = len(record.children)
    result["subGroups"] = []
    if full:
        result |= {"attributes": record.attributes, "realmRoles": [r.name for r in record.roles if r.client is None]}
        result["clientRoles"] = _names_by_client(record.roles)
    return result | ({"access": access} if access is not None else {})


def _names_by_client(records: Iterable[Role]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for record in records:
        if record.client is not None:
            result.setdefault(record.client.client_id, []).append(record.name)
    return result


def client(record: Client, realm: Realm, dialect: Dialect, *, manage: bool) -> dict[str, Any]:
    """A ClientRepresentation."""
    default, optional = dialect.client_defaults(service_account=record.service_accounts)
    attributes: dict[str, str] = {}
    if dialect.live_grants:
        attributes["realm_client"] = str(record.client_id == "realm-management" or record.client_id.endswith("-realm")).lower()
    if record.secret is not None:
        attributes["client.secret.creation.time"] = str(record.secret_seconds)
    sent = {name: value for name, value in record.fields.items() if name not in _UNSENT}
    result: dict[str, Any] = {"id": record.id, "clientId": record.client_id}
    result |= {name: sent.pop(name) for name in ("name", "description", "rootUrl", "baseUrl") if sent.get(name) is not None}
    result |= {
        "surrogateAuthRequired": False,
        "enabled": record.enabled,
        "alwaysDisplayInConsole": False,
        "clientAuthenticatorType": "client-secret",
    }
    if record.secret is not None:
        result["secret"] = record.secret
    result |= {
        "redirectUris": [],
        "webOrigins": [],
        "notBefore": 0,
        "bearerOnly": record.bearer_only,
        "consentRequired": False,
        "standardFlowEnabled": record.standard_flow,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": record.direct_access,
        "serviceAccountsEnabled": record.service_accounts,
    }
    result |= {
        "publicClient": record.public,
        "frontchannelLogout": False,
        "protocol": "openid-connect",
        "attributes": attributes | dict(record.fields.get("attributes") or {}),  # type: ignore[call-overload]
        "authenticationFlowBindingOverrides": {},
        "fullScopeAllowed": record.full_scope,
        "nodeReRegistrationTimeout": 0 if record.built_in else -1,
        "defaultClientScopes": list(default),
        "optionalClientScopes": list(optional),
    }
    result |= {name: value for name, value in sent.items() if name in result}
    owner = record.client_id == "realm-management" or (realm.name == "master" and record.client_id.endswith("-realm"))
    return result | {"access": {"view": True, "configure": manage and not owner, "manage": manage and not owner}}


def session(record: Session) -> dict[str, Any]:
    """A UserSessionRepresentation."""
    return {
        "id": record.id,
        "username": record.user.username,
        "userId": record.user.id,
        "ipAddress": record.address,
        "start": record.started_milliseconds,
        "lastAccess": record.started_milliseconds,
        "rememberMe": False,
        "clients": {record.client.id: record.client.client_id},
        "transientUser": False,
    }
