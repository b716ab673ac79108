"""One HTTP exchange, and the client that sends it. Exchanges contain no tokens and secrets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=60.0)
_SHOWN = ("content-type", "www-authenticate", "location")
_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """A token and the name of its owner. It prints as the name."""

    token: str = field(repr=False)
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its response. ``bearer`` names the owner of the token, or is None without a token."""

    server: str
    method: str
    path: str
    bearer: str | None
    status: int
    reason: str
    headers: Mapping[str, str]
    body: Any = field(repr=False, default=None)

    @property
    def json(self) -> Mapping[str, Any]:
        """The body if it is a JSON object, otherwise an empty mapping."""
        return self.body if isinstance(self.body, dict) else _NONE

    def header(self, name: str) -> str | None:
        """A header of the response, in any case."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    @property
    def telling_headers(self) -> list[tuple[str, str]]:
        """The headers of the response that the scenario shows."""
        wanted = [(name, value) for name, value in self.headers.items() if name.lower() in _SHOWN]
        return wanted + [(name, value) for name, value in self.headers.items() if name.lower().startswith("kcproxy-")]


class Server:
    """A server of the scenario: Keycloak, or the proxy in front of it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, name: str) -> None:
        """``url`` without trailing slash."""
        self.url = url.rstrip("/")
        self.name = name
        self._session = session

    async def send(self, method: str, path: str, *, bearer: Bearer | None = None, content: Any = None) -> Exchange:
        """Send a request with ``content`` as JSON. Any response becomes an Exchange."""
        headers = {"Authorization": f"Bearer {bearer.token}"} if bearer else {}
        async with self._session.request(
            method, self.url + path, headers=headers, json=content, allow_redirects=False, timeout=_TIMEOUT
        ) as answer:
            text = await answer.text()
            return Exchange(
                server=self.name,
                method=method,
                path=path,
                bearer=bearer.owner if bearer else None,
                status=answer.status,
                reason=answer.reason or "",
                headers=dict(answer.headers),
                body=_parsed(text),
            )

    async def token(self, realm: str, form: Mapping[str, str], owner: str) -> tuple[Exchange, Bearer | None]:
        """Request a token from a realm. The exchange contains the response without the tokens."""
        path = f"/realms/{realm}/protocol/openid-connect/token"
        async with self._session.post(self.url + path, data=dict(form), timeout=_TIMEOUT) as answer:
            body = _parsed(await answer.text())
            kept = {name: value for name, value in body.items() if not name.endswith("_token")} if isinstance(body, dict) else None
            exchange = Exchange(
                server=self.name,
                method="POST",
                path=path,
                bearer=None,
                status=answer.status,
                reason=answer.reason or "",
                headers=dict(answer.headers),
                body=kept,
            )
        token = body.get("access_token") if isinstance(body, dict) else None
        return exchange, Bearer(token=token, owner=owner) if isinstance(token, str) else None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
