"""Detects changed files by their stamps, without reading them."""

from collections.abc import Sequence
from pathlib import Path

Stamp = tuple[int, ...] | None
"""Distinguishes one content of a file from the next; None if there is no such file."""


def stamp(file: Path) -> Stamp:
    """Device, inode, size and times of the file that symbolic links lead to: Kubernetes swaps a link to replace a directory.

    They include the time of the last status change (ctime), because a program can set the time of the last write to any value.
    """
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def stamps(files: Sequence[Path]) -> dict[Path, Stamp]:
    """The stamp of each file."""
    return {file: stamp(file) for file in files}
