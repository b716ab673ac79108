"""The definition of a suite: how to get its tests, and how to run them with an address."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.suites.having import WORK
from bench.suites.outcome import Run

RUN_SECONDS = 1500.0
"""More than any suite needs. python-keycloak has about 200 tests, each with a new realm."""


class RunBroken(RuntimeError):
    """The test runner wrote no report. The message has the end of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The addresses of one run: ``url`` for the library, ``keycloak_url`` as Keycloak knows itself, ``mail_port`` for its mail."""

    url: str
    keycloak_url: str
    username: str
    password: str
    mail_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The tests of one library. ``tests_from``: their source. ``left_out``: tests that are not run, with the reason.

    ``before``: what the server needs before a run. ``with_least``: why tests come out differently with the least set, by pattern of their names.
    ``looked_up``: what the logs of a difference show, by name of the test, instead of what other runs suggest.
    """

    name: str
    library: str
    version: str
    tests_from: str
    left_out: Mapping[str, str]
    adapted: str
    prepare: Callable[[Path, Path | None], None]
    run: Callable[[Path, Place, str], Run]
    before: Callable[[Path, Place], None] = lambda _folder, _place: None
    looked_up: Mapping[str, str] = field(default_factory=dict)
    with_least: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The suite's folder."""
        return WORK / self.name


def run_bounded(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path, seconds: float = RUN_SECONDS) -> str:
    """Run a command, and return its standard output regardless of the exit code. All its processes are killed after ``seconds``."""
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
    """The run. Raises RunBroken if it has no tests."""
    if run:
        return run
    end = (log.read_text(encoding="utf-8", errors="replace") or printed).strip()[-1500:]
    raise RunBroken(f"no test ran: {end}")
