"""RoleMapperResource, ClientRoleMappingsResource and ScopeMappedResource: role grants of users and groups, scope mappings of clients.

All three are lists of roles of an object, by realm and by client.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from kcproxy.simulator import represent
from kcproxy.simulator.call import NO_CONTENT, Call, Play, Refusal, Reply, listed
from kcproxy.simulator.state import Client, Role, closure, effective_roles

_Holder: TypeAlias = Callable[[Call], list[Role]]
_Container: TypeAlias = Callable[[Call], tuple[Client | None, Iterable[Role]]]


def _realm(call: Call) -> tuple[Client | None, Iterable[Role]]:
    return None, call.realm.roles.values()


def _client(call: Call) -> tuple[Client | None, Iterable[Role]]:
    client = call.realm.clients.get(call.values[1])
    if client is None:
        raise Refusal(404, "Client not found")
    return client, client.roles.values()


def _of_user(call: Call) -> list[Role]:
    return call.user().roles


def _of_group(call: Call) -> list[Role]:
    return call.group().roles


def _of_scope(call: Call) -> list[Role]:
    return call.client().scope


def _all(holder: _Holder) -> Play:
    return lambda call: listed(represent.role_mappings(holder(call)))


def _plays_for(holder: _Holder, container: _Container) -> Mapping[str, Play]:
    """The five operations on one list of roles."""

    def direct(call: Call) -> Reply:
        held, (client, _) = holder(call), container(call)
        return listed(represent.roles(role for role in held if role.client is client))

    def composite(call: Call) -> Reply:
        client, _ = container(call)
        # Of users, the roles of their groups are effective too (UserAdapter#hasRole).
        effective = effective_roles(call.user()) if holder is _of_user else closure(holder(call))
        return listed(represent.roles(role for role in effective if role.client is client))

    def available(call: Call) -> Reply:
        held, (_, candidates) = holder(call), container(call)
        return listed(represent.roles(role for role in candidates if role not in held))

    def add(call: Call) -> Reply:
        held = holder(call)
        held.extend(role for role in _named(call, container) if role not in held)
        return NO_CONTENT

    def remove(call: Call) -> Reply:
        held, named = holder(call), _named(call, container)
        held[:] = [role for role in held if role not in named]
        return NO_CONTENT

    return {"GET": direct, "GET /composite": composite, "GET /available": available, "POST": add, "DELETE": remove}


def _named(call: Call, container: _Container) -> list[Role]:
    client, _ = container(call)
    named = call.named_roles()
    if any(role.client is not client for role in named):
        raise Refusal(404, "Role not found")
    return named


def _mappings(base: str, holder: _Holder) -> dict[str, Play]:
    plays: dict[str, Play] = {f"GET {base}": _all(holder)}
    for below, container in (("/realm", _realm), ("/clients/{}", _client)):
        for name, play in _plays_for(holder, container).items():
            method, _, rest = name.partition(" ")
            plays[f"{method} {base}{below}{rest}"] = play
    return plays


PLAYS: Mapping[str, Play] = (
    _mappings("/admin/realms/{}/users/{}/role-mappings", _of_user)
    | _mappings("/admin/realms/{}/groups/{}/role-mappings", _of_group)
    | _mappings("/admin/realms/{}/clients/{}/scope-mappings", _of_scope)
)
