"""RoleContainerResource and RoleByIdResource: realm roles, client roles, composites."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from kcproxy.simulator import represent
from kcproxy.simulator.call import NO_CONTENT, Call, Play, Refusal, Reply, listed
from kcproxy.simulator.state import Client, Group, Role, User

_Container: TypeAlias = Callable[[Call], tuple[Client | None, dict[str, Role]]]
_Find: TypeAlias = Callable[[Call], Role]


def _of_realm(call: Call) -> tuple[Client | None, dict[str, Role]]:
    return None, call.realm.roles


def _of_client(call: Call) -> tuple[Client | None, dict[str, Role]]:
    client = call.client()
    return client, client.roles


def _by_id(call: Call) -> Role:
    role = next((role for role in call.realm.all_roles() if role.id == call.values[0]), None)
    if role is None:
        raise Refusal(404, "Could not find role with id")
    return role


def _by_name(container: _Container) -> _Find:
    def find(call: Call) -> Role:
        role = container(call)[1].get(call.values[-1])
        if role is None:
            raise Refusal(404, "Could not find role")
        return role

    return find


def _container_plays(base: str, container: _Container) -> dict[str, Play]:
    def show(call: Call) -> Reply:
        wanted = call.one("search").lower()
        found = [role for role in container(call)[1].values() if wanted in role.name.lower()]
        full = not call.flag("briefRepresentation", default=True)
        return listed([represent.role(role, full=full) for role in call.page(found)])

    def create(call: Call) -> Reply:
        client, roles = container(call)
        name = str(call.fields().get("name") or "")
        if not name:
            raise Refusal(400, message="role has no name")
        if name in roles:
            raise Refusal(409, message=f"Role with name {name} already exists")
        roles[name] = Role(
            name=name, container_id=client.id if client else call.realm.id, client=client, description=call.fields().get("description")
        )
        return Reply(status=201, at=call.created(f"clients/{client.id}/roles" if client else "roles", name))

    plays: dict[str, Play] = {f"GET {base}": show, f"POST {base}": create}
    return plays | _role_plays(f"{base}/{{}}", _by_name(container)) | _holder_plays(f"{base}/{{}}", _by_name(container))


def _role_plays(base: str, find: _Find) -> dict[str, Play]:
    def show(call: Call) -> Reply:
        return listed(represent.role(find(call), full=True))

    def update(call: Call) -> Reply:
        role, fields = find(call), call.fields()
        role.description = fields.get("description")
        role.attributes = dict(fields.get("attributes") or {})
        return NO_CONTENT

    def delete(call: Call) -> Reply:
        call.world.remove_role(call.realm, find(call))
        return NO_CONTENT

    plays: dict[str, Play] = {f"GET {base}": show, f"PUT {base}": update, f"DELETE {base}": delete}
    return plays | _composite_plays(f"{base}/composites", find)


def _composite_plays(base: str, find: _Find) -> dict[str, Play]:
    def show(call: Call) -> Reply:
        return listed(represent.roles(find(call).composites))

    def add(call: Call) -> Reply:
        role = find(call)
        role.composites.extend(part for part in call.named_roles() if part not in role.composites)
        return NO_CONTENT

    def remove(call: Call) -> Reply:
        role, named = find(call), call.named_roles()
        role.composites = [part for part in role.composites if part not in named]
        return NO_CONTENT

    return {f"GET {base}": show, f"POST {base}": add, f"DELETE {base}": remove}


def _holder_plays(base: str, find: _Find) -> dict[str, Play]:
    def users(call: Call) -> Reply:
        role = find(call)
        holders: list[User] = [user for user in call.realm.users.values() if role in user.roles]
        dialect = call.world.dialect
        access = represent.listed_user_access(call.roles, dialect) if dialect.live_grants else None
        return listed([represent.user(user, dialect, access=access) for user in call.page(holders)])

    def groups(call: Call) -> Reply:
        role = find(call)
        holders: list[Group] = [group for group in call.realm.all_groups() if role in group.roles]
        return listed([represent.group(group, full=False, count=False) for group in call.page(holders)])

    return {f"GET {base}/users": users, f"GET {base}/groups": groups}


PLAYS: Mapping[str, Play] = (
    _container_plays("/admin/realms/{}/roles", _of_realm)
    | _container_plays("/admin/realms/{}/clients/{}/roles", _of_client)
    | _role_plays("/admin/realms/{}/roles-by-id/{}", _by_id)
)
