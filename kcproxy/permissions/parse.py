"""Parses permissions from Keycloak's JSON: the responses of the endpoints below `…/clients/{admin-permissions}/authz/resource-server`.

Never raises: a part that cannot be read becomes an open condition, or marks the set as incomplete. At most `MOST` permissions and
policies are read.

| argument | endpoint (26.2 and later) |
| --- | --- |
| `permissions` | `GET policy?permission=true&fields=*`, which has the names of resources and scopes in `resourcesData` and `scopesData`. `permission/scope` has them since 26.7 |
| `policies` | `GET policy?permission=false` |
| `associated` | by id of a permission or aggregated policy: `GET policy/{id}/associatedPolicies` |
| `resources`, `scopes` | by id of a permission: `GET policy/{id}/resources`, `…/scopes`; only if `fields=*` was not asked for |

The *name* of a resource is the id of its object, or the name of a type for all of its objects.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from kcproxy.permissions.model import (
    AggregatedCondition,
    ClientCondition,
    ClientScopeCondition,
    Condition,
    GroupCondition,
    GroupMember,
    Logic,
    Names,
    OpenCondition,
    Permission,
    PermissionSet,
    Policy,
    RegexCondition,
    Required,
    RoleCondition,
    Span,
    Strategy,
    TimeCondition,
    UserCondition,
)

MOST = 1000
"""The maximum number of permissions, policies, and members of one list."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_PARTS = {"day_of_month": "dayMonth", "month": "month", "year": "year", "hour": "hour", "minute": "minute"}


class _Unreadable(Exception):
    """A representation without the form of its type."""


def permission_set(
    permissions: Any,
    policies: Any,
    *,
    associated: Mapping[str, Any] = _NOTHING,
    resources: Mapping[str, Any] = _NOTHING,
    scopes: Mapping[str, Any] = _NOTHING,
    names: Names | None = None,
) -> PermissionSet:
    """All of a realm's permissions; `complete` is False if a permission could not be read or there are too many."""
    listed, policy_items = _objects(permissions), _objects(policies)
    unread = {
        str(item.get("id")): () for item in listed[:MOST] if _ids_of(associated.get(str(item.get("id")), item.get("policies"))) is None
    }
    read = [permission_of(item, {**associated, **unread}, resources, scopes) for item in listed[:MOST]]
    known = [policy_of(item, associated) for item in policy_items[:MOST]]
    complete = isinstance(permissions, list) and None not in read and len(listed) == len(permissions) and len(listed) <= MOST
    return PermissionSet(
        permissions=tuple(permission for permission in read if permission is not None and permission.id not in unread),
        unread=tuple(permission for permission in read if permission is not None and permission.id in unread),
        policies=MappingProxyType({policy.id: policy for policy in known if policy is not None}),
        names=names or Names(),
        complete=complete,
    )


def permission_of(
    item: Mapping[str, Any], associated: Mapping[str, Any], resources: Mapping[str, Any], scopes: Mapping[str, Any]
) -> Permission | None:
    """One permission; None if its type, scopes, resources or policies are not known."""
    identifier = item.get("id")
    if not isinstance(identifier, str):
        return None
    type_name = item.get("resourceType") or _config(item).get("defaultResourceType")
    objects = _names_of(resources.get(identifier, item.get("resourcesData")))
    scope_names = _names_of(scopes.get(identifier, item.get("scopesData")))
    policies = _ids_of(associated.get(identifier, item.get("policies")))
    if not isinstance(type_name, str) or objects is None or scope_names is None or policies is None:
        return None
    return Permission(
        id=identifier,
        name=str(item.get("name", identifier)),
        type=type_name,
        scopes=frozenset(scope_names),
        objects=frozenset() if type_name in objects else frozenset(objects),
        policies=tuple(policies),
        description=str(item.get("description") or ""),
        strategy=_strategy(item.get("decisionStrategy")),
    )


