"""What every run of the tests says at its end."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One plain line about what this machine could not run; nothing where everything ran."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped if isinstance(report.longrepr, tuple)})
    if reasons:
        terminalreporter.write_line(f"NOT RUN: {len(skipped)} tests, because {'; '.join(reasons)}", yellow=True)
