"""A real kcproxy and a real Prometheus as processes, and the traffic of a bad day in front of a Keycloak, real or simulated."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from devkit.ports import free_port
from tests.dashboards.queries import RULES

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PASSWORDS = {"app": "app-secret", "reader": "reader-secret", "broken": "not-the-secret", "inspector": "inspector-secret"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A realm with the clients app, reader and inspector, a user, and an administrator's session."""

    session: aiohttp.ClientSession
    base_url: str
    realm: str
    user_id: str
    client_ids: dict[str, str]

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the Admin REST API by the administrator, straight to Keycloak."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
        token = await _token(self.session, f"{self.base_url}/realms/master", form)
        async with self.session.request(
            method, f"{self.base_url}/admin/realms{path}", json=body, headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            assert answer.status < 300, (method, path, answer.status, await answer.text())
            return await answer.json() if answer.content_type == "application/json" and answer.status == 200 else None

    async def own_token(self, client: str) -> str:
        """A token of a client's service account, fetched by itself."""
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": PASSWORDS[client]}
        return await _token(self.session, f"{self.base_url}/realms/{self.realm}", form)

    async def grant(self, client: str, *roles: str) -> None:
        """Give a client's service account roles of realm-management."""
        account = await self.admin("GET", f"/{self.realm}/clients/{self.client_ids[client]}/service-account-user")
        owner = self.client_ids["realm-management"]
        found = [await self.admin("GET", f"/{self.realm}/clients/{owner}/roles/{role}") for role in roles]
        await self.admin("POST", f"/{self.realm}/users/{account['id']}/role-mappings/clients/{owner}", found)


async def _token(session: aiohttp.ClientSession, realm_url: str, form: dict[str, str]) -> str:
    async with session.post(f"{realm_url}/protocol/openid-connect/token", data=form) as answer:
        found = await answer.json()
        assert answer.status == 200, found
        return str(found["access_token"])


@asynccontextmanager
async def stage(base_url: str, realm: str) -> AsyncIterator[Stage]:
    """The realm, gone again afterwards."""
    async with aiohttp.ClientSession() as session:
        empty = Stage(session=session, base_url=base_url, realm=realm, user_id="", client_ids={})
        await empty.admin("POST", "", {"realm": realm, "enabled": True})
        try:
            for client in ("app", "reader", "broken", "inspector"):
                secret = PASSWORDS[client] if client != "broken" else "the-secret"
                wanted = {"clientId": client, "enabled": True, "publicClient": False, "secret": secret, "serviceAccountsEnabled": True}
                await empty.admin("POST", f"/{realm}/clients", wanted)
            await empty.admin("POST", f"/{realm}/users", {"username": "john-doe", "enabled": True})
            (user,) = await empty.admin("GET", f"/{realm}/users?username=john-doe&exact=true")
            clients = {client["clientId"]: client["id"] for client in await empty.admin("GET", f"/{realm}/clients")}
            made = Stage(session=session, base_url=base_url, realm=realm, user_id=user["id"], client_ids=clients)
            await made.grant("inspector", "view-users", "view-clients", "view-realm")
            await made.grant("reader", "query-users")
            yield made
        finally:
            await empty.admin("DELETE", f"/{realm}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Addresses of a running kcproxy."""

    url: str
    admin_url: str
    process: subprocess.Popen[bytes]


@asynccontextmanager
async def proxy(made: Stage, folder: Path) -> AsyncIterator[Proxy]:
    """``kcproxy serve`` with an account for the realm, one that gets no token, an inspector, and a history."""
    port, admin_port = free_port(), free_port()
    for client, secret in PASSWORDS.items():
        (folder / client).write_text(secret)
    config = folder / "kcproxy.toml"
    config.write_text(_CONFIG.format(port=port, admin_port=admin_port, upstream=made.base_url, realm=made.realm, folder=folder))
    async with served(made, folder, port, admin_port) as running:
        yield running


@asynccontextmanager
async def served(made: Stage, folder: Path, port: int, admin_port: int) -> AsyncIterator[Proxy]:
    """``kcproxy serve`` with the configuration that lies in the folder; the first time, or again."""
    process = _serve(folder / "kcproxy.toml", folder / "log")
    running = Proxy(url=f"http://127.0.0.1:{port}", admin_url=f"http://127.0.0.1:{admin_port}", process=process)
    try:
        await _until_ready(made.session, f"{running.admin_url}/readyz", process, folder / "log")
        yield running
    finally:
        _stop(process)


def _serve(config: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kcproxy.cli.main", "serve", "--config", str(config)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)


_CONFIG = """
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
[upstream]
url = "{upstream}"
[[accounts]]
realm = "{realm}"
client_id = "app"
client_secret_file = "{folder}/app"
operations = ["GET /admin/realms/{{realm}}/users"]
mode = "observe"
[[accounts]]
realm = "nowhere"
token_realm = "{realm}"
client_id = "broken"
client_secret_file = "{folder}/broken"
[inspector]
realm = "{realm}"
client_id = "inspector"
client_secret_file = "{folder}/inspector"
[metrics]
clients = true
[history]
path = "{folder}/history.sqlite"
"""


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[str]:
    """A Prometheus that scrapes the target every second and evaluates our rules; its address."""
    port = free_port()
    config = folder / "prometheus.yaml"
    host = target.removeprefix("http://")
    config.write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{RULES}']\n"
        f"scrape_configs: [{{job_name: kcproxy, static_configs: [{{targets: ['{host}']}}]}}]\n"
    )
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=error",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        _stop(process)


async def bad_day(made: Stage, running: Proxy) -> None:
    """Refusals of every kind, some that are fixed, some that are not, and what goes well."""
    realm, user = f"/admin/realms/{made.realm}", f"/admin/realms/{made.realm}/users/{made.user_id}"
    bearer = {"Authorization": f"Bearer {await made.own_token('reader')}", "traceparent": TRACEPARENT}
    wrong = {"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"}
    calls: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("GET", user, {}),  # refused with the proxy's token
        ("GET", user, bearer),  # refused with the caller's own
        ("GET", f"{realm}/users", bearer),  # let in, but sees nobody
        ("GET", f"{realm}/clients", bearer),
        ("POST", f"{realm}/users", bearer),
        ("GET", f"{realm}/users", wrong),
        ("GET", f"{realm}/no-such-thing", bearer),
        ("GET", "/admin/realms/nowhere/users", {}),  # the account whose secret is wrong
        ("GET", f"/realms/{made.realm}/.well-known/openid-configuration", {}),
    )
    await made.grant("app", "manage-events")  # more than it needs, and not what it needs
    for _ in range(3):
        for method, path, headers in calls:
            await _call(made, running, method, path, headers)
    await made.grant("app", "query-users")
    await made.grant("reader", "view-users")
    for _ in range(3):
        await _call(made, running, "GET", f"{realm}/users", {})
        await _call(made, running, "GET", user, bearer)
    await made.grant("app", "view-users")
    for _ in range(6):
        for method, path, headers in calls:
            await _call(made, running, method, path, headers)
        await asyncio.sleep(0.5)


async def _call(made: Stage, running: Proxy, method: str, path: str, headers: dict[str, str]) -> None:
    body = {"username": "x"} if method == "POST" else None
    async with made.session.request(method, running.url + path, headers=headers, json=body) as answer:
        await answer.read()


async def _until_ready(session: aiohttp.ClientSession, url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError(await asyncio.to_thread(log.read_text, encoding="utf-8"))
        try:
            async with session.get(url) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass  # not yet listening
        await asyncio.sleep(0.1)
    raise AssertionError(f"{url} is not ready")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def unique_realm() -> str:
    """A name that no other run uses."""
    return f"kcproxy-seen-{os.getpid()}-{os.urandom(3).hex()}"
