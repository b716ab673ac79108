"""``python -m tools.deploy.measure``: CPU and memory of one kcproxy at rates that pods see, for the manifests' requests and limits.

Loopback only, about a minute. The proxy adds an account's token and asks for API keys, as the gateway does; answers are 893 bytes of JSON, or refusals.
CPU is the kernel's count for the process, so other work on the machine does not add to it.
"""

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.processes import free_port, usage

SECONDS = 8.0
KEY = "a-key-for-measuring"
USER = b'{"id":"5f4c0f6e-0c5b-4d0c-9d8b-3f2a2f6f2b11","username":"user","attributes":{"note":["' + b"x" * 800 + b'"]}}'
LOADS = ((0, False), (20, False), (100, False), (300, False), (20, True), (100, True))
"""Requests a second, and whether they are refused."""


async def main() -> None:
    """Measure, and print a table."""
    async with _keycloak() as upstream:
        with tempfile.TemporaryDirectory() as folder:
            async with _proxy(Path(folder), upstream) as (process, port), aiohttp.ClientSession() as http:
                print("| requests a second | answered with | CPU, thousandths of a core | memory, MB |\n|---|---|---|---|")
                for rate, refused in LOADS:
                    cores, megabytes = await _under(http, port, process.pid, rate, refused=refused)
                    print(
                        f"| {rate} | {'explained 403' if refused else '200' if rate else '-'} | {cores * 1000:.0f} | {megabytes:.0f} |",
                        flush=True,
                    )


async def _under(http: aiohttp.ClientSession, port: int, process: int, rate: int, *, refused: bool) -> tuple[float, float]:
    path = "clients" if refused else "users"
    url = f"http://127.0.0.1:{port}/admin/realms/demo/{path}"
    loop = asyncio.get_running_loop()
    before, began = usage(process), loop.time()
    asked: set[asyncio.Task[None]] = set()
    for number in range(int(rate * SECONDS)):
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        asked.add(asyncio.create_task(_ask(http, url, 403 if refused else 200)))
    await asyncio.gather(*asked)
    await asyncio.sleep(max(0.0, began + SECONDS - loop.time()))
    after = usage(process)
    return (after.cpu_microseconds - before.cpu_microseconds) / 1e6 / (loop.time() - began), after.resident_megabytes


async def _ask(http: aiohttp.ClientSession, url: str, expected: int) -> None:
    async with http.get(url, headers={"Kcproxy-Key": KEY}) as answer:
        await answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{answer.status} instead of {expected}")


@asynccontextmanager
async def _keycloak() -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/token"):
            return web.json_response({"access_token": "header.e30.signature", "expires_in": 300})
        if request.path.endswith("/users"):
            return web.Response(body=USER, content_type="application/json")
        return web.json_response({"error": "HTTP 403 Forbidden"}, status=403)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _proxy(folder: Path, upstream: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    port = free_port()
    (folder / "secret").write_text("a-secret")
    (folder / "keys.toml").write_text(f'[[keys]]\nname = "measuring"\nsha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"\n')
    (folder / "kcproxy.toml").write_text(
        f'listen = "127.0.0.1:{port}"\nadmin_listen = "127.0.0.1:{port + 1}"\n[upstream]\nurl = "http://127.0.0.1:{upstream}"\n'
        f'[[accounts]]\nrealms = ["demo"]\nclient_id = "demo-backend"\nclient_secret_file = "{folder}/secret"\n'
        f'[inbound]\napi_keys_file = "{folder}/keys.toml"\n[explain]\nkeycloak_version = "26.7.4"\n'
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    with (folder / "log").open("wb") as log:
        command = (sys.executable, "-m", "kcproxy", "serve", "--config", str(folder / "kcproxy.toml"))
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=environment)
    try:
        async with asyncio.timeout(30):
            while b'"listening"' not in (folder / "log").read_bytes():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        yield process, port
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main())
