"""Fetching and unpacking Keycloak distributions. Maven downloads them and keeps them in its own local repository."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STORE = Path(__file__).resolve().parents[2] / ".keycloak"
"""Folder of distributions, prepared homes and run folders (ignored by git)."""

_NEEDED = {
    "java": "Java 17 or newer (Debian: apt install openjdk-17-jre-headless)",
    "mvn": "Maven 3.6 or newer (Debian: apt install maven)",
}


class RealServerError(RuntimeError):
    """No real server is available. The message says what happened and who has to act."""


class MissingToolError(RealServerError):
    """Java or Maven are not installed."""


def missing_tools() -> tuple[str, ...]:
    """Programs that have to be installed before a real server can run; empty if all are there."""
    return tuple(advice for tool, advice in _NEEDED.items() if shutil.which(tool) is None)


def version_numbers(version: str) -> tuple[int, ...]:
    """`"26.7.4"` as `(26, 7, 4)`, for comparing."""
    return tuple(int(part) for part in version.split("."))


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made if absent) against other processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch_distribution(version: str) -> Path:
    """The unpacked distribution of `version`, downloaded if it is not there yet. It is pristine: never start it in place.

    Raises MissingToolError without Java or Maven, RealServerError when Maven cannot get that version.
    """
    home = STORE / f"dist-{version}"
    with locked(STORE / "locks" / f"dist-{version}"):
        if not home.is_dir():
            _require_tools()
            _download_and_unpack(version, home)
    return home


def require_java() -> None:
    """Raises MissingToolError if a server could be unpacked, but not started."""
    if shutil.which("java") is None:
        raise MissingToolError(f"a real Keycloak needs {_NEEDED['java']}")


def _require_tools() -> None:
    if missing := missing_tools():
        raise MissingToolError(f"a real Keycloak needs {' and '.join(missing)}")


def _download_and_unpack(version: str, home: Path) -> None:
    with tempfile.TemporaryDirectory(dir=STORE, prefix=f"fetch-{version}-") as folder:
        archive = _download(version, Path(folder))
        say(f"keycloak {version}: unpacking")
        _unpack(archive, Path(folder) / "unpacked")
        (tops,) = (Path(folder) / "unpacked").iterdir()
        tops.rename(home)


def _download(version: str, folder: Path) -> Path:
    say(f"keycloak {version}: fetching with Maven (about 180 MB when it is not in the local repository)")
    artifact = f"org.keycloak:keycloak-quarkus-dist:{version}:zip"
    command = ["mvn", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as maven:
        assert maven.stdout is not None
        lines = [line.rstrip() for line in maven.stdout if _worth_showing(line)]
    archive = next(folder.glob("*.zip"), None)
    if maven.returncode or archive is None:
        raise RealServerError(f"Maven could not fetch {artifact}: " + "\n".join(lines[:2]))
    return archive


def _worth_showing(line: str) -> bool:
    if "Download" in line and "keycloak-quarkus-dist" in line:
        say(f"  {line.rstrip()}")
    return "ERROR" in line


def _unpack(archive: Path, target: Path) -> None:
    """Like `unzip`: Python's own extraction drops the executable bits."""
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            path = content.extract(member, target)
            if mode := member.external_attr >> 16:
                Path(path).chmod(mode & 0o777)
