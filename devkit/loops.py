"""Runs a test on every event loop that the proxy supports, and checks that no task and no socket is left."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loops() -> dict[str, LoopFactory]:
    """Names and factories of the available event loops."""
    found: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    if find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 - optional

        found["uvloop"] = uvloop.new_event_loop
    return found


def on_every_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Turn an async test into one ordinary test for each event loop."""

    def run(*, new_loop: LoopFactory, **given: Any) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_leaving_nothing(test(**given)))

    functools.update_wrapper(run, test)
    del run.__wrapped__  # type: ignore[attr-defined]  # otherwise pytest treats it as the coroutine function
    parameters = [*inspect.signature(test).parameters.values(), inspect.Parameter("new_loop", inspect.Parameter.KEYWORD_ONLY)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    factories = loops()
    on_each: Callable[..., None] = pytest.mark.parametrize("new_loop", factories.values(), ids=factories.keys())(run)
    return on_each


async def _leaving_nothing(test: Awaitable[None]) -> None:
    before = _left()
    assert isinstance(test, Coroutine)
    await test
    for _ in range(100):
        if _left() == before:
            break
        await asyncio.sleep(0.01)
    assert _left() == before, f"tasks and sockets: {asyncio.all_tasks()}"


def _left() -> tuple[int, int]:
    sockets = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            sockets += str(descriptor.readlink()).startswith("socket:")
    return len(asyncio.all_tasks()), sockets
