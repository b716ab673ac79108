"""What the middleware adds to a client: CPU time of a success, of the first 403 of a kind and of a repeated one, beside the bare client.

python -m bench.middleware

The server is one on loopback in a process of its own, so that its work does not count. Targets: 30 µs for a success, 2 ms for a first 403.
"""

import asyncio
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection

import aiohttp
import httpx
import requests

from devkit.explain.stage import claims_of, jwt_of
from kcproxy.middleware import RefusalExplainer
from kcproxy.middleware.aiohttp import ExplainingMiddleware
from kcproxy.middleware.httpx import AsyncExplainingTransport, ExplainingTransport
from kcproxy.middleware.requests import ExplainingAdapter

ROUNDS, CALLS = 30, 20
SUCCESS_LIMIT_MICROSECONDS, FIRST_LIMIT_MICROSECONDS = 30.0, 2000.0
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"
REFUSAL = b'HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{"error":"HTTP 403 Forbidden"}'

Call = Callable[[str, str], object]
"""Sends one GET: path, token."""


async def _serve(port: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            writer.write(OK if b" /admin/realms/open/" in head else REFUSAL)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def _server(port: Connection) -> None:
    asyncio.run(_serve(port))


@contextmanager
def server() -> Iterator[str]:
    """The address of a running server."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_server, args=(sending,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{receiving.recv()}"
    finally:
        process.terminate()
        process.join()


def _fields(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def of_httpx(url: str, explainer: RefusalExplainer | None) -> Iterator[Call]:
    """A synchronous httpx client."""
    transport = httpx.HTTPTransport() if explainer is None else ExplainingTransport(explainer=explainer)
    with httpx.Client(transport=transport) as client:
        yield lambda path, token: client.get(url + path, headers=_fields(token)).content


@contextmanager
def of_async_httpx(url: str, explainer: RefusalExplainer | None) -> Iterator[Call]:
    """An asynchronous httpx client, one call at a time."""
    transport = httpx.AsyncHTTPTransport() if explainer is None else AsyncExplainingTransport(explainer=explainer)
    client = httpx.AsyncClient(transport=transport)
    with asyncio.Runner() as runner:

        async def get(path: str, token: str) -> bytes:
            return (await client.get(url + path, headers=_fields(token))).content

        yield lambda path, token: runner.run(get(path, token))
        runner.run(client.aclose())


@contextmanager
def of_requests(url: str, explainer: RefusalExplainer | None) -> Iterator[Call]:
    """A session of requests."""
    with requests.Session() as session:
        session.trust_env = False
        if explainer is not None:
            session.mount("http://", ExplainingAdapter(explainer=explainer))
        yield lambda path, token: session.get(url + path, headers=_fields(token), timeout=30).content


@contextmanager
def of_aiohttp(url: str, explainer: RefusalExplainer | None) -> Iterator[Call]:
    """A session of aiohttp, one call at a time."""
    with asyncio.Runner() as runner:

        async def opened() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(middlewares=() if explainer is None else (ExplainingMiddleware(explainer=explainer),))

        session = runner.run(opened())

        async def get(path: str, token: str) -> bytes:
            async with session.get(url + path, headers=_fields(token)) as response:
                return await response.read()

        yield lambda path, token: runner.run(get(path, token))
        runner.run(session.close())


CLIENTS = {"httpx": of_httpx, "httpx, async": of_async_httpx, "requests": of_requests, "aiohttp": of_aiohttp}


def cpu_microseconds(call: Call, path: str, tokens: list[str]) -> float:
    """CPU time of one call."""
    began = time.process_time_ns()
    for token in tokens:
        call(path, token)
    return (time.process_time_ns() - began) / len(tokens) / 1000


def added(bare: Call, explaining: Call, path: str, tokens: Callable[[], list[str]]) -> tuple[float, float]:
    """CPU time of the bare client, and what the middleware adds: each the best of alternating series, so that other load does not count."""
    plain, more = [], []
    for _ in range(ROUNDS):
        plain.append(cpu_microseconds(bare, path, tokens()))
        more.append(cpu_microseconds(explaining, path, tokens()))
    return min(plain), min(more) - min(plain)


@dataclass(frozen=True, kw_only=True)
class Row:
    """The figures of one client, in microseconds."""

    client: str
    bare: float
    success: float
    first403: float
    repeated403: float


def _tokens(count: int, *, different: bool) -> Callable[[], list[str]]:
    """Equal tokens, or ones of callers that were not seen before, so that each refusal is a first one."""
    numbers = iter(range(1_000_000))
    one = jwt_of(claims_of(exp=9_999_999_999))

    def made() -> list[str]:
        return [jwt_of(claims_of(exp=9_999_999_999, client=f"app-{next(numbers)}")) if different else one for _ in range(count)]

    return made


def main() -> int:
    """Print a table; exit code 1 if a figure exceeds its limit. As JSON with ``--json``."""
    rows = []
    with server() as url:
        for name, client in CLIENTS.items():
            explainer = RefusalExplainer(base_url=url)
            with client(url, None) as bare, client(url, explainer) as explaining:
                warm = _tokens(20, different=False)()
                for path in ("/admin/realms/open/users", "/admin/realms/demo/users"):
                    cpu_microseconds(bare, path, warm)
                    cpu_microseconds(explaining, path, warm)
                base, success = added(bare, explaining, "/admin/realms/open/users", _tokens(CALLS, different=False))
                _, first = added(bare, explaining, "/admin/realms/demo/users", _tokens(CALLS, different=True))
                _, again = added(bare, explaining, "/admin/realms/demo/users", _tokens(CALLS, different=False))
            rows.append(Row(client=name, bare=base, success=success, first403=first, repeated403=again))
    if "--json" in sys.argv:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        print(
            "| client | bare client, µs | added to a 2xx, µs | added to a first 403, µs | added to a repeated 403, µs |\n| --- | --- | --- | --- | --- |"
        )
        for row in rows:
            print(f"| {row.client} | {row.bare:.0f} | {row.success:.1f} | {row.first403:.0f} | {row.repeated403:.0f} |")
    exceeded = [row for row in rows if row.success > SUCCESS_LIMIT_MICROSECONDS or row.first403 > FIRST_LIMIT_MICROSECONDS]
    return 1 if exceeded else 0


if __name__ == "__main__":
    logging.getLogger("kcproxy.middleware").setLevel(logging.ERROR)  # as in a program whose log is not the terminal
    sys.exit(main())
