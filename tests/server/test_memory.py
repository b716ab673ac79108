"""Large uploads and downloads pass through a real process in constant memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devkit.servers import RecordingUpstream, read_head
from tests.process.test_serve import Served, served

SIZE = 100_000_000
PIECE = b"x" * 65_536
ALLOWED_GROWTH_KB = 24_000


class Bulk(RecordingUpstream):
    """Reads and drops every body, and responds with SIZE bytes, with a length or chunked."""

    received = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if head is not None and head.method == b"POST":
            while self.received < SIZE:
                self.received += len(await reader.read(1 << 18))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        elif head is not None:
            await self._send(writer, chunked=b"chunked" in head.target)
        await writer.drain()
        writer.close()

    async def _send(self, writer: asyncio.StreamWriter, *, chunked: bool) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + (b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % SIZE) + b"\r\n\r\n")
        left = SIZE
        while left:
            piece = PIECE[: min(left, len(PIECE))]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            left -= len(piece)
            await writer.drain()
        if chunked:
            writer.write(b"0\r\n\r\n")


@asynccontextmanager
async def bulk() -> AsyncIterator[Bulk]:
    upstream = Bulk()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=1 << 18)
    async with server:
        upstream.port = server.sockets[0].getsockname()[1]
        yield upstream


def peak_kb(running: Served) -> int:
    """The maximum resident memory of the process."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


@pytest.mark.parametrize("way", ["sized", "chunked"])
async def test_a_large_download(tmp_path: Path, way: str) -> None:
    async with bulk() as upstream, served(upstream, tmp_path) as running:
        before = peak_kb(running)
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(f"GET /admin/realms/demo/{way} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        received = 0
        async with asyncio.timeout(100):
            while data := await reader.read(1 << 18):
                received += len(data)
        writer.close()
        assert received > SIZE
        assert peak_kb(running) - before < ALLOWED_GROWTH_KB


@pytest.mark.parametrize("way", ["sized", "chunked"])
async def test_a_large_upload(tmp_path: Path, way: str) -> None:
    async with bulk() as upstream, served(upstream, tmp_path) as running:
        before = peak_kb(running)
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        framing = "Transfer-Encoding: chunked" if way == "chunked" else f"Content-Length: {SIZE}"
        writer.write(f"POST /admin/realms/demo/partialImport HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode())
        async with asyncio.timeout(100):
            for start in range(0, SIZE, len(PIECE)):
                piece = PIECE[: min(SIZE - start, len(PIECE))]
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if way == "chunked" else piece)
                await writer.drain()
            if way == "chunked":
                writer.write(b"0\r\n\r\n")
            head = await read_head(reader)
        writer.close()
        assert head is not None
        assert head.status == 200
        assert upstream.received >= SIZE
        assert peak_kb(running) - before < ALLOWED_GROWTH_KB
