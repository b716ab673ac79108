"""The administrator who sets the stage: logs in, and calls the Admin REST API directly."""

from collections.abc import Callable
from typing import Any

from kcproxy.cli.scenario.exchange import Bearer, Exchange, Server
from kcproxy.cli.scenario.steps import ScenarioError
from kcproxy.settings import Secret

_RENEW_AFTER_SECONDS = 30.0


class Admin:
    """An administrator of ``realm``; his token is renewed when it gets old (master's live for a minute)."""

    def __init__(self, server: Server, *, realm: str, username: str, password: Secret, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds that only go forward."""
        self.server = server
        self._realm = realm
        self._username = username
        self._password = password
        self._clock = clock
        self._bearer: Bearer | None = None
        self._fetched_at = 0.0

    async def call(self, method: str, path: str, content: Any = None) -> Exchange:
        """Any call, whatever its status."""
        return await self.server.send(method, path, bearer=await self._token(), content=content)

    async def read(self, path: str) -> Any:
        """A GET that must succeed; its JSON."""
        return _succeeded(await self.call("GET", path)).body

    async def write(self, method: str, path: str, content: Any = None) -> Exchange:
        """A change that must succeed."""
        return _succeeded(await self.call(method, path, content))

    async def version(self) -> str:
        """The server's version, which only callers of master may read."""
        info = await self.read("/admin/serverinfo")
        version = (info.get("systemInfo") or {}).get("version") if isinstance(info, dict) else None
        if not isinstance(version, str):
            raise ScenarioError("the server does not tell its version: the administrator has to be one of the realm master")
        return version

    async def _token(self) -> Bearer:
        if self._bearer is None or self._clock() - self._fetched_at > _RENEW_AFTER_SECONDS:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": self._username, "password": self._password.reveal()}
            exchange, self._bearer = await self.server.token(self._realm, form, self._username)
            self._fetched_at = self._clock()
            if self._bearer is None:
                raise ScenarioError(f"{self._username} cannot log in at {self.server.url}: {_refusal(exchange)}")
        return self._bearer


def _refusal(exchange: Exchange) -> str:
    """Why there is no token. A 404 that is not about the realm is about the address: the base path is missing, or one too many."""
    error, description = (str(exchange.json.get(name) or "") for name in ("error", "error_description"))
    if exchange.status == 404 and not error.startswith("Realm"):
        return "404, no Keycloak answers under this path; try it with /auth at its end, or without"
    said = error if error.startswith("Realm") else description or error  # the description may say no more than to read the log
    return f"{exchange.status} {said}".strip()


def _succeeded(exchange: Exchange) -> Exchange:
    if not 200 <= exchange.status < 300:
        raise ScenarioError(f"{exchange.method} {exchange.path}: {exchange.status} {exchange.body}")
    return exchange
