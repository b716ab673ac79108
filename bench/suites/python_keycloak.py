"""python-keycloak: the package from its registry, the tests from its repository (the source package has none)."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from bench.suites.having import asked, checked_out, once
from bench.suites.outcome import Run
from bench.suites.reports import junit
from bench.suites.suite import Place, Suite, report_of, run_bounded

VERSION = "7.1.1"
REPOSITORY = "marcospereirampj/python-keycloak"
_RUNNER = ("pytest==9.2.0", "pytest-asyncio==1.5.0", "freezegun==1.5.5", "cryptography>=42", "packaging>=24")
_CONFIGURATION = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"


def _prepare(folder: Path, clones: Path | None) -> None:
    def prepare() -> None:
        checked_out(REPOSITORY, f"v{VERSION}", clones=clones, target=folder / "clone")
        (folder / "clone" / "tests").rename(folder / "tests")
        asked([sys.executable, "-m", "venv", str(folder / "venv")], folder=folder)
        asked([str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet", f"python-keycloak=={VERSION}", *_RUNNER], folder=folder)
        (folder / "pytest.ini").write_text(_CONFIGURATION, encoding="utf-8")

    once(folder, f"{VERSION} {_RUNNER}", prepare)


def run(folder: Path, place: Place, label: str, *, chosen: tuple[str, ...] = ("tests",)) -> Run:
    """Run the chosen files or tests, by default all. The tests read address and administrator from the environment."""
    address = urlsplit(place.url)
    environment = {
        "KEYCLOAK_HOST": address.hostname or "",
        "KEYCLOAK_PORT": str(address.port),
        "KEYCLOAK_ADMIN": place.username,
        "KEYCLOAK_ADMIN_PASSWORD": place.password,
        # The tests choose by it what they expect of the server.
        "KEYCLOAK_DOCKER_IMAGE_TAG": "latest",
    }
    report, log = folder / f"{label}.xml", folder / f"{label}.log"
    report.unlink(missing_ok=True)
    command = ["venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *chosen]
    printed = run_bounded(command, folder=folder, environment=environment, log=log)
    (folder / f"{label}.txt").write_text(printed, encoding="utf-8")
    return report_of(junit(report.read_text(encoding="utf-8")) if report.exists() else {}, log=log, printed=printed)


SUITE = Suite(
    name="python-keycloak",
    library="python-keycloak",
    version=VERSION,
    tests_from=f"folder `tests` of {REPOSITORY} at v{VERSION}; the package of the registry has none",
    left_out={},
    adapted="the server runs without the jars of `tests/providers`",
    prepare=_prepare,
    run=run,
)
