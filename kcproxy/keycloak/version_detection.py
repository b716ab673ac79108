"""Detects Keycloak's version from its public documents: at start, and again at intervals, because servers are upgraded."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from msgspec import Struct

from kcproxy.catalog import Catalog, catalog_for
from kcproxy.catalog.fingerprint import DISCOVERY, PublicDocument, public_paths, versions_that_fit
from kcproxy.catalog.versions import line_of
from kcproxy.http1.json_body import json_object
from kcproxy.upstream.interface import Upstream

_MAX_DOCUMENT_BYTES = 1 << 20


async def detect(upstream: Upstream, *, host: str, base_path: str, realm: str) -> tuple[str, ...]:
    """The measured versions whose public documents equal those of this server, oldest first. Empty if unknown. Raises UpstreamError if it is down."""
    responses = {}
    for name, path in public_paths(quote(realm, safe="")).items():
        responses[name] = await _ask(upstream, host, base_path + path)
    discovery = responses.pop(DISCOVERY)
    return versions_that_fit(discovery.body, responses) if discovery.status == 200 else ()


class Settled(Struct, frozen=True, kw_only=True):
    """The table to use for a server. ``versions``: those whose public documents equal the server's."""

    catalog: Catalog
    versions: tuple[str, ...]

    @property
    def line(self) -> str | None:
        """``26.7``: all that public documents show. None if they fit more than one line."""
        lines = {line_of(version) for version in self.versions}
        return lines.pop() if len(lines) == 1 else None


async def settled(look: Callable[[], Awaitable[tuple[str, ...]]], *, current: str) -> Settled | None:
    """The table of the server that ``look`` detects. None if it is unknown, or not certain. Raises what ``look`` raises.

    A table of another line than ``current`` needs two detections with the same result: during an upgrade, some documents come from the old
    server and some from the new one, and together they can look like a third version.
    """
    found = await look()
    if not found:
        return None
    catalog = catalog_for(found[-1])
    if line_of(catalog.version) != line_of(current) and await look() != found:
        return None
    return Settled(catalog=catalog, versions=found)


async def version_by_server_info(upstream: Upstream, *, host: str, base_path: str, token: str) -> str | None:
    """The exact version, if this token may see it: ``systemInfo.version`` of ``/admin/serverinfo``. Raises UpstreamError if the server is down."""
    response = await _ask(upstream, host, f"{base_path}/admin/serverinfo", (b"Authorization", b"Bearer " + token.encode()))
    system = response.body.get("systemInfo") if response.status == 200 else None
    found = system.get("version") if isinstance(system, dict) else None
    return found if isinstance(found, str) and _VERSION.match(found) else None


_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}(?:[.-][A-Za-z0-9.-]{1,40})?\Z")


async def _ask(upstream: Upstream, host: str, target: str, *fields: tuple[bytes, bytes]) -> PublicDocument:
    response = await upstream.exchange("GET", target, [(b"Host", host.encode()), (b"Accept", b"application/json"), *fields], None)
    try:
        body = await response.read(_MAX_DOCUMENT_BYTES)
    finally:
        response.release()
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return PublicDocument(status=response.status, headers=headers, body=json_object(body) or {})
