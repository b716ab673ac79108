"""Whether a realm has fine-grained admin permissions switched on, as a response showed it that passed to a caller. Nothing is asked for.

``GET /admin/realms/{realm}`` has ``adminPermissionsEnabled`` for callers who may see the realm (RealmRepresentation, since 26.2). It is public nowhere.
"""

import re
from collections.abc import Callable

from cachetools import TTLCache

from kcproxy.model import Target

REALM = "/admin/realms/{realm}"
KEPT_SECONDS = 300.0
MAX_REALMS = 1000
MAX_READ_BYTES = 256 * 1024
_MEMBER = re.compile(rb'"adminPermissionsEnabled"\s*:\s*(true|false)\b')
_OVERLAP_BYTES = 64
"""At least the length of the member, which two pieces of a body may share."""


class PermissionSwitches:
    """What was learnt in the last minutes, by realm. Bounded."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds that never go back."""
        self._by_realm: TTLCache[str, bool] = TTLCache(MAX_REALMS, KEPT_SECONDS, timer=clock)

    def of(self, realm: str | None) -> bool | None:
        """Whether permissions are on. None if no response showed it."""
        return None if realm is None else self._by_realm.get(realm)

    def note_passed(self, target: Target, status: int) -> None:
        """Forget what was known of a realm after a request that may have changed it."""
        operation = target.operation
        if operation is None or operation.path != REALM or target.method not in {"PUT", "DELETE"} or target.realm is None:
            return
        if status < 300:
            self._by_realm.pop(target.realm, None)

    def reader(self, target: Target) -> "SwitchReader | None":
        """A reader for the body of a successful response to this target; None if it does not show the switch."""
        operation = target.operation
        if operation is None or operation.path != REALM or target.method != "GET" or target.realm is None:
            return None
        return SwitchReader(self._by_realm, target.realm)


class SwitchReader:
    """Reads a body piece by piece until it shows the switch, at most ``MAX_READ_BYTES``."""

    def __init__(self, by_realm: TTLCache[str, bool], realm: str) -> None:
        """``by_realm`` takes what is found."""
        self._by_realm, self._realm = by_realm, realm
        self._end = b""
        self._left = MAX_READ_BYTES

    def read(self, piece: bytes) -> None:
        """Read the next piece. A member of a string has escaped quotation marks, so it is never taken for the switch."""
        if self._left <= 0:
            return
        seen = self._end + piece[: self._left]
        found = _MEMBER.search(seen)
        self._left = 0 if found else self._left - len(piece)
        self._end = seen[-_OVERLAP_BYTES:]
        if found:
            self._by_realm[self._realm] = found.group(1) == b"true"
