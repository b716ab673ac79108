"""Look-ups for a 403: which roles the account has, which of them the client lets through, and which a token would have now."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from kcproxy.explain import targets
from kcproxy.explain.claims import realm_roles_of, roles_of_client
from kcproxy.explain.context import is_own_service_account, owner_of_roles
from kcproxy.keycloak.caller_lookups import MASTER, CallerLookups, realm_path
from kcproxy.keycloak.permission_lookups import look_up_permissions
from kcproxy.keycloak.representations import flag, maps_client_roles, role_names, roles_elsewhere, segment, text
from kcproxy.model import Caller, CallerKind, RequestFacts


class _Scope(Struct, frozen=True):
    """Where roles are looked up: the caller's realm, the client that owns the admin roles by name and by id, and the caller's own client."""

    realm: str
    container: str
    owner_uuid: str
    client: Mapping[str, Any]


async def look_up_effective_roles(lookups: CallerLookups) -> None:
    """Everything that decides about a request whose token Keycloak accepts."""
    target_realm = lookups.request.target.realm
    container, realm = owner_of_roles(lookups.caller, target_realm)
    if realm is None or not lookups.covers(realm):
        return
    owner_uuid, client, _ = await asyncio.gather(
        lookups.client_uuid(realm, container), lookups.look_up_client(realm), lookups.look_up_realm(target_realm)
    )
    if owner_uuid is None:
        return
    if lookups.caller.subject is None:
        await lookups.look_up_session_of_client(realm, client)
    scope = _Scope(realm, container, owner_uuid, client)
    await asyncio.gather(_look_up_client_scope(lookups, scope), _look_up_mappers(lookups, scope), _look_up_grants(lookups, scope))
    await asyncio.gather(_look_up_target(lookups), _look_up_permissions(lookups, scope))


async def _look_up_client_scope(lookups: CallerLookups, scope: _Scope) -> None:
    path = lookups.evaluation_path(scope.realm, scope.client)
    if path is None:
        return
    path = f"{path}/scope-mappings/{segment(scope.owner_uuid)}/granted?{lookups.scope_query}"
    lookups.facts.in_scope = role_names((await lookups.get(path, "scope")).items)


async def _look_up_mappers(lookups: CallerLookups, scope: _Scope) -> None:
    mappers = await lookups.mappers(scope.realm, scope.client)
    lookups.facts.role_mapper_attached = None if mappers is None else maps_client_roles(mappers)


async def _look_up_grants(lookups: CallerLookups, scope: _Scope) -> None:
    """The roles of the caller's account; of a user's client, also those of its service account."""
    service_account = await _service_account(lookups, scope)
    if _is_service_account(lookups.caller):
        lookups.facts.service_account_id = service_account
        account = service_account
    else:
        account = lookups.facts.account_id or lookups.caller.subject
    if account is None:
        return
    account = await _look_up_roles_of(lookups, scope, account)
    if lookups.request.target.realm is None:
        await _look_up_realm_roles(lookups, scope, account)
    if not lookups.caller.lightweight and _holds_more_than_token(lookups, scope):
        await _look_up_fresh_token(lookups, scope, account)
    if not _is_service_account(lookups.caller) and service_account is not None:
        lookups.facts.granted_to_service_account = await _roles(lookups, scope, service_account)
    await _look_up_roles_elsewhere(lookups, scope, account)


def _is_service_account(caller: Caller) -> bool:
    unnamed = caller.kind is CallerKind.UNKNOWN and caller.session_id is None
    return unnamed or is_own_service_account(caller)


async def _look_up_roles_of(lookups: CallerLookups, scope: _Scope, account: str) -> str:
    """The effective roles of an account. Gives the account that they are of: a mapper may have put another ``sub`` into the token."""
    facts, is_user = lookups.facts, not _is_service_account(lookups.caller)
    granted = await _roles(lookups, scope, account)
    if granted is None and lookups.caller.session_id is not None and is_user:
        await lookups.look_up_session_of_client(scope.realm, scope.client)
        account = facts.account_id or account
        granted = await _roles(lookups, scope, account)
    facts.granted = granted
    if granted is not None and is_user and facts.account_name is None:
        await _look_up_name(lookups, scope, account)
    return account


async def _look_up_name(lookups: CallerLookups, scope: _Scope, account: str) -> None:
    """The account's own name, which commands take: a mapper may have put an address into ``preferred_username``."""
    found, facts = (await lookups.get(f"{realm_path(scope.realm)}/users/{segment(account)}", "account")).object, lookups.facts
    facts.account_name = text(found, "username")
    facts.account_id = text(found, "id") or facts.account_id


