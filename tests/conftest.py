"""What every run of the tests needs from its process, and what it says at its end."""

import itertools
import os
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from devkit.postgres import Postgres, programs, running_postgres
from devkit.servers import WAY, RecordingUpstream, Running, recording_upstream, running_proxy

RUN_ONCE = frozenset({"catalog", "denial", "explain", "hostile", "http1", "middleware", "permissions", "proxy", "server", "upstream"})
"""Folders whose tests `.ci/run` does not repeat after a failure."""

hypothesis.settings.register_profile("project", deadline=None)  # a busy machine is no failure of the code
hypothesis.settings.load_profile("project")


def pytest_configure() -> None:
    """Makes the tests independent of the shell that starts them.

    Settings of kcproxy in its environment would change what tests start, or end it: no setting may be unknown. A shell also
    starts what runs in its background with SIGINT ignored. Programs that tests start would inherit that and never end.
    """
    for name in [name for name in os.environ if name.startswith("KCPROXY_")]:
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of what must never happen, such as a lost, doubled or unauthorized request, run once also if others may run again."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in RUN_ONCE:
            item.add_marker(pytest.mark.flaky(reruns=0))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """One plain line about what this machine could not run, and one about what ran twice; nothing if everything ran once."""
    yield  # the list of what was skipped comes first, then this line
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped if isinstance(report.longrepr, tuple)})
    if reasons:
        terminalreporter.write_line(f"NOT RUN: {len(skipped)} tests, because {'; '.join(reasons)}", yellow=True)
    again = sorted({report.nodeid for report in terminalreporter.stats.get("rerun", [])})
    if again:
        terminalreporter.write_line(f"RUN AGAIN, because they failed the first time: {' '.join(again)}", yellow=True)


@pytest.fixture(params=["fast", "general"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """A test that uses it runs twice: with the fast path, and without."""
    WAY.fast_path = request.param == "fast"
    yield request.param
    WAY.fast_path = False


@pytest.fixture
async def upstream() -> AsyncIterator[RecordingUpstream]:
    async with recording_upstream() as running:
        yield running


@pytest.fixture
async def proxy(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    async with running_proxy(upstream.port) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, which tests may stop if they start it again."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    with running_postgres() as server:
        yield server


_NUMBERS = itertools.count(1)


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of an empty database, with the password of its owner."""
    return postgres.create_database(f"kcproxy{next(_NUMBERS)}", password="secret")
