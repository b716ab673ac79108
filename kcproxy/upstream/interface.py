"""The one interface to Keycloak's side of a forwarded request, so that what carries the bytes can be switched.

Two implementations: ``pool`` (our own HTTP/1.1 connections on httptools, the default) and ``session`` (aiohttp's ClientSession,
the way out). Both send the target and the headers byte for byte as given, follow no redirect, keep no cookie, decompress
nothing, and add nothing but framing.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from kcproxy.http1.fields import RawHeaders


class UpstreamResponse(Protocol):
    """An answer whose head has arrived; the body is still to be read, once, by ``chunks`` or ``read``."""

    status: int
    reason: bytes
    headers: RawHeaders
    retried: bool
    """Whether the request was sent a second time, the first not having been executed (a kept connection had been closed)."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, framing removed, encoding untouched. UpstreamBroken or UpstreamTimeout when it is cut off."""
        ...

    async def read(self, max_bytes: int) -> bytes | None:
        """The whole body, or None where it is longer than ``max_bytes``; what was read so far is then still given by ``chunks``."""
        ...

    def release(self) -> None:
        """Done with it: the connection is kept for others if the body was read to its end, closed otherwise. Idempotent."""
        ...


class Upstream(Protocol):
    """Something that carries requests to Keycloak."""

    async def exchange(
        self,
        method: str,
        raw_target: str,
        headers: RawHeaders,
        body: bytes | AsyncIterator[bytes] | None,
    ) -> UpstreamResponse:
        """Send one request; ``raw_target`` is path and query as they go on the wire. The answer's head, as soon as it is there.

        ``headers`` are complete, Host and framing (Content-Length or Transfer-Encoding) included; an iterator body is sent chunked
        when no Content-Length is given. Raises UpstreamUnreachable (nothing was executed), UpstreamTimeout, UpstreamBroken, UpstreamBusy.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
