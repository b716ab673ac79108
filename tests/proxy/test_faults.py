"""Faults under load: each request ends in its own response or in a clear error, and no write is executed twice."""

import asyncio
import contextlib
import gc
import itertools
import json
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from devkit.servers import ACCOUNT, SERVER_CLOSES, Message, RecordingUpstream, read_response, running_proxy
from kcproxy.settings import LimitSettings
from tests.proxy.test_injected_tokens import TOKEN_PATH

pytestmark = pytest.mark.usefixtures("way")

CALLERS = 24
OWN_KINDS = {b"connect", b"broken", b"timeout", b"busy", b"token"}


@dataclass
class Ledger:
    """Responses by the number in the path of the request."""

    answered: set[int] = field(default_factory=set)
    refused: dict[int, bytes] = field(default_factory=dict)
    cut_off: set[int] = field(default_factory=set)
    numbers: int = 0


async def caller(port: int, ledger: Ledger, stop: asyncio.Event) -> None:
    while not stop.is_set():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            while not stop.is_set():
                ledger.numbers += 1
                number = ledger.numbers
                method = ("GET", "POST", "PUT", "DELETE")[number % 4]
                head = f"{method} /admin/realms/demo/users/{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}"
                writer.write(head.encode())
                try:
                    answer = await asyncio.wait_for(read_response(reader), 10)
                except (AssertionError, asyncio.IncompleteReadError, ConnectionError, ValueError):
                    ledger.cut_off.add(number)
                    break
                kind = answer.value("kcproxy-error")
                if kind is not None:
                    ledger.refused[number] = kind
                else:
                    assert answer.body == b"%d" % number, "somebody else's answer"
                    ledger.answered.add(number)
                if answer.value("connection") == b"close":
                    break


def echoing(request: Message) -> bytes:
    number = request.target.rpartition(b"/")[2]
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(number), number)


@asynccontextmanager
async def load(port: int) -> AsyncIterator[Ledger]:
    ledger, stop = Ledger(), asyncio.Event()
    callers = [asyncio.create_task(caller(port, ledger, stop)) for _ in range(CALLERS)]
    yield ledger
    stop.set()
    await asyncio.wait_for(asyncio.gather(*callers), 30)


def check(ledger: Ledger, upstream: RecordingUpstream, *, cut_off: bool = False) -> None:
    writes = [request.target for request in upstream.requests if request.method != b"GET" and request.target != TOKEN_PATH]
    assert len(writes) == len(set(writes)), "a write was executed twice"
    assert len(ledger.answered) + len(ledger.refused) + len(ledger.cut_off) == ledger.numbers
    assert set(ledger.refused.values()) <= OWN_KINDS
    assert len(ledger.answered) > 50
    assert cut_off or not ledger.cut_off


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough


async def test_connections_reset_before_within_and_after_responses(upstream: RecordingUpstream) -> None:
    dice = random.Random(7)

    async def react(request: Message) -> object:
        answer = echoing(request)
        fate = dice.random()
        if fate < 0.1:
            return SERVER_CLOSES
        if fate < 0.2:
            return answer[: len(answer) - 1] if fate < 0.15 else b"HTTP/1.1 2"
        if fate < 0.3:
            asyncio.get_running_loop().call_later(0.002, upstream.cut)
        return answer

    upstream.react = react
    async with running_proxy(upstream.port, response_timeout_seconds=0.3, idle_timeout_seconds=0.3) as proxy:
        async with load(proxy.port) as ledger:
            await asyncio.sleep(3)
        check(ledger, upstream)
        assert ledger.refused
        assert proxy.service.in_flight == 0
        upstream.react = echoing
        assert (await proxy.get("/admin/realms/demo/users/0")).body == b"0"


async def test_an_upstream_that_dies_and_comes_back(upstream: RecordingUpstream) -> None:
    """Its port is closed and reopened while clients send requests."""
    upstream.react = echoing
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running_proxy(port) as proxy:
        async with load(proxy.port) as ledger:
            for _ in range(2):
                await asyncio.sleep(0.5)
                server.close()
                upstream.cut()
                await asyncio.sleep(0.4)
                server = await asyncio.start_server(upstream.serve, "127.0.0.1", port)
            await asyncio.sleep(2.5)
            known = len(ledger.answered)
            await asyncio.sleep(0.5)
        assert len(ledger.answered) > known, "it was not used again"
        check(ledger, upstream)
        assert set(ledger.refused.values()) <= {b"connect", b"broken"}
        server.close()
        upstream.cut()


async def test_a_token_endpoint_that_fails_half_of_the_time(upstream: RecordingUpstream) -> None:
    count = itertools.count()
    faults: list[object] = [SERVER_CLOSES, b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{"]

    def react(request: Message) -> object:
        if request.target != TOKEN_PATH:
            return echoing(request)
        number = next(count)
        if number % 2:
            return faults[number // 2 % len(faults)]
        body = json.dumps({"access_token": f"t{number}", "expires_in": 1}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    upstream.react = react
    async with running_proxy(upstream.port, accounts=(ACCOUNT,)) as proxy:
        async with load(proxy.port) as ledger:
            await asyncio.sleep(4)
        check(ledger, upstream)
        assert set(ledger.refused.values()) <= {b"token"}
        assert sum(request.target == TOKEN_PATH for request in upstream.requests) < 50


async def test_clients_that_disconnect_at_any_moment_leave_nothing_behind(upstream: RecordingUpstream) -> None:
    dice = random.Random(5)

    async def slow(request: Message) -> bytes:
        await asyncio.sleep(dice.random() * 0.02)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000

    async def leaver(port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        raw = b"POST /admin/realms HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
        if dice.random() < 0.5:
            raw = b"GET /admin/realms HTTP/1.1\r\nHost: a\r\n\r\n"
        writer.write(raw[: int(len(raw) * dice.random() * 1.3)])
        await asyncio.sleep(dice.random() * 0.03)
        writer.transport.abort()

    upstream.react = slow
    async with running_proxy(upstream.port) as proxy:
        await proxy.get("/")
        gc.collect()
        descriptors_before, tasks_before = descriptors(), len(asyncio.all_tasks())
        for _ in range(20):
            await asyncio.gather(*(leaver(proxy.port) for _ in range(20)))
        async with asyncio.timeout(20):
            while proxy.server.open_connections or proxy.service.in_flight:  # noqa: ASYNC110 - they end by themselves
                await asyncio.sleep(0.02)
        # What is kept for later is bounded: idle connections to the upstream, and the upstream's own side of them.
        kept = 2 * 64
        assert descriptors() <= descriptors_before + kept
        assert len(asyncio.all_tasks()) <= tasks_before + kept
        assert (await proxy.get("/")).status == 200


@pytest.mark.parametrize("count", [2000])
async def test_many_connections_that_send_their_heads_byte_by_byte_are_cut_off_and_disturb_nobody(
    upstream: RecordingUpstream, count: int
) -> None:
    upstream.react = echoing
    limits = LimitSettings(head_timeout_seconds=2, max_connections=count + 100)
    async with running_proxy(upstream.port, limits=limits) as proxy:
        slow = []
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"GET / HTTP/1.1\r\nX-")
            slow.append(writer)
        for number in range(20):
            assert (await proxy.get(f"/{number}")).body == b"%d" % number
        async with asyncio.timeout(30):
            while proxy.server.open_connections:
                for writer in slow[::50]:
                    with contextlib.suppress(ConnectionError):
                        writer.write(b"a")
                await asyncio.sleep(0.2)
        for writer in slow:
            writer.close()
        await asyncio.sleep(0.1)
