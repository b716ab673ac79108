"""Calls to a Keycloak server: one bounded session, responses as frozen values."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

FORM_TYPE = "application/x-www-form-urlencoded"
RETRIED_ERRORS = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The bytes of a request's body with their media type."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said to one call; `body` is the parsed JSON, otherwise the text, else None; names of headers in lower case."""

    status: int
    location: str = ""
    media_type: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    """The values of Set-Cookie, one for each cookie."""

    @property
    def succeeded(self) -> bool:
        """Whether the status is one of 2xx or 3xx (an impersonation may redirect)."""
        return 200 <= self.status < 400

    @property
    def words(self) -> str:
        """What an error's body says, for people; at most 200 characters."""
        return said(self.body)


def said(body: Any) -> str:
    """The description that Keycloak's errors carry, otherwise the error's name, otherwise the text itself."""
    if isinstance(body, Mapping):
        known = (body.get(key) for key in ("error_description", "errorMessage", "error"))
        return next((str(text) for text in known if text), "no reason given")[:200]
    return str(body)[:200] if body else "no reason given"


class Unexpected(Exception):
    """A call of the preparation went wrong: the stage cannot be trusted."""


def json_body(value: Any) -> Body:
    """A JSON body."""
    return Body(content=json.dumps(value).encode(), media_type="application/json")


def form_body(fields: Mapping[str, str]) -> Body:
    """A form body."""
    return Body(content=urlencode(fields).encode(), media_type=FORM_TYPE)


def text_body(text: str, media_type: str = "text/plain") -> Body:
    """A body of plain text, or of any other media type that is text."""
    return Body(content=text.encode(), media_type=media_type)


def multipart_body(files: Mapping[str, tuple[str, bytes, str]], fields: Mapping[str, str]) -> Body:
    """A multipart body; `files` maps a field to (file name, content, media type)."""
    boundary = "measure-7f3c1d"
    parts: list[bytes] = []
    for name, value in fields.items():
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    for name, (filename, content, media_type) in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {media_type}\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return Body(content=b"".join(parts), media_type=f"multipart/form-data; boundary={boundary}")


def path_segment(value: str) -> str:
    """A value as one segment of a path."""
    return quote(value, safe="")


class Server:
    """One running Keycloak, reached over loopback with a bounded number of calls at once."""

    def __init__(self, base_url: str, *, calls_at_once: int = 8, timeout_seconds: float = 120.0) -> None:
        self.base_url = base_url.rstrip("/")
        self.calls = 0
        self._gate = asyncio.Semaphore(calls_at_once)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._admin_token = ""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=32)
        self._session = aiohttp.ClientSession(timeout=self._timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        query: str = "",
        body: Body | None = None,
        accept: str = "*/*",
        auth: str = "Bearer",
    ) -> Answer:
        """One call; `path` and `query` are already encoded. A broken connection is tried again (bounded)."""
        url = f"{self.base_url}{path}" + (f"?{query}" if query else "")
        headers = {"Accept": accept}
        if token:
            headers["Authorization"] = f"{auth} {token}"
        if body is not None:
            headers["Content-Type"] = body.media_type
        for attempt in range(4):
            try:
                return await self._once(method, url, headers, body)
            except RETRIED_ERRORS:
                if attempt == 3:
                    raise
                await asyncio.sleep(0.3 * (attempt + 1))
        raise AssertionError("unreachable")

    async def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Answer:
        if self._session is None:
            raise RuntimeError("the server is used outside of its context")
        async with self._gate:
            self.calls += 1
            data = body.content if body is not None else None
            async with self._session.request(method, URL(url, encoded=True), headers=headers, data=data, allow_redirects=False) as response:
                raw = await response.read()
                media_type = response.headers.get("Content-Type", "").split(";")[0].strip()
                return Answer(
                    status=response.status,
                    location=response.headers.get("Location", ""),
                    media_type=media_type,
                    body=_parsed(raw, media_type),
                    headers={name.lower(): value for name, value in response.headers.items()},
                    cookies=tuple(response.headers.getall("Set-Cookie", ())),
                )

    async def token(self, realm: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """The token endpoint's answer; raises if it refuses."""
        path = f"/realms/{path_segment(realm)}/protocol/openid-connect/token"
        answer = await self.call("POST", path, body=form_body(fields))
        if answer.status != 200:
            raise Unexpected(f"token of {fields.get('client_id')} in {realm}: {answer.status} {answer.words}")
        return dict(answer.body)

    async def login(self, username: str, password: str) -> None:
        """Log the server's administrator in and make their tokens last."""
        fields = {"client_id": "admin-cli", "grant_type": "password", "username": username, "password": password}
        self._admin_token = (await self.token("master", fields))["access_token"]
        lifespan = {"accessTokenLifespan": 36000, "ssoSessionMaxLifespan": 72000, "ssoSessionIdleTimeout": 72000}
        await self.admin("PUT", "/admin/realms/master", lifespan)
        self._admin_token = (await self.token("master", fields))["access_token"]

    async def relogin(self, username: str, password: str) -> None:
        """A new token of the administrator (24 and 25 read their roles from the token: a new realm needs a new one)."""
        fields = {"client_id": "admin-cli", "grant_type": "password", "username": username, "password": password}
        self._admin_token = (await self.token("master", fields))["access_token"]

    async def ask(self, method: str, path: str, value: Any = None, *, query: str = "", body: Body | None = None) -> Answer:
        """A call as the server's administrator; any status code is accepted."""
        sent = body if body is not None else (json_body(value) if value is not None else None)
        return await self.call(method, path, token=self._admin_token, query=query, body=sent)

    async def admin(self, method: str, path: str, value: Any = None, *, query: str = "", body: Body | None = None) -> Answer:
        """A call as the server's administrator that has to succeed; a 5xx is tried again once, for the database's sake."""
        answer = await self.ask(method, path, value, query=query, body=body)
        if answer.status >= 500:
            await asyncio.sleep(0.5)
            answer = await self.ask(method, path, value, query=query, body=body)
        if not answer.succeeded:
            raise Unexpected(f"{method} {path}: {answer.status} {answer.words}")
        return answer


def _parsed(raw: bytes, media_type: str) -> Any:
    if not raw:
        return None
    if "json" in media_type:
        try:
            return json.loads(raw)
        except ValueError:
            return raw.decode(errors="replace")
    if media_type.startswith(("text/", "application/xml")) or not media_type:
        return raw.decode(errors="replace")
    return f"<{media_type}>"
