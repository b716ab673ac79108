"""GroupsResource and GroupResource: groups, children, members."""

from collections.abc import Mapping

from kcproxy.simulator import represent
from kcproxy.simulator.call import NO_CONTENT, Call, Play, Refusal, Reply, listed
from kcproxy.simulator.state import Group


def list_groups(call: Call) -> Reply:
    """GroupsResource#getGroups, without a search: the top level."""
    found = call.page(sorted(_searched(call), key=lambda group: group.name))
    full = not call.flag("briefRepresentation", default=True)
    access = represent.group_access(call.roles)
    return listed([represent.group(group, full=full, access=access) for group in found])


def _searched(call: Call) -> list[Group]:
    wanted = call.one("search").lower()
    return [top for top in call.realm.groups if any(wanted in group.name.lower() for group in top.family())]


def count_groups(call: Call) -> Reply:
    """GroupsResource#getGroupCount: the top level only if ``top`` says so."""
    groups = call.realm.groups if call.flag("top") else list(call.realm.all_groups())
    wanted = call.one("search").lower()
    return listed({"count": sum(wanted in group.name.lower() for group in groups)})


def create_group(call: Call) -> Reply:
    """GroupsResource#addTopLevelGroup."""
    name = _name(call)
    if any(group.name == name for group in call.realm.groups):
        raise Refusal(409, message=f"Top level group named '{name}' already exists.")
    group = Group(name=name, attributes=dict(call.fields().get("attributes") or {}))
    call.realm.groups.append(group)
    return Reply(status=201, at=call.created("groups", group.id))


def _name(call: Call) -> str:
    name = str(call.fields().get("name") or "").strip()
    if not name:
        raise Refusal(400, message="Group name is missing")
    return name


def get_group(call: Call) -> Reply:
    """GroupResource#getGroup."""
    return listed(represent.group(call.group(), full=True, access=represent.group_access(call.roles)))


def update_group(call: Call) -> Reply:
    """GroupResource#updateGroup."""
    group = call.group()
    group.name = _name(call)
    group.attributes = dict(call.fields().get("attributes") or group.attributes)
    return NO_CONTENT


def delete_group(call: Call) -> Reply:
    """GroupResource#deleteGroup: deletes the group with its children."""
    group = call.group()
    gone = list(group.family())
    (group.parent.children if group.parent else call.realm.groups).remove(group)
    for user in call.realm.users.values():
        user.groups = [kept for kept in user.groups if kept not in gone]
    return NO_CONTENT


def list_children(call: Call) -> Reply:
    """GroupResource#getSubGroups."""
    access = represent.group_access(call.roles)
    children = call.page(sorted(call.group().children, key=lambda group: group.name))
    return listed([represent.group(child, full=True, access=access) for child in children])


def add_child(call: Call) -> Reply:
    """GroupResource#addChild."""
    parent, name = call.group(), _name(call)
    if any(child.name == name for child in parent.children):
        raise Refusal(409, message=f"Sibling group named '{name}' already exists.")
    child = Group(name=name, parent=parent)
    parent.children.append(child)
    body = represent.group(child, full=True, count=False, access=represent.group_access(call.roles))
    return Reply(status=201, json=body, at=call.created("groups", child.id), headers={"Cache-Control": "no-cache"})


def list_members(call: Call) -> Reply:
    """GroupResource#getMembers."""
    group, brief = call.group(), call.flag("briefRepresentation")
    members = [user for user in call.realm.users.values() if group in user.groups]
    return listed([represent.user(user, call.world.dialect, brief=brief) for user in call.page(members)])


def group_by_path(call: Call) -> Reply:
    """RealmAdminResource#getGroupByPath."""
    path = "/" + "/".join(call.values).strip("/")
    group = next((group for group in call.realm.all_groups() if group.path == path), None)
    if group is None:
        raise Refusal(404, "Group path does not exist")
    return listed(represent.group(group, full=True))


_GROUP = "/admin/realms/{}/groups/{}"
PLAYS: Mapping[str, Play] = {
    "GET /admin/realms/{}/groups": list_groups,
    "POST /admin/realms/{}/groups": create_group,
    "GET /admin/realms/{}/groups/count": count_groups,
    "GET /admin/realms/{}/group-by-path/{}": group_by_path,
    f"GET {_GROUP}": get_group,
    f"PUT {_GROUP}": update_group,
    f"DELETE {_GROUP}": delete_group,
    f"GET {_GROUP}/children": list_children,
    f"POST {_GROUP}/children": add_child,
    f"GET {_GROUP}/members": list_members,
}
