"""A simulated Keycloak that can be switched off and on again, slowed down, and that counts the requests it receives."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import jwt
from aiohttp import web
from aiohttp.typedefs import Middleware

from kcproxy import catalog, simulator
from tools.dashboards.day.ledger import Fetch, Ledger

INSPECTOR = "inspector"


class Keycloak:
    """The server, and an administrator's calls of it."""

    def __init__(self, ledger: Ledger, port: int) -> None:
        """``port`` of loopback stays the same for the whole day."""
        self.url = f"http://127.0.0.1:{port}"
        self.delay_seconds = 0.0
        self.is_up = False
        self._port = port
        self._ledger = ledger
        app = simulator.build(catalog.load(catalog.default_version()))
        app.middlewares.append(self._counted())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        self._site: web.TCPSite | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._session = aiohttp.ClientSession()
        await self._runner.setup()
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop listening."""
        if self._session is not None:
            await self._session.close()
        await self._runner.cleanup()

    async def start(self) -> None:
        """Accept connections."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await self._site.start()
        self.is_up = True

    async def stop(self) -> None:
        """Refuse connections, and end those that are open: an outage."""
        self.is_up = False
        if self._site is not None:
            await self._site.stop()
        if self._runner.server is not None:
            await self._runner.server.shutdown(0.2)

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the Admin REST API by the administrator. The counts leave it out."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
        token = await self._token("master", form)
        return await self._call(method, f"/admin/realms{path}", token, body)

    async def token(self, realm: str, client: str, secret: str) -> str:
        """A token that a service fetches by itself."""
        return await self._token(realm, {"grant_type": "client_credentials", "client_id": client, "client_secret": secret})

    async def grant(self, realm: str, client: str, role: str, *, granted: bool = True) -> None:
        """Grant a service account a role of realm-management, or revoke it."""
        ids = {found["clientId"]: found["id"] for found in await self.admin("GET", f"/{realm}/clients")}
        account = await self.admin("GET", f"/{realm}/clients/{ids[client]}/service-account-user")
        owner = ids["realm-management"]
        named = await self.admin("GET", f"/{realm}/clients/{owner}/roles/{role}")
        method = "POST" if granted else "DELETE"
        await self.admin(method, f"/{realm}/users/{account['id']}/role-mappings/clients/{owner}", [named])

    async def _token(self, realm: str, form: Mapping[str, str]) -> str:
        assert self._session is not None
        async with self._session.post(f"{self.url}/realms/{realm}/protocol/openid-connect/token", data=form) as answer:
            found = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"no token for {form['client_id']}: {found}")
            return str(found["access_token"])

    async def _call(self, method: str, path: str, token: str, body: Any) -> Any:
        assert self._session is not None
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.request(method, self.url + path, json=body, headers=headers) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.status == 200 else None

    def _counted(self) -> Middleware:
        @web.middleware
        async def counted(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
            await asyncio.sleep(self.delay_seconds)
            answer = await handler(request)
            if request.path.endswith("/token"):
                await self._note_fetch(request, answer.status)
            else:
                self._note_request(request, answer.status)
            return answer

        return counted

    def _note_request(self, request: web.Request, status: int) -> None:
        client = _client(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if client == f"shop/{INSPECTOR}":
            self._ledger.looked_up.append((request.path, status))
        self._ledger.forwarded[client, f"{request.method} {request.path.rpartition('/')[2]}"] += 1

    async def _note_fetch(self, request: web.Request, status: int) -> None:
        form = {name: str(value) for name, value in (await request.post()).items()}
        realm = request.path.split("/")[2]
        self._ledger.fetches.append(Fetch(at=time.time(), client=f"{realm}/{form['client_id']}", status=status))


def _client(token: str) -> str:
    """Realm and client of a token, as ``shop/billing``; "" if it is none."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return ""
    return f"{claims['iss'].rpartition('/')[2]}/{claims['azp']}" if {"iss", "azp"} <= claims.keys() else ""
