"""Look-ups of fine-grained admin permissions: the realm's permissions and policies, the objects of the call, what policies read of the caller.

Nothing here decides: the facts are judged by ``explain``, which knows the server's version. Every list of look-ups is bounded, and what could
not be read is left out, so that the decision is open.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from kcproxy.explain.claims import read_claims
from kcproxy.keycloak.caller_lookups import CallerLookups, realm_path
from kcproxy.keycloak.permission_lists import listed_objects
from kcproxy.keycloak.permission_objects import Objects
from kcproxy.keycloak.permission_powers import powers
from kcproxy.keycloak.representations import flag, segment, text, users_log_in
from kcproxy.permissions.facts import Asked, PermissionFacts, PolicyRole, asked_scopes, lines_of, places_of, roles_owned
from kcproxy.permissions.model import (
    GROUPS,
    USERS,
    ClientScopeCondition,
    GroupCondition,
    Identity,
    Names,
    Object,
    PermissionSet,
    RoleCondition,
)
from kcproxy.permissions.parse import permission_set

MOST_LISTED = 500
"""Permissions and policies that are read; with more, no decision is certain."""
MOST_PARTS = 24
"""Permissions and aggregated policies of which the parts are read, one look-up each."""
MOST_NAMES = 20
"""Groups and roles of policies, and objects of permissions, that are looked up by ID."""
MOST_EVALUATED = 6
_WHAT = "permissions"


@dataclass(slots=True, kw_only=True)
class _Search:
    """One search: the caller, and what was found so far."""

    lookups: CallerLookups
    client: Mapping[str, Any]
    account: str
    realm: str
    base: str
    objects: Objects
    names: dict[str, str] = field(default_factory=dict)
    slashed: dict[str, str] = field(default_factory=dict)
    scope_names: dict[str, str] = field(default_factory=dict)
    roles: dict[str, PolicyRole] = field(default_factory=dict)

    async def items(self, path: str) -> list[Any] | None:
        """A list below the client admin-permissions."""
        return (await self.lookups.get(self.base + path, _WHAT)).items

    async def of_realm(self, path: str) -> Any:
        """A document of the realm that seldom changes, such as the path of a group."""
        return (await self.lookups.client.get(realm_path(self.realm) + path, _WHAT)).json


async def look_up_permissions(lookups: CallerLookups, client: Mapping[str, Any], account: str) -> None:
    """What decides about this call by permissions, if the realm uses them and the operation is in the table."""
    target, facts = lookups.request.target, lookups.facts
    lines = lines_of(target.operation) if target.operation else ()
    uuid, realm = facts.permissions_client_uuid, target.realm
    if not (lines and facts.admin_permissions_enabled and uuid and realm) or realm != lookups.caller.realm:
        return
    base = f"{realm_path(realm)}/clients/{segment(uuid)}/authz/resource-server"
    objects = Objects(lookups=lookups, realm=realm)
    search = _Search(lookups=lookups, client=client, account=account, realm=realm, base=base, objects=objects)
    scopes = asked_scopes(lines)
    items, _ = await asyncio.gather(_items(search), objects.resolve(places_of(lines), roles_owned(lines)))
    if items is None:
        return
    known = await _permissions(search, items, scopes)
    identity, listed, behind = await asyncio.gather(
        _identity(search, known), listed_objects(objects, places_of(lines), known, scopes), powers(objects, scopes)
    )
    await _labels(search, known, scopes)
    facts.permissions = PermissionFacts(
        client_uuid=uuid,
        taken_names=frozenset(str(item.get("name")) for item in (*items.permissions, *items.policies)),
        permissions=PermissionSet(
            permissions=known.permissions,
            unread=known.unread,
            policies=known.policies,
            names=Names(group_names=search.slashed, group_paths=search.names, client_scope_names=search.scope_names),
            complete=known.complete,
        ),
        identity=identity,
        roles=search.roles,
        objects=objects.found,
        now_utc=_utc(lookups.now_epoch_seconds),
        items=objects.items,
        all_items=objects.all_items,
        items_left=objects.items_left,
        items_found=objects.items_found,
        listed=listed,
        powers=behind,
        labels=objects.labels,
        absent=frozenset(objects.absent - objects.labels.keys()),  # what one version takes for a client may be a role for another
        absent_as=frozenset(objects.absent_as),
        elsewhere=objects.elsewhere,
        server=await _evaluated(search, scopes),
        named=objects.named,
    )


def _utc(epoch_seconds: float) -> datetime | None:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC).replace(tzinfo=None) if epoch_seconds else None


class _Items(NamedTuple):
    """Permissions and policies as they were listed; ``complete``: whether no list was cut."""

    permissions: list[dict[str, Any]]
    policies: list[dict[str, Any]]
    complete: bool


async def _items(search: _Search) -> _Items | None:
    """The realm's permissions of all types, and its policies."""
    page = f"first=0&max={MOST_LISTED + 1}"
    # /permission/scope would do, but before 26.7 its items have neither resources nor scopes.
    permissions, policies = await asyncio.gather(
        search.items(f"/policy?permission=true&fields=*&{page}"), search.items(f"/policy?permission=false&{page}")
    )
    if permissions is None or policies is None:
        return None
    complete = len(permissions) <= MOST_LISTED and len(policies) <= MOST_LISTED
    listed, known = ([item for item in items if isinstance(item, dict)] for items in (permissions, policies))
    return _Items(permissions=listed, policies=known, complete=complete)


