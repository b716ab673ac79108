"""A caller's connection ends at the worst moment: between two callbacks. Each test drives the connection by hand, without a socket or a clock."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kcproxy.server.connection import ProxyProtocol, ProxyServer
from kcproxy.server.request import KEPT
from kcproxy.settings import LimitSettings

GET = b"GET /admin/realms/demo/users/42 HTTP/1.1\r\nHost: proxy.test\r\n\r\n"
POST = b"POST /admin/realms/demo/users HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 2\r\n\r\n{}"
UPGRADE = b"GET / HTTP/1.1\r\nHost: proxy.test\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
BAD = b"GET / HTTP/1.1\r\nHost proxy.test\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written; the test ends the connection itself."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        """Nothing comes in but by the test."""

    def resume_reading(self) -> None:
        """As above."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class FakeCrossing:
    """A request in the quick lane that counts how it ends."""

    def __init__(self, wire: bytes) -> None:
        self.wire = wire
        self.left = 0
        self.drops = 0

    def client_disconnected(self) -> None:
        self.left += 1

    def dropped(self) -> None:
        self.drops += 1


class FakeLane:
    """Takes every request that the parser has read."""

    def __init__(self) -> None:
        self.crossings: list[FakeCrossing] = []

    def learn(self, wire: bytes, message: Any) -> object:
        return object()

    def cross(self, protocol: ProxyProtocol, block: object, wire: bytes) -> FakeCrossing:
        self.crossings.append(FakeCrossing(wire))
        return self.crossings[-1]


class Driven:
    """One inbound connection without a network: its tasks are watched, and nothing of them may fail."""

    def __init__(self, *, fast_path: FakeLane | None = None, responses: int = 0) -> None:
        """``answers``: how many requests are answered; there is nobody for any further one."""
        self.served: list[Any] = []
        self._answers = responses
        self.failures: list[dict[str, Any]] = []
        self.transport = Wire()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.failures.append(context))
        server = ProxyServer(self._serve, LimitSettings(), on_bad_request=lambda *_: None, fast_path=fast_path)
        before = asyncio.all_tasks()
        self.protocol: Any = server()
        self.protocol.connection_made(self.transport)
        self.tasks = asyncio.all_tasks() - before
        self.server = server

    async def _serve(self, inbound: Any) -> Any:
        self.served.append(inbound)
        assert len(self.served) <= self._answers, "nobody is there to be answered"
        return KEPT

    async def ended(self) -> list[BaseException]:
        """Wait for the connection's tasks; what they failed with."""
        await asyncio.wait(self.tasks, timeout=5)
        assert all(task.done() for task in self.tasks)
        errors = [task.exception() for task in self.tasks if not task.cancelled()]
        await self.server.shutdown(0.01)
        return [error for error in errors if error is not None] + [context["message"] for context in self.failures]


async def test_a_caller_lost_while_a_request_is_handed_over_is_dropped() -> None:
    fast_path = FakeLane()
    driven = Driven(fast_path=fast_path)
    await asyncio.sleep(0)  # the connection's task begins to wait for a request
    driven.protocol.data_received(GET)
    (fast_exchange,) = fast_path.crossings
    driven.protocol.carry_on(fast_exchange)  # wakes the task, which runs in the loop's next turn
    driven.protocol.connection_lost(None)  # and this is called in the same turn
    assert await driven.ended() == []
    assert (driven.served, fast_exchange.drops, fast_exchange.left) == ([], 1, 0)


@pytest.mark.parametrize("raw", [GET, POST, UPGRADE, BAD], ids=["GET", "POST", "upgrade", "bad"])
@pytest.mark.parametrize("lost", [None, ConnectionResetError("reset")], ids=["closed", "reset"])
async def test_a_caller_lost_before_its_request_is_served_is_forgotten(raw: bytes, lost: Exception | None) -> None:
    driven = Driven()
    await asyncio.sleep(0)
    driven.protocol.data_received(raw)
    driven.protocol.connection_lost(lost)
    assert await driven.ended() == []
    assert driven.served == []


@pytest.mark.parametrize("raw", [GET, UPGRADE, BAD], ids=["GET", "upgrade", "bad"])
async def test_a_request_behind_an_ignored_upgrade_is_forgotten_with_its_caller(raw: bytes) -> None:
    driven = Driven(responses=1)
    await asyncio.sleep(0)
    driven.protocol.data_received(UPGRADE)
    for _ in range(10):
        await asyncio.sleep(0)
    driven.protocol.data_received(raw)
    driven.protocol.connection_lost(None)
    assert await driven.ended() == []


Moment = Callable[[Any], None]
MOMENTS: dict[str, Moment] = {
    "before the first byte": lambda _: None,
    "in a head": lambda protocol: protocol.data_received(GET[:20]),
    "in a body": lambda protocol: protocol.data_received(POST[:-1]),
    "behind a second request": lambda protocol: protocol.data_received(GET + GET),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
async def test_a_connection_lost_at_any_moment_ends_its_task_quietly(moment: Moment) -> None:
    driven = Driven(fast_path=None)
    await asyncio.sleep(0)
    moment(driven.protocol)
    driven.protocol.connection_lost(None)
    assert await driven.ended() == []


async def test_a_connection_lost_before_its_task_has_begun_ends_quietly() -> None:
    driven = Driven()
    driven.protocol.data_received(GET)
    driven.protocol.connection_lost(None)
    assert await driven.ended() == []
    assert driven.served == []


@pytest.mark.parametrize("first", ["crossed", "lost"])
async def test_a_response_and_the_end_of_its_caller_in_one_turn_come_in_any_order(first: str) -> None:
    fast_path = FakeLane()
    driven = Driven(fast_path=fast_path)
    await asyncio.sleep(0)
    driven.protocol.data_received(GET)
    if first == "lost":
        driven.protocol.connection_lost(None)
    driven.protocol.crossed()
    if first == "crossed":
        driven.protocol.data_received(GET)
        driven.protocol.connection_lost(None)
    assert await driven.ended() == []
