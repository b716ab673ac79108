"""Get a library and its tests: from its package registry, from its git repository, or from a local clone."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

WORK = Path(__file__).resolve().parents[2] / ".work" / "suites"
"""The folder of libraries, tests and results (ignored by git)."""
_SECONDS = 300
_QUIETLY = {"GIT_TERMINAL_PROMPT": "0", "npm_config_update_notifier": "false"}


class NotHad(Exception):
    """The tests of a library are not available. The message says what was tried, and why it failed."""


def clones_from_environment() -> Path | None:
    """The folder of clones that `SUITES_CLONES` names."""
    named = os.environ.get("SUITES_CLONES")
    return Path(named) if named else None


def asked(command: Sequence[str], *, folder: Path) -> str:
    """The standard output of a command. Raises NotHad if it is not installed, fails or takes too long."""
    if shutil.which(command[0]) is None:
        raise NotHad(f"{Path(command[0]).name} is not installed")
    shown = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | _QUIETLY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotHad(f"`{shown}` did not end within {_SECONDS} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["nothing"]
        raise NotHad(f"`{shown}` failed and said: {said[-1]}")
    return done.stdout


def checked_out(repository: str, tag: str, *, clones: Path | None, target: Path) -> None:
    """The files of a GitHub repository (`owner/name`) at a tag, from the clone `name` or from the repository itself."""
    name = repository.rpartition("/")[2]
    origin = f"https://github.com/{repository}.git" if clones is None else (clones / name).resolve().as_uri()
    shutil.rmtree(target, ignore_errors=True)
    try:
        asked(
            ["git", "clone", "--quiet", "--depth", "1", "--branch", tag, origin, str(target)],
            folder=target.parent,
        )
    except NotHad as error:
        where = f"a clone {name} in the folder of clones" if clones else f"the repository {repository}"
        raise NotHad(f"its tests are in no package; {where} at {tag} could not be had: {error}") from None


def once(folder: Path, content: str, prepare: Callable[[], None]) -> None:
    """Prepare the folder once for each content. Incomplete work is repeated."""
    stamp = folder / ".ready"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == content:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prepare()
    stamp.write_text(content, encoding="utf-8")
