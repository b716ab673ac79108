"""Clients of the soak test: normal ones, ones that disconnect early, and slow readers. Each checks that the response belongs to its request."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from bench.scenarios import LIST_BYTES, USER_ID, USERS

PATIENCE_SECONDS = 30.0
"""No response within this time is a hang."""

_CLEAR_REFUSALS = frozenset({502, 503, 504})


@dataclass(slots=True)
class FastCounter:
    """Counts of responses by kind of request and status code, and a list of violations."""

    responses: Counter[tuple[str, str]] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes


class Caller:
    """One client with one keep-alive connection, which it reopens when necessary."""

    def __init__(self, port: int, tally: FastCounter, chance: random.Random, numbers: "count[int]") -> None:
        self._port = port
        self._tally = tally
        self._chance = chance
        self._numbers = numbers
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def work(self, ends_at: float, pause_seconds: float) -> None:
        """Send requests until the end of the test."""
        actions: list[tuple[str, Callable[[], Awaitable[str]], int]] = [
            ("user", self._user, 62),
            ("list", self._list, 2),
            ("403", self._refused, 10),
            ("create", self._create, 18),
            ("leave", self._leave, 5),
            ("half a body", self._half_body, 2),
            ("slow reader", self._slow_reader, 1),
        ]
        names, calls, weights = zip(*actions, strict=True)
        by_name = dict(zip(names, calls, strict=True))
        loop = asyncio.get_running_loop()
        while loop.time() < ends_at:
            name = self._chance.choices(names, weights)[0]
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    outcome = await by_name[name]()
            except TimeoutError:
                self._tally.violations.append(f"{name}: nothing came within {PATIENCE_SECONDS:g} s")
                outcome = "hang"
                self.close()
            except (asyncio.IncompleteReadError, OSError) as error:
                outcome = type(error).__name__
                self.close()
            self._tally.responses[name, outcome] += 1
            await asyncio.sleep(pause_seconds * self._chance.random() * 2)
        self.close()

    def close(self) -> None:
        """Close all connections."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def _user(self) -> str:
        user_id = USER_ID % next(self._numbers)
        answer = await self._ask("GET", f"{USERS}/{user_id}")
        if answer.status == 200 and json.loads(answer.body)["id"] != user_id:
            self._tally.violations.append(f"user {user_id}: another request's response came back")
        return self._judged("user", answer, 200)

    async def _list(self) -> str:
        answer = await self._ask("GET", f"{USERS}?first={next(self._numbers)}")
        if answer.status == 200 and len(answer.body) != LIST_BYTES:
            self._tally.violations.append(f"list: {len(answer.body)} bytes came back")
        return self._judged("list", answer, 200)

    async def _refused(self) -> str:
        answer = await self._ask("GET", f"/admin/realms/bench/clients/{next(self._numbers)}")
        if answer.status == 403 and json.loads(answer.body)["error"] != "HTTP 403 Forbidden":
            self._tally.violations.append("403: Keycloak's own words are gone")
        return self._judged("403", answer, 403)

    async def _create(self) -> str:
        name = f"user-{next(self._numbers)}"
        answer = await self._ask("POST", USERS, json.dumps({"username": name}).encode())
        if answer.status == 201:
            self._tally.acknowledged.add(name)
        return self._judged("create", answer, 201)

    async def _leave(self) -> str:
        _, writer = await self._connected()
        writer.write(_request("GET", f"{USERS}?first=0", b""))
        await asyncio.sleep(self._chance.random() * 0.02)
        self.close()
        return "left"

    async def _half_body(self) -> str:
        _, writer = await self._connected()
        body = json.dumps({"username": f"half-{next(self._numbers)}"}).encode()
        writer.write(_request("POST", USERS, body)[:-5])
        await asyncio.sleep(self._chance.random() * 0.02)
        self.close()
        return "left"

    async def _slow_reader(self) -> str:
        reader, writer = await self._connected()
        writer.write(_request("GET", f"{USERS}?first=1", b""))
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 200"):
            for _ in range(5):
                await asyncio.sleep(0.05)
                await reader.read(4096)
        self.close()
        return "left"

    def _judged(self, name: str, answer: Answer, expected: int) -> str:
        if answer.status != expected and answer.status not in _CLEAR_REFUSALS:
            self._tally.violations.append(f"{name}: {answer.status} {answer.body[:200]!r}")
        return str(answer.status)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._writer.is_closing() or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 21)
        return self._reader, self._writer

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        reader, writer = await self._connected()
        writer.write(_request(method, path, body))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        length = int(head.partition("\r\ncontent-length: ")[2].partition("\r\n")[0])
        content = await reader.readexactly(length)
        if "\r\nconnection: close" in head:
            self.close()
        return Answer(status, content)


def _request(method: str, path: str, body: bytes) -> bytes:
    framing = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: soak\r\nAccept: */*\r\n{framing}\r\n".encode() + body
