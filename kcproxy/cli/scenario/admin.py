"""The administrator of the scenario: logs in, and calls the Admin REST API directly."""

from collections.abc import Callable
from typing import Any

from kcproxy.cli.scenario.exchange import Bearer, Exchange, Server
from kcproxy.cli.scenario.steps import ScenarioError
from kcproxy.settings import Secret

_RENEW_AFTER_SECONDS = 30.0


class Admin:
    """An administrator of ``realm``. The token is replaced after half of its lifetime (a minute in master)."""

    def __init__(self, server: Server, *, realm: str, username: str, password: Secret, clock: Callable[[], float]) -> None:
        """``clock`` is a monotonic clock in seconds."""
        self.server = server
        self._realm = realm
        self._username = username
        self._password = password
        self._clock = clock
        self._bearer: Bearer | None = None
        self._fetched_at = 0.0

    async def call(self, method: str, path: str, content: Any = None) -> Exchange:
        """Make a call; any status code is accepted."""
        return await self.server.send(method, path, bearer=await self._token(), content=content)

    async def read(self, path: str) -> Any:
        """Make a GET that must succeed, and return its JSON."""
        return _succeeded(await self.call("GET", path)).body

    async def write(self, method: str, path: str, content: Any = None) -> Exchange:
        """Make a change that must succeed."""
        return _succeeded(await self.call(method, path, content))

    async def version(self) -> str:
        """The server's version. Only callers of master can read it."""
        info = await self.read("/admin/serverinfo")
        version = (info.get("systemInfo") or {}).get("version") if isinstance(info, dict) else None
        if not isinstance(version, str):
            raise ScenarioError("the server does not show its version: use an administrator of the realm master")
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
    """Why there is no token. A 404 that is not about the realm is about the base path in the address."""
    error, description = (str(exchange.json.get(name) or "") for name in ("error", "error_description"))
    if exchange.status == 404 and not error.startswith("Realm"):
        return "404, there is no Keycloak under this path; try the address with or without /auth"
    said = error if error.startswith("Realm") else description or error  # the description may only refer to the log
    return f"{exchange.status} {said}".strip()


def _succeeded(exchange: Exchange) -> Exchange:
    if not 200 <= exchange.status < 300:
        raise ScenarioError(f"{exchange.method} {exchange.path}: {exchange.status} {exchange.body}")
    return exchange