def policy_of(item: Mapping[str, Any], associated: Mapping[str, Any] = _NOTHING) -> Policy | None:
    """One policy of any type; None only if it has no id."""
    identifier = item.get("id")
    if not isinstance(identifier, str):
        return None
    kind = str(item.get("type"))
    try:
        condition = _condition(kind, item, associated.get(identifier, item.get("policies")))
    except (_Unreadable, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        condition = OpenCondition(type=kind, why=f"its representation of type {kind} could not be read")
    logic = Logic.NEGATIVE if item.get("logic") == Logic.NEGATIVE else Logic.POSITIVE
    return Policy(id=identifier, name=str(item.get("name", identifier)), logic=logic, condition=condition)


def _condition(kind: str, item: Mapping[str, Any], children: Any) -> Condition:
    if kind == "aggregate":
        policies = _ids_of(children)
        if policies is None:
            return OpenCondition(type=kind, why="the policies that it combines could not be read")
        return AggregatedCondition(policies=tuple(policies), strategy=_strategy(item.get("decisionStrategy")))
    if kind in _CONDITIONS:
        return _CONDITIONS[kind]({**_config(item), **item})
    why = "it is a script, which only the server can run" if kind == "js" else f"policies of type {kind} are not known here"
    return OpenCondition(type=kind, why=why)


def _user(given: Mapping[str, Any]) -> Condition:
    return UserCondition(users=frozenset(_texts(given["users"])))


def _role(given: Mapping[str, Any]) -> Condition:
    return RoleCondition(roles=_required(given["roles"]), fetch_roles=_flag(given.get("fetchRoles")))


def _group(given: Mapping[str, Any]) -> Condition:
    return GroupCondition(groups=_groups(given["groups"]), claim=given.get("groupsClaim") or None)


def _client(given: Mapping[str, Any]) -> Condition:
    return ClientCondition(clients=frozenset(_texts(given["clients"])))


def _client_scope(given: Mapping[str, Any]) -> Condition:
    return ClientScopeCondition(scopes=_required(given["clientScopes"]))


def _regex(given: Mapping[str, Any]) -> Condition:
    context = _flag(given.get("targetContextAttributes"))
    return RegexCondition(claim=_text(given["targetClaim"]), pattern=_text(given["pattern"]), context=context)


def _config(item: Mapping[str, Any]) -> Mapping[str, Any]:
    config = item.get("config")
    return config if isinstance(config, Mapping) else _NOTHING


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _list(value: Any) -> Sequence[Any]:
    """A list, or a list as JSON text: a policy's `config` contains everything as text."""
    parsed = json.loads(value) if isinstance(value, str) else value
    if not isinstance(parsed, list) or len(parsed) > MOST:
        raise _Unreadable
    return parsed


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unreadable
    return value


def _texts(value: Any) -> Iterable[str]:
    return [_text(item) for item in _list(value)]


def _flag(value: Any) -> bool:
    return value is True or value == "true"


def _required(value: Any) -> tuple[Required, ...]:
    return tuple(Required(id=_text(item["id"]), required=_flag(item.get("required"))) for item in _list(value))


def _groups(value: Any) -> tuple[GroupMember, ...]:
    return tuple(GroupMember(id=_text(item["id"]), extend_children=_flag(item.get("extendChildren"))) for item in _list(value))


def _strategy(value: Any) -> Strategy:
    return Strategy(value) if value in tuple(Strategy) else Strategy.UNANIMOUS


def _time(given: Mapping[str, Any]) -> Condition:
    spans = {field: _span(given.get(name), given.get(f"{name}End")) for field, name in _PARTS.items()}
    return TimeCondition(
        not_before=_moment(given.get("nbf") or given.get("notBefore")),
        not_after=_moment(given.get("noa") or given.get("notOnOrAfter")),
        **spans,
    )


def _span(first: Any, last: Any) -> Span | None:
    if first in (None, ""):
        return None
    return int(first), int(last if last not in (None, "") else first)


def _moment(value: Any) -> datetime | None:
    """`2026-01-31 23:59:59`, or a day alone; in the server's time zone."""
    if value in (None, ""):
        return None
    text = _text(value).strip()
    return datetime.strptime(f"{text} 00:00:00" if len(text) == 10 else text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the server's own zone, which is not known


def _names_of(value: Any) -> list[str] | None:
    """Names of resources or scopes: plain, or members `name` of objects."""
    return _members(value, "name")


def _ids_of(value: Any) -> list[str] | None:
    return _members(value, "id")


def _members(value: Any, member: str) -> list[str] | None:
    if not isinstance(value, list | tuple) or len(value) > MOST:
        return None
    found = [item.get(member) if isinstance(item, Mapping) else item for item in value]
    return [str(item) for item in found] if all(isinstance(item, str) for item in found) else None


_CONDITIONS: Mapping[str, Callable[[Mapping[str, Any]], Condition]] = {
    "user": _user,
    "role": _role,
    "group": _group,
    "client": _client,
    "client-scope": _client_scope,
    "time": _time,
    "regex": _regex,
}
