"""A kcproxy in this process: the same pipeline and admin port as ``kcproxy serve``, on free loopback ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from kcproxy.admin import app as admin
from kcproxy.catalog import catalog_for
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.setup import live_observer
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.proxy.handler import RequestHandler
from kcproxy.server.server import Server
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import AccountSettings, AddressSettings, ExplainSettings, LogSettings, Settings
from kcproxy.settings.load import load

_ANY_PORT = AddressSettings(host="127.0.0.1", port=0)
_STDERR = 2


def settings_for(upstream_url: str, *, accounts: tuple[AccountSettings, ...], version: str | None) -> Settings:
    """Settings with one upstream and these accounts, and defaults for everything else."""
    loaded = load(None, {}, {"upstream.url": upstream_url})
    return replace(
        loaded,
        listen=_ANY_PORT,
        admin_listen=_ANY_PORT,
        accounts=accounts,
        explain=ExplainSettings(keycloak_version=version),
        log=LogSettings(level="error"),
    )


@asynccontextmanager
async def running(settings: Settings, *, fast_path: bool = True) -> AsyncIterator[tuple[str, str]]:
    """Run the proxy while the context is open. Yield its two addresses: for callers (with Keycloak's base path) and for operators."""
    catalog = catalog_for(settings.explain.keycloak_version)
    observer = live_observer(settings, catalog, log=Log(settings.log, sink=LogWriter(_STDERR)))
    service = RequestHandler(runtime_of(settings, observer, catalog), observer, fast=fast_path)
    server = Server(service, settings.limits)
    runner = web.AppRunner(admin.build(settings, observer, tuple), access_log=None, shutdown_timeout=1.0)
    main = listening_socket(settings.listen, name="listen")
    side = listening_socket(settings.admin_listen, name="admin_listen")
    await runner.setup()
    await web.SockSite(runner, side).start()
    listener = await asyncio.get_running_loop().create_server(server, sock=main)
    try:
        callers = f"http://127.0.0.1:{main.getsockname()[1]}{settings.upstream.base_path}"
        yield callers, f"http://127.0.0.1:{side.getsockname()[1]}"
    finally:
        listener.close()
        await server.shutdown(1.0)
        await dismantle(service.runtime, patience_seconds=1.0)
        await runner.cleanup()
        observer.close()
