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
    flags = (os.O_RDWR | os.O_CREAT) if create else os.O_RDONLY
    try:
        descriptor = os.open(path, flags | _CLOSED_LINK, stat.S_IRUSR | stat.S_IWUSR)
    except FileNotFoundError:
        if create:
            raise
        return None, False
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link, which the proxy does not follow", str(path)) from error
        raise
    try:
        return _tightened(descriptor, path)
    finally:
        os.close(descriptor)


def is_same(path: Path, identity: Identity) -> bool:
    """True if the path still leads to that file, without following a link."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity


def _tightened(descriptor: int, path: Path) -> tuple[Identity, bool]:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    wide = os.name == "posix" and bool(found.st_mode & FOR_OTHERS) and found.st_uid == os.geteuid()
    if wide:
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~FOR_OTHERS)
    return (found.st_dev, found.st_ino), wide
