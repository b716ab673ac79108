"""An inbound connection without a socket: order, back-pressure, limits, and disconnects at every moment."""

import asyncio
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kcproxy.errors import RequestRefused
from kcproxy.http1.request_parser import Event, RequestParser
from kcproxy.server.connection import LINGER_SECONDS, Connections, InboundConnection
from kcproxy.server.error_responses import ErrorResponse
from kcproxy.server.fair_turns import FairTurns
from kcproxy.server.inbound_request import InboundRequest
from kcproxy.server.request_body import HIGH_WATER_BYTES, BodyUnframed, ClientDisconnected
from kcproxy.server.shared_state import MAX_UNREAD_BYTES
from kcproxy.settings import LimitSettings

LIMITS = LimitSettings()
GET = b"GET /one HTTP/1.1\r\nHost: proxy.test\r\n\r\n"
POST = b"POST /two HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"POST /three HTTP/1.1\r\nHost: proxy.test\r\nTransfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"GET /four HTTP/1.1\r\nHost: proxy.test\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
BAD = b"GET / HTTP/1.1\r\nHost proxy.test\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that records writes. The test closes the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.aborted = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 50000) if name == "peername" else default


class Handling:
    """One request in progress."""

    def __init__(self, request: InboundRequest | bytes) -> None:
        self.request = request
        self.disconnects = 0

    def client_disconnected(self) -> None:
        self.disconnects += 1


class Handler:
    """Records requests. The test finishes them."""

    def __init__(self) -> None:
        self.handled: list[Handling] = []
        self.refused: list[tuple[str, str | None]] = []
        self.takes_known = False

    def begin(self, connection: InboundConnection, request: InboundRequest) -> Handling:
        self.handled.append(Handling(request))
        return self.handled[-1]

    def begin_known(self, connection: InboundConnection, data: bytes) -> Handling | None:
        if not self.takes_known:
            return None
        self.handled.append(Handling(data))
        return self.handled[-1]

    def bad_request(self, response: ErrorResponse, peer: str | None) -> None:
        self.refused.append((response.kind, peer))

    @property
    def targets(self) -> list[str]:
        return [handling.request.head.target for handling in self.handled if isinstance(handling.request, InboundRequest)]


def without_time(connections: Connections) -> Connections:
    """Its turns do not depend on how fast this machine is: the first forty parts are read at once."""
    connections.turns = FairTurns(clock=lambda: 0.0)
    return connections


async def all_turns() -> None:
    """Let the event loop turn until everything that has arrived is parsed, as far as it can be now."""
    for _ in range(2_000):
        await asyncio.sleep(0)


class Driven:
    """A connection with its handler and transport."""

    def __init__(self, limits: LimitSettings = LIMITS) -> None:
        self.handler = Handler()
        self.connections = without_time(Connections(self.handler, limits))
        self.connection = InboundConnection(self.connections)
        self.wire = Wire()
        self.connection.connection_made(self.wire)

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)

    def finish(self, *, keep_alive: bool = True) -> None:
        self.connection.finished(keep_alive=keep_alive)

    def lose(self) -> None:
        self.connection.connection_lost(None)

    @property
    def body(self) -> Any:
        request = self.handler.handled[-1].request
        assert isinstance(request, InboundRequest)
        return request.body

    def expires_in(self) -> float:
        return self.connection.deadline - asyncio.get_running_loop().time()


@pytest.fixture
async def driven() -> Driven:
    return Driven()


async def test_requests_are_handled_one_after_the_other_in_order(driven: Driven) -> None:
    driven.receive(GET + POST + GET)
    assert driven.handler.targets == ["/one"]
    driven.finish()
    assert driven.handler.targets == ["/one", "/two"]
    assert driven.body.read_now() == b"body"
    driven.finish()
    driven.finish()
    assert driven.handler.targets == ["/one", "/two", "/one"]
    assert driven.connection.idle


async def test_no_request_is_handled_behind_the_last_one(driven: Driven) -> None:
    driven.receive(GET + GET)
    driven.finish(keep_alive=False)
    assert (driven.handler.targets, driven.wire.closed) == (["/one"], True)