async def _permissions(search: _Search, items: _Items, scopes: frozenset[tuple[str, str]]) -> PermissionSet:
    """The permissions of the types that matter, with their policies: first those that apply to the objects of the call."""
    types = {type_name for type_name, _ in scopes} | ({GROUPS} if any(type_name == USERS for type_name, _ in scopes) else set())
    relevant = [item for item in items.permissions if _type_of(item) in types]
    listed = permission_set(relevant, items.policies)
    at_stake = {
        identifier for each in search.objects.every for identifier in (each.id, *(group for chain in each.groups or () for group in chain))
    }
    applying = [each.id for each in listed.unread if each.type_wide or at_stake & each.objects]
    combined = [identifier for item in items.policies if item.get("type") == "aggregate" and (identifier := text(item, "id"))]
    parts = list(dict.fromkeys([*applying, *combined, *(each.id for each in listed.unread)]))[:MOST_PARTS]
    found = await asyncio.gather(*(search.items(f"/policy/{segment(part)}/associatedPolicies") for part in parts))
    associated = {part: policies for part, policies in zip(parts, found, strict=True) if policies is not None}
    known = permission_set(relevant, items.policies, associated=associated)
    return replace(known, complete=known.complete and items.complete)


def _type_of(item: Mapping[str, Any]) -> str | None:
    config = item.get("config")
    return text(item, "resourceType") or (text(config, "defaultResourceType") if isinstance(config, dict) else None)


async def _identity(search: _Search, known: PermissionSet) -> Identity:
    """The caller, as far as the policies read them."""
    lookups, conditions = search.lookups, [policy.condition for policy in known.policies.values()]
    roles = sorted({role.id for each in conditions if isinstance(each, RoleCondition) for role in each.roles})
    groups = sorted({group.id for each in conditions if isinstance(each, GroupCondition) for group in each.groups})
    read = read_claims(lookups.token) if lookups.token else None
    if any(isinstance(each, ClientScopeCondition) for each in conditions):
        await _client_scopes(search)
    held, in_scope, in_token = await _roles(search, roles[:MOST_NAMES], None if read is None else read[1])
    return Identity(
        account_id=search.account,
        client_id=lookups.facts.client_uuid,
        held=held,
        full_scope=lookups.facts.full_scope,
        in_scope=in_scope,
        in_token=in_token,
        groups=await _groups(search, groups[:MOST_NAMES]) if groups else (),
        claims=None if read is None else read[1],
        service_account=search.account == lookups.facts.service_account_id,
        authorization_services=bool(flag(search.client, "authorizationServicesEnabled")),
        users_log_in=users_log_in(search.client),
    )


async def _client_scopes(search: _Search) -> None:
    """The names of the realm's client scopes, which policies name by ID."""
    found = await search.of_realm("/client-scopes")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    search.scope_names |= {identifier: name for item in items if (identifier := text(item, "id")) and (name := text(item, "name"))}


async def _groups(search: _Search, policy_groups: list[str]) -> tuple[str, ...] | None:
    """The paths of the caller's groups; those of the policies' groups become names."""
    own, *found = await asyncio.gather(
        search.lookups.get(f"{realm_path(search.realm)}/users/{segment(search.account)}/groups?first=0&max={MOST_LISTED}", _WHAT),
        *(search.of_realm(f"/groups/{segment(group)}") for group in policy_groups),
    )
    for group, item in zip(policy_groups, found, strict=True):
        path, name = (text(item, "path"), text(item, "name")) if isinstance(item, dict) else (None, None)
        if path is not None:
            search.names[group] = path
            if name is not None and "/" in name:
                search.slashed[group] = name
    items = own.items
    return None if items is None else tuple(path for item in items if isinstance(item, dict) and (path := text(item, "path")))


_Ids = frozenset[str] | None


async def _roles(search: _Search, roles: list[str], claims: Mapping[str, Any] | None) -> tuple[_Ids, _Ids, _Ids]:
    """IDs of the roles that the account has, that its client lets through, and that the token names."""
    if not roles:
        return frozenset(), frozenset(), frozenset()
    found = await asyncio.gather(*(search.of_realm(f"/roles-by-id/{segment(role)}") for role in roles))
    items = [item for item in found if isinstance(item, dict)]
    owners = sorted({str(item.get("containerId")) for item in items if item.get("clientRole")})
    base = f"/users/{segment(search.account)}/role-mappings"
    held = await _ids(search, [f"{base}/realm/composite", *(f"{base}/clients/{segment(owner)}/composite" for owner in owners)])
    in_scope, clients = await asyncio.gather(_in_scope(search, owners), _client_ids(search, owners))
    for item in items:
        search.roles[str(item.get("id"))] = PolicyRole(name=str(item.get("name")), client=clients.get(str(item.get("containerId"))))
    if not search.lookups.token:
        return held, in_scope, _in_new_token(search, held, in_scope)
    return held, in_scope, _in_token(items, claims, clients)


