"""A faulty upstream: it resets connections before, within and after responses, stops and restarts, and counts writes."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.scenarios import USERS, access_token, user_json, users_json

_LIST = users_json().encode()
_REFUSAL = b'{"error":"HTTP 403 Forbidden"}'


@dataclass(slots=True)
class FaultyKeycloak:
    """One listener on loopback. ``fault_share`` of the requests get a fault. Each created name is counted."""

    chance: random.Random
    fault_share: float = 0.03
    port: int = 0
    written: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    _server: asyncio.Server | None = None
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Listen, on the same port as before after a restart."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=4096)
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        """Stop listening and reset every connection, like a killed process."""
        if self._server is not None:
            self._server.close()
        talks = tuple(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    @property
    def written_twice(self) -> int:
        """Names that were created more than once."""
        return sum(count > 1 for count in self.written.values())

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(talk)

        def ended(_: "asyncio.Task[None]") -> None:
            # Here and not within the talk: one that is cancelled before it began would leave its connection open for ever.
            self._talks.discard(talk)
            writer.transport.abort()

        talk.add_done_callback(ended)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the proxy closed the connection, which it may do

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split(" ", 2)
        body = await _body(reader, head)
        fault = self._fault()
        if fault == "silent end":
            return False
        status, answer = self._respond(method, target, body)
        data = _framed(status, answer, close=fault == "announced end")
        if fault == "half an answer":
            data = data[: len(data) // 2]
        elif fault == "slow answer":
            await asyncio.sleep(0.3)
        writer.write(data)
        return fault in ("", "slow answer")

    def _fault(self) -> str:
        if self.chance.random() >= self.fault_share:
            return ""
        fault = self.chance.choice(("silent end", "half an answer", "announced end", "end afterwards", "slow answer"))
        self.faults[fault] += 1
        return fault

    def _respond(self, method: str, target: str, body: bytes) -> tuple[str, bytes]:
        path = target.partition("?")[0]
        if path.endswith("/token"):
            token = {"access_token": access_token(expires_at=int(time.time()) + 300), "expires_in": 60, "token_type": "Bearer"}
            return "200 OK", json.dumps(token).encode()
        if method == "POST":
            self.written[json.loads(body)["username"]] += 1
            return "201 Created", b""
        if path == USERS:
            return "200 OK", _LIST
        if path.startswith(USERS + "/"):
            return "200 OK", user_json(path.rpartition("/")[2]).encode()
        return "403 Forbidden", _REFUSAL


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    fields = head.lower()
    if "transfer-encoding: chunked" in fields:
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return body
    _, found, rest = fields.partition("content-length: ")
    return await reader.readexactly(int(rest.partition("\r\n")[0])) if found else b""


def _framed(status: str, body: bytes, *, close: bool) -> bytes:
    end = "Connection: close\r\n" if close else ""
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{end}\r\n".encode() + body
