"""Clients that send or read slowly: normal ones are served, the others are disconnected, and no other request waits for them. On real sockets."""

import asyncio
import contextlib
import hashlib
import json
import select
import socket
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devkit.servers import ACCOUNT, OK, Message, RecordingUpstream, Running, read_head, read_response, running_proxy
from kcproxy.proxy.admission import Admission
from kcproxy.server.events import Direction, Slowness
from kcproxy.settings import LimitSettings
from kcproxy.settings.api_keys import read_keys
from tests.proxy.test_failures import check_failure
from tests.proxy.test_injected_tokens import responding

pytestmark = pytest.mark.usefixtures("way")

TARGET = b"/admin/realms/demo/partialImport"
UPLOAD = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n" % TARGET
BEGUN = UPLOAD + b"x" * 66_000
CONNECTIONS = 8
"""To Keycloak, in the tests of attacks: every attack is twice as wide."""
LARGE = 4_000_000
SOON_SECONDS = 2.0
"""A machine that runs other tests meanwhile may take that long for one request."""


async def opened(proxy: Running, *, receive_bytes: int | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = socket.socket()
    if receive_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", proxy.port))
    return await asyncio.open_connection(sock=sock, limit=4096)


@asynccontextmanager
async def stalled_uploads(proxy: Running, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Uploads that stop after 66 kB, which is more than a buffered body."""
    callers = [await opened(proxy) for _ in range(count)]
    for _, writer in callers:
        writer.write(BEGUN)
    await asyncio.sleep(0.2)
    yield [reader for reader, _ in callers]
    for _, writer in callers:
        writer.transport.abort()


@asynccontextmanager
async def slow_readers(proxy: Running, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Clients that request a large response and read hardly any of it."""
    callers = [await opened(proxy, receive_bytes=4096) for _ in range(count)]
    for reader, writer in callers:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.sleep(0.2)
    yield [reader for reader, _ in callers]
    for _, writer in callers:
        writer.transport.abort()


def sized(request: Message) -> bytes:
    """A large response if the request asks for one, otherwise a small one."""
    if request.target == b"/large":
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (LARGE, b"x" * LARGE)
    return OK


async def seconds_of_small_requests(proxy: Running, count: int) -> list[float]:
    """The times of requests that all succeed."""
    found = []
    for number in range(count):
        began = time.monotonic()
        assert (await proxy.get(f"/admin/realms/demo/users/{number}")).status == 200
        found.append(time.monotonic() - began)
    return found


async def gone(proxy: Running) -> None:
    async with asyncio.timeout(10):
        while proxy.service.in_flight:  # noqa: ASYNC110 - records tell nobody that they have come
            await asyncio.sleep(0.01)
    assert (proxy.service.limit.active, proxy.service.uploads.active) == (0, 0)


class TestUploads:
    async def test_twice_as_many_stalled_ones_as_there_are_connections_hold_up_nobody(self, upstream: RecordingUpstream) -> None:
        async with running_proxy(upstream.port, max_connections=CONNECTIONS) as proxy, stalled_uploads(proxy, 2 * CONNECTIONS):
            assert proxy.service.uploads.active == CONNECTIONS // 2
            assert statistics.median(await seconds_of_small_requests(proxy, 20)) < SOON_SECONDS / 10

    async def test_they_leave_slots_free_too(self, upstream: RecordingUpstream) -> None:
        limits = LimitSettings(max_concurrent_requests=4)
        async with running_proxy(upstream.port, limits=limits) as proxy, stalled_uploads(proxy, 8):
            assert (proxy.service.uploads.active, proxy.service.limit.active) == (2, 2)
            assert max(await seconds_of_small_requests(proxy, 20)) < SOON_SECONDS

    async def test_one_that_waits_too_long_for_its_turn_is_a_503(self, upstream: RecordingUpstream) -> None:
        limits = LimitSettings(max_unfinished_uploads=1, max_queue_seconds=0.1)
        async with running_proxy(upstream.port, limits=limits) as proxy, proxy.connect() as (_, writer):

            async def keep_sending() -> None:
                writer.write(UPLOAD)
                while True:
                    writer.write(b"x" * 70_000)
                    await asyncio.sleep(0.02)

            sending = asyncio.create_task(keep_sending())
            async with asyncio.timeout(5):
                while not proxy.service.uploads.active:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.01)
            assert "limits.max_unfinished_uploads" in check_failure(await proxy.send(BEGUN), 503, "busy")
            sending.cancel()
            writer.transport.abort()
            await gone(proxy)

    async def test_a_stalled_one_gives_way_to_one_that_waits(self, upstream: RecordingUpstream) -> None:
        limits = LimitSettings(max_unfinished_uploads=1, max_queue_seconds=10)
        async with running_proxy(upstream.port, limits=limits) as proxy, stalled_uploads(proxy, 1) as (stalled,):
            answer = await proxy.get("/admin/realms", method="POST", body=b"x" * 1_000_000)
            assert answer.status == 200
            check_failure(await asyncio.wait_for(read_response(stalled), 5), 408, "slow-request")
            assert proxy.events.too_slow == [(Direction.REQUEST, Slowness.QUEUE)]

    async def test_a_slot_is_free_as_soon_as_the_body_is_complete(self, upstream: RecordingUpstream) -> None:
        go_on = asyncio.Event()

        async def held(_: Message) -> bytes:
            await go_on.wait()
            return OK

        upstream.react = held
        async with running_proxy(upstream.port, limits=LimitSettings(max_unfinished_uploads=1)) as proxy:
            asked = [asyncio.create_task(proxy.get("/admin/realms", method="POST", body=b"x" * 200_000)) for _ in range(3)]
            async with asyncio.timeout(10):
                while len(upstream.requests) < 3:  # noqa: ASYNC110 - the recorder tells nobody
                    await asyncio.sleep(0.01)
            assert proxy.service.uploads.active == 0
            go_on.set()
            assert [(await answer).status for answer in asked] == [200] * 3

    async def test_one_that_trickles_is_cut_off_though_it_never_pauses_for_long(self, upstream: RecordingUpstream) -> None:
        limits = LimitSettings(min_body_bytes_per_second=1000, slow_transfer_grace_seconds=0.5)
        async with running_proxy(upstream.port, limits=limits) as proxy, proxy.connect() as (reader, writer):
            writer.write(BEGUN)
            async with asyncio.timeout(10):
                while not proxy.events.records:
                    writer.write(b"x")
                    await asyncio.sleep(0.05)
            assert "limits.min_body_bytes_per_second" in check_failure(await read_response(reader), 408, "slow-request")
            assert proxy.events.too_slow == [(Direction.REQUEST, Slowness.RATE)]
        assert upstream.requests == []

    @pytest.mark.parametrize("framing", ["Content-Length: 4000", "Transfer-Encoding: chunked"])
    async def test_a_small_one_that_trickles_is_cut_off_before_keycloak_is_asked(self, upstream: RecordingUpstream, framing: str) -> None:
        limits = LimitSettings(min_body_bytes_per_second=1000, slow_transfer_grace_seconds=0.5)
        async with running_proxy(upstream.port, limits=limits) as proxy, proxy.connect() as (reader, writer):
            writer.write(f"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode())
            async with asyncio.timeout(10):
                while not proxy.events.records:
                    writer.write(b"1\r\nx\r\n" if "chunked" in framing else b"x")
                    await asyncio.sleep(0.05)
            check_failure(await read_response(reader), 408, "slow-request")
        assert upstream.connections <= 1  # the lane's own

    async def test_a_slow_small_body_goes_on_as_a_whole(self, upstream: RecordingUpstream) -> None:
        limits = LimitSettings(min_body_bytes_per_second=1000, slow_transfer_grace_seconds=0.5)
        async with running_proxy(upstream.port, limits=limits) as proxy, proxy.connect() as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n")
            for _ in range(20):
                writer.write(b"x" * 200)
                await asyncio.sleep(0.1)
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        assert [request.body for request in upstream.requests] == [b"x" * 4000]

    @pytest.mark.parametrize("framing", ["sized", "chunked"])
    async def test_a_slow_honest_upload_passes(self, upstream: RecordingUpstream, framing: str) -> None:
        """Twice the minimum rate, in bursts with pauses, for six times the grace period."""
        limits = LimitSettings(min_body_bytes_per_second=20_000, slow_transfer_grace_seconds=0.5)
        piece, count = b"x" * 12_000, 10
        async with running_proxy(upstream.port, limits=limits) as proxy, proxy.connect() as (reader, writer):
            length = f"Content-Length: {len(piece) * count}" if framing == "sized" else "Transfer-Encoding: chunked"
            writer.write(f"POST / HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n".encode())
            for _ in range(count):
                writer.write(piece if framing == "sized" else b"%x\r\n%b\r\n" % (len(piece), piece))
                await asyncio.sleep(0.3)
            if framing == "chunked":
                writer.write(b"0\r\n\r\n")
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
            assert proxy.events.too_slow == []
        assert len(upstream.requests[0].body) == len(piece) * count

    async def test_time_in_which_keycloak_takes_nothing_is_not_the_callers(self) -> None:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError):
                head = await read_head(reader)
                assert head is not None
                await asyncio.sleep(1.5)
                await reader.readexactly(int(head.value("content-length") or 0))
                writer.write(OK)
            writer.close()

        limits = LimitSettings(min_body_bytes_per_second=1 << 20, slow_transfer_grace_seconds=0.5)
        server = await asyncio.start_server(slow, "127.0.0.1", 0, limit=4096)
        async with server, running_proxy(server.sockets[0].getsockname()[1], limits=limits, fast_path=False) as proxy:
            answer = await proxy.get("/", method="POST", body=b"x" * 20_000_000)
            assert answer.status == 200

    async def test_a_caller_who_may_not_use_a_token_takes_neither_slot_nor_connection(
        self, upstream: RecordingUpstream, tmp_path: Path
    ) -> None:
        responding(upstream, lambda _: OK)
        (tmp_path / "keys").write_text(f'[[keys]]\nname = "one"\nsha256 = "{hashlib.sha256(b"right").hexdigest()}"\n')
        admission = Admission(keys=read_keys(tmp_path / "keys"))
        options: dict[str, Any] = {"accounts": (ACCOUNT,), "admission": admission, "max_connections": 1}
        async with running_proxy(upstream.port, **options) as proxy:
            assert (await proxy.get("/admin/realms/demo/users", "Kcproxy-Key: right")).status == 200
            asked, most = len(upstream.requests), 0
            async with stalled_uploads(proxy, 16) as readers:
                most = max(most, proxy.service.limit.active, proxy.service.uploads.active)
                for reader in readers:
                    answer = await asyncio.wait_for(read_response(reader), 5)
                    assert json.loads(answer.body)["error"] == "kcproxy_key_required"
            assert (most, len(upstream.requests)) == (0, asked)


class TestResponses:
    async def test_twice_as_many_slow_readers_as_there_are_connections_hold_up_nobody_for_long(self, upstream: RecordingUpstream) -> None:
        upstream.react = sized
        async with running_proxy(upstream.port, max_connections=CONNECTIONS) as proxy, slow_readers(proxy, 2 * CONNECTIONS):
            found = await seconds_of_small_requests(proxy, 20)
            assert statistics.median(found) < SOON_SECONDS / 10
            assert max(found) < 2 * SOON_SECONDS
            assert set(proxy.events.too_slow) == {(Direction.RESPONSE, Slowness.QUEUE)}

    async def test_without_a_queue_a_slow_reader_keeps_the_grace_period(self, upstream: RecordingUpstream) -> None:
        upstream.react = sized
        limits = LimitSettings(slow_transfer_grace_seconds=1)
        async with running_proxy(upstream.port, limits=limits) as proxy:
            async with slow_readers(proxy, 2) as readers:
                await asyncio.sleep(0.5)
                assert proxy.service.in_flight == 2
                records = await proxy.settled(2)
                await asyncio.sleep(0.1)
                assert all(is_reset(reader) for reader in readers), "the kernel keeps nothing for them either"
                for reader in readers:
                    reader._transport.resume_reading()  # type: ignore[attr-defined]
                    with contextlib.suppress(ConnectionError):
                        assert len(await reader.read(LARGE)) < LARGE
            assert {(record.status, record.error_kind) for record in records} == {(499, "slow-reader")}
            assert proxy.events.too_slow == [(Direction.RESPONSE, Slowness.RATE)] * 2
            await gone(proxy)
            assert proxy.runtime.upstream.open_connections == 0, "the connections to Keycloak are free again"

    async def test_a_slow_honest_reader_gets_all_of_it(self, upstream: RecordingUpstream) -> None:
        """Twice the minimum rate, with pauses, for several times the grace period."""
        upstream.react = sized
        limits = LimitSettings(min_response_bytes_per_second=400_000, slow_transfer_grace_seconds=1)
        async with running_proxy(upstream.port, limits=limits) as proxy:
            reader, writer = await opened(proxy, receive_bytes=65_536)
            writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await read_head(reader)
            assert head is not None
            received = 0
            async with asyncio.timeout(60):
                while received < LARGE:
                    received += len(await reader.readexactly(min(160_000, LARGE - received)))
                    await asyncio.sleep(0.2)
            writer.close()
            assert proxy.events.too_slow == []

    async def test_one_that_takes_a_little_now_and_then_is_cut_off(self, upstream: RecordingUpstream) -> None:
        much = b"x" * 4 * LARGE  # more than the kernel takes
        upstream.react = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(much), much)
        limits = LimitSettings(min_response_bytes_per_second=2_000_000, slow_transfer_grace_seconds=0.5)
        async with running_proxy(upstream.port, limits=limits) as proxy:
            reader, writer = await opened(proxy, receive_bytes=65_536)
            writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(30):
                while not proxy.events.too_slow:
                    await reader.read(10_000)
                    await asyncio.sleep(0.05)
            writer.close()
            assert proxy.events.too_slow == [(Direction.RESPONSE, Slowness.RATE)]

    async def test_small_responses_that_nobody_takes_hold_no_slot_for_long(self, upstream: RecordingUpstream) -> None:
        """Many pipelined requests, whose responses fill the kernel's buffer."""
        body = b"x" * 60_000
        upstream.react = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        limits = LimitSettings(slow_transfer_grace_seconds=1, max_concurrent_requests=2)
        async with running_proxy(upstream.port, limits=limits) as proxy:
            callers = [await opened(proxy, receive_bytes=4096) for _ in range(2)]
            for reader, writer in callers:
                reader._transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400)
            async with asyncio.timeout(30):
                while len(proxy.events.too_slow) < 2:  # noqa: ASYNC110 - records tell nobody that they have come
                    await asyncio.sleep(0.02)
            await gone(proxy)
            for _, writer in callers:
                writer.transport.abort()

    async def test_a_closed_connection_whose_caller_takes_nothing_more_is_ended(self, upstream: RecordingUpstream) -> None:
        """The unsent rest of the last response would keep the connection for ever."""
        body = b"x" * 20_000
        upstream.react = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        limits = LimitSettings(slow_transfer_grace_seconds=0.5, keepalive_seconds=0.3)
        async with running_proxy(upstream.port, limits=limits) as proxy:
            reader, writer = await opened(proxy, receive_bytes=4096)
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(20):
                while not any(transport.get_write_buffer_size() for transport in transports(proxy)):
                    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    await proxy.settled(len(proxy.events.records) + 1)
                while proxy.server.open_connections:  # noqa: ASYNC110 - connections tell nobody that they have gone
                    await asyncio.sleep(0.05)
            writer.transport.abort()


def is_reset(reader: asyncio.StreamReader) -> bool:
    poll = select.poll()
    poll.register(reader._transport.get_extra_info("socket"), select.POLLERR)  # type: ignore[attr-defined]
    return bool(poll.poll(0))


def transports(proxy: Running) -> list[asyncio.WriteTransport]:
    return [connection.transport for connection in proxy.server.connections if connection.transport is not None]
