"""The bound on requests whose bodies are not complete: the other slots and connections to Keycloak stay free of them."""

from kcproxy.server.client_waits import ClientWaits
from kcproxy.server.concurrency_limit import ConcurrencyLimit
from kcproxy.server.request_body import RequestBody
from kcproxy.settings import Settings

_QUEUE_FACTOR = 4
"""How many uploads may wait for each that is let in. One that waits holds what has been read of it, 64 KiB and some more."""


class UploadLimit:
    """Lets a bounded number of uploads through at once. A small body is complete before its request is sent on, so that it is none."""

    def __init__(self, settings: Settings) -> None:
        """With the bounds of these settings."""
        limit, limits = max_unfinished_uploads(settings), settings.limits
        self._limit = ConcurrencyLimit(
            limit, limits.max_queue_seconds, queue_factor=_QUEUE_FACTOR, what="uploads", setting="limits.max_unfinished_uploads"
        )
        self._waits = ClientWaits(limit // 2, lambda: self._limit.waiting)

    @property
    def active(self) -> int:
        """How many there are."""
        return self._limit.active

    def resize(self, settings: Settings) -> None:
        """Bounds for those that come from now on."""
        limit = max_unfinished_uploads(settings)
        self._limit.resize(limit, settings.limits.max_queue_seconds)
        self._waits.keep = limit // 2

    async def acquire(self, body: RequestBody | None) -> None:
        """Take a slot for what is left of the body; it is free again when the body is complete, or ``RequestBody.end_upload`` is called.

        UpstreamBusy where none becomes free in time.
        """
        if body is None or body.content is not None:
            return
        await self._limit.acquire()
        body.begin_upload(self._waits, self._limit.release)


def max_unfinished_uploads(settings: Settings) -> int:
    """The setting, or half of what may be under way at once."""
    limits = settings.limits
    if limits.max_unfinished_uploads is not None:
        return limits.max_unfinished_uploads
    return max(1, min(limits.max_concurrent_requests, settings.upstream.max_connections) // 2)
