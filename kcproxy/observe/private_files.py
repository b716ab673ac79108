"""Files that the program writes: made for their owner only, tightened where they were open to others, and never reached by a link."""

import errno
import os
import stat
from pathlib import Path

from kcproxy.settings.file_safety import FOR_OTHERS

_CLOSED_LINK = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a named pipe would wait for its other end

Identity = tuple[int, int]
"""Device and inode of a file."""


def make_private(path: Path, *, create: bool) -> tuple[Identity | None, bool]:
    """Make the file where there is none (with ``create``), and take the rights of group and others from one of the process's user.

    Gives which file it is (None: there is none), and whether rights were taken away. OSError where it is a symbolic link, no regular
    file, or cannot be opened.
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
    """Whether the path, without following a link, still leads to that file."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity


def _tightened(descriptor: int, path: Path) -> tuple[Identity, bool]:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    wide = bool(found.st_mode & FOR_OTHERS) and found.st_uid == os.geteuid()
    if wide:
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~FOR_OTHERS)
    return (found.st_dev, found.st_ino), wide
