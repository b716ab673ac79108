"""``patient.py PORT``: a stand-in for Keycloak that reads every body completely before it responds, and has a large response."""

import asyncio
import json
import sys
import time
from contextlib import suppress

from bench.scenarios import USER_ID, access_token, user_json

LARGE = "/realms/bench/large"
LARGE_BYTES = 4_000_000
_PIECE = b"x" * 65_536


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await _skip(reader, head)
            if f" {LARGE} " in head:
                await _send_large(writer)
            else:
                writer.write(_framed(_respond(head)))
            await writer.drain()
    writer.close()


async def _skip(reader: asyncio.StreamReader, head: str) -> None:
    """Read the whole body of a request."""
    if "\r\ntransfer-encoding: chunked\r\n" in head.lower():
        await _skip_chunks(reader)
        return
    length = head.lower().partition("\r\ncontent-length: ")[2].partition("\r\n")[0]
    left = int(length or 0)
    while left:
        piece = await reader.read(min(left, 1 << 18))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)


async def _skip_chunks(reader: asyncio.StreamReader) -> None:
    tail = b""
    while not tail.endswith(b"0\r\n\r\n"):
        piece = await reader.read(1 << 18)
        if not piece:
            raise asyncio.IncompleteReadError(b"", None)
        tail = (tail + piece)[-5:]


async def _send_large(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % LARGE_BYTES)
    for start in range(0, LARGE_BYTES, len(_PIECE)):
        writer.write(_PIECE[: LARGE_BYTES - start])
        await writer.drain()


def _respond(head: str) -> bytes:
    if "/protocol/openid-connect/token " in head:
        token = access_token(expires_at=int(time.time()) + 86400)
        return json.dumps({"access_token": token, "expires_in": 86400, "token_type": "Bearer"}).encode()
    return user_json(USER_ID % 0).encode()


def _framed(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _main(port: int) -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", port, limit=1 << 18, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
