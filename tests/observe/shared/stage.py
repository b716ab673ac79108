"""Instances that share a database, each as one process has it: observer, store and history."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from kcproxy.catalog import catalog_for
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.setup import live_observer
from kcproxy.observe.shared.history import SharedHistory
from kcproxy.observe.shared.store import SharedDenialStore
from kcproxy.settings import HistorySettings, LogSettings, Settings, UpstreamSettings
from kcproxy.settings.database import database_url

UPSTREAM = UpstreamSettings(scheme="http", host="localhost", port=8080)


def settings_of(url: str, name: str, **history: Any) -> Settings:
    return Settings(upstream=UPSTREAM, instance=name, history=HistorySettings(url=database_url(url), **history))


@asynccontextmanager
async def instance(
    url: str, name: str, *, settings: Settings | None = None, wait: bool = True, **history: Any
) -> AsyncIterator[LiveObserver]:
    """One instance. ``wait``: until the database is connected."""
    chosen = settings or settings_of(url, name, **history)
    observer = live_observer(chosen, catalog_for(None), log=Log(LogSettings(level="critical"), sink=LogWriter()))
    try:
        if wait:
            await until(lambda: history_of(observer).connected and history_of(observer).follows_now)
        yield observer
    finally:
        await asyncio.to_thread(observer.close)


@asynccontextmanager
async def instances(url: str, *names: str, **history: Any) -> AsyncIterator[list[LiveObserver]]:
    async with AsyncExitStack() as running:
        yield [await running.enter_async_context(instance(url, name, **history)) for name in names]


def store_of(observer: LiveObserver) -> SharedDenialStore:
    assert isinstance(observer.denials, SharedDenialStore)
    return observer.denials


def history_of(observer: LiveObserver) -> SharedHistory:
    return store_of(observer).history


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until it is true."""
    for _ in range(round(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    assert condition()


async def written(*observers: LiveObserver) -> None:
    """Wait until everything is in the database."""
    await until(lambda: not any(len(history_of(each).waiting) for each in observers))


def counted(observer: LiveObserver) -> dict[str, int]:
    """The number of denials of each service."""
    return {group.summary()["service"]: group.count for group in observer.denials.groups()}


def metric(observer: LiveObserver, name: str, **labels: str) -> float | None:
    return observer.metrics.registry.get_sample_value(name, labels)


async def counts(observer: LiveObserver, expected: dict[str, int]) -> None:
    """Wait until an instance lists these services with these counts."""
    for _ in range(750):
        if counted(observer) == expected:
            return
        await asyncio.sleep(0.02)
    assert counted(observer) == expected
