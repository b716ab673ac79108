"""Detects Keycloak's version from its public documents: at start, and again at intervals, because servers are upgraded."""

from urllib.parse import quote

from kcproxy.catalog.fingerprint import DISCOVERY, PublicDocument, public_paths, versions_that_fit
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


async def _ask(upstream: Upstream, host: str, target: str) -> PublicDocument:
    response = await upstream.exchange("GET", target, [(b"Host", host.encode()), (b"Accept", b"application/json")], None)
    try:
        body = await response.read(_MAX_DOCUMENT_BYTES)
    finally:
        response.release()
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return PublicDocument(status=response.status, headers=headers, body=json_object(body) or {})
