"""httpx over HTTP/2: the middleware explains a refusal, and changes nothing else."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import hypercorn.asyncio
import pytest
from hypercorn.config import Config

from devkit.certificates import Authority
from devkit.ports import free_port
from kcproxy.middleware import RefusalExplainer, explanation_of
from kcproxy.middleware.httpx import AsyncExplainingTransport, ExplainingTransport

Explainers = Callable[..., RefusalExplainer]
REFUSED, LARGE = "/admin/realms/demo/users", "/admin/realms/demo/groups"
SIZE = 1 << 20
OTHER = ("kcproxy-", "content-length", "content-type", "date", "vary", "www-authenticate")


async def application(scope: Any, _: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    is_refused = scope["path"] == REFUSED
    body = b'{"error":"HTTP 403 Forbidden"}' if is_refused else b"x" * SIZE
    fields = [(b"content-type", b"application/json"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": 403 if is_refused else 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ssl.SSLContext]]:
    """A server that speaks HTTP/2 over TLS, and the context that trusts it."""
    authority = Authority(tmp_path_factory.mktemp("http2"))
    pair = authority.sign("localhost", address="127.0.0.1")
    config, port = Config(), free_port()
    config.bind, config.certfile, config.keyfile = [f"127.0.0.1:{port}"], str(pair.certificate), str(pair.key)
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    serving = threading.Thread(
        target=lambda: loop.run_until_complete(hypercorn.asyncio.serve(application, config, shutdown_trigger=stop.wait))
    )
    serving.start()
    context = ssl.create_default_context(cafile=str(authority.file))
    yield f"https://127.0.0.1:{port}", context
    loop.call_soon_threadsafe(stop.set)
    serving.join(timeout=30)
    loop.close()


def responses(server: tuple[str, ssl.SSLContext], explainer: RefusalExplainer | None, paths: list[str]) -> list[httpx.Response]:
    """The paths, all at once on one connection."""
    url, context = server
    inner = httpx.HTTPTransport(http2=True, verify=context, retries=5)
    transport = inner if explainer is None else ExplainingTransport(inner, explainer=explainer)
    with httpx.Client(transport=transport, timeout=60) as client, ThreadPoolExecutor(len(paths)) as pool:
        client.get(url + LARGE)
        return list(pool.map(lambda path: client.get(url + path), paths))


def responses_async(server: tuple[str, ssl.SSLContext], explainer: RefusalExplainer | None, paths: list[str]) -> list[httpx.Response]:
    url, context = server

    async def all_of_them() -> list[httpx.Response]:
        inner = httpx.AsyncHTTPTransport(http2=True, verify=context, retries=5)
        transport = inner if explainer is None else AsyncExplainingTransport(inner, explainer=explainer)
        async with httpx.AsyncClient(transport=transport, timeout=60) as client:
            await client.get(url + LARGE)
            return list(await asyncio.gather(*(client.get(url + path) for path in paths)))

    return anyio.run(all_of_them)


@pytest.mark.parametrize("ask", [responses, responses_async])
def test_over_http2_a_refusal_is_explained_and_the_rest_is_untouched(
    ask: Callable[..., list[httpx.Response]], server: tuple[str, ssl.SSLContext], explainers: Explainers
) -> None:
    paths = [REFUSED, LARGE] * 4
    bare, explaining = ask(server, None, paths), ask(server, explainers(base_url=server[0]), paths)
    assert {response.http_version for response in (*bare, *explaining)} == {"HTTP/2"}
    for path, before, after in zip(paths, bare, explaining, strict=True):
        assert after.status_code == before.status_code
        kept = [(name, value) for name, value in after.headers.multi_items() if not name.startswith(OTHER)]
        assert kept == [(name, value) for name, value in before.headers.multi_items() if not name.startswith(OTHER)]
        if path == LARGE:
            assert after.content == before.content
        else:
            assert explanation_of(after) is not None
            assert json.loads(after.content)["explanation"]["required"]
