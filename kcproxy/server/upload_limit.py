"""Limits requests with incomplete bodies, so that slow uploads cannot use all slots and connections to Keycloak."""

from kcproxy.server.client_waits import ClientWaits
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.server.request_body import RequestBody
from kcproxy.settings import Settings

_QUEUE_FACTOR = 4
"""How many uploads may queue for each active one. A queued one uses memory for what was read of it, a little more than 64 KiB."""


class UploadLimit:
    """Limits concurrent uploads. A small body is complete before its request is forwarded, and is no upload."""

    def __init__(self, settings: Settings) -> None:
        limit, limits = max_unfinished_uploads(settings), settings.limits
        self._limit = ConcurrencyLimit(
            limit, limits.max_queue_seconds, queue_factor=_QUEUE_FACTOR, what="uploads", setting="limits.max_unfinished_uploads"
        )
        self._waits = ClientWaits(limit // 2, lambda: self._limit.waiting)

    @property
    def active(self) -> int:
        """Uploads in progress."""
        return self._limit.active

    def resize(self, settings: Settings) -> None:
        """Set new limits for further uploads."""
        limit = max_unfinished_uploads(settings)
        self._limit.resize(limit, settings.limits.max_queue_seconds)
        self._waits.max_undisturbed = limit // 2

    async def acquire(self, body: RequestBody | None) -> None:
        """Take a slot for the rest of the body. It is released when the body is complete, or ``RequestBody.end_upload`` is called.

        Raises UpstreamBusy if no slot becomes free in time.
        """
        if body is None or body.content is not None:
            return
        await self._limit.acquire()
        body.begin_upload(self._waits, self._limit.release)


def max_unfinished_uploads(settings: Settings) -> int:
    """The setting, or half of the concurrent requests."""
    limits = settings.limits
    if limits.max_unfinished_uploads is not None:
        return limits.max_unfinished_uploads
    return max(1, min(limits.max_concurrent_requests, settings.upstream.max_connections) // 2)
