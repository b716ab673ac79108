"""Keeps a runtime on the catalog of its server's version: detected at start and checked regularly, because servers are upgraded."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from kcproxy.errors import KcproxyError
from kcproxy.keycloak.version_detection import detect, settled
from kcproxy.proxy.runtime import Runtime

log = logging.getLogger("kcproxy.proxy")

RETRY_SECONDS = 15.0
RECHECK_SECONDS = 300.0


async def settle_version(runtime: Runtime) -> bool:
    """Detect the version of the server and set the runtime's catalog. Returns False if that is not possible. A version in the settings has priority."""
    settings = runtime.settings
    if settings.explain.keycloak_version is not None:
        return True
    realm = next((account.token_realm for account in settings.accounts), "master")
    look = partial(detect, runtime.side, host=runtime.forwarding.upstream_host.decode(), base_path=runtime.base_path, realm=realm)
    try:
        found = await settled(look, current=runtime.catalog.version)
    except KcproxyError:
        return False
    if found is None:
        return False
    runtime.catalog, runtime.version = found.catalog, found.version
    return True


async def settle_now(runtime: Runtime) -> bool:
    """As ``settle_version``, but any error leaves the current catalog in use."""
    try:
        return await settle_version(runtime)
    except Exception:
        log.exception("the version of Keycloak could not be detected")
        return False


async def keep_version(runtime: Callable[[], Runtime], changed: Callable[[Runtime], None]) -> None:
    """Settle the version of the current runtime now and regularly, sooner if it could not be detected. Runs until cancelled.

    ``changed`` is called if the catalog or the runtime differs from the last call.
    """
    known: tuple[Runtime, str] | None = None
    while True:
        current = runtime()
        settled = await settle_now(current)
        if settled and known != (current, current.catalog.version):
            known = (current, current.catalog.version)
            changed(current)
        await asyncio.sleep(RECHECK_SECONDS if settled else RETRY_SECONDS)
