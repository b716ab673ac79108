"""One script of calls, spoken to any Keycloak, simulated or real; what came back, without what differs from run to run."""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from kcproxy.cli.scenario.admin import Admin
from kcproxy.cli.scenario.exchange import Bearer, Exchange, Server
from kcproxy.settings import Secret

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_VOLATILE = {"createdTimestamp", "createdDate", "secret", "value", "client.secret.creation.time", "credentialData", "session_state"}
_NOT_PLAYED = {"protocolMappers"}  # 24.0.5 gives three to each service account
_TIMES = {"notBefore", "not-before-policy"}
_NO_ID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One answer: who called what, the status, the normalised body, the headers that matter."""

    what: str
    status: int
    body: Any
    headers: Mapping[str, str | None]


class Script:
    """Plays the calls and keeps the lines."""

    def __init__(self, server: Server, admin: Admin, realm: str) -> None:
        self.server, self.admin, self.realm = server, admin, realm
        self.lines: list[Line] = []

    def keep(self, what: str, exchange: Exchange) -> Exchange:
        location = exchange.header("Location")
        headers = {
            "content-type": exchange.header("Content-Type"),
            "location": self._plain(location.removeprefix(self.server.url)) if location else None,
        }
        self.lines.append(Line(what=what, status=exchange.status, body=self._normal(exchange.body), headers=headers))
        return exchange

    def _normal(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._member(name, item) for name, item in value.items() if name not in _NOT_PLAYED}
        if isinstance(value, list):
            return sorted((self._normal(item) for item in value), key=repr)
        return self._plain(value) if isinstance(value, str) else value

    def _member(self, name: str, value: Any) -> Any:
        if name in _TIMES:
            return "(set)" if value else 0
        if name == "expires_in" and isinstance(value, int):
            return math.ceil(value / 2) * 2  # one second may turn between issue and answer; lifetimes here are even
        if name == "scope" and isinstance(value, str):
            return sorted(value.split())  # 24.0.5 gives them in any order
        return "(varies)" if name in _VOLATILE else self._normal(value)

    def _plain(self, text: str) -> str:
        return _UUID.sub("(id)", text.replace(self.realm, "(realm)").replace(self.server.url, "(server)"))

    async def by_admin(self, what: str, method: str, path: str, content: Any = None) -> Exchange:
        return self.keep(f"admin: {what}", await self.admin.call(method, f"/admin/realms/{self.realm}{path}", content))

    async def by(self, bearer: Bearer | None, what: str, method: str, path: str, content: Any = None) -> Exchange:
        exchange = await self.server.send(method, f"/admin/realms/{self.realm}{path}", bearer=bearer, content=content)
        return self.keep(f"{bearer.owner if bearer else 'nobody'}: {what}", exchange)

    async def token(self, what: str, form: Mapping[str, str]) -> Bearer | None:
        exchange, bearer = await self.server.token(self.realm, form, "service account")
        self.keep(f"token: {what}", exchange)
        return bearer


def _id(exchange: Exchange) -> str:
    return (exchange.header("Location") or "").rpartition("/")[2]


async def play(url: str, realm: str, username: str, password: str) -> list[Line]:
    """Everything, in a realm of its own that is removed again."""
    async with aiohttp.ClientSession() as session:
        server = Server(session, url, "server")
        admin = Admin(server, realm="master", username=username, password=Secret(password), clock=time.monotonic)
        script = Script(server, admin, realm)
        await admin.write("POST", "/admin/realms", {"realm": realm, "enabled": True})
        try:
            await _scenes(script)
        finally:
            await admin.write("DELETE", f"/admin/realms/{realm}")
        return script.lines


async def _scenes(script: Script) -> None:
    client_id, secret = await _a_client(script)
    user_id = await _users(script)
    await _tokens(script, secret)
    bearer = await script.token("right secret", {"grant_type": "client_credentials", "client_id": "backend", "client_secret": secret})
    assert bearer is not None
    await _refusals(script, bearer, user_id)
    await _grant(script, bearer, client_id, user_id)
    fresh = await script.token("after the grant", {"grant_type": "client_credentials", "client_id": "backend", "client_secret": secret})
    assert fresh is not None
    await _with_view_users(script, fresh, user_id)
    await _with_other_roles(script, client_id, secret, user_id)
    await _groups(script, user_id)
    await _realm_roles(script, user_id)


async def _a_client(script: Script) -> tuple[str, str]:
    wanted = {"clientId": "backend", "publicClient": False, "serviceAccountsEnabled": True, "directAccessGrantsEnabled": True}
    made = await script.by_admin("create client", "POST", "/clients", wanted)
    await script.by_admin("create client again", "POST", "/clients", wanted)
    path = f"/clients/{_id(made)}"
    account = await script.by_admin("service account", "GET", f"{path}/service-account-user")
    secret = await script.by_admin("secret", "GET", f"{path}/client-secret")
    await script.by_admin("no such client", "GET", f"/clients/{_NO_ID}")
    return account.json["id"], secret.json["value"]


async def _users(script: Script) -> str:
    wanted = {"username": "john-doe", "email": "john-doe@example.com", "enabled": True}
    made = await script.by_admin("create user", "POST", "/users", wanted)
    await script.by_admin("create user again", "POST", "/users", wanted)
    await script.by_admin("same address", "POST", "/users", wanted | {"username": "other"})
    await script.by_admin("no name", "POST", "/users", {"enabled": True})
    for query in ("", "?briefRepresentation=true", "?username=john", "?username=john&exact=true", "?search=doe", "?max=1", "?first=1"):
        await script.by_admin(f"users{query}", "GET", f"/users{query}")
    await script.by_admin("service account by name", "GET", "/users?username=service-account-backend&exact=true")
    await script.by_admin("count", "GET", "/users/count")
    user = f"/users/{_id(made)}"
    for below in ("", "/groups", "/groups/count", "/role-mappings", "/role-mappings/realm", "/credentials", "/sessions", "/consents"):
        await script.by_admin(f"user{below}", "GET", user + below)
    await script.by_admin("no such user", "GET", f"/users/{_NO_ID}")
    await script.by_admin("change", "PUT", user, {"firstName": "John", "lastName": "Doe"})
    await script.by_admin("after the change", "GET", user)
    await script.by_admin("password", "PUT", f"{user}/reset-password", {"type": "password", "value": "secret", "temporary": False})
    await script.by_admin("credentials", "GET", f"{user}/credentials")
    await script.by_admin("log out", "POST", f"{user}/logout")
    return _id(made)


async def _tokens(script: Script, secret: str) -> None:
    client = {"client_id": "backend", "client_secret": secret}
    person = {"username": "john-doe", "password": "secret"}
    forms: dict[str, dict[str, str]] = {
        "no grant": client,
        "unknown grant": client | {"grant_type": "telepathy"},
        "wrong secret": {"grant_type": "client_credentials", "client_id": "backend", "client_secret": "wrong"},
        "no secret": {"grant_type": "client_credentials", "client_id": "backend"},
        "unknown client": {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"},
        "public client": {"grant_type": "client_credentials", "client_id": "account"},
        "bearer-only client": {"grant_type": "client_credentials", "client_id": "realm-management", "client_secret": "x"},
        "person": client | person | {"grant_type": "password"},
        "person, wrong password": client | person | {"grant_type": "password", "password": "wrong"},
        "bad refresh token": client | {"grant_type": "refresh_token", "refresh_token": "nonsense"},
    }
    for what, form in forms.items():
        await script.token(what, form)


async def _refusals(script: Script, bearer: Bearer, user_id: str) -> None:
    for method, path, content in (
        ("GET", "/users", None),
        ("POST", "/users", {"username": "new", "enabled": True}),
        ("GET", f"/users/{user_id}", None),
        ("PUT", f"/users/{user_id}", {"firstName": "X"}),
        ("DELETE", f"/users/{user_id}", None),
        ("GET", f"/users/{_NO_ID}", None),
    ):
        await script.by(bearer, "without a role", method, path, content)
        await script.by(None, "without a token", method, path, content)
    await script.by(Bearer(token="a.b.c", owner="nonsense"), "with nonsense", "GET", f"/users/{user_id}")
    await script.by(bearer, "no such path", "GET", "/nowhere")
    await script.by(bearer, "no such method", "PATCH", f"/users/{user_id}")
    elsewhere = await script.server.send("GET", "/admin/realms/no-such-realm/users", bearer=bearer)
    script.keep("service account: no such realm", elsewhere)
    script.keep("service account: another realm", await script.server.send("GET", "/admin/realms/master/users", bearer=bearer))


async def _grant(script: Script, bearer: Bearer, account_id: str, user_id: str) -> None:
    (owner,) = (await script.admin.call("GET", f"/admin/realms/{script.realm}/clients?clientId=realm-management")).body
    roles = f"/clients/{owner['id']}/roles"
    role = await script.by_admin("role", "GET", f"{roles}/view-users")
    await script.by_admin("composites", "GET", f"{roles}/view-users/composites")
    await script.by_admin("no such role", "GET", f"{roles}/no-such-role")
    mapping = f"/users/{account_id}/role-mappings/clients/{owner['id']}"
    await script.by_admin("grant an unknown role", "POST", mapping, [{"id": _NO_ID, "name": "no-such-role"}])
    await script.by_admin("grant", "POST", mapping, [role.body])
    for below in ("", "/composite"):
        await script.by_admin(f"granted{below}", "GET", mapping + below)
    await script.by(bearer, "the same token after the grant", "GET", f"/users/{user_id}")


async def _with_view_users(script: Script, bearer: Bearer, user_id: str) -> None:
    for path in ("/users", f"/users/{user_id}", "/users/count", f"/users/{_NO_ID}"):
        await script.by(bearer, "with view-users", "GET", path)
    await script.by(bearer, "with view-users", "PUT", f"/users/{user_id}", {"firstName": "X"})
    await script.by(bearer, "with view-users", "DELETE", f"/users/{user_id}")


async def _with_other_roles(script: Script, account_id: str, secret: str, user_id: str) -> None:
    """Each role alone, asking for the same things: let in, let in to less, refused."""
    (owner,) = await script.admin.read(f"/admin/realms/{script.realm}/clients?clientId=realm-management")
    mapping = f"/admin/realms/{script.realm}/users/{account_id}/role-mappings/clients/{owner['id']}"
    held = await script.admin.read(mapping)
    (account,) = await script.admin.read(f"/admin/realms/{script.realm}/clients?clientId=account")
    paths = [
        "",
        "/users",
        "/users/count",
        f"/users/{user_id}",
        f"/users/{_NO_ID}",
        "/groups",
        "/groups/count",
        "/roles",
        "/clients?clientId=backend",
    ]
    paths += [f"/clients/{account['id']}/roles", f"/users/{user_id}/role-mappings", f"/users/{user_id}/groups", "/default-groups"]
    for name in ("query-users", "query-groups", "query-clients", "view-realm", "manage-users", "view-clients", "impersonation"):
        await script.admin.write("DELETE", mapping, held)
        held = [await script.admin.read(f"/admin/realms/{script.realm}/clients/{owner['id']}/roles/{name}")]
        await script.admin.write("POST", mapping, held)
        bearer = await script.token(f"with {name}", {"grant_type": "client_credentials", "client_id": "backend", "client_secret": secret})
        for path in paths:
            if (name, path) == ("view-realm", ""):
                continue  # the whole realm, of which the simulator has a tenth
            await script.by(bearer, f"with {name}: {path.replace(user_id, 'user').replace(account['id'], 'account')}", "GET", path)


async def _groups(script: Script, user_id: str) -> None:
    made = await script.by_admin("create group", "POST", "/groups", {"name": "staff"})
    await script.by_admin("create group again", "POST", "/groups", {"name": "staff"})
    group = f"/groups/{_id(made)}"
    await script.by_admin("create child", "POST", f"{group}/children", {"name": "night"})
    for below in ("", "/children", "/members", "/role-mappings"):
        await script.by_admin(f"group{below}", "GET", group + below)
    await script.by_admin("join", "PUT", f"/users/{user_id}{group}")
    await script.by_admin("members", "GET", f"{group}/members")
    await script.by_admin("groups of the user", "GET", f"/users/{user_id}/groups")
    await script.by_admin("leave", "DELETE", f"/users/{user_id}{group}")
    await script.by_admin("groups", "GET", "/groups")
    await script.by_admin("count groups", "GET", "/groups/count")
    await script.by_admin("rename", "PUT", group, {"name": "people"})
    await script.by_admin("delete group", "DELETE", group)
    await script.by_admin("deleted group", "GET", group)


async def _realm_roles(script: Script, user_id: str) -> None:
    await script.by_admin("create role", "POST", "/roles", {"name": "auditor", "description": "reads"})
    await script.by_admin("create role again", "POST", "/roles", {"name": "auditor"})
    role = await script.by_admin("role", "GET", "/roles/auditor")
    await script.by_admin("role by id", "GET", f"/roles-by-id/{role.json['id']}")
    mapping = f"/users/{user_id}/role-mappings/realm"
    await script.by_admin("grant realm role", "POST", mapping, [role.body])
    await script.by_admin("realm roles of the user", "GET", mapping)
    await script.by_admin("holders", "GET", "/roles/auditor/users")
    await script.by_admin("revoke realm role", "DELETE", mapping, [role.body])
    await script.by_admin("change role", "PUT", "/roles/auditor", {"name": "auditor", "description": "only reads"})
    await script.by_admin("delete role", "DELETE", "/roles/auditor")
    await script.by_admin("deleted role", "GET", "/roles/auditor")
