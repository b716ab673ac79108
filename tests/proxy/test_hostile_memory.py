"""The memory for unknown callers' tokens is limited in bytes, regardless of their size and number."""

import tracemalloc
from collections.abc import Callable

from devkit.servers import Events
from kcproxy import catalog as catalogs
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings
from tests.hostile.stage import token

MAX_LEFT_BYTES = 48 * 1024 * 1024


def left_after(work: Callable[[int], object], times: int) -> int:
    """The memory that remains after requests of many different callers."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(times):
            work(number)
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_callers_that_were_read_take_bounded_memory() -> None:
    explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: catalogs.load(catalogs.default_version()), version=lambda: None)

    def read(number: int) -> object:
        access = {f"client-{number}-{place}": {"roles": ["one", "two"]} for place in range(1500)}
        return explainer.caller(f"Bearer {token('s', {'azp': f'c{number}', 'resource_access': access})}", injected=False)

    assert left_after(read, 300) < MAX_LEFT_BYTES
    assert left_after(lambda number: explainer.caller(f"Basic {number:0100000}", injected=False), 600) < MAX_LEFT_BYTES


def test_a_caller_is_read_once_for_a_token() -> None:
    explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: catalogs.load(catalogs.default_version()), version=lambda: None)
    own = f"Bearer {token('s')}"
    assert explainer.caller(own, injected=False) is explainer.caller(own, injected=False)
    assert explainer.caller(own, injected=True).injected


def test_what_roles_amount_to_takes_bounded_memory() -> None:
    table = catalogs.load(catalogs.default_version())
    assert left_after(lambda number: table.closure(tuple(f"role-{number}-{place}" for place in range(3000))), 300) < MAX_LEFT_BYTES
