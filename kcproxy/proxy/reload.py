"""When settings are to be read anew: on SIGHUP, and when a watched file changes."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

WATCH_SECONDS = 1.0

Stamp = tuple[int, int, int] | None


def stamps(files: Sequence[Path]) -> tuple[Stamp, ...]:
    """What tells one content of a file from the next: inode, size and time, behind symbolic links (Kubernetes swaps those)."""
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


async def watch(files: Sequence[Path], changed: Callable[[], None], *, seconds: float = WATCH_SECONDS) -> None:
    """Call ``changed`` whenever one of the files is another, until cancelled. A file seen half-written is seen again when it is whole."""
    known = stamps(files)
    while True:
        await asyncio.sleep(seconds)
        found = stamps(files)
        if found != known:
            known = found
            changed()
