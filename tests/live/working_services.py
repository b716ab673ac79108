"""Three services that do scripted work through a proxy: a directory sync, a provisioning job, and a user of a console."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from devkit.lab import SECRET, Client, Lab

NEW_HIRE, NEW_CLIENT, TEAM = "new-hire", "new-app", "team"
CONSOLE_USER = "ann"
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EPOCH = re.compile(r"\b1[0-9]{9}(?:[0-9]{3})?\b")
_OF_THE_CALLER = "access"
"""The member of users, groups and clients with the caller's own rights on them: it changes with every role, and is no content."""

Response = tuple[str, int, Any]


@dataclass(slots=True, kw_only=True)
class Work:
    """Calls of one run, and what was answered, without what differs from run to run."""

    http: aiohttp.ClientSession
    url: str
    token: str | None
    responses: list[Response] = field(default_factory=list)

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """One call. Returns the JSON of the response."""
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        async with self.http.request(method, URL(f"{self.url}{path}", encoded=True), json=body, headers=headers) as response:
            text = await response.text()
        found = json.loads(text) if text.startswith(("{", "[")) else text
        self.responses.append((f"{method} {_plain(path)}", response.status, comparable(found) if response.status < 400 else None))
        return found


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: comparable(inner) for name, inner in value.items() if name != _OF_THE_CALLER}
    if isinstance(value, list):
        return sorted((comparable(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return _plain(json.dumps(value))


def _plain(text: str) -> str:
    return _EPOCH.sub("TIME", _ID.sub("ID", text))


def _first_id(found: Any) -> str:
    """The id of the only object in a list; a placeholder if the list was refused or is empty."""
    return str(found[0]["id"]) if isinstance(found, list) and found else "none"


async def synchronise(call: Work) -> None:
    """A directory sync: it compares users, creates one, puts them into a group, and deletes them."""
    await call("GET", "/users?max=5")
    await call("GET", "/users/count")
    await call("POST", "/users", {"username": NEW_HIRE, "enabled": True})
    user = _first_id(await call("GET", f"/users?exact=true&username={NEW_HIRE}"))
    await call("PUT", f"/users/{user}", {"firstName": "New", "lastName": "Hire"})
    group = _first_id(await call("GET", f"/groups?search={TEAM}"))
    await call("PUT", f"/users/{user}/groups/{group}", {})
    await call("GET", f"/users/{user}/groups")
    await call("DELETE", f"/users/{user}")


async def provision(call: Work) -> None:
    """A provisioning job: it creates a client with a role, and deletes it again."""
    await call("POST", "/clients", {"clientId": NEW_CLIENT, "secret": SECRET, "publicClient": False})
    client = _first_id(await call("GET", f"/clients?clientId={NEW_CLIENT}"))
    await call("PUT", f"/clients/{client}", {"clientId": NEW_CLIENT, "name": "New app"})
    await call("POST", f"/clients/{client}/roles", {"name": "reader"})
    await call("GET", f"/clients/{client}/roles")
    await call("GET", "/client-scopes")
    await call("DELETE", f"/clients/{client}")


async def look_around(call: Work) -> None:
    """What a user sees in a console. Their list of users was always empty."""
    await call("GET", "/users?max=20")
    await call("GET", "")
    await call("GET", "/events?max=10")
    await call("GET", "/roles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: its script, the roles that it holds at first, and the account that holds them. ``user``: whose password it uses."""

    client: Client
    script: Callable[[Work], Awaitable[None]]
    held: tuple[str, ...]
    account: str
    injected: bool = False
    user: str | None = None


async def services(lab: Lab) -> tuple[Service, ...]:
    """The services in the realm of the lab, with their first roles."""
    await lab.admin("POST", f"/admin/realms/{lab.realm}/groups", {"name": TEAM})
    sync, job, console = [await lab.make_client(clientId=name) for name in ("directory-sync", "provisioning-job", "console")]
    ann = await lab.make_user(CONSOLE_USER)
    made = (
        Service(client=sync, script=synchronise, held=("realm-admin",), account=sync.account or ""),
        Service(
            client=job,
            script=provision,
            held=("impersonation", "manage-clients", "manage-realm", "manage-users"),
            account=job.account or "",
            injected=True,
        ),
        Service(
            client=console,
            script=look_around,
            held=("manage-events", "manage-realm", "query-users", "view-identity-providers"),
            account=ann,
            user=CONSOLE_USER,
        ),
    )
    for service in made:
        await lab.grant(service.client, *service.held, to=service.account)
    return made


async def run_script(lab: Lab, service: Service, url: str) -> list[Response]:
    """Run the script of a service through the proxy at ``url``, and remove what a refused run leaves behind."""
    token = None if service.injected else await lab.token(service.client, user=service.user)
    call = Work(http=lab.http, url=f"{url}/admin/realms/{lab.realm}", token=token)
    await service.script(call)
    base = f"/admin/realms/{lab.realm}"
    for things in (f"users?exact=true&username={NEW_HIRE}", f"clients?clientId={NEW_CLIENT}"):
        for left in await lab.admin("GET", f"{base}/{things}"):
            await lab.admin("DELETE", f"{base}/{things.partition('?')[0]}/{left['id']}")
    return call.responses