async def _look_up_realm_roles(lookups: CallerLookups, scope: _Scope, account: str) -> None:
    """Realm roles of master, which open server-wide operations: granted, and let through by the client."""
    path = f"{realm_path(scope.realm)}/users/{segment(account)}/role-mappings/realm/composite"
    lookups.facts.realm_roles_granted = role_names((await lookups.get(path, "grants")).items)
    evaluation = lookups.evaluation_path(scope.realm, scope.client)
    if scope.client.get("fullScopeAllowed") is not False or evaluation is None:
        return
    path = f"{evaluation}/scope-mappings/{MASTER}/granted?{lookups.scope_query}"
    lookups.facts.realm_roles_in_scope = role_names((await lookups.get(path, "scope")).items)


def _holds_more_than_token(lookups: CallerLookups, scope: _Scope) -> bool:
    caller, facts = lookups.caller, lookups.facts
    more = set(facts.granted or ()) - set(caller.client_roles.get(scope.container, ()))
    return bool(more or set(facts.realm_roles_granted or ()) - set(caller.realm_roles))


async def _look_up_fresh_token(lookups: CallerLookups, scope: _Scope, account: str) -> None:
    """The roles in a token of this client and account if it were fetched now: Keycloak's own example, nothing is issued."""
    path = lookups.evaluation_path(scope.realm, scope.client)
    if path is None:
        return
    path = f"{path}/generate-example-access-token?{lookups.scope_query}&userId={segment(account)}"
    token = await lookups.get(path, "example token")
    if token.status == 200 and isinstance(token.json, dict):
        lookups.facts.fresh_token_roles = roles_of_client(token.json, scope.container)
        lookups.facts.fresh_token_realm_roles = realm_roles_of(token.json)


async def _look_up_roles_elsewhere(lookups: CallerLookups, scope: _Scope, account: str) -> None:
    found = await lookups.get(f"{realm_path(scope.realm)}/users/{segment(account)}/role-mappings", "grants")
    if found.object and lookups.facts.granted is not None:
        lookups.facts.granted_elsewhere = roles_elsewhere(found.object, scope.container)


async def _service_account(lookups: CallerLookups, scope: _Scope) -> str | None:
    uuid = text(scope.client, "id")
    if not scope.client.get("serviceAccountsEnabled") or uuid is None:
        return None
    path = f"{realm_path(scope.realm)}/clients/{segment(uuid)}/service-account-user"
    return text((await lookups.get(path, "service account")).object, "id")


async def _roles(lookups: CallerLookups, scope: _Scope, account: str) -> tuple[str, ...] | None:
    """The effective roles of the owning client that an account has."""
    path = f"{realm_path(scope.realm)}/users/{segment(account)}/role-mappings/clients/{segment(scope.owner_uuid)}/composite"
    return role_names((await lookups.get(path, "grants")).items)


async def _look_up_permissions(lookups: CallerLookups, scope: _Scope) -> None:
    facts = lookups.facts
    account = facts.service_account_id if _is_service_account(lookups.caller) else facts.account_id or lookups.caller.subject
    if account is not None and facts.granted is not None:
        await look_up_permissions(lookups, scope.client, account)


async def _look_up_target(lookups: CallerLookups) -> None:
    """What the request does not show about its target: the owner of a role, and whether a client is a built-in one."""
    realm = lookups.request.target.realm
    if realm is None or not lookups.covers(realm):
        return
    await asyncio.gather(_look_up_client_in_path(lookups, realm), _look_up_role_in_path(lookups, realm), _look_up_owner(lookups, realm))