async def _client_ids(search: _Search, owners: list[str]) -> dict[str, str]:
    """The client IDs of the clients that own roles, by internal ID: tokens have these."""
    found = await asyncio.gather(*(search.of_realm(f"/clients/{segment(owner)}") for owner in owners))
    names = {owner: text(item, "clientId") for owner, item in zip(owners, found, strict=True) if isinstance(item, dict)}
    return {owner: name for owner, name in names.items() if name is not None}


def _in_new_token(search: _Search, held: _Ids, in_scope: _Ids) -> _Ids:
    """Without a token: what a new one would have, which is what the client lets through of the account's roles."""
    if search.lookups.facts.full_scope:
        return held
    return None if held is None or in_scope is None else held & in_scope


async def _in_scope(search: _Search, owners: list[str]) -> _Ids:
    uuid, lookups = search.lookups.facts.client_uuid, search.lookups
    if lookups.facts.full_scope is not False or uuid is None:
        return None
    base, query = f"/clients/{segment(uuid)}/evaluate-scopes/scope-mappings", lookups.scope_query
    return await _ids(search, [f"{base}/{segment(owner)}/granted?{query}" for owner in (search.realm, *owners)])


async def _ids(search: _Search, paths: list[str]) -> _Ids:
    lists = [
        lookup.items for lookup in await asyncio.gather(*(search.lookups.get(realm_path(search.realm) + path, _WHAT) for path in paths))
    ]
    if None in lists:
        return None
    return frozenset(str(item["id"]) for items in lists for item in items or () if isinstance(item, dict) and "id" in item)


def _in_token(items: list[dict[str, Any]], claims: Mapping[str, Any] | None, clients: Mapping[str, str]) -> _Ids:
    """None if the client ID of a role's client is not known."""
    if claims is None or any(item.get("clientRole") and item.get("containerId") not in clients for item in items):
        return None
    return frozenset(str(item["id"]) for item in items if item.get("name") in _named_in(claims, clients.get(str(item.get("containerId")))))


def _named_in(claims: Mapping[str, Any], client: str | None) -> list[Any]:
    """The names of the roles of a client, or of the realm, in a token."""
    access = claims.get("realm_access") if client is None else claims.get("resource_access")
    if client is not None and isinstance(access, dict):
        access = access.get(client)
    named = access.get("roles") if isinstance(access, dict) else None
    return named if isinstance(named, list) else []


async def _labels(search: _Search, known: PermissionSet, scopes: frozenset[tuple[str, str]]) -> None:
    """Names of objects that permissions with the scopes name, for the operator."""
    named = [
        (permission.type, identifier)
        for permission in known.permissions
        for type_name, scope in sorted(scopes)
        if permission.type == type_name and scope in permission.scopes
        for identifier in sorted(permission.objects)[:3]
    ]
    await asyncio.gather(*(search.objects.label(*each) for each in list(dict.fromkeys(named))[:MOST_NAMES]))


async def _evaluated(search: _Search, scopes: frozenset[tuple[str, str]]) -> dict[Asked, bool]:
    """What Keycloak's own evaluation says of the objects of the call."""
    questions = list(_questions(scopes, search.objects.every))[:MOST_EVALUATED]
    found = await asyncio.gather(*(_evaluate(search, question) for question in questions))
    return {question: says for question, says in zip(questions, found, strict=True) if says is not None}


def _questions(scopes: frozenset[tuple[str, str]], objects: Iterable[Object]) -> Iterable[Asked]:
    for asked in objects:
        yield from ((asked.type, asked.id or "", scope) for type_name, scope in sorted(scopes) if type_name == asked.type)


async def _evaluate(search: _Search, question: Asked) -> bool | None:
    type_name, identifier, scope = question
    body: dict[str, Any] = {
        "userId": search.account,
        "clientId": search.lookups.facts.client_uuid,
        "resourceType": type_name,
        "resources": [{"name": identifier or type_name, "scopes": [{"name": scope}]}],
        "context": {"attributes": {}},
        "roleIds": [],
    }
    sent = json.dumps(body).encode()
    found = await search.lookups.client.get(f"{search.base}/policy/evaluate", _WHAT, volatile=True, body=sent)
    results = found.object.get("results")
    if not isinstance(results, list):
        return None
    allowed = [item.get("allowedScopes") for item in results if isinstance(item, dict)]
    return any(isinstance(item, dict) and item.get("name") == scope for items in allowed if isinstance(items, list) for item in items)
