"""Learns facts from responses that pass to a caller. Nothing is asked for, and the response stays as it is.

- The exact version of Keycloak: ``GET /admin/serverinfo`` has ``systemInfo.version`` for callers whom Keycloak shows it (ServerInfoAdminResource).
  The public documents of a server show only its line.
- Whether a realm has fine-grained admin permissions: see ``permission_switches``.
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

Read = Callable[[bytes], None]
"""Reads the next piece of a body."""


def with_facts_noted(runtime: Runtime, target: Target, response: UpstreamResponse) -> UpstreamResponse:
    """The response to write: the same one, or one that shows its body to a reader as it passes."""
    read = reader(runtime, target, response.status, response.headers)
    return response if read is None else _Noted(response, read)


def reader(runtime: Runtime, target: Target, status: int, headers: RawHeaders) -> Read | None:
    """What reads the body of this response; None for nearly all."""
    if status != 200 or target.method != "GET" or target.operation is None or _is_encoded(headers):
        return None
    if target.operation.path == SERVER_INFO and runtime.settings.explain.keycloak_version is None:
        return _VersionReader(lambda version: note_version(runtime, version)).read
    switch = runtime.permission_switches.reader(target)
    return None if switch is None else switch.read


def note_version(runtime: Runtime, version: str) -> None:
    """Use this version and its table from now on, until the next detection finds another line or no server."""
    runtime.noted_version = version
    runtime.version = version
    runtime.catalog = catalog_for(version)


def _is_encoded(headers: RawHeaders) -> bool:
    return any(name.lower() == b"content-encoding" and value.strip().lower() != b"identity" for name, value in headers)


class _VersionReader:
    """Reads up to the version or ``_MAX_BEGINNING_BYTES``."""

    def __init__(self, found: Callable[[str], None]) -> None:
        self._found: Callable[[str], None] | None = found
        self._beginning = b""

    def read(self, piece: bytes) -> None:
        if self._found is None:
            return
        self._beginning += piece[: _MAX_BEGINNING_BYTES - len(self._beginning)]
        version = _VERSION.search(self._beginning)
        if version is not None:
            self._found(version.group(1).decode())
        if version is not None or len(self._beginning) >= _MAX_BEGINNING_BYTES:
            self._found = None


class _Noted:
    """A response whose body is read by one more reader."""

    def __init__(self, response: UpstreamResponse, read: Read) -> None:
        self._response, self._note = response, read
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
