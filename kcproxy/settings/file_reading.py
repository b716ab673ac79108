"""Reading the files that settings name: regular ones of bounded size. A pipe would hold up the whole process, a device would never end."""

import errno
import os
import stat
from functools import reduce
from operator import or_
from pathlib import Path

_FLAGS = reduce(or_, (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")))  # Windows has only the last
MAX_FILE_BYTES = 4 << 20
"""A bundle of all public authorities takes a quarter of a megabyte."""


def content_of(file: Path) -> bytes:
    """What is in a file. OSError where it cannot be read, is no regular file, or is larger than ``MAX_FILE_BYTES``."""
    descriptor = os.open(file, os.O_RDONLY | _FLAGS)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_FILE_BYTES >> 20} MiB")
    return content


def text_of(file: Path) -> str:
    """The same as text, with line feeds alone as line breaks. UnicodeDecodeError where it is not UTF-8."""
    return content_of(file).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
