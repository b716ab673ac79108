"""What a start loads: libraries that the default settings do not use take memory and time."""

import subprocess
import sys

import pytest

_SERVE = "import sys, kcproxy.cli.serve, kcproxy.process.serve; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    found = subprocess.run([sys.executable, "-c", _SERVE], capture_output=True, text=True, check=True, timeout=60)
    return frozenset(found.stdout.split())


@pytest.mark.parametrize("library", ["cryptography", "jinja2", "jwt", "opentelemetry", "rich", "structlog"])
def test_a_start_does_not_load_what_the_default_settings_do_not_use(library: str, loaded: frozenset[str]) -> None:
    assert library not in loaded


def test_a_start_loads_the_modules_that_serve(loaded: frozenset[str]) -> None:
    assert {"aiohttp", "httptools", "kcproxy"} <= loaded
