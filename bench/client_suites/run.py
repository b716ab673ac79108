"""Set up a client with its tests, and run them without the middleware and with it."""

import sys
import tarfile
from pathlib import Path

from bench.client_suites.libraries import Library
from bench.suites.having import WORK, asked, once
from bench.suites.outcome import Found, Reason, Run, counts
from bench.suites.reports import junit
from bench.suites.suite import report_of, run_bounded

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "bench.client_suites.inserted"
PYTEST = "pytest==9.2.0"


def found(library: Library) -> Found:
    """Run both ways. If outcomes differ, again both ways, because some of the tests depend on time. Raises NotHad."""
    folder = prepared(library)
    both = Found(direct=(run(library, folder),), proxied=(run(library, folder, inserted=True),))
    if not both.same:
        both = Found(direct=(*both.direct, run(library, folder)), proxied=both.proxied)
    if any(item.reason is Reason.ALWAYS for item in both.differences):
        both = Found(direct=both.direct, proxied=(*both.proxied, run(library, folder, inserted=True)))
    return both


def prepared(library: Library) -> Path:
    """A folder with the tests, and an environment with the client and kcproxy. Raises NotHad if something cannot be downloaded."""
    folder = WORK / f"client-{library.name}"

    def prepare() -> None:
        python = folder / "venv/bin/python"
        asked([sys.executable, "-m", "venv", str(folder / "venv")], folder=folder)
        client = f"{library.name}[{library.extras}]=={library.version}"
        asked([str(python), "-m", "pip", "install", "--quiet", "--editable", str(ROOT), client, PYTEST, *library.needs], folder=folder)
        source = f"{library.name}=={library.version}"
        asked([str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", library.name, source], folder=folder)
        with tarfile.open(folder / f"{library.name}-{library.version}.tar.gz") as archive:
            archive.extractall(folder / "source", filter="data")
        _separate(folder, folder / "source" / f"{library.name}-{library.version}")

    once(folder, repr(library), prepare)
    return folder


def _separate(folder: Path, source: Path) -> None:
    """Move the tests away from the client's source, which they would import instead of the installed client."""
    (source / "tests").rename(folder / "tests")
    for settings in ("pyproject.toml", "pytest.ini", "requirements-dev.txt"):  # requests posts the last one
        if (source / settings).exists():
            (source / settings).rename(folder / settings)


def run(library: Library, folder: Path, *, inserted: bool = False) -> Run:
    """One run of the tests."""
    label = "inserted" if inserted else "bare"
    report, log = folder / f"{label}.xml", folder / f"{label}.log"
    report.unlink(missing_ok=True)
    plugin = ("-p", PLUGIN) if inserted else ()
    options = ("-q", "-p", "no:cacheprovider", "-o", "addopts=", f"--junitxml={report}")
    environment = {"CLIENT_SUITES_LIBRARY": library.name, "CLIENT_SUITES_COUNTS": str(counts_file(folder)), "PYTHONPATH": str(ROOT)}
    printed = run_bounded(
        ["venv/bin/python", "-m", "pytest", *options, *plugin, *library.tests], folder=folder, environment=environment, log=log
    )
    (folder / f"{label}.txt").write_text(printed, encoding="utf-8")
    outcomes = junit(report.read_text(encoding="utf-8")) if report.exists() else {}
    return report_of(outcomes if counts(outcomes)[0] else {}, log=log, printed=printed)


def counts_file(folder: Path) -> Path:
    """Where the plugin writes what went through the middleware."""
    return folder / "counts.txt"
