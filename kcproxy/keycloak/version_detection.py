"""Which Keycloak answers: found out from its public documents at start, and again from time to time, for servers are upgraded."""

from urllib.parse import quote

from kcproxy.catalog.fingerprint import DISCOVERY, PublicDocument, public_paths, versions_that_fit
from kcproxy.http1.json_body import json_object
from kcproxy.upstream.interface import Upstream

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
    return PublicDocument(status=answer.status, headers=headers, body=json_object(body) or {})
