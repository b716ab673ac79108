"""Importing the middleware loads none of the proxy's libraries, and little of anything else."""

import subprocess
import sys

import pytest

FORBIDDEN = (
    "aiohttp.web",
    "click",
    "jinja2",
    "prometheus_client",
    "structlog",
    "cryptography",
    "jwt",
    "kcproxy.catalog",
    "kcproxy.settings",
)
COST = """
import {first}
import resource, sys, time
before, began = resource.getrusage(resource.RUSAGE_SELF), time.process_time()
import {module}
after = resource.getrusage(resource.RUSAGE_SELF)
print(time.process_time() - began, after.ru_maxrss - before.ru_maxrss)
"""
CLIENTS = {
    "kcproxy.middleware": "typing",
    "kcproxy.middleware.httpx": "httpx",
    "kcproxy.middleware.requests": "requests",
    "kcproxy.middleware.aiohttp": "aiohttp",
}
LIMIT_SECONDS, LIMIT_KILOBYTES = 0.060, 15 * 1024


def output(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120).stdout


def loaded(module: str) -> frozenset[str]:
    return frozenset(output(f"import sys, {module}; print(*sys.modules)").split())


@pytest.mark.parametrize("library", [*FORBIDDEN, "aiohttp", "httpx", "requests", "asyncio", "ssl"])
def test_the_package_loads_no_library(library: str) -> None:
    assert library not in loaded("kcproxy.middleware")


@pytest.mark.parametrize("module", ["kcproxy.middleware.httpx", "kcproxy.middleware.requests"])
def test_the_module_of_a_library_loads_nothing_of_the_proxy(module: str) -> None:
    own = loaded(module) - loaded(CLIENTS[module])

    assert [name for name in FORBIDDEN if name in own] == []


@pytest.mark.parametrize("module", list(CLIENTS))
def test_an_import_costs_at_most_60_ms_and_15_mb_over_the_library(module: str) -> None:
    """CPU time, the best of five, because the machine has other work."""
    script = COST.format(first=CLIENTS[module], module=module)
    costs = [tuple(map(float, output(script).split())) for _ in range(5)]

    assert min(seconds for seconds, _ in costs) <= LIMIT_SECONDS
    assert min(kilobytes for _, kilobytes in costs) <= LIMIT_KILOBYTES


@pytest.mark.parametrize(
    ("options", "expected"), [("", "True False"), (", inspector=inspector", "True True"), (", preload=False", "False False")]
)
def test_what_a_client_needs_is_loaded_when_it_is_made(options: str, expected: str) -> None:
    """The table, and with an inspector the library that verifies signatures; the first refusal does not wait for them."""
    script = (
        "import sys; from kcproxy.middleware import Inspector, RefusalExplainer;"
        " inspector = Inspector(client_id='i', client_secret='s');"
        f" RefusalExplainer(base_url='http://localhost:8080'{options});"
        " print('kcproxy.catalog' in sys.modules, 'jwt' in sys.modules)"
    )

    assert output(script).strip() == expected
