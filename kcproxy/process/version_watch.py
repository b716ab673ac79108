"""Keeps a runtime on the catalog of its server's version: detected at start and checked regularly, because servers are upgraded."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from kcproxy.catalog import catalog_for
from kcproxy.catalog.fingerprint import newest_recorded
from kcproxy.catalog.versions import key, line_of
from kcproxy.errors import KcproxyError
from kcproxy.keycloak.version_detection import detect, settled, version_by_server_info
from kcproxy.proxy.runtime import Runtime

log = logging.getLogger("kcproxy.proxy")

RETRY_SECONDS = 15.0
RECHECK_SECONDS = 300.0
_MAX_ACCOUNTS_ASKED = 3


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
        _forget_patch(runtime)  # a server that is down may come back with another patch
        return False
    if found is None:
        return False
    exact = await _exact_version(runtime) or runtime.noted_version
    if exact is not None and not _agrees(exact, found.versions):
        exact = runtime.noted_version = None
    runtime.catalog = found.catalog if exact is None else catalog_for(exact)
    runtime.version = exact or found.line
    return True


def _agrees(exact: str, found: tuple[str, ...]) -> bool:
    """Whether the public documents allow this version. One that is newer than all recorded ones has the documents of the newest of them."""
    if line_of(exact) in {line_of(version) for version in found}:
        return True
    return found[-1] == newest_recorded() and key(exact) > key(found[-1])


def _forget_patch(runtime: Runtime) -> None:
    runtime.noted_version = None
    runtime.version = None if runtime.version is None else line_of(runtime.version)


async def _exact_version(runtime: Runtime) -> str | None:
    """The version with its patch, if the inspector or an account without limits may see it. Never guessed."""
    settings, host = runtime.settings, runtime.forwarding.upstream_host.decode()
    inspector = (settings.inspector.account,) if settings.inspector is not None else ()
    unlimited = tuple(each for each in settings.accounts if not each.operations)
    for account in (*inspector, *unlimited[:_MAX_ACCOUNTS_ASKED]):
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
