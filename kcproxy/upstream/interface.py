"""The interface to an HTTP server: requests go out as given, and responses come back unchanged.

``pool`` implements it. An implementation sends the target and the fields byte for byte, follows no redirect, stores no cookie, decompresses
nothing, and adds nothing but framing.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from kcproxy.http1.fields import RawHeaders


class UpstreamResponse(Protocol):
    """A response whose head has arrived. Its body is read once, by ``chunks`` or ``read``."""

    status: int
    reason: bytes
    headers: RawHeaders
    retried: bool
    """Whether the request was sent twice. It was not executed the first time, because an idle connection had been closed."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, framing removed, content coding untouched. Raises UpstreamBroken or UpstreamTimeout if it is cut off."""
        ...

    async def read(self, max_bytes: int) -> bytes | None:
        """The whole body. None if it is longer than ``max_bytes``; ``chunks`` then still gives all of it."""
        ...

    def release(self) -> None:
        """End the use of the response: keep the connection if the body has ended, close it otherwise. Idempotent."""
        ...


class Upstream(Protocol):
    """Sends requests to one server."""

    async def exchange(
        self,
        method: str,
        raw_target: str,
        headers: RawHeaders,
        body: bytes | AsyncIterator[bytes] | None,
        *,
        before_sending: Callable[[], None] | None = None,
    ) -> UpstreamResponse:
        """Send one request. Returns its response as soon as the head has arrived.

        ``raw_target`` is path and query as they go on the wire. ``headers`` are complete, with Host and framing (Content-Length or
        Transfer-Encoding); an iterator is sent chunked if there is no Content-Length. ``before_sending`` is called when nothing has to be waited
        for any more; if it raises, nothing is sent. Raises UpstreamUnreachable (nothing was executed), UpstreamTimeout, UpstreamBroken,
        UpstreamBusy.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
