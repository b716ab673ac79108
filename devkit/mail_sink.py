"""A mail sink on loopback: accepts and drops every message, so that operations that send mail can succeed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

REPLIES = {b"EHLO": b"250 sink\r\n", b"HELO": b"250 sink\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


@asynccontextmanager
async def mail_sink() -> AsyncIterator[int]:
    """Run the sink and return its port."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 sink\r\n")
    in_message = False
    try:
        while line := await reader.readline():
            if in_message:
                in_message = line.strip() != b"."
                reply = b"" if in_message else b"250 taken\r\n"
            else:
                verb = line[:4].upper()
                in_message = verb == b"DATA"
                reply = REPLIES.get(verb, b"250 ok\r\n")
            if reply:
                writer.write(reply)
                await writer.drain()
            if reply.startswith(b"221"):
                break
    except ConnectionError:
        return
    finally:
        writer.close()
