"""A server on loopback, in a thread, that sends prepared bytes and records requests: for clients of any kind."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from devkit.servers import Reaction, RecordingUpstream, recording_upstream


@dataclass(frozen=True, kw_only=True)
class Server:
    upstream: RecordingUpstream
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.upstream.port}"

    def react(self, reaction: Reaction) -> None:
        self.upstream.react = reaction


def response(status: int, body: bytes = b"", *lines: str, reason: str = "Refused") -> bytes:
    """A response with these field lines and a length."""
    head = "\r\n".join([f"HTTP/1.1 {status} {reason}", *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode("latin-1") + body


@contextmanager
def recording_server() -> Iterator[Server]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = recording_upstream()
    upstream = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    try:
        yield Server(upstream=upstream, loop=loop)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
