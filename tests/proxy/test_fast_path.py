"""The fast path: its requests arrive as on the general path, which completes those that the fast path cannot."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

import pytest

from devkit.servers import (
    ACCOUNT,
    FORBIDDEN,
    OK,
    SERVER_CLOSES,
    Message,
    RecordingUpstream,
    Running,
    connected,
    read_response,
    recording_upstream,
    running_proxy,
)
from kcproxy.proxy.fast_path import FastExchange, FastPath
from kcproxy.proxy.handler import RequestHandler
from kcproxy.proxy.header_block import HeaderBlock
from kcproxy.server.connection import InboundConnection
from kcproxy.settings import LimitSettings
from tests.proxy.test_injected_tokens import forwarded, responding

USERS = "/admin/realms/demo/users/42"
HEAD = b"Host: proxy.test\r\nAccept: */*\r\n\r\n"
GET = b"GET /admin/realms/demo/users/42 HTTP/1.1\r\n" + HEAD
POST = b"POST /admin/realms/demo/users HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 2\r\n\r\n{}"


class Watched(FastPath):
    """A fast path that counts the requests it sends."""

    taken = 0

    def send(self, connection: InboundConnection, block: HeaderBlock, data: bytes) -> FastExchange | None:
        exchange = super().send(connection, block, data)
        self.taken += exchange is not None
        return exchange


def watch(proxy: Running) -> Watched:
    fast_path = Watched(proxy.service)
    proxy.service.fast_path = fast_path
    return fast_path


def check_nothing_left(proxy: Running) -> None:
    assert proxy.service.in_flight == 0
    assert proxy.service.limit.active == 0
    assert proxy.runtime._users == 0
    assert len(proxy.events.records) == proxy.events.started


@pytest.fixture
async def quick(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    async with running_proxy(upstream.port, fast_path=True) as proxy:
        yield proxy
        async with asyncio.timeout(5):
            while proxy.service.in_flight:  # noqa: ASYNC110 - records tell nobody that they have come
                await asyncio.sleep(0.005)
        check_nothing_left(proxy)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> Message:
    writer.write(raw)
    return await asyncio.wait_for(read_response(reader, method=raw.split(b" ")[0]), 5)


async def test_requests_of_a_connection_take_the_fast_path_from_the_first_one_on(quick: Running, upstream: RecordingUpstream) -> None:
    fast_path = watch(quick)
    async with quick.connect() as (reader, writer):
        for number in range(3):
            answer = await ask(reader, writer, GET.replace(b"42", b"%d" % number))
            assert (answer.status, answer.body) == (200, b"{}")
    assert fast_path.taken == 3
    assert [request.target for request in upstream.requests] == [b"/admin/realms/demo/users/%d" % number for number in range(3)]
    records = await quick.settled(3)
    assert [(record.status, record.sent_bytes, record.target.realm) for record in records] == [(200, 2, "demo")] * 3


async def test_the_first_request_without_an_idle_connection_takes_the_general_path(upstream: RecordingUpstream) -> None:
    async with running_proxy(upstream.port, fast_path=False) as proxy:
        fast_path = watch(proxy)
        async with proxy.connect() as (reader, writer):
            assert [(await ask(reader, writer, GET)).status for _ in range(2)] == [200, 200]
        assert fast_path.taken == 1


@pytest.mark.parametrize(
    "fields",
    [
        "Expect: 100-continue",
        "Upgrade: h2c",
        "Connection: close",
        "Transfer-Encoding: chunked",
        "Connection: upgrade\r\nUpgrade: websocket",
    ],
)
async def test_what_is_not_plain_takes_the_general_path(upstream: RecordingUpstream, fields: str) -> None:
    async with running_proxy(upstream.port, fast_path=True) as proxy:
        fast_path = watch(proxy)
        async with proxy.connect() as (reader, writer):
            body = b"0\r\n\r\n" if "chunked" in fields else b""
            await ask(reader, writer, f"POST {USERS} HTTP/1.1\r\nHost: proxy.test\r\n{fields}\r\n\r\n".encode() + body)
        assert fast_path.taken == 0


@pytest.mark.parametrize(
    "line",
    [
        b"GET //a/b HTTP/1.1",
        b"GET http://proxy.test/a HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET /a HTTP/1.0",
        b"BREW /a HTTP/1.1",
        b"GET /a#b HTTP/1.1",
    ],
)
async def test_a_first_line_that_is_unusual_takes_the_general_path(quick: Running, line: bytes) -> None:
    fast_path = watch(quick)
    async with quick.connect() as (reader, writer):
        await ask(reader, writer, line + b"\r\n" + HEAD)
    assert fast_path.taken == 0


async def test_a_head_beyond_the_limit_is_refused_though_its_block_is_known(upstream: RecordingUpstream) -> None:
    async with running_proxy(upstream.port, fast_path=True, limits=LimitSettings(max_header_bytes=2048)) as proxy:
        fast_path = watch(proxy)
        async with proxy.connect() as (reader, writer):
            await ask(reader, writer, GET)
            assert (await ask(reader, writer, GET.replace(b"42", b"x" * 4000))).status in {400, 431}
        assert (fast_path.taken, len(upstream.requests)) == (1, 1)


async def test_an_injected_token_is_the_one_in_the_cache(upstream: RecordingUpstream) -> None:
    responding(upstream, lambda _: OK)
    async with running_proxy(upstream.port, fast_path=True, accounts=(ACCOUNT,)) as proxy:
        fast_path = watch(proxy)
        async with proxy.connect() as (reader, writer):
            for _ in range(3):
                await ask(reader, writer, GET)
        assert fast_path.taken == 2  # the token was fetched for the first
        assert forwarded(upstream) == [(USERS.encode(), b"Bearer t1")] * 3
        assert proxy.events.cache_reads == [False, True, True]
        assert [record.injected_account for record in await proxy.settled(3)] == ["robot"] * 3


async def test_a_refused_token_is_replaced_once_by_the_general_path(upstream: RecordingUpstream) -> None:
    def admin(request: Message) -> bytes:
        return FORBIDDEN if request.target.endswith(b"/7") and request.value("authorization") == b"Bearer t1" else OK

    responding(upstream, admin)
    async with running_proxy(upstream.port, fast_path=True, accounts=(ACCOUNT,)) as proxy:
        fast_path = watch(proxy)
        async with proxy.connect() as (reader, writer):
            await ask(reader, writer, GET)
            await asyncio.sleep(0.01)
            answer = await ask(reader, writer, GET.replace(b"42", b"7"))
        assert (answer.status, fast_path.taken) == (200, 1)
        assert forwarded(upstream)[1:] == [(b"/admin/realms/demo/users/7", b"Bearer t1"), (b"/admin/realms/demo/users/7", b"Bearer t2")]
        record = (await proxy.settled(2))[1]
        assert (record.token_replaced, record.retried, record.status) == (True, True, 200)
        check_nothing_left(proxy)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (FORBIDDEN, 403, b'{"error":"HTTP 403 Forbidden"}'),
        (CHUNKED, 200, b"abc"),
        (LARGE, 200, b"x" * 300_000),
        (INTERIM, 200, b"{}"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}", 200, b"{"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 502, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 502, None),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, None),
        (b"nonsense\r\n\r\n", 502, None),
    ],
)
async def test_every_response_is_complete_on_both_paths(
    quick: Running, upstream: RecordingUpstream, answer: bytes, status: int, body: bytes | None
) -> None:
    fast_path = watch(quick)
    upstream.react = lambda _: answer
    found = await quick.send(GET)
    assert (found.status, fast_path.taken, len(upstream.requests)) == (status, 1, 1)
    assert body is None or found.body == body
    upstream.react = lambda _: OK
    assert (await quick.send(GET)).body == b"{}"  # nothing is left behind on any connection


@pytest.mark.parametrize("cut", [1, 20, len(OK) - 2, len(OK) - 1])
async def test_a_response_in_two_pieces_is_whole(quick: Running, upstream: RecordingUpstream, cut: int) -> None:
    async def react(_: Message) -> bytes:
        writer = next(iter(upstream._writers))
        writer.write(OK[:cut])
        await asyncio.sleep(0.05)
        return OK[cut:]

    fast_path = watch(quick)
    await quick.send(GET)  # its head is known from now on, had it not been in pieces
    upstream.react = react
    found = await quick.send(GET)
    assert (found.status, found.body, fast_path.taken) == (200, b"{}", 2)


@pytest.mark.parametrize(("raw", "status", "sent"), [(GET, 200, 2), (POST, 502, 1)])
async def test_only_a_read_is_sent_again_when_the_server_closes_an_idle_connection(
    quick: Running, upstream: RecordingUpstream, raw: bytes, status: int, sent: int
) -> None:
    fast_path = watch(quick)
    await quick.send(GET)
    upstream.requests.clear()
    responses = iter([SERVER_CLOSES, OK])
    upstream.react = lambda _: next(responses)
    found = await quick.send(raw)
    assert (found.status, len(upstream.requests), fast_path.taken) == (status, sent, 2)
    assert (await quick.settled(2))[1].retried == (sent == 2)


async def test_a_read_is_not_sent_again_after_a_byte_of_response(quick: Running, upstream: RecordingUpstream) -> None:
    def react(_: Message) -> object:
        next(iter(upstream._writers)).write(b"HTTP/1.1 200 OK\r\nContent-Le")
        return SERVER_CLOSES

    fast_path = watch(quick)
    upstream.react = react
    found = await quick.send(GET)
    assert (found.status, len(upstream.requests), fast_path.taken) == (502, 1, 1)


async def test_a_response_that_breaks_off_ends_the_clients_connection(quick: Running, upstream: RecordingUpstream) -> None:
    def react(_: Message) -> object:
        next(iter(upstream._writers)).write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")
        return SERVER_CLOSES

    upstream.react = react
    async with quick.connect() as (reader, writer):
        writer.write(GET)
        with contextlib.suppress(ConnectionError):
            got = await asyncio.wait_for(reader.read(), 5)
            assert len(got) < 100_000
    assert (await quick.settled(1))[0].error_kind == "broken"


async def test_a_server_that_does_not_respond_in_time_is_a_504(upstream: RecordingUpstream) -> None:
    async def never(_: Message) -> object:
        await asyncio.sleep(5)
        return SERVER_CLOSES

    upstream.react = never
    async with running_proxy(upstream.port, fast_path=True, response_timeout_seconds=0.2) as proxy:
        fast_path = watch(proxy)
        found = await proxy.send(GET)
        assert (found.status, fast_path.taken, found.value("kcproxy-error")) == (504, 1, b"timeout")
        check_nothing_left(proxy)


async def waiting_for(upstream: RecordingUpstream, count: int) -> None:
    async with asyncio.timeout(5):
        while len(upstream.requests) < count:  # noqa: ASYNC110 - the recording tells nobody
            await asyncio.sleep(0.005)


class Held:
    """An upstream that responds when ``go`` is set."""

    def __init__(self, upstream: RecordingUpstream, answer: bytes = OK) -> None:
        self.go = asyncio.Event()
        self.answer = answer
        upstream.react = self.react

    async def react(self, _: Message) -> bytes:
        await self.go.wait()
        return self.answer


@pytest.mark.parametrize("raw", [GET, POST])
async def test_a_client_that_disconnects_ends_a_read_and_lets_a_write_come_to_its_end(
    quick: Running, upstream: RecordingUpstream, raw: bytes
) -> None:
    held, fast_path = Held(upstream), watch(quick)
    async with quick.connect() as (_, writer):
        writer.write(raw)
        await waiting_for(upstream, 1)
    async with asyncio.timeout(5):
        while quick.server.open_connections:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)
    assert (quick.service.in_flight, fast_path.taken) == (0 if raw is GET else 1, 1)
    held.go.set()
    record = (await quick.settled(1))[0]
    assert (record.status, record.error_kind) == (499, None)
    assert (await quick.send(GET)).status == 200


@pytest.mark.parametrize("raw", [GET, POST])
async def test_a_caller_lost_during_the_hand_over_leaves_nothing_behind(
    quick: Running, upstream: RecordingUpstream, monkeypatch: pytest.MonkeyPatch, raw: bytes
) -> None:
    hand_over = RequestHandler.resume

    def lost_in_the_same_turn(handler: RequestHandler, exchange: FastExchange) -> None:
        hand_over(handler, exchange)
        exchange.connection.connection_lost(None)

    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    monkeypatch.setattr(RequestHandler, "resume", lost_in_the_same_turn)
    upstream.react = lambda _: LARGE
    async with quick.connect() as (_, writer):
        writer.write(raw)
        assert (await quick.settled(1))[0].status == 499
    gc.collect()
    assert failures == []
    check_nothing_left(quick)


@pytest.mark.parametrize("answer", [OK, FORBIDDEN])
async def test_a_response_during_a_drain_closes_the_connection(quick: Running, upstream: RecordingUpstream, answer: bytes) -> None:
    held, fast_path = Held(upstream, answer), watch(quick)
    async with quick.connect() as (reader, writer):
        writer.write(GET)
        await waiting_for(upstream, 1)
        quick.service.draining = True
        quick.server.close_idle()  # it is not idle
        held.go.set()
        found = await asyncio.wait_for(read_response(reader), 5)
        assert (found.status, found.value("connection"), fast_path.taken) == (int(answer[9:12]), b"close", 1)
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_reload_leaves_what_is_in_progress_to_the_old_runtime(quick: Running, upstream: RecordingUpstream) -> None:
    async with recording_elsewhere() as (elsewhere, other):
        held, fast_path = Held(upstream), watch(quick)
        async with quick.connect() as (reader, writer):
            writer.write(GET)
            await waiting_for(upstream, 1)
            old = quick.service.swap(other.runtime)
            assert old._users == 1
            held.go.set()
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
            await asyncio.wait_for(old.unused(), 5)
            assert (await ask(reader, writer, GET)).status == 200
        assert (len(upstream.requests), len(elsewhere.requests), fast_path.taken) == (1, 1, 2)


@contextlib.asynccontextmanager
async def recording_elsewhere() -> AsyncIterator[tuple[RecordingUpstream, Running]]:
    async with recording_upstream() as elsewhere, running_proxy(elsewhere.port, fast_path=True) as other:
        yield elsewhere, other


async def test_the_limit_on_requests_in_progress_counts_those_on_the_fast_path(upstream: RecordingUpstream) -> None:
    held = Held(upstream)
    limits = LimitSettings(max_concurrent_requests=1, max_queue_seconds=0.1)
    async with running_proxy(upstream.port, fast_path=True, limits=limits) as proxy:
        await connected(proxy.runtime.upstream)
        fast_path = watch(proxy)
        async with proxy.connect() as (reader, writer):
            writer.write(GET)
            await waiting_for(upstream, 1)
            refused = await proxy.send(GET)
            assert (refused.status, refused.value("kcproxy-error"), fast_path.taken) == (503, b"busy", 1)
            held.go.set()
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        check_nothing_left(proxy)


async def test_what_comes_while_a_request_is_on_the_fast_path_is_served_after_it_in_order(
    quick: Running, upstream: RecordingUpstream
) -> None:
    held, fast_path = Held(upstream), watch(quick)
    async with quick.connect() as (reader, writer):
        writer.write(GET)
        await waiting_for(upstream, 1)
        writer.write(GET.replace(b"42", b"1") + GET.replace(b"42", b"2")[:30])
        await asyncio.sleep(0.02)
        writer.write(GET.replace(b"42", b"2")[30:] + GET.replace(b"42", b"3"))
        await asyncio.sleep(0.02)
        assert len(upstream.requests) == 1
        held.go.set()
        assert [(await asyncio.wait_for(read_response(reader), 5)).status for _ in range(4)] == [200] * 4
    assert [request.target.rpartition(b"/")[2] for request in upstream.requests] == [b"42", b"1", b"2", b"3"]
    assert fast_path.taken == 2  # the first, and the last, which ended its packet as a whole


async def test_a_flood_behind_a_request_on_the_fast_path_is_not_kept_in_memory(quick: Running, upstream: RecordingUpstream) -> None:
    held = Held(upstream)
    async with quick.connect() as (reader, writer):
        writer.write(GET)
        await waiting_for(upstream, 1)
        writer.write(POST.replace(b"Content-Length: 2", b"Content-Length: 3000000")[:-2] + b"x" * 3_000_000)
        await asyncio.sleep(0.1)
        (protocol,) = quick.server.connections
        assert protocol._body is not None
        assert protocol._body._unread_bytes < 1_000_000
        held.go.set()
        assert [(await asyncio.wait_for(read_response(reader), 5)).status for _ in range(2)] == [200, 200]
    assert len(upstream.requests[1].body) == 3_000_000


@pytest.mark.parametrize(
    "before",
    [
        b"POST /first HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: %d\r\n\r\n" % len(GET),
        b"\r\n\r\nPOST /first HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: %d\r\n\r\n" % len(GET),
    ],
)
async def test_a_body_that_looks_like_a_request_is_a_body(quick: Running, upstream: RecordingUpstream, before: bytes) -> None:
    async with quick.connect() as (reader, writer):
        await ask(reader, writer, GET)  # so that its block is known
        writer.write(before)
        await asyncio.sleep(0.05)
        found = await ask(reader, writer, GET)
        assert found.status == 200
        await ask(reader, writer, GET)
    assert [(request.target, request.body) for request in upstream.requests] == [
        (USERS.encode(), b""),
        (b"/first", GET),
        (USERS.encode(), b""),
    ]


@pytest.mark.parametrize("ending", [b"", b"\r\n"])
async def test_a_request_behind_an_unfinished_head_belongs_to_that_head(quick: Running, upstream: RecordingUpstream, ending: bytes) -> None:
    """After a whole request comes the beginning of another one. What follows belongs to that, even if it looks like a request."""
    async with quick.connect() as (reader, writer):
        await ask(reader, writer, GET)
        writer.write(GET + b"GET /other HTTP/1.1\r\nHost: proxy.test\r\nX-Note: " + ending)
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        await asyncio.sleep(0.05)
        writer.write(GET)
        last = await asyncio.wait_for(read_response(reader), 5)
    targets = [request.target for request in upstream.requests]
    assert targets[:2] == [USERS.encode()] * 2
    assert (last.status, targets[2:]) in ((400, []), (200, [b"/other"]))


async def test_two_callers_with_the_same_block_get_their_own_responses(quick: Running, upstream: RecordingUpstream) -> None:
    async def echo(request: Message) -> bytes:
        await asyncio.sleep(0.001 * (hash(request.target) % 7))
        name = request.target.rpartition(b"/")[2]
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name)

    upstream.react = echo

    async def caller(number: int) -> None:
        async with quick.connect() as (reader, writer):
            for turn in range(30):
                name = b"%03d-%03d" % (number, turn)
                assert (await ask(reader, writer, GET.replace(b"42", name))).body == name

    fast_path = watch(quick)
    await asyncio.gather(*(caller(number) for number in range(10)))
    assert fast_path.taken > 200


async def test_a_bug_on_the_fast_path_is_one_of_the_general_path_or_none(
    quick: Running, upstream: RecordingUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kcproxy.proxy.fast_path._prepared", broken)
    assert (await quick.send(GET)).status == 200
    assert len(upstream.requests) == 1


async def test_an_observer_that_fails_holds_up_nobody(quick: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = quick.events.request_finished
    monkeypatch.setattr(quick.events, "request_finished", lambda record: finished(record) or 1 / 0)
    async with quick.connect() as (reader, writer):
        assert [(await ask(reader, writer, GET)).status for _ in range(3)] == [200] * 3
