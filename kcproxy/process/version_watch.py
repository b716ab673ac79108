"""Keeps a runtime on the table that fits its server: looked up at start, and again from time to time, for servers are upgraded."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from kcproxy.catalog import catalog_for
from kcproxy.errors import KcproxyError
from kcproxy.keycloak.version_detection import detect
from kcproxy.proxy.runtime import Runtime

log = logging.getLogger("kcproxy.proxy")

RETRY_SECONDS = 15.0
RECHECK_SECONDS = 300.0


async def settle_version(runtime: Runtime) -> bool:
    """Give the plane the table that fits its server; whether that could be told. Settings that name a version are not overruled.

    Another table than the one in use takes a second look with the same result: in the midst of an upgrade, some documents are the old server's and
    some the new one's, which together look like a third version.
    """
    settings = runtime.settings
    if settings.explain.keycloak_version is not None:
        return True
    realm = next((account.token_realm for account in settings.accounts), "master")
    look = partial(detect, runtime.side, host=runtime.forwarding.upstream_host.decode(), base_path=runtime.base_path, realm=realm)
    try:
        found = await look()
        if not found:
            return False
        catalog = catalog_for(found[-1])
        if catalog.version != runtime.catalog.version and await look() != found:
            return False
    except KcproxyError:
        return False
    runtime.catalog = catalog
    runtime.version = found[0] if len(found) == 1 else None
    return True


async def settle_now(runtime: Runtime) -> bool:
    """The same; whatever goes wrong, the table in use stays in use."""
    try:
        return await settle_version(runtime)
    except Exception:
        log.exception("the version of Keycloak could not be found out")
        return False


async def keep_version(runtime: Callable[[], Runtime], told: Callable[[Runtime], None]) -> None:
    """Settle the version of the current plane now, soon again where it could not be told, and from time to time; until cancelled.

    ``told`` is called whenever another table is used than before, or another plane.
    """
    known: tuple[Runtime, str] | None = None
    while True:
        current = runtime()
        settled = await settle_now(current)
        if settled and known != (current, current.catalog.version):
            known = (current, current.catalog.version)
            told(current)
        await asyncio.sleep(RECHECK_SECONDS if settled else RETRY_SECONDS)