async def test_what_cannot_be_read_is_refused_in_its_turn(driven: Driven) -> None:
    driven.receive(GET + BAD)
    assert driven.handler.refused == []
    driven.finish()
    assert driven.handler.refused == [("bad-request", "192.0.2.7")]
    assert driven.wire.written.startswith(b"HTTP/1.1 400 ")
    assert driven.wire.closed


async def test_a_body_that_cannot_be_read_fails_for_its_reader(driven: Driven) -> None:
    driven.receive(CHUNKED, b"zz\r\n")
    with pytest.raises(BodyUnframed):
        driven.body.read_now()
    assert driven.handler.refused == []


async def test_reading_stops_while_a_body_is_not_read_and_goes_on_after(driven: Driven) -> None:
    size = HIGH_WATER_BYTES + 1
    driven.receive(CHUNKED, b"%x\r\n" % size + b"x" * size)
    assert not driven.wire.reading
    assert len(driven.body.read_now()) == size
    assert driven.wire.reading


async def test_reading_stops_while_too_many_requests_wait(driven: Driven) -> None:
    driven.receive(GET * 100)
    assert not driven.wire.reading
    for _ in range(100):
        await asyncio.sleep(0)
        driven.finish()
    assert driven.wire.reading
    assert len(driven.handler.handled) == 100


async def test_of_many_requests_in_one_packet_one_is_handled_at_a_time_in_order(driven: Driven) -> None:
    targets = [f"/{number}" for number in range(300)]
    driven.receive(b"".join(GET.replace(b"/one", target.encode()) for target in targets))
    for number in range(300):
        await asyncio.sleep(0)
        assert driven.handler.targets == targets[: number + 1]
        driven.finish()
    assert driven.connection.idle
    assert driven.wire.reading


async def test_the_rest_of_a_body_is_dropped_before_the_next_request(driven: Driven) -> None:
    driven.receive(POST[:-2])
    driven.finish()
    assert not driven.connection.idle or driven.expires_in() <= LINGER_SECONDS
    driven.receive(POST[-2:] + GET)
    assert driven.handler.targets == ["/two", "/one"]


async def test_a_rest_that_does_not_come_ends_the_connection(driven: Driven) -> None:
    driven.receive(POST[:-2])
    driven.finish()
    assert driven.expires_in() <= LINGER_SECONDS
    driven.connection.expire()
    assert driven.wire.closed


async def test_a_rest_that_cannot_be_read_ends_the_connection(driven: Driven) -> None:
    driven.receive(CHUNKED)
    driven.finish()
    driven.receive(b"zz\r\n")
    assert (driven.wire.closed, driven.handler.refused) == (True, [])


@pytest.mark.parametrize("begun", [b"", GET[:10]], ids=["nothing", "a part"])
async def test_a_head_that_does_not_come_is_refused(begun: bytes) -> None:
    driven = Driven(replace(LIMITS, head_timeout_seconds=3))
    if begun:
        driven.receive(begun)
    assert driven.expires_in() <= 3
    driven.connection.expire()
    assert driven.handler.refused == [("slow-request", "192.0.2.7")]


async def test_more_bytes_of_a_head_buy_no_more_time() -> None:
    driven = Driven(replace(LIMITS, head_timeout_seconds=3))
    before = driven.connection.deadline
    driven.receive(GET[:10], GET[10:20])
    assert driven.connection.deadline == before


async def test_an_idle_connection_closes_without_a_word() -> None:
    driven = Driven(replace(LIMITS, keepalive_seconds=5))
    driven.receive(GET)
    assert driven.expires_in() == float("inf")
    driven.finish()
    assert 4 < driven.expires_in() <= 5
    driven.connection.expire()
    assert (driven.wire.closed, driven.handler.refused, driven.wire.written) == (True, [], b"")


async def test_a_head_that_began_during_a_request_has_its_time_after_it() -> None:
    driven = Driven(replace(LIMITS, head_timeout_seconds=3, keepalive_seconds=100))
    driven.receive(GET + GET[:10])
    assert driven.expires_in() == float("inf")
    driven.finish()
    assert 2 < driven.expires_in() <= 3


async def test_a_known_request_is_not_parsed_and_what_is_not_known_is(driven: Driven) -> None:
    driven.connection.header_block = object()
    driven.handler.takes_known = True
    driven.receive(GET)
    assert [handling.request for handling in driven.handler.handled] == [GET]
    driven.receive(POST)  # while it is handled, everything goes to the parser
    driven.finish()
    assert driven.handler.targets == ["/two"]
    driven.finish()
    driven.handler.takes_known = False
    driven.receive(GET)
    assert driven.handler.targets == ["/two", "/one"]


