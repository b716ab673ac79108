"""Whether the content of a file is still the one that was read: by the file's stamp, without reading it again."""

from collections.abc import Sequence
from pathlib import Path

Stamp = tuple[int, ...] | None
"""What distinguishes one content of a file from the next; None where there is no such file."""


def stamp(file: Path) -> Stamp:
    """Device, inode, size and times, behind symbolic links: Kubernetes swaps a link to replace a whole folder.

    The time of the last status change (ctime) is part of it, because a program can set the time of the last write to any value.
    """
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def stamps(files: Sequence[Path]) -> dict[Path, Stamp]:
    """The stamp of each file."""
    return {file: stamp(file) for file in files}
