"""Sessions of the page, in memory. A session ends with logout, after its time, with the key, and with the process."""

import hashlib
import secrets
import time
from collections.abc import Callable

from msgspec import Struct

SESSION_SECONDS = 12 * 3600
MAX_SESSIONS = 1000


class _Session(Struct, frozen=True, kw_only=True):
    expires_at: float
    key_digest: bytes


class Sessions:
    """The sessions of one admin port. Cookies are random, and only their digests are stored."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        """``now`` returns seconds since the epoch."""
        self._open: dict[bytes, _Session] = {}
        self._now = now

    def begin(self, key: str) -> str:
        """Start a session and return its cookie. If there are more than a thousand, the oldest ends."""
        cookie = secrets.token_urlsafe(32)
        self._open[_digest(cookie)] = _Session(expires_at=self._now() + SESSION_SECONDS, key_digest=_digest(key))
        if len(self._open) > MAX_SESSIONS:
            del self._open[next(iter(self._open))]
        return cookie

    def holds(self, cookie: str, key: str) -> bool:
        """Whether the cookie belongs to an active session. ``key`` is the current key."""
        session = self._open.get(_digest(cookie))
        return session is not None and self._now() < session.expires_at and session.key_digest == _digest(key)

    def end(self, cookie: str) -> None:
        """End the session."""
        self._open.pop(_digest(cookie), None)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
