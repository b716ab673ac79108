"""``python -m tools.deploy.release``: wheel, sdist, bill of materials and checksums of the current commit, reproducible, in dist/release/.

Everything is built twice from the committed files, with the commit's time as SOURCE_DATE_EPOCH (reproducible-builds.org), and compared byte for byte.
``--snapshot`` allows what a release must not be: uncommitted changes (which are left out), and a version without a section in CHANGELOG.md.
Publishing is not done here: RELEASE.md, .github/workflows/release.yml.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from kcproxy import __version__
from tools.deploy.audit import bill_of_materials, packages

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dist" / "release"
CHECKSUMS = "SHA256SUMS"
_BUILD_LOCK = "requirements.build.lock"


class ReleaseError(Exception):
    """Why there is no release, with the remedy."""


def problems(version: str, changelog: str, changed_files: Sequence[str]) -> list[str]:
    """What a release must not be."""
    found = []
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md has no section ## [{version}] - YYYY-MM-DD: rename [Unreleased] to it")
    if changed_files:
        found.append(f"not committed: {', '.join(changed_files[:5])}{' …' if len(changed_files) > 5 else ''}; commit or discard it")
    return found


def build(target: Path, epoch: int, python: Path) -> None:
    """Wheel and sdist of the committed files. ``python`` has the locked build back end."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", "--format=tar", "HEAD"], cwd=ROOT, check=True, capture_output=True, timeout=60).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as opened:
            opened.extractall(folder, filter="data")
        environ = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
        command = [str(python), "-m", "hatchling", "build", "--directory", str(target)]
        done = subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise ReleaseError(f"the build failed:\n{done.stderr}")


def back_end(folder: Path) -> Path:
    """A virtual environment with the locked build back end, each file by its hash."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary=:all:", "-r", str(ROOT / _BUILD_LOCK)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise ReleaseError(f"the build back end of {_BUILD_LOCK} cannot be installed:\n{done.stderr}")
    return python


def differing(one: Path, other: Path) -> list[str]:
    """Names of files that are not the same in both folders."""
    names = {path.name for folder in (one, other) for path in folder.iterdir()}
    return sorted(name for name in names if _digest(one / name) != _digest(other / name))


def _digest(file: Path) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def checksums(folder: Path) -> str:
    """As ``sha256sum --check`` reads them, by name."""
    files = sorted(path for path in folder.iterdir() if path.name != CHECKSUMS and not path.name.startswith(f"{CHECKSUMS}."))
    return "".join(f"{_digest(path)}  {path.name}\n" for path in files)


def make(folder: Path) -> None:
    """Build twice, compare, and write everything into the folder. Raises ReleaseError."""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as temporary:
        python = back_end(Path(temporary) / "venv")
        first, second = Path(temporary) / "first", Path(temporary) / "second"
        for target in (first, second):
            build(target, epoch, python)
        if different := differing(first, second):
            raise ReleaseError(f"not reproducible: {', '.join(different)} differ between two builds of the same commit")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(first, folder)
    bill = json.dumps(bill_of_materials(packages()), indent=1) + "\n"
    (folder / f"kcproxy-{__version__}.cdx.json").write_text(bill, encoding="utf-8")
    (folder / CHECKSUMS).write_text(checksums(folder), encoding="utf-8")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything was built, reproducibly."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy.release", description=__doc__)
    parser.add_argument("--snapshot", action="store_true", help="build although this is no release")
    snapshot = parser.parse_args(arguments).snapshot
    changed = [line[3:] for line in _git("status", "--porcelain").splitlines()]
    found = problems(__version__, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), changed)
    for problem in found:
        print(f"{'note' if snapshot else 'problem'}: {problem}")
    if found and not snapshot:
        return 1
    try:
        make(FOLDER)
    except ReleaseError as error:
        print(f"problem: {error}")
        return 1
    for path in sorted(FOLDER.iterdir()):
        print(path.relative_to(ROOT))
    print("built twice, byte for byte the same; not signed and not published (RELEASE.md)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
