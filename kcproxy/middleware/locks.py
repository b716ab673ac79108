"""A lock for objects that programs fork, copy and pickle with their clients."""

import os
import threading
from types import TracebackType
from typing import Self
from weakref import WeakSet


class Lock:
    """A lock that is free in a child process and in a copy, also if another thread held it at that time."""

    def __init__(self) -> None:
        """Free."""
        self.renew()
        _LOCKS.add(self)

    def renew(self) -> None:
        """Make it free, because no thread of this process holds it."""
        self._lock = threading.Lock()

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take it. Whether it was free, unless ``blocking``."""
        return self._lock.acquire(blocking=blocking)

    def release(self) -> None:
        """Give it back. Raises RuntimeError if it is free."""
        self._lock.release()

    def __enter__(self) -> Self:
        """Take it."""
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give it back."""
        self.release()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """A copy is a new lock."""
        return type(self), ()


_LOCKS: WeakSet[Lock] = WeakSet()


def _renew_all() -> None:
    for lock in list(_LOCKS):
        lock.renew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_renew_all)
