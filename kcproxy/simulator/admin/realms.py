"""RealmsAdminResource and RealmAdminResource: realms, and information about the server."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kcproxy.simulator.call import NO_CONTENT, Call, NotPlayed, Play, Refusal, Reply, listed
from kcproxy.simulator.state import MASTER, Group, Realm


def list_realms(call: Call) -> Reply:
    """RealmsAdminResource#getRealms; a caller of a realm sees that one."""
    seen = call.world.realms.values() if call.realm.name == MASTER else [call.realm]
    return listed([_shown(realm) for realm in seen])


def create_realm(call: Call) -> Reply:
    """RealmsAdminResource#importRealm with the realm's own members, without nested objects."""
    fields = call.fields()
    name = str(fields.get("realm") or "")
    if not name:
        raise Refusal(400, message="Realm name cannot be empty")
    if name in call.world.realms:
        live = call.world.dialect.live_grants
        raise Refusal(409, message=f"Realm {name} already exists" if live else "Conflict detected. See logs for details")
    realm = call.world.new_realm(name)
    realm.enabled = False
    _take(realm, fields)
    return Reply(status=201, at=quote(name, safe=""))


def get_realm(call: Call) -> Reply:
    """RealmAdminResource#getRealm with the relevant members, a tenth of what Keycloak sends."""
    plain: dict[str, Any] = {"registrationEmailAsUsername": False, "bruteForceProtected": False, "supportedLocales": []}
    newer = {"organizationsEnabled": False} if call.world.dialect.live_grants else {}
    return listed(plain | newer | _shown(call.realm))


def update_realm(call: Call) -> Reply:
    """RealmAdminResource#updateRealm."""
    _take(call.realm, call.fields())
    return NO_CONTENT


def _take(realm: Realm, fields: Mapping[str, Any]) -> None:
    realm.enabled = bool(fields.get("enabled", realm.enabled))
    realm.token_seconds = int(fields.get("accessTokenLifespan", realm.token_seconds))
    nested = {name for name, value in fields.items() if isinstance(value, (dict, list)) and name != "attributes"}
    realm.fields |= {name: value for name, value in fields.items() if name not in nested}


def _shown(realm: Realm) -> dict[str, Any]:
    own = {"accessTokenLifespan": realm.token_seconds, "enabled": realm.enabled, "sslRequired": "external"}
    kept = {name: value for name, value in realm.fields.items() if name not in {"id", "realm"}}
    return {"id": realm.id, "realm": realm.name, "notBefore": 0} | kept | own


def delete_realm(call: Call) -> Reply:
    """RealmAdminResource#deleteRealm."""
    if call.realm.name == MASTER:
        raise NotPlayed("deleting the realm master")
    call.world.remove_realm(call.realm)
    return NO_CONTENT


def default_groups(call: Call) -> Reply:
    """RealmAdminResource#getDefaultGroups."""
    return listed([{"id": group.id, "name": group.name, "path": group.path, "subGroups": []} for group in call.realm.default_groups])


def add_default_group(call: Call) -> Reply:
    """RealmAdminResource#addDefaultGroup."""
    group = _group(call)
    if group not in call.realm.default_groups:
        call.realm.default_groups.append(group)
    return NO_CONTENT


def remove_default_group(call: Call) -> Reply:
    """RealmAdminResource#removeDefaultGroup."""
    group = _group(call)
    call.realm.default_groups = [kept for kept in call.realm.default_groups if kept is not group]
    return NO_CONTENT


def _group(call: Call) -> Group:
    group = call.realm.group(call.values[0])
    if group is None:
        raise Refusal(404, "Group not found")
    return group


def server_info(call: Call) -> Reply:
    """ServerInfoAdminResource#getInfo: only the version. From 26.4 on, only callers of master see it."""
    hidden = call.world.dialect.numbers >= (26, 4) and call.realm.name != MASTER
    return listed({} if hidden else {"systemInfo": {"version": call.world.dialect.version}})


PLAYS: Mapping[str, Play] = {
    "GET /admin/realms": list_realms,
    "POST /admin/realms": create_realm,
    "GET /admin/serverinfo": server_info,
    "GET /admin/realms/{}": get_realm,
    "PUT /admin/realms/{}": update_realm,
    "DELETE /admin/realms/{}": delete_realm,
    "GET /admin/realms/{}/default-groups": default_groups,
    "PUT /admin/realms/{}/default-groups/{}": add_default_group,
    "DELETE /admin/realms/{}/default-groups/{}": remove_default_group,
}
