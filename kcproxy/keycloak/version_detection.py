"""Which Keycloak answers: found out from its public documents at start, and again from time to time, for servers are upgraded."""

import asyncio
import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from kcproxy.catalog.fingerprint import DISCOVERY, PublicDocument, public_paths, versions_that_fit
from kcproxy.errors import KcproxyError
from kcproxy.process.wiring import catalog_for
from kcproxy.proxy.runtime import Runtime
from kcproxy.upstream.interface import Upstream

log = logging.getLogger("kcproxy.proxy")

RETRY_SECONDS = 15.0
RECHECK_SECONDS = 300.0
_MAX_DOCUMENT_BYTES = 1 << 20


async def detect(upstream: Upstream, *, host: str, base_path: str, realm: str) -> tuple[str, ...]:
    """The measured versions that answer as this server does, oldest first; empty where it cannot be told. UpstreamError where it is down."""
    responses = {}
    for name, path in public_paths(quote(realm, safe="")).items():
        responses[name] = await _ask(upstream, host, base_path + path)
    discovery = responses.pop(DISCOVERY)
    return versions_that_fit(discovery.body, responses) if discovery.status == 200 else ()


async def _ask(upstream: Upstream, host: str, target: str) -> PublicDocument:
    answer = await upstream.exchange("GET", target, [(b"Host", host.encode()), (b"Accept", b"application/json")], None)
    try:
        body = await answer.read(_MAX_DOCUMENT_BYTES)
    finally:
        answer.release()
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    return PublicDocument(status=answer.status, headers=headers, body=_object(body))


def _object(body: bytes | None) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"")
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


async def settle_version(runtime: Runtime) -> bool:
    """Give the plane the table that fits its server; whether that could be told. Settings that name a version are not overruled.

    Another table than the one in use takes a second look with the same result: in the midst of an upgrade, some documents are the old server's and
    some the new one's, which together look like a third version.
    """
    settings = runtime.settings
    if settings.explain.keycloak_version is not None:
        return True
    realm = next((account.token_realm for account in settings.accounts), "master")
    look = partial(detect, runtime.side, host=runtime.upstream_host.decode(), base_path=runtime.base_path, realm=realm)
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
