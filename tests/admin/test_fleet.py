"""Several instances without a database: each shows the denials of all, opens those of the others, and names the one that is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from devkit.ports import free_ports
from kcproxy.admin import app as admin
from kcproxy.admin import fleet
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, FleetSettings, LogSettings, Secret, Settings, UpstreamSettings
from tests.admin.stage import deny
from tests.observe.samples import caller

LOGIN = {"Authorization": "Bearer k"}
UPSTREAM = UpstreamSettings(scheme="http", host="localhost", port=8080)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "ASK_SECONDS", 0.1)


@asynccontextmanager
async def instance(name: str, port: int, peers: list[int], key: str = "k") -> AsyncIterator[LiveObserver]:
    observer = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore())
    addresses = tuple(AddressSettings(host="127.0.0.1", port=peer) for peer in peers)
    settings = Settings(
        upstream=UPSTREAM, admin_listen=AddressSettings(host="0.0.0.0", port=port), admin_key=Secret(key), instance=name,
        fleet=FleetSettings(peers=addresses),
    )  # fmt: skip
    server = TestServer(admin.build(settings, observer, list), port=port)
    await server.start_server()
    try:
        yield observer
    finally:
        await server.close()
        observer.close()


async def page(port: int, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}", headers=LOGIN) as answer:
        return await answer.text()


async def asked(port: int, path: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}", headers=LOGIN) as answer:
        return answer.status, await answer.json()


async def counts(port: int, *, expected: dict[str, int]) -> None:
    """Wait until the instance lists these services with these counts."""
    found: dict[str, int] = {}
    for _ in range(100):
        _, document = await asked(port, "/api/denials")
        found = {group["service"]: group["count"] for group in document["denials"]}
        if found == expected:
            return
        await asyncio.sleep(0.1)
    assert found == expected


async def test_each_instance_shows_the_denials_of_all_and_opens_them() -> None:
    one, two = free_ports(2)
    async with AsyncExitStack() as running:
        first = await running.enter_async_context(instance("one", one, [one, two]))  # itself, as with a headless service
        second = await running.enter_async_context(instance("two", two, [one]))
        deny(first, "d-1", caller=caller("billing"))
        deny(second, "d-2", caller=caller("billing"))
        deny(second, "d-3", caller=caller("crm"))
        for port in (one, two):
            await counts(port, expected={"billing": 2, "crm": 1})
            status, found = await asked(port, "/api/denials/d-3")
            assert (status, found["id"]) == (200, "d-3")
            assert "crm" in await page(port, "/denials/d-3")
            assert "two" in str((await asked(port, "/api/denials"))[1]["denials"])
        _, own = await asked(one, "/api/denials?own=1")
        assert [group["count"] for group in own["denials"]] == [1]
        assert (await asked(one, "/api/denials/nowhere"))[0] == 404
        assert (await asked(one, "/api/denials/..%2F..%2Fhealthz"))[0] == 404


async def test_what_changes_at_a_peer_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = free_ports(2)
    async with AsyncExitStack() as running:
        first = await running.enter_async_context(instance("one", one, [two]))
        second = await running.enter_async_context(instance("two", two, []))
        with first.denials.live.subscribe() as subscriber:
            assert subscriber is not None
            deny(second, "d-1")
            assert await asyncio.wait_for(subscriber.changes(), 10) == [next(second.denials.groups()).fingerprint]


async def test_a_peer_that_is_gone_is_named_and_its_denials_stay() -> None:
    one, two = free_ports(2)
    async with AsyncExitStack() as running:
        await running.enter_async_context(instance("one", one, [two]))
        async with instance("two", two, []) as second:
            deny(second, "d-1", caller=caller("billing"))
            await counts(one, expected={"billing": 1})
        for _ in range(100):
            _, found = await asked(one, "/api/denials")
            if found["silent"]:
                break
            await asyncio.sleep(0.1)
        assert found["silent"] == [f"127.0.0.1:{two}"]
        assert f"no response from 127.0.0.1:{two}" in await page(one, "/")


async def test_a_peer_with_another_key_shows_nothing() -> None:
    one, two = free_ports(2)
    async with AsyncExitStack() as running:
        await running.enter_async_context(instance("one", one, [two]))
        second = await running.enter_async_context(instance("two", two, [], key="another"))
        deny(second, "d-1")
        await asyncio.sleep(1)
        _, found = await asked(one, "/api/denials")
        assert (found["denials"], found["silent"]) == ([], [f"127.0.0.1:{two}"])
        assert (await asked(one, "/api/denials/d-1"))[0] == 404
