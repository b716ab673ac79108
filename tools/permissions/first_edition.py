"""What tells that version 1 of fine-grained admin permissions is on, and for which objects: `python -m tools.permissions.first_edition VERSION…`.

Starts each version twice, without and with the feature, and renews `kcproxy/catalog/data/permissions/v1.json`. No table is made of it.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devkit.realserver import RealServer
from tools.measure.behind import OPERATIONS
from tools.measure.http import Server
from tools.measure.judge import UUID

DATA = Path(__file__).resolve().parents[2] / "kcproxy" / "catalog" / "data" / "permissions" / "v1.json"
REALM = "first-edition"
NAME = "ADMIN_FINE_GRAINED_AUTHZ"


def features() -> dict[str, dict[str, str]]:
    """Every enumerated version that has the feature, with its key for `--features` and its kind of support."""
    found = {}
    for path in sorted(OPERATIONS.glob("features-*.json")):
        listed = json.loads(path.read_text())
        for feature in listed["features"]:
            if feature["name"] == NAME:
                found[listed["keycloak"]] = {"key": feature["key"], "type": feature["type"].lower()}
    return found


async def looked_at(base_url: str, *, switched_on: bool) -> dict[str, Any]:
    """What a realm's administrator and an inspector can see."""
    async with Server(base_url) as server:
        await server.login("admin", "admin")
        await server.admin("POST", "/admin/realms", {"realm": REALM, "enabled": True})
        await server.relogin("admin", "admin")
        objects = await _objects(server)
        seen: dict[str, Any] = {"serverinfo": _listed((await server.admin("GET", "/admin/serverinfo")).body)}
        seen["before"] = {label: await _state(server, path) for label, path in objects.items()}
        if switched_on:
            for path in objects.values():
                await server.admin("PUT", f"/admin/realms/{REALM}{path}", {"enabled": True})
            seen["enabled"] = {label: await _state(server, path) for label, path in objects.items()}
            seen["resources"] = await _resources(server)
        return seen


async def _objects(server: Server) -> dict[str, str]:
    async def made(path: str, value: Any) -> str:
        answer = await server.admin("POST", f"/admin/realms/{REALM}{path}", value)
        return answer.location.rsplit("/", 1)[1]

    group, client = await made("/groups", {"name": "group"}), await made("/clients", {"clientId": "client"})
    role, alias = await made("/roles", {"name": "role"}), "idp"
    await made("/identity-provider/instances", {"alias": alias, "providerId": "oidc", "config": {"clientId": "x"}})
    return {
        "users": "/users-management-permissions",
        "group": f"/groups/{group}/management/permissions",
        "client": f"/clients/{client}/management/permissions",
        "role": f"/roles/{role}/management/permissions",
        "identity-provider": f"/identity-provider/instances/{alias}/management/permissions",
    }


async def _state(server: Server, path: str) -> dict[str, Any]:
    answer = await server.ask("GET", f"/admin/realms/{REALM}{path}")
    body = answer.body if isinstance(answer.body, Mapping) else {}
    state: dict[str, Any] = {"status": answer.status}
    if "enabled" in body:
        state["enabled"] = body["enabled"]
    if body.get("scopePermissions"):
        state["scopes"] = sorted(body["scopePermissions"])
    return state


async def _resources(server: Server) -> list[str]:
    """The resources of realm-management's authorization services, ids left out."""
    (client,) = (await server.admin("GET", f"/admin/realms/{REALM}/clients", query="clientId=realm-management")).body
    listed = (await server.admin("GET", f"/admin/realms/{REALM}/clients/{client['id']}/authz/resource-server/resource")).body
    names = [UUID.sub("{id}", str(item["name"])) for item in listed]
    return sorted(name for name in names if "Default" not in name)


def _listed(info: Mapping[str, Any]) -> dict[str, Any]:
    """What server info says of the feature, in the forms that there are."""
    entry = next((item for item in info.get("features", ()) if item.get("name") == NAME), None)
    profile = info.get("profileInfo", {})
    lists = [name for name in ("disabledFeatures", "previewFeatures", "experimentalFeatures") if NAME in profile.get(name, ())]
    return {"features": {key: entry[key] for key in ("enabled", "type") if key in entry} if entry else None, "profileInfo": lists}


def main(versions: list[str]) -> int:
    """Exit code 2 for a wrong call."""
    known = features()
    if not versions or not set(versions) <= set(known):
        print(__doc__, file=sys.stderr)
        return 2
    empty: dict[str, Any] = {"schema": 1, "feature": "admin-fine-grained-authz", "versions": {}, "measured": {}}
    document: dict[str, Any] = json.loads(DATA.read_text()) if DATA.exists() else empty
    document["versions"] = known
    for version in versions:
        document["measured"][version] = {}
        for state, chosen in (("off", ()), ("on", (known[version]["key"],))):
            with RealServer(version, features=chosen, prepared=not chosen) as server:
                document["measured"][version][state] = asyncio.run(looked_at(server.base_url, switched_on=bool(chosen)))
    DATA.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
