"""Connections of the admin port: who keeps one, and whose is closed; over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from devkit.servers import Message, read_response
from kcproxy.admin import app as admin
from kcproxy.admin import connections as admin_connections
from kcproxy.admin import listener as admin_listener
from kcproxy.admin.listener import AdminListener
from kcproxy.observe.observer import LiveObserver
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import LimitSettings, Settings, UpstreamSettings
from tests.admin.stage import LOOPBACK, observer  # noqa: F401 - a fixture

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
EVENTS = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: local"
HALF_BODY = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\nkey="
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Admin:
    """An admin port, and those who hold connections to it."""

    def __init__(self, port: int, listener: AdminListener) -> None:
        self.port = port
        self.listener = listener
        self.held: list[Streams] = []

    async def connect(self, sent: bytes = b"") -> Streams:
        self.held.append(await asyncio.open_connection("127.0.0.1", self.port))
        self.held[-1][1].write(sent)
        return self.held[-1]

    async def ask(self, raw: bytes = HEALTH) -> Message:
        reader, writer = await self.connect(raw)
        answer = await asyncio.wait_for(read_response(reader), 5)
        writer.close()
        return answer


@pytest.fixture
async def port(observer: LiveObserver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Admin]:  # noqa: F811 - the fixture
    monkeypatch.setattr(admin_listener, "MAX_CONNECTIONS", 5)
    monkeypatch.setattr(admin_connections, "_SWEEP_SECONDS", 0.05)
    settings = Settings(
        upstream=UpstreamSettings(scheme="http", host="localhost", port=1),
        admin_listen=LOOPBACK,
        limits=LimitSettings(head_timeout_seconds=0.6),
    )
    bound = listening_socket(LOOPBACK, name="admin_listen")
    number = bound.getsockname()[1]
    running = Admin(number, AdminListener(bound, admin.build(settings, observer, tuple), settings, observer))
    await running.listener.open()
    yield running
    for _, writer in running.held:
        writer.transport.abort()
    await asyncio.wait_for(running.listener.close(), 10)


def count(observer: LiveObserver, reason: str) -> float:  # noqa: F811 - the fixture's value
    metric: Any = observer.metrics.counter("kcproxy_connections_refused_total")
    return float(metric.labels("admin_listen", reason)._value.get())


async def is_closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(5):
            while await reader.read(1000):
                pass
    return True


@pytest.mark.parametrize("half", [b"", HALF, HALF_BODY], ids=["nothing", "half a head", "half a body"])
async def test_a_connection_without_a_complete_request_gives_way_when_the_port_is_full(
    port: Admin,
    observer: LiveObserver,  # noqa: F811 - the fixture
    half: bytes,
) -> None:
    (first, _), *_ = [await port.connect(half) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert (await port.ask()).status == 200
    assert await is_closed(first)
    assert count(observer, "displaced") == 1


async def test_a_page_that_is_followed_does_not_give_way(port: Admin) -> None:
    (follower, _) = await port.connect(EVENTS)
    await follower.readuntil(b"retry: 2000\n\n")
    for _ in range(4):
        await port.connect(HALF)
    await asyncio.sleep(0.05)
    for _ in range(8):
        assert (await port.ask()).status == 200
    async with asyncio.timeout(10):
        assert await follower.readuntil(b": still here\n\n")


async def test_where_nobody_can_be_spared_the_newcomer_is_closed(port: Admin, observer: LiveObserver) -> None:  # noqa: F811 - the fixture
    for _ in range(5):
        reader, _ = await port.connect(EVENTS)
        await reader.readuntil(b"retry: 2000\n\n")
    newcomer, _ = await port.connect(HEALTH)
    assert await is_closed(newcomer)
    assert count(observer, "limit") == 1


@pytest.mark.parametrize("half", [b"", HALF, HALF_BODY], ids=["nothing", "half a head", "half a body"])
async def test_a_request_that_is_not_complete_in_time_is_closed(
    port: Admin,
    observer: LiveObserver,  # noqa: F811 - the fixture
    half: bytes,
) -> None:
    reader, _ = await port.connect(half)
    assert await is_closed(reader)
    assert count(observer, "slow") == 1


async def test_a_body_that_nobody_asked_for_is_not_read_for_long(port: Admin) -> None:
    reader, _ = await port.connect(HALF_BODY.replace(b"/login", b"/nowhere"))
    assert (await asyncio.wait_for(read_response(reader), 5)).status == 404
    assert await is_closed(reader)


async def test_the_second_request_of_a_connection_has_its_own_time(port: Admin, observer: LiveObserver) -> None:  # noqa: F811 - the fixture
    reader, writer = await port.connect()
    for _ in range(3):
        writer.write(HEALTH)
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        await asyncio.sleep(0.4)  # three times this is more than one request may take
    await asyncio.sleep(0.8)  # as is this, but an idle connection owes nothing
    writer.write(HEALTH[:10])
    assert await is_closed(reader)
    assert count(observer, "slow") == 1


async def test_a_response_that_nobody_takes_ends_its_connection(
    port: Admin,
    observer: LiveObserver,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admin_connections, "RESPONSE_SECONDS", 0.3)
    reader, writer = await port.connect()
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    ask: Callable[[], None] = lambda: writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)  # noqa: E731 - short
    async with asyncio.timeout(60):
        while not count(observer, "slow"):
            ask()
            await asyncio.sleep(0.05)
    assert (await port.ask()).status == 200
