"""A scriptable upstream on a raw socket: it sends exactly the bytes that a test specifies, and records what it receives."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from devkit.closing import stop_listening, turns
from kcproxy.settings import UpstreamSettings


@dataclass(slots=True)
class Visit:
    """One accepted connection for a script."""

    number: int  # counted from 0, over all connections
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: "RawUpstream"

    async def head(self) -> bytes:
        """The next request's head, with the empty line. Raises IncompleteReadError if none comes."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.upstream.heads.append(head)
        return head

    async def request(self) -> tuple[bytes, bytes]:
        """The next request: head, and body without framing."""
        head = await self.head()
        fields = head.lower()
        if b"transfer-encoding: chunked" in fields:
            body = await self._chunked()
        elif b"content-length: " in fields:
            length = int(fields.split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await self.reader.readexactly(length)
        else:
            body = b""
        self.upstream.bodies.append(body)
        return head, body

    async def _chunked(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def say(self, *pieces: bytes) -> None:
        """Send these bytes, each piece in a write of its own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    def reset(self) -> None:
        """Reset the connection (RST) instead of closing it."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


Script = Callable[[Visit], Awaitable[None]]


@dataclass(slots=True)
class RawUpstream:
    """The received requests, and the address."""

    port: int = 0
    scheme: str = "http"
    visits: int = 0
    open_visits: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def settings(self, **changes: Any) -> UpstreamSettings:
        """Settings for a client of it, with limits short enough for tests."""
        usual = UpstreamSettings(
            scheme=self.scheme,
            host="127.0.0.1",
            port=self.port,
            connect_timeout_seconds=2.0,
            response_timeout_seconds=5.0,
            idle_timeout_seconds=5.0,
        )
        return replace(usual, **changes)


@asynccontextmanager
async def raw_upstream(
    script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[RawUpstream]:
    """Listen on loopback. ``script`` handles each connection, which is closed at its end."""
    upstream = RawUpstream(scheme="https" if tls else "http")
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(upstream.visits, reader, writer, upstream)
        upstream.visits += 1
        upstream.open_visits += 1
        try:
            await script(visit)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client disconnected, or the test is over
        finally:
            upstream.open_visits -= 1
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(talk(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    server = await asyncio.start_server(accepted, host, port, ssl=tls, limit=1 << 20)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        await stop_listening(server)
        for task in tuple(talks):
            task.cancel()
        if talks:
            await asyncio.wait(tuple(talks))
        await turns()
        await server.wait_closed()


def responding(*responses: bytes) -> Script:
    """A script: sends the responses in turn, and repeats the last one, on every connection."""

    async def script(visit: Visit) -> None:
        number = 0
        while True:
            await visit.request()
            await visit.say(responses[min(number, len(responses) - 1)])
            number += 1

    return script


def saying(*pieces: bytes, then_close: bool = True) -> Script:
    """A script: after one request, sends these pieces, then closes the connection (or waits)."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(*pieces)
        if not then_close:
            await visit.reader.read()

    return script


def ok(body: bytes = b"{}", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """A sized answer."""
    lines: Sequence[bytes] = (b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
