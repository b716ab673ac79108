"""What every run of the tests says at its end."""

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """One plain line about what this machine could not run; nothing where everything ran."""
    yield  # the list of what was skipped comes first, then this line
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped if isinstance(report.longrepr, tuple)})
    if reasons:
        terminalreporter.write_line(f"NOT RUN: {len(skipped)} tests, because {'; '.join(reasons)}", yellow=True)
