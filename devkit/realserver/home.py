"""Server homes: throw-away copies of a distribution. The jars are hard links, everything that a server writes to is a real copy."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from devkit.realserver.distribution import STORE

_LINKED = Path("lib") / "lib"
"""Jars below this folder are read, never written, also not by the build that Keycloak does at its first start."""


def clone(source: Path, target: Path) -> None:
    """Copy the home `source` to `target` (which must not exist), linking the jars."""

    def link_or_copy(src: str, dst: str) -> str:
        if Path(src).relative_to(source).is_relative_to(_LINKED):
            os.link(src, dst)
            return dst
        return shutil.copy2(src, dst)

    shutil.copytree(source, target, copy_function=link_or_copy, symlinks=True)


def new_run_folder(version: str) -> Path:
    """An empty folder of its own for one running server."""
    STORE.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=STORE, prefix=f"run-{version}-"))


def prepared_home(version: str, build: tuple[str, ...]) -> Path:
    """Where the built state and the fresh database of `version` with these start options are kept."""
    key = hashlib.sha256("\0".join(build).encode()).hexdigest()[:12]
    return STORE / f"prepared-{version}-{key}"


def is_first_use(prepared: Path) -> bool:
    """Whether no server with this version and these start options was started before. Remembers that one is started now."""
    mark = prepared.parent / "locks" / f"{prepared.name}.used"
    is_first = not mark.exists()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return is_first
