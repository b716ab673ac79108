"""The minimum cost of forwarding with this architecture: kcproxy's connection pool behind a server that only forwards.

``aiohttp``: its low-level server, as kcproxy has it. ``httptools``: a protocol of one's own, which is what leaving aiohttp's server would
bring at best. Both forward GET only, refuse nothing and write no log: yardsticks, not proxies.
"""

import asyncio
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, cast

import httptools
from aiohttp import web

from kcproxy.http1.fields import RawHeaders
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.pool import PoolUpstream

_BUFFER_BYTES = 2_000_000


async def forwarded(pool: PoolUpstream, method: str, target: str, headers: RawHeaders) -> bytes:
    """The upstream's response as bytes for the client."""
    answer = await pool.exchange(method, target, [field for field in headers if field[0].lower() != b"connection"], None)
    body = await answer.read(_BUFFER_BYTES) or b""
    lines = [b"%b: %b\r\n" % field for field in answer.headers if field[0].lower() != b"connection"]
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (answer.status, answer.reason, b"".join(lines), body)


class Request:
    """Forwards requests with aiohttp's server."""

    def __init__(self, message: Any, _payload: Any, protocol: Any, _writer: Any, _task: Any) -> None:
        self.message = message
        self.protocol = protocol

    def _finish(self) -> None:
        """Called by aiohttp."""

    def _cancel(self, error: BaseException) -> None:
        """Called by aiohttp."""


class Sent:
    """A response that was written already."""

    keep_alive = True
    __http_exception__ = False

    async def prepare(self, request: Any) -> None:
        """Called by aiohttp."""

    async def write_eof(self) -> None:
        """Called by aiohttp."""


class InboundRequest(asyncio.Protocol):
    """A minimal server on httptools."""

    def __init__(self, pool: PoolUpstream) -> None:
        self._pool = pool
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._headers: list[tuple[bytes, bytes]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._target = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._target = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_message_complete(self) -> None:
        headers, self._headers = self._headers, []
        task = self._loop.create_task(self._respond(self._parser.get_method().decode(), headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _respond(self, method: str, headers: RawHeaders) -> None:
        self._transport.write(await forwarded(self._pool, method, self._target, headers))


async def serve(shape: str, upstream_port: int, port: int) -> None:
    """Serve until terminated."""
    pool = PoolUpstream(UpstreamSettings(scheme="http", host="127.0.0.1", port=upstream_port))
    sent: Any = Sent()

    async def handle(request: Any) -> Any:
        message = request.message
        request.protocol.transport.write(await forwarded(pool, message.method, message.path, message.raw_headers))
        return sent

    factory: Any = Request
    inbound: Any = web.Server(handle, request_factory=factory, access_log=None) if shape == "aiohttp" else lambda: InboundRequest(pool)
    server = await asyncio.get_running_loop().create_server(inbound, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """``floors.py SHAPE UPSTREAM_PORT PORT``, on uvloop if it is installed."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    if find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 - optional

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
