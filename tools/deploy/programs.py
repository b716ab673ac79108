"""Programs of the Go module mirror, built once into ``.work/bin``: manifests and charts are checked as a cluster would get them, without a cluster."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".work" / "bin"


def program(name: str, module: str, flags: Sequence[str] = ()) -> Path | None:
    """The program of that name; built from ``module@version`` if only Go is there; None if neither is on this machine.

    A build takes up to minutes. Processes that ask at the same time wait for one build.
    """
    found = shutil.which(name)
    if found:
        return Path(found)
    built = FOLDER / name
    if not built.exists() and shutil.which("go"):
        with _one_at_a_time(name):
            if not built.exists():
                _build(module, flags)
    return built if built.exists() else None


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(module: str, flags: Sequence[str]) -> None:
    environment = {**os.environ, "GOBIN": str(FOLDER)}
    subprocess.run(["go", "install", *flags, module], env=environment, cwd="/", check=True, timeout=1200, capture_output=True)
