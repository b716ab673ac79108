"""The committed lists of operations are what the distributions say."""

from pathlib import Path

import pytest

from devkit.realserver import fetch_distribution
from tools.measure.enumerate import OPERATIONS, run_program, write

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("needs_real_keycloak")]


@pytest.mark.parametrize("version", ["26.7.5", "26.4.7", "24.0.5"])
def test_the_committed_list_is_what_the_distribution_says(version: str, tmp_path: Path) -> None:
    write(version, run_program(fetch_distribution(version)), tmp_path)
    for name in (f"{version}.json", f"features-{version}.json"):
        assert (tmp_path / name).read_text() == (OPERATIONS / name).read_text()
