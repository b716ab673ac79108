"""What a suite is: how its tests are had, and how they are run at an address."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.suites.having import WORK
from bench.suites.outcome import Run

RUN_SECONDS = 1500.0
"""More than any suite takes; python-keycloak's has some 200 tests, each with a realm of its own."""


class RunBroken(RuntimeError):
    """A suite's runner gave no report; the message has the end of what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one run works: ``url`` is told to the library, ``keycloak_url`` is what Keycloak calls itself, ``mail_port`` takes its mail."""

    url: str
    keycloak_url: str
    username: str
    password: str
    mail_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One library's own tests. ``tests_from`` says where they are had, ``left_out`` names tests that are not run, with the reason."""

    name: str
    library: str
    version: str
    tests_from: str
    left_out: Mapping[str, str]
    adapted: str
    prepare: Callable[[Path, Path | None], None]
    run: Callable[[Path, Place, str], Run]

    @property
    def folder(self) -> Path:
        """Its own folder below the work folder."""
        return WORK / self.name


def run_bounded(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path, seconds: float = RUN_SECONDS) -> str:
    """Run it to its end, whatever its exit code, and give what it printed on standard output; all its processes end after ``seconds``."""
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=seconds)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise RunBroken(f"{Path(command[0]).name} did not end within {seconds:.0f} s") from None
            raise
    return printed


def report_of(run: Run, *, log: Path, printed: str = "") -> Run:
    """The run, if there is any test in it; RunBroken otherwise."""
    if run:
        return run
    end = (log.read_text(encoding="utf-8", errors="replace") or printed).strip()[-1500:]
    raise RunBroken(f"no test ran: {end}")
