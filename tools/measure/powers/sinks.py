"""Servers of an intruder, all on loopback: an OpenID provider, a mailbox, and a directory that only listens."""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

LINK = re.compile(r"https?://[^\s\"<>]+")


@dataclass(slots=True, kw_only=True)
class Provider:
    """An OpenID provider that issues the configured claims for every user, in tokens without a relevant signature. Records what it receives."""

    port: int = 0
    claims: dict[str, Any] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)
    _nonces: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://localhost:{self.port}"

    def config(self, **more: str) -> dict[str, str]:
        """How an identity provider of Keycloak that points at it is configured."""
        urls = {"authorizationUrl": f"{self.url}/auth", "tokenUrl": f"{self.url}/token", "issuer": self.url}
        plain = {"validateSignature": "false", "useJwksUrl": "false", "disableUserInfo": "true", "clientAuthMethod": "client_secret_post"}
        return {"clientId": "broker", "clientSecret": "own", "syncMode": "IMPORT", **urls, **plain, **more}

    async def _auth(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        code = secrets.token_hex(8)
        self._nonces[code] = (query.get("nonce", ""), query.get("client_id", ""))
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        self.received.append(json.dumps({**{key: str(value) for key, value in form.items()}, "auth": _basic(request.headers)}))
        nonce, client = self._nonces.get(str(form.get("code", "")), ("", "broker"))
        token = _jwt({"iss": self.url, "aud": client, "exp": 4102444800, "iat": 1700000000, "nonce": nonce, **self.claims})
        return web.json_response({"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": 300})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Provider"]:
        """Serve on a free port."""
        application = web.Application()
        application.add_routes([web.get("/auth", self._auth), web.post("/token", self._token)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(runner.addresses[0][1])
        try:
            yield self
        finally:
            await runner.cleanup()


def _basic(headers: Mapping[str, str]) -> str:
    given = headers.get("Authorization", "")
    return base64.b64decode(given.removeprefix("Basic ")).decode(errors="replace") if given.startswith("Basic ") else given


def _jwt(claims: Mapping[str, Any]) -> str:
    parts = ({"alg": "RS256", "typ": "JWT", "kid": "own"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts), "c2ln"])


@dataclass(slots=True, kw_only=True)
class Listener:
    """A port that keeps what it receives. `speaks_mail`: takes messages and logins as a mail server does."""

    speaks_mail: bool = False
    port: int = 0
    received: bytearray = field(default_factory=bytearray)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        """All that was received, and the parts that logins encode."""
        raw = self.received.decode(errors="replace")
        encoded = re.findall(r"^(?:AUTH PLAIN )?([A-Za-z0-9+/]{8,}={0,2})\r?$", raw, re.MULTILINE)
        return raw + " ".join(_decoded(each) for each in encoded)

    async def link(self, part: str, seconds: float = 20.0) -> str:
        """The first link with this text in a message that arrived; empty if none comes in time."""
        for _ in range(int(seconds * 5)):
            for text in _texts(bytes(self.received)):
                found = next((each for each in LINK.findall(text) if part in each), "")
                if found:
                    return found.replace("&amp;", "&")
            await asyncio.sleep(0.2)
        return ""

    def clear(self) -> None:
        """Forget what was received."""
        self.received.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await (self._mail(reader, writer) if self.speaks_mail else self._silent(reader))
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _silent(self, reader: asyncio.StreamReader) -> None:
        while data := await asyncio.wait_for(reader.read(4096), 20):
            self.received += data
            return

    async def _mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 own\r\n")
        in_message = waiting = False
        while line := await reader.readline():
            self.received += line
            if in_message:
                in_message = line.strip() != b"."
                reply = b"" if in_message else b"250 taken\r\n"
            elif waiting:
                reply, waiting = b"235 in\r\n", False
            else:
                reply, in_message, waiting = _replied(line)
            if reply:
                writer.write(reply)
                await writer.drain()
            if reply.startswith(b"221"):
                return

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Listener"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(server.sockets[0].getsockname()[1])
        try:
            yield self
        finally:
            server.close()


def _replied(line: bytes) -> tuple[bytes, bool, bool]:
    """What a mail server says to a command, whether a message follows, whether a login goes on."""
    verb = line[:4].upper()
    if verb == b"EHLO":
        return b"250-own\r\n250 AUTH PLAIN\r\n", False, False
    if verb == b"AUTH":
        return (b"235 in\r\n", False, False) if len(line.split()) > 2 else (b"334 \r\n", False, True)
    replies = {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}
    return replies.get(verb, b"250 ok\r\n"), verb == b"DATA", False


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except ValueError:
        return ""


def _texts(received: bytes) -> list[str]:
    """The texts of the messages received, transfer encoding undone."""
    found = []
    for part in received.split(b"DATA\r\n")[1:]:
        message = message_from_bytes(part.partition(b"\r\n.\r\n")[0])
        payloads = [each.get_payload(decode=True) for each in message.walk() if not each.is_multipart()]
        found += [payload.decode(errors="replace") for payload in payloads if isinstance(payload, bytes)]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinks:
    """What the intruders of a run listen with."""

    provider: Provider
    mailbox: Listener
    directory: Listener


@asynccontextmanager
async def listening() -> AsyncIterator[Sinks]:
    """All of them, while the context lasts."""
    async with (
        Provider().listening() as provider,
        Listener(speaks_mail=True).listening() as mailbox,
        Listener().listening() as directory,
    ):
        yield Sinks(provider=provider, mailbox=mailbox, directory=directory)
