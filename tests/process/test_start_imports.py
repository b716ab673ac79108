"""What a start loads: libraries that the default settings do not use take memory and time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_COVERAGE = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
"""The measurement of coverage loads modules of its own into each process."""
_SERVE = "import sys, kcproxy.cli.serve, kcproxy.process.serve; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    found = subprocess.run([sys.executable, "-c", _SERVE], capture_output=True, text=True, check=True, timeout=60, env=WITHOUT_COVERAGE)
    return frozenset(found.stdout.split())


@pytest.mark.parametrize("library", ["cryptography", "jinja2", "jwt", "opentelemetry", "rich", "sqlite3", "structlog"])
def test_a_start_does_not_load_what_the_default_settings_do_not_use(library: str, loaded: frozenset[str]) -> None:
    assert library not in loaded


def test_a_start_loads_the_modules_that_serve(loaded: frozenset[str]) -> None:
    assert {"aiohttp", "httptools", "kcproxy"} <= loaded


_RUNTIME = """
import asyncio, sys
from kcproxy.observe.events import Observer
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.settings.load import load

async def main():
    runtime = runtime_of(load(None, {environ!r}, {{}}), Observer())
    print("jwt" in sys.modules)
    await dismantle(runtime, patience_seconds=0)

asyncio.run(main())
"""
ENVIRON = {"KCPROXY_UPSTREAM": "http://localhost:8080"}


def client(table: str, folder: Path) -> dict[str, str]:
    secret = folder / "secret"
    secret.write_text("s3cret", encoding="utf-8")
    return {
        f"KCPROXY_{table}__{name}": value
        for name, value in {"REALM": "shop", "CLIENT_ID": "reader", "CLIENT_SECRET_FILE": str(secret)}.items()
    }


@pytest.mark.parametrize(
    ("table", "further", "is_loaded"),
    [
        (None, {}, False),
        ("ACCOUNT", {}, False),
        ("ACCOUNT", {"KCPROXY_ACCOUNT__AUTH": "client_secret_jwt"}, True),
        ("INSPECTOR", {}, True),
    ],
)
def test_a_runtime_that_verifies_or_signs_tokens_loads_what_it_needs_at_once(
    table: str | None, further: dict[str, str], tmp_path: Path, *, is_loaded: bool
) -> None:
    environ = ENVIRON | ({} if table is None else client(table, tmp_path)) | further
    found = subprocess.run([sys.executable, "-c", _RUNTIME.format(environ=environ)], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == f"{is_loaded}\n"
