"""Finds who, other than the operator, can change a file: from the modes and owners of the file and of every directory and link on its path."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

try:
    import pwd
except ImportError:  # Windows, whose access control lists are not looked at
    pwd = None  # type: ignore[assignment]

_MAX_LINKS = 40  # the limit of Linux
ROOT_USER = 0
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
BESIDE_SQLITE = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite creates next to a database (https://www.sqlite.org/tempfiles.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """A way in which others could change a file. ``what`` and ``remedy`` are the parts of a note."""

    what: str
    remedy: str


def mode_of(status: os.stat_result) -> str:
    """Permission bits in the notation of ``chmod``: ``0640``."""
    return f"{stat.S_IMODE(status.st_mode):04o}"


def trail(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every directory and symbolic link on the path of a file, each with its own status, then the file. Stops at the first that does not exist."""
    here, links = Path("/"), 0
    pending = [part for part in reversed(path.absolute().parts) if part != "/"]
    try:
        yield here, here.lstat()
        while pending:
            name = pending.pop()
            entry = here.parent if name == ".." else here / name
            status = entry.lstat()
            yield entry, status
            if not stat.S_ISLNK(status.st_mode):
                here = entry
                continue
            target, links = entry.readlink(), links + 1
            if links > _MAX_LINKS:
                return
            here = Path("/") if target.is_absolute() else here
            pending += [part for part in reversed(target.parts) if part != "/"]
    except OSError:
        return


def dangers(path: Path, shown: str, *, user: int | None = None) -> Iterator[Danger]:
    """How users other than root and ``user`` (None: the user of this process) could change or replace the file.

    ``shown`` is its name in messages. A file that does not exist yet is judged by the directories on its path. A directory that everybody
    can write to is safe if it has the sticky bit: then only the owner of a file can replace it (Linux, inode(7)). The volumes of
    Kubernetes have it.
    """
    if pwd is None:
        return
    trusted = {ROOT_USER, os.geteuid() if user is None else user}
    seen: set[Path] = set()
    for entry, status in trail(path):
        if entry in seen:
            continue
        seen.add(entry)
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            yield from _of_directory(entry, status, shown, trusted)
        elif status.st_uid not in trusted:
            what = f"{shown} is reached through the link {entry}, which belongs to" if stat.S_ISLNK(mode) else f"{shown} belongs to"
            yield Danger(what=f"{what} {_name(status.st_uid)}, who can change it", remedy="chown it to root or to the proxy's own user")
        if stat.S_ISREG(mode) and mode & (stat.S_IWGRP | stat.S_IWOTH):
            who = "everybody on this machine" if mode & stat.S_IWOTH else "its group"
            yield Danger(what=f"{who} can write to {shown} (mode {mode_of(status)})", remedy=in_volume(path) or "chmod go-w")


def in_volume(path: Path, *, is_projected_token: bool = False) -> str | None:
    """How to restrict a file of a Kubernetes volume to this process: in the pod, where ``chmod`` has no effect. None for any other file.

    The kubelet writes volumes of Secrets, ConfigMaps and projected tokens behind a link ``..data`` (AtomicWriter), as root. It sets the mode
    of a projected token itself, from the pod's ``fsGroup`` (KEP-2451). ``defaultMode`` without ``fsGroup`` locks this process out.
    """
    if not (path.parent / "..data").is_symlink():
        return None
    group = f"fsGroup: {os.getegid()} in the pod's securityContext"
    if is_projected_token:
        return f"set {group}; the kubelet then lets only that group read the token"
    return f"set defaultMode: 0440 for the volume and {group}; both, because without fsGroup this process could not read the file"


def _of_directory(directory: Path, status: os.stat_result, shown: str, trusted: set[int]) -> Iterator[Danger]:
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        what = f"everybody on this machine can replace {shown}: {directory} is writable by others (mode {mode_of(status)}, no sticky bit)"
        yield Danger(what=what, remedy=f"chmod o-w {directory}")
    if status.st_uid not in trusted:
        what = f"{_name(status.st_uid)} can replace {shown}: {directory} belongs to them"
        yield Danger(what=what, remedy="keep it in a directory that belongs to root or to the proxy's own user")


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
