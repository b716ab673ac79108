"""A naive proxy: an aiohttp Application with one catch-all route, and a ClientSession. On uvloop if it is installed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
)
SESSION = web.AppKey("session", aiohttp.ClientSession)
UPSTREAM = web.AppKey("upstream", str)


async def forward(request: web.Request) -> web.StreamResponse:
    """Forward the request, and return the upstream's response."""
    headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
    body = await request.read() if request.can_read_body else None
    url = request.app[UPSTREAM] + request.raw_path
    async with request.app[SESSION].request(request.method, url, headers=headers, data=body, allow_redirects=False) as answer:
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
        return web.Response(status=answer.status, headers=kept, body=await answer.read())


async def session(app: web.Application) -> AsyncIterator[None]:
    """Use one session for all requests."""
    app[SESSION] = aiohttp.ClientSession(auto_decompress=False)
    yield
    await app[SESSION].close()


def build(upstream: str) -> web.Application:
    """The application."""
    app = web.Application()
    app[UPSTREAM] = upstream
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


def _new_loop() -> asyncio.AbstractEventLoop:
    make: Callable[[], asyncio.AbstractEventLoop]
    try:
        from uvloop import new_event_loop as make  # noqa: PLC0415 - optional
    except ImportError:
        from asyncio import new_event_loop as make  # noqa: PLC0415 - the other way
    return make()


if __name__ == "__main__":
    web.run_app(build(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), access_log=None, print=None, loop=_new_loop())
