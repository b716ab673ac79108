"""Attackers without credentials that occupy resources: incomplete heads, stalled and slow bodies, responses that they do not read."""

import asyncio
import select
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bench.patient import LARGE

UPLOADED_BYTES = 66_000
TRICKLE_SECONDS = 20.0
PAUSE_SECONDS = 0.5
"""The pause before a disconnected attacker connects again."""
_UPLOAD = b"POST /realms/bench/protocol/openid-connect/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
_LARGE = f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
_HALF_HEAD = b"GET /metrics HTTP/1.1\r\nHost: local"

_CHUNKED = b"POST /realms/bench/protocol/openid-connect/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
_SMALL_CHUNKS = b"2\r\nxx\r\n" * 32_768
_MANY_FIELDS = b"GET /realms/bench HTTP/1.1\r\nHost: localhost\r\n" + b"a:\r\n" * 30_000 + b"\r\n"
_PIECE_BYTES = 2
_PIECES_AT_ONCE = 64
"""After so many pieces, an attacker lets the others of its process go on."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Attack = Callable[[int], Awaitable[None]]
"""One attack on a port. Returns when the proxy closes the connection."""


class Crowd:
    """Attackers of one kind on one port. They connect again after being disconnected. ``visits`` counts how attacks ended."""

    def __init__(self, attack: Attack, port: int, count: int) -> None:
        self._attack = attack
        self._port = port
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []
        self.visits: Counter[str] = Counter()

    async def gather(self) -> None:
        """Open all connections, in groups."""
        for number in range(self._count):
            self._tasks.append(asyncio.create_task(self._again_and_again()))
            if number % 50 == 49:
                await asyncio.sleep(0.02)

    async def disperse(self) -> None:
        """Close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _again_and_again(self) -> None:
        while True:
            try:
                await self._attack(self._port)
                self.visits["cut off"] += 1
            except OSError as error:
                self.visits[type(error).__name__] += 1
            await asyncio.sleep(PAUSE_SECONDS)


async def stalled_upload(port: int) -> None:
    """Send the beginning of a large body, then nothing."""
    await _hold(port, _UPLOAD + b"x" * UPLOADED_BYTES)


async def trickling_upload(port: int) -> None:
    """Send the beginning of a large body, then a byte at intervals."""
    await _hold(port, _UPLOAD + b"x" * UPLOADED_BYTES, drop=b"x", every_seconds=TRICKLE_SECONDS)


async def half_head(port: int) -> None:
    """Send part of a head, then nothing."""
    await _hold(port, _HALF_HEAD)


async def small_chunks(port: int) -> None:
    """Send a body in chunks of two bytes, as fast as it is taken."""
    await _flood(port, _CHUNKED, _SMALL_CHUNKS)


async def far_too_many_fields(port: int) -> None:
    """Send heads of thirty thousand fields of four bytes."""
    await _flood(port, b"", _MANY_FIELDS)


async def small_pieces(port: int) -> None:
    """Send a request of which every two bytes are a packet of their own: a large head, then a large body."""
    head = _CHUNKED[:-2] + b"A: " + b"x" * 60_000 + b"\r\n\r\n"
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        for start in range(0, len(head) + len(_SMALL_CHUNKS), _PIECE_BYTES):
            await loop.sock_sendall(sock, (head if start < len(head) else _SMALL_CHUNKS)[start % len(head) :][:_PIECE_BYTES])
            if not start % (_PIECE_BYTES * _PIECES_AT_ONCE):
                await asyncio.sleep(0)


async def _flood(port: int, begun: bytes, repeated: bytes) -> None:
    """Send these bytes until the proxy closes the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(begun)
        while not writer.is_closing():
            writer.write(repeated)
            await writer.drain()
    finally:
        writer.transport.abort()


async def slow_reader(port: int) -> None:
    """Request a large response, and read hardly any of it."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, _LARGE)
        hung_up = select.poll()
        hung_up.register(sock, select.POLLRDHUP)
        while not hung_up.poll(0):  # reading the received bytes would take hours
            await asyncio.sleep(1.0)
            if not await loop.sock_recv(sock, 16):
                return


async def _hold(port: int, sent: bytes, *, drop: bytes = b"", every_seconds: float = 3600.0) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(every_seconds):
                    await reader.read()  # until the connection ends
                return
            writer.write(drop)
    finally:
        writer.transport.abort()


class Idle:
    """Idle connections after one response."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []
        self.failed = 0

    def open(self, count: int, head: Callable[[int], bytes]) -> None:
        """Open ``count`` connections, each with a different head. Counts refused ones."""
        for number in range(count):
            try:
                sock = socket.create_connection(("127.0.0.1", self._port), timeout=10)
                self._sockets.append(sock)
                sock.sendall(head(number))
                if not sock.recv(65_536).startswith(b"HTTP/1.1 200"):
                    self.failed += 1
            except OSError:
                self.failed += 1

    def close(self) -> None:
        """Close all connections."""
        for sock in self._sockets:
            sock.close()


def many_fields(number: int) -> bytes:
    """A head with 1,000 unique fields."""
    fields = b"".join(b"X-Field-%d-%d: value\r\n" % (number, place) for place in range(1000))
    return b"GET /realms/bench/x HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % fields


def large_field(number: int) -> bytes:
    """A head with one unique field of 120 kB."""
    return b"GET /realms/bench/x HTTP/1.1\r\nHost: localhost\r\nX-Large: %b\r\n\r\n" % (b"%08d" % number * 15_000)
