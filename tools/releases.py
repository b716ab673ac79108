"""Which Keycloak versions exist that no role table covers: `python -m tools.releases`.

Maven is asked for the versions of the server's distribution. Reported is, for each line (major.minor) from the oldest table on, the newest
version, if it is newer than the line's table, or if the line has none. Exit code 0: nothing to measure; 1: the versions on stdout have no
table; 2: Maven could not be asked.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from devkit.realserver.distribution import missing_tools, version_numbers
from kcproxy import catalog

GROUP, NAME = "org.keycloak", "keycloak-quarkus-dist"
ARTIFACT = f"{GROUP}:{NAME}"
RELEASE = re.compile(r"<version>([0-9]+\.[0-9]+\.[0-9]+)</version>")
SECONDS = 600


class NotAsked(RuntimeError):
    """Maven is missing or did not answer."""


def listed() -> list[str]:
    """The released versions that Maven lists, oldest first. Raises NotAsked."""
    if missing := missing_tools():
        raise NotAsked(f"asking Maven needs {' and '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        _maven(folder, "-U", "dependency:get", f"-Dartifact={ARTIFACT}:LATEST:pom", "-Dtransitive=false")
        repository = _maven(folder, "-q", "help:evaluate", "-Dexpression=settings.localRepository", "-DforceStdout")
    home = Path(_plain(repository), *GROUP.split("."), NAME)
    texts = [path.read_text(encoding="utf-8") for path in home.glob("maven-metadata-*.xml")]
    return versions_in(texts)


def _maven(folder: str, *arguments: str) -> str:
    done = subprocess.run(
        ["mvn", "-B", *arguments], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False, encoding="utf-8"
    )
    if done.returncode:
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), "no reason given")
        raise NotAsked(f"Maven could not list {ARTIFACT}: {_plain(reason)}")
    return done.stdout


def _plain(text: str) -> str:
    """Without the escape sequences of terminals."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()


def versions_in(texts: Iterable[str]) -> list[str]:
    """The released versions that Maven's metadata files name, oldest first."""
    return sorted({version for text in texts for version in RELEASE.findall(text)}, key=version_numbers)


def without_table(releases: Iterable[str], tables: Sequence[str]) -> list[tuple[str, str | None]]:
    """The newest release of each line that its table does not reach, oldest first, with the line's table (None: it has none)."""
    measured = {_line(version): version for version in sorted(tables, key=version_numbers)}
    newest = {_line(version): version for version in sorted(releases, key=version_numbers)}
    oldest = min(measured)
    found = [(version, measured.get(line)) for line, version in sorted(newest.items()) if line >= oldest]
    return [(version, table) for version, table in found if table is None or version_numbers(version) > version_numbers(table)]


def _line(version: str) -> tuple[int, ...]:
    return version_numbers(version)[:2]


def measured_versions() -> list[str]:
    """The versions whose tables were measured, not only taken from documentation."""
    return [version for version in catalog.versions() if catalog.load(version).basis.value == "measured"]


def main() -> int:
    """The program; its exit code."""
    try:
        found = without_table(listed(), measured_versions())
    except (NotAsked, subprocess.TimeoutExpired) as error:
        print(f"releases: {error}", file=sys.stderr)
        return 2
    for version, table in found:
        print(f"{version} has no table: " + (f"its line was measured on {table}" if table else "nothing of its line was measured"))
    if found:
        print(f"measure it: python -m tools.measure add {found[-1][0]}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
