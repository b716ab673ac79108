"""Learns the exact version of Keycloak from server info that passes to a caller. Nothing is asked for, and the response stays as it is.

``GET /admin/serverinfo`` has ``systemInfo.version`` for callers whom Keycloak shows it (ServerInfoAdminResource). The public documents of a server
show only its line.
"""

import re
from collections.abc import AsyncIterator, Callable

from kcproxy.catalog import catalog_for
from kcproxy.http1.fields import RawHeaders
from kcproxy.model import Target
from kcproxy.proxy.runtime import Runtime
from kcproxy.upstream.interface import UpstreamResponse

SERVER_INFO = "/admin/serverinfo"
_MAX_BEGINNING_BYTES = 4096
_VERSION = re.compile(rb'"systemInfo"\s*:\s*\{[^{}]{0,2000}?"version"\s*:\s*"([0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4})"')


def with_version_noted(runtime: Runtime, target: Target, response: UpstreamResponse) -> UpstreamResponse:
    """The response to write: the same one, or one that notes the version in its body as it passes."""
    operation = target.operation
    if operation is None or operation.path != SERVER_INFO or target.method != "GET" or response.status != 200:
        return response
    if runtime.settings.explain.keycloak_version is not None or _is_encoded(response.headers):
        return response
    return _Noted(response, lambda version: note_version(runtime, version))


def note_version(runtime: Runtime, version: str) -> None:
    """Use this version and its table from now on, until the next detection finds another line or no server."""
    runtime.noted_version = version
    runtime.version = version
    runtime.catalog = catalog_for(version)


def _is_encoded(headers: RawHeaders) -> bool:
    return any(name.lower() == b"content-encoding" and value.strip().lower() != b"identity" for name, value in headers)


class _Noted:
    """A response whose body is read by one more reader, up to the version or ``_MAX_BEGINNING_BYTES``."""

    def __init__(self, response: UpstreamResponse, found: Callable[[str], None]) -> None:
        self._response = response
        self._found: Callable[[str], None] | None = found
        self._beginning = b""
        self.status, self.reason, self.headers, self.retried = response.status, response.reason, response.headers, response.retried

    async def chunks(self) -> AsyncIterator[bytes]:
        """As ``UpstreamResponse``."""
        async for piece in self._response.chunks():
            self._note(piece)
            yield piece

    async def read(self, max_bytes: int) -> bytes | None:
        """As ``UpstreamResponse``."""
        body = await self._response.read(max_bytes)
        self._note(body or b"")
        return body

    def release(self) -> None:
        """As ``UpstreamResponse``."""
        self._response.release()

    def _note(self, piece: bytes) -> None:
        if self._found is None:
            return
        self._beginning += piece[: _MAX_BEGINNING_BYTES - len(self._beginning)]
        version = _VERSION.search(self._beginning)
        if version is not None:
            self._found(version.group(1).decode())
        if version is not None or len(self._beginning) >= _MAX_BEGINNING_BYTES:
            self._found = None