@pytest.mark.parametrize("before", [b"", GET[:5], POST[:-1]], ids=["a queue", "a head", "a body"])
async def test_no_bytes_within_a_message_are_taken_for_a_known_request(driven: Driven, before: bytes) -> None:
    driven.connection.header_block = object()
    driven.receive(before or GET + GET)
    driven.handler.takes_known = True
    driven.receive(GET)
    assert all(not isinstance(handling.request, bytes) for handling in driven.handler.handled)


def leave_a_rest(driven: Driven) -> None:
    driven.receive(POST[:-1])
    driven.finish()


Moment = Callable[[Driven], None]
MOMENTS: dict[str, Moment] = {
    "before the first byte": lambda _: None,
    "in a head": lambda driven: driven.receive(GET[:20]),
    "while a request is handled": lambda driven: driven.receive(GET),
    "in a body": lambda driven: driven.receive(POST[:-1]),
    "behind a second request": lambda driven: driven.receive(GET + GET),
    "behind an offer to upgrade": lambda driven: driven.receive(UPGRADE),
    "behind bytes that cannot be read": lambda driven: driven.receive(GET + BAD),
    "while the rest of a body is awaited": leave_a_rest,
    "after a refusal": lambda driven: driven.receive(BAD),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
@pytest.mark.parametrize("error", [None, ConnectionResetError("reset")], ids=["closed", "reset"])
async def test_a_lost_connection_is_reported_once_at_any_moment(driven: Driven, moment: Moment, error: Exception | None) -> None:
    moment(driven)
    in_flight = [handling for handling in driven.handler.handled[-1:] if not driven.connection.idle]
    driven.connection.connection_lost(error)
    assert [handling.disconnects for handling in in_flight] == [1] * len(in_flight)
    assert driven.connections.open == set()
    driven.finish()  # the handler comes to its end afterwards
    assert len(driven.handler.handled) <= 1
    with pytest.raises(ClientDisconnected):
        driven.connection.write(b"late")


async def test_the_end_of_a_request_and_of_its_client_in_one_turn(driven: Driven) -> None:
    driven.receive(GET + GET)
    driven.finish()
    driven.lose()
    driven.finish()
    assert [handling.disconnects for handling in driven.handler.handled] == [0, 1]


async def test_waiting_for_a_slow_client_ends_when_it_disconnects(driven: Driven) -> None:
    driven.receive(GET)
    driven.connection.pause_writing()
    waiting = asyncio.create_task(driven.connection.drained())
    await asyncio.sleep(0)
    driven.lose()
    with pytest.raises(ClientDisconnected):
        await waiting


async def test_waiting_for_a_body_ends_when_the_client_disconnects(driven: Driven) -> None:
    driven.receive(POST[:-1])
    body = driven.body
    assert body.read_now() == b"bod"
    waiting = asyncio.create_task(body.arrived())
    await asyncio.sleep(0)
    driven.lose()
    await waiting
    with pytest.raises(ClientDisconnected):
        body.read_now()


async def test_a_closed_connection_whose_client_takes_nothing_is_reset_in_the_end() -> None:
    driven = Driven(replace(LIMITS, slow_transfer_grace_seconds=7))
    driven.receive(GET)
    driven.finish(keep_alive=False)
    assert 6 < driven.expires_in() <= 7
    driven.connection.expire()
    assert driven.wire.aborted


async def test_a_withdrawn_connection_ends_after_the_response_in_progress(driven: Driven) -> None:
    driven.receive(GET + GET)
    driven.connection.withdraw()
    assert not driven.wire.is_closing()
    driven.finish()
    assert (driven.wire.closed, driven.handler.targets) == (True, ["/one"])


async def test_an_idle_connection_that_is_withdrawn_ends_at_once(driven: Driven) -> None:
    driven.connection.withdraw()
    assert driven.wire.aborted


async def test_of_a_packet_full_of_requests_only_a_few_wait_in_memory(driven: Driven) -> None:
    tracemalloc.start()
    try:
        driven.receive(GET * 5_000)
        assert tracemalloc.get_traced_memory()[0] < 2 * len(GET) * 5_000
    finally:
        tracemalloc.stop()
    for _ in range(5_000):
        await asyncio.sleep(0)
        driven.finish()
    assert len(driven.handler.handled) == 5_000
    assert driven.wire.reading


async def test_a_body_in_small_chunks_takes_no_more_memory_than_its_bytes(driven: Driven) -> None:
    driven.receive(CHUNKED)
    tracemalloc.start()
    try:
        for _ in range(30_000):
            driven.receive(b"2\r\nab\r\n")
            await asyncio.sleep(0)
        assert tracemalloc.get_traced_memory()[0] < 3 * 60_000
    finally:
        tracemalloc.stop()
    assert driven.body.read_now() == b"ab" * 30_000


def opened_side_by_side(count: int) -> tuple[Handler, list[tuple[InboundConnection, "Wire"]]]:
    handler = Handler()
    connections = without_time(Connections(handler, LIMITS))
    return handler, [connected(connections) for _ in range(count)]


FLOODS = {
    "chunks of two bytes": CHUNKED + b"2\r\nab\r\n" * 30_000,
    "trailers": CHUNKED + b"0\r\n" + b"a:\r\n" * 20_000,
    "requests": GET * 5_000,
    "requests of many fields": (GET[:-2] + b"a:\r\n" * 1_000 + b"\r\n") * 50,
}


class TestTurns:
    """What 200 connections send at once does not hold up another one."""

    @pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
    async def test_a_request_beside_floods_begins_before_they_are_parsed(self, flood: bytes) -> None:
        handler, opened = opened_side_by_side(201)
        calls, parsed = 0, RequestParser.feed

        def feed(self: RequestParser, data: bytes = b"") -> list[Event]:
            nonlocal calls
            calls += 1
            return parsed(self, data)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(RequestParser, "feed", feed)
            for connection, _ in opened[:-1]:
                connection.data_received(flood)
            await asyncio.sleep(0)
            opened[-1][0].data_received(GET.replace(b"/one", b"/own"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert "/own" in handler.targets
        assert calls <= 4 * 41, "no more than a turn's time is used in each turn"

    async def test_every_flood_is_parsed_in_the_end(self) -> None:
        flood = CHUNKED + b"2\r\nab\r\n" * 2_000 + b"0\r\n\r\n"
        handler, opened = opened_side_by_side(20)
        for connection, _ in opened:
            connection.data_received(flood)
        await all_turns()
        bodies = [handling.request.body for handling in handler.handled if isinstance(handling.request, InboundRequest)]
        assert [body.read_now() for body in bodies if body is not None] == [b"ab" * 2_000] * 20
        assert all(wire.reading for _, wire in opened)

    async def test_nothing_is_read_from_a_connection_whose_bytes_wait(self) -> None:
        _, opened = opened_side_by_side(100)
        for connection, _ in opened:
            connection.data_received(CHUNKED + b"2\r\nab\r\n" * 30_000)
        assert not any(wire.reading for _, wire in opened)

    async def test_pieces_of_two_bytes_that_wait_are_parsed_together(self) -> None:
        handler, opened = opened_side_by_side(100)
        for start in range(0, len(GET), 2):
            for connection, _ in opened:
                connection.data_received(GET[start : start + 2])
        await all_turns()
        assert handler.targets == ["/one"] * 100

    async def test_a_known_request_does_not_wait_for_a_turn_but_bytes_before_it_come_first(self) -> None:
        handler, opened = opened_side_by_side(60)
        handler.takes_known = True
        for connection, _ in opened[:50]:
            connection.data_received(CHUNKED + b"2\r\nab\r\n" * 30_000)
        known, behind = opened[50][0], opened[51][0]
        known.header_block = behind.header_block = object()
        known.data_received(GET)
        assert handler.handled[-1].request == GET
        handler.takes_known = False
        behind.data_received(GET[:10])
        handler.takes_known = True
        behind.data_received(GET[10:])
        await all_turns()
        assert isinstance(handler.handled[-1].request, InboundRequest)

    @pytest.mark.parametrize("floods", [CHUNKED + b"2\r\nab\r\n" * 30_000, GET * 5_000], ids=["bodies", "requests"])
    async def test_what_waits_has_one_limit_and_what_is_beyond_it_is_refused(self, floods: bytes) -> None:
        handler, opened = opened_side_by_side(200)
        for connection, _ in opened:
            connection.data_received(floods)
        assert opened[0][0]._shared.unread.total_bytes <= MAX_UNREAD_BYTES
        for connection, _ in opened:
            connection.connection_lost(None)
        assert opened[0][0]._shared.unread.total_bytes == 0
        await all_turns()
        assert len(handler.handled) <= 200

    async def test_a_body_for_whose_bytes_there_is_no_room_is_a_503(self) -> None:
        handler, opened = opened_side_by_side(200)
        for connection, _ in opened:
            connection.data_received(CHUNKED)
        await all_turns()
        for connection, _ in opened:
            connection.data_received(b"2\r\nab\r\n" * 30_000)
        bodies = [handling.request.body for handling in handler.handled if isinstance(handling.request, InboundRequest)]
        kinds = set()
        for body in bodies:
            assert body is not None
            try:
                body.read_now()
                body.read_now()
            except RequestRefused as error:
                kinds.add((error.status_hint, error.reason))
        assert kinds == {(503, "busy")}

    async def test_a_lost_connection_needs_no_turn(self) -> None:
        handler, opened = opened_side_by_side(100)
        for connection, _ in opened:
            connection.data_received(GET * 100)
        begun = len(handler.handled)
        for connection, _ in opened:
            connection.connection_lost(None)
        await all_turns()
        assert len(handler.handled) == begun


class TestManyUnfinishedRequests:
    """What they take together is bounded, and those of ordinary size always have room."""

    @pytest.fixture
    def handler(self) -> Handler:
        return Handler()

    @pytest.fixture
    def connections(self, handler: Handler) -> Connections:
        return without_time(Connections(handler, LIMITS))

    async def test_large_heads_are_refused_beyond_the_bound(self, handler: Handler, connections: Connections) -> None:
        opened = [connected(connections) for _ in range(2 * MAX_UNREAD_BYTES // 100_000)]
        for connection, _ in opened:
            connection.data_received(GET[:-2] + b"A: " + b"b" * 100_000)
        await all_turns()
        refused = [wire for _, wire in opened if wire.written.startswith(b"HTTP/1.1 503 ")]
        assert len(opened) * 0.4 < len(refused) < len(opened) * 0.6
        assert {kind for kind, _ in handler.refused} == {"busy"}
        assert connections.unread.total_bytes <= MAX_UNREAD_BYTES

    async def test_so_are_requests_behind_others_in_their_turn(self, handler: Handler, connections: Connections) -> None:
        opened = [connected(connections) for _ in range(2 * MAX_UNREAD_BYTES // 100_000)]
        for connection, _ in opened:
            connection.data_received(GET * 2_700)
        await all_turns()
        assert connections.unread.total_bytes <= MAX_UNREAD_BYTES
        connection, wire = opened[-1]
        while not connection.last:
            connection.finished(keep_alive=True)
            await asyncio.sleep(0)
        assert (set(handler.refused), wire.written[:13]) == ({("busy", "192.0.2.7")}, b"HTTP/1.1 503 ")

    async def test_ordinary_ones_always_have_room(self, handler: Handler, connections: Connections) -> None:
        for _ in range(2 * MAX_UNREAD_BYTES // 100_000):
            connected(connections)[0].data_received(GET[:-2] + b"A: " + b"b" * 100_000)
        connection, _ = connected(connections)
        connection.data_received(GET[:-2] + b"A: " + b"b" * 8_000)
        connection.data_received(b"\r\n\r\n")
        await all_turns()
        assert handler.targets == ["/one"]

    async def test_what_ends_leaves_room_for_others(self, handler: Handler, connections: Connections) -> None:
        for _ in range(3 * MAX_UNREAD_BYTES // 100_000):
            connection, _ = connected(connections)
            connection.data_received(GET[:-2] + b"A: " + b"b" * 100_000)
            connection.connection_lost(None)
        assert (handler.refused, connections.unread.total_bytes) == ([], 0)


def connected(connections: Connections) -> tuple[InboundConnection, Wire]:
    connection, wire = InboundConnection(connections), Wire()
    connection.connection_made(wire)
    return connection, wire
