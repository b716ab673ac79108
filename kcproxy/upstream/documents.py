"""JSON documents at absolute URLs, such as those of token issuers, read over this package's own connections.

Documents of Keycloak's own origin come over the connection pool that the proxy has for look-ups, so with ``upstream``'s certificates. Any other
origin gets a connection for one request, whose certificate has to be one that the system trusts.
"""

import asyncio
import ssl
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from kcproxy.http1.json_body import json_value
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.dialer import tls_context
from kcproxy.upstream.interface import Upstream
from kcproxy.upstream.pool import PoolUpstream

MAX_DOCUMENT_BYTES = 1 << 20
TIMEOUT_SECONDS = 5.0
_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL_CHARACTERS = "/%:@!$&'()*+,;=~-._?"


class DocumentClient:
    """GETs without credentials. Redirects are not followed, proxies of the environment not used, bodies not decompressed."""

    def __init__(
        self, settings: UpstreamSettings | None = None, side: Upstream | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """``side`` carries requests to the origin of ``settings``. ``timeout_seconds`` limits one document, connection included."""
        self._own_origin = settings.origin if settings is not None else None
        self._side = side
        self._timeout_seconds = timeout_seconds
        self._tls: ssl.SSLContext | None = None  # read once: the system's certificates take milliseconds

    async def get(self, url: str) -> Any:
        """The JSON value of a document.

        Raises UpstreamError if the server cannot be reached or breaks off, TimeoutError if it takes too long, and ValueError if the URL cannot be
        used or the response is not a JSON document of at most ``MAX_DOCUMENT_BYTES``.
        """
        parts = urlsplit(url)
        server = self._server(parts)
        target = quote(parts.path or "/", safe=_URL_CHARACTERS) + (f"?{quote(parts.query, safe=_URL_CHARACTERS)}" if parts.query else "")
        async with asyncio.timeout(self._timeout_seconds):
            if self._side is not None and server.origin == self._own_origin:
                return await _read(self._side, server, target)
            pool = PoolUpstream(server, tls=self._tls_for(server))
            try:
                return await _read(pool, server, target)
            finally:
                await pool.close()

    def _server(self, parts: SplitResult) -> UpstreamSettings:
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
            raise ValueError("it is no http or https URL of a host, without a user name")
        return UpstreamSettings(
            scheme=parts.scheme,
            host=parts.hostname.encode("idna").decode("ascii"),
            port=parts.port or _DEFAULT_PORTS[parts.scheme],
            connect_timeout_seconds=self._timeout_seconds,
            response_timeout_seconds=self._timeout_seconds,
            idle_timeout_seconds=self._timeout_seconds,
            max_connections=1,
        )

    def _tls_for(self, server: UpstreamSettings) -> ssl.SSLContext | None:
        if server.scheme != "https":
            return None
        self._tls = self._tls or tls_context(server)
        return self._tls


async def _read(upstream: Upstream, server: UpstreamSettings, target: str) -> Any:
    host = server.origin.partition("://")[2].encode("ascii")
    response = await upstream.exchange("GET", target, [(b"Host", host), (b"Accept", b"application/json")], None)
    try:
        if response.status != 200:
            raise ValueError(f"status code {response.status} instead of 200")
        body = await response.read(MAX_DOCUMENT_BYTES)
    finally:
        response.release()
    document = json_value(body)
    if document is None:
        raise ValueError(f"it is not JSON of at most {MAX_DOCUMENT_BYTES} bytes")
    return document
