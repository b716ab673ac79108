"""Keeps a runtime on the catalog of its server's version: detected at start and checked regularly, because servers are upgraded."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from kcproxy.catalog import catalog_for
from kcproxy.catalog.versions import key
from kcproxy.errors import KcproxyError
from kcproxy.keycloak.version_detection import detect, version_by_server_info
from kcproxy.proxy.runtime import Runtime

log = logging.getLogger("kcproxy.proxy")

RETRY_SECONDS = 15.0
RECHECK_SECONDS = 300.0


async def settle_version(runtime: Runtime) -> bool:
    """Detect the version of the server and set the runtime's catalog. Returns False if that is not possible. A version in the settings has priority.

    A different catalog needs two detections with the same result: during an upgrade, some documents come from the old server and some from
    the new one, and together they can look like a third version.
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
    exact = await _exact_version(runtime)
    if exact is not None and key(exact)[:2] == key(catalog.version)[:2]:
        catalog = catalog_for(exact)
    else:
        exact = None
    runtime.catalog = catalog
    runtime.version = exact or (line_of(found[0]) if len(found) == 1 else None)
    return True


def line_of(version: str) -> str:
    """``26.7`` for ``26.7.5``. Public documents show only that."""
    return ".".join(map(str, key(version)[:2]))


async def _exact_version(runtime: Runtime) -> str | None:
    """The version with its patch, if the inspector or an account without limits may see it. Never guessed."""
    settings, host = runtime.settings, runtime.forwarding.upstream_host.decode()
    inspector = (settings.inspector.account,) if settings.inspector is not None else ()
    for account in (*inspector, *(each for each in settings.accounts if not each.operations)):
        try:
            token = await runtime.tokens.token(account)
            found = await version_by_server_info(runtime.side, host=host, base_path=runtime.base_path, token=token)
        except (KcproxyError, OSError, ValueError) as error:
            log.debug("account %s does not show the version: %s", account.client_id, type(error).__name__)
            continue
        if found is not None:
            return found
    return None


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