async def _look_up_client_in_path(lookups: CallerLookups, realm: str) -> None:
    """Whether the client in the path is a built-in one: looked up only for a caller who may see every client themselves."""
    target, facts = lookups.request.target, lookups.facts
    uuid = target.parameters.get("client-uuid")
    if uuid is None or not {"view-clients", "manage-clients"} & set(facts.granted or ()):
        return
    built_in = await lookups.client_uuid(realm, "realm-management")
    if built_in is not None:
        facts.target_is_built_in = built_in == uuid
    if facts.admin_permissions_enabled and target.operation is not None and targets.AUTHORIZATION in target.operation.path:
        facts.target_is_permissions = await lookups.client_uuid(realm, "admin-permissions") == uuid


async def _look_up_role_in_path(lookups: CallerLookups, realm: str) -> None:
    """Whether the role with the ID in the path belongs to a client, and whether that is the one that owns the admin roles."""
    role_id, facts = lookups.request.target.parameters.get("role-id"), lookups.facts
    if role_id is None:
        return
    found = (await lookups.get(f"{realm_path(realm)}/roles-by-id/{segment(role_id)}", "role")).object
    of_client = flag(found, "clientRole")
    if of_client is None:
        return
    facts.target_role_is_client = of_client
    built_in = await lookups.client_uuid(realm, _owner_in(realm)) if of_client else None
    facts.target_is_built_in = of_client and built_in is not None and built_in == text(found, "containerId")


async def _look_up_owner(lookups: CallerLookups, realm: str) -> None:
    """Whether the roles in the body belong to the client that owns the admin roles of the realm. Their names alone do not say it."""
    owners = owners_of_roles(lookups.request) | await _look_up_roles_in_body(lookups, realm)
    if not owners:
        return
    built_in = await lookups.client_uuid(realm, _owner_in(realm))
    if built_in is not None:
        lookups.facts.roles_are_built_in = owners == {built_in}


MOST_ROLES = 10
"""Roles of one body that are looked up, at most."""


async def _look_up_roles_in_body(lookups: CallerLookups, realm: str) -> frozenset[str]:
    """The clients that own those roles in the body of which the request does not say it. Keycloak itself only reads their IDs."""
    path = lookups.request.target.operation.path if lookups.request.target.operation else ""
    unsaid = roles_without_owner(lookups.request.body)[:MOST_ROLES] if path.endswith("/composites") else ()
    found = await asyncio.gather(*(lookups.get(f"{realm_path(realm)}/roles-by-id/{segment(role_id)}", "role") for role_id in unsaid))
    kinds = {role_id: flag(each.object, "clientRole") for role_id, each in zip(unsaid, found, strict=True)}
    known = {role_id: kind for role_id, kind in kinds.items() if kind is not None}
    if known:
        lookups.facts.roles_in_body = known
    owners = (text(each.object, "containerId") for each in found if flag(each.object, "clientRole"))
    return frozenset(owner for owner in owners if owner is not None)


def roles_without_owner(body: Any) -> tuple[str, ...]:
    """The IDs of those roles in a body of which it does not say whether they belong to a client."""
    roles = [role for role in body if isinstance(role, dict)] if isinstance(body, list) else []
    unsaid = (
        role.get("id") for role in roles if not (role.get("clientRole") is False or (role.get("clientRole") and role.get("containerId")))
    )
    return tuple(dict.fromkeys(identifier for identifier in unsaid if isinstance(identifier, str) and identifier))


def owners_of_roles(request: RequestFacts) -> frozenset[str]:
    """The IDs of the clients that own the roles in the body: the client in the path, otherwise the container that each role names."""
    client = request.target.parameters.get("client-id")
    if client is not None:
        return frozenset({client}) if isinstance(request.body, list) else frozenset()
    roles = [role for role in request.body if isinstance(role, dict)] if isinstance(request.body, list) else []
    return frozenset(role["containerId"] for role in roles if role.get("clientRole") and isinstance(role.get("containerId"), str))


def _owner_in(realm: str) -> str:
    return f"{MASTER}-realm" if realm == MASTER else "realm-management"
