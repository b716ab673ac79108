"""Files that the program writes: accessible to their owner only, and never opened through a link."""

import errno
import os
import stat
from functools import reduce
from operator import or_
from pathlib import Path

from kcproxy.settings.file_safety import FOR_OTHERS

_CLOSED_LINK = reduce(
    or_, (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))
)  # do not wait for the other end of a named pipe

Identity = tuple[int, int]
"""Device and inode of a file."""


def make_private(path: Path, *, create: bool) -> tuple[Identity | None, bool]:
    """Create the file if necessary (with ``create``), and remove the permissions of group and others if it belongs to the process's user.

    Returns its identity (None if it does not exist), and whether permissions were removed. Raises OSError if it is a symbolic link, not a
    regular file, or cannot be opened.
    """
    try:
        descriptor = _opened(path, (os.O_RDWR | os.O_CREAT) if create else os.O_RDONLY)
    except FileNotFoundError:
        if create:
            raise
        return None, False
    try:
        return _tightened(descriptor, path)
    finally:
        os.close(descriptor)


def open_private(path: Path, flags: int) -> tuple[int, Identity]:
    """A descriptor of a file of this process's user, and its identity. Group and others lose their permissions.

    Raises OSError as ``make_private`` does, and if the file belongs to another user, who could have written anything into it.
    """
    descriptor = _opened(path, flags)
    try:
        _check_owner(descriptor, path)
        return descriptor, _tightened(descriptor, path)[0]
    except OSError:
        os.close(descriptor)
        raise


def _opened(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | _CLOSED_LINK, stat.S_IRUSR | stat.S_IWUSR)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link, which the proxy does not follow", str(path)) from error
        raise


def is_same(path: Path, identity: Identity) -> bool:
    """True if the path still leads to that file, without following a link."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity


def _check_owner(descriptor: int, path: Path) -> None:
    if os.name == "posix" and os.fstat(descriptor).st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it belongs to another user", str(path))


def _tightened(descriptor: int, path: Path) -> tuple[Identity, bool]:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    wide = os.name == "posix" and bool(found.st_mode & FOR_OTHERS) and found.st_uid == os.geteuid()
    if wide:
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~FOR_OTHERS)
    return (found.st_dev, found.st_ino), wide
