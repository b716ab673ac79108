"""The connection pool: reuse, sharing, retries and closing. On both event loops if uvloop is installed."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from devkit.loops import on_every_loop
from devkit.ports import refusing_port
from devkit.raw_upstream import Script, Visit, ok, raw_upstream, responding, saying
from kcproxy.errors import UpstreamBroken, UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.pool import PoolUpstream

HOST = [(b"Host", b"keycloak:8080")]


async def get(pool: PoolUpstream, target: str = "/x", method: str = "GET") -> bytes | None:
    answer = await pool.exchange(method, target, HOST, None)
    return await answer.read(1 << 20)


@on_every_loop
async def test_one_connection_serves_one_request_after_the_other() -> None:
    async with raw_upstream(responding(ok(b"a"), ok(b"b"))) as upstream:
        pool = PoolUpstream(upstream.settings())
        assert [await get(pool) for _ in range(5)] == [b"a", b"b", b"b", b"b", b"b"]
        assert (upstream.visits, pool.open_connections, pool.idle_connections) == (1, 1, 1)
        await pool.close()


@on_every_loop
async def test_the_connection_used_last_is_used_first() -> None:
    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await asyncio.sleep(0.02)
            await visit.say(ok(b"%d" % visit.number))

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        await asyncio.gather(*[get(pool) for _ in range(4)])
        assert pool.idle_connections == 4
        seen = {await get(pool) for _ in range(5)}
        assert len(seen) == 1, "the others are left to expire"
        await pool.close()


@on_every_loop
async def test_no_more_connections_than_allowed_and_first_come_first_served() -> None:
    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await asyncio.sleep(0.01)
            await visit.say(ok())

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(max_connections=3))
        done: list[int] = []

        async def one(number: int) -> None:
            await get(pool)
            done.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(one(number))
            await asyncio.sleep(0.02)
            assert pool.waiting_requests > 20
        assert upstream.visits == 3
        assert all(abs(place - number) < 3 for place, number in enumerate(done)), done
        await pool.close()


@on_every_loop
async def test_waiting_too_long_for_a_connection_fails_and_nothing_was_sent() -> None:
    async with raw_upstream(saying(then_close=False)) as upstream:
        pool = PoolUpstream(upstream.settings(max_connections=1), max_queue_seconds=0.1)
        holder = asyncio.create_task(get(pool))
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        with pytest.raises(UpstreamBusy) as busy:
            await get(pool)
        assert 0.05 < time.monotonic() - begun < 1
        assert (busy.value.sent, busy.value.status_hint, pool.waiting_requests) == (False, 503, 0)
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        await pool.close()


@on_every_loop
async def test_a_slot_cancelled_when_it_becomes_free_goes_to_the_next() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        if visit.number == 0:
            await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            await visit.reader.read()
        while True:
            await visit.say(ok())
            await visit.request()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(max_connections=1))
        held = await pool.exchange("GET", "/x", HOST, None)
        waiting = [asyncio.create_task(get(pool)) for _ in range(3)]
        await asyncio.sleep(0.02)
        held.release()
        while pool.waiting_requests == 3:  # noqa: ASYNC110 - one turn of the loop after the other, up to the very moment
            await asyncio.sleep(0)
        waiting[0].cancel()  # it has been given the place, and has not run since
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == [b"{}", b"{}"]
        await pool.close()


CLOSING = {
    "Connection: close": ok(b"{}", b"Connection: close"),
    "Connection: Keep-Alive, Close": ok(b"{}", b"Connection: Keep-Alive, Close"),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "until close": b"HTTP/1.1 200 OK\r\n\r\n{}",
}


@pytest.mark.parametrize("sent", CLOSING.values(), ids=CLOSING)
@on_every_loop
async def test_a_connection_that_the_server_will_close_is_not_kept(sent: bytes) -> None:
    async with raw_upstream(saying(sent)) as upstream:
        pool = PoolUpstream(upstream.settings())
        for _ in range(3):
            assert await get(pool) == b"{}"
        assert upstream.visits == 3
        await pool.close()


@on_every_loop
async def test_an_http_1_0_server_that_keeps_the_connection_is_believed() -> None:
    kept = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}"
    async with raw_upstream(responding(kept)) as upstream:
        pool = PoolUpstream(upstream.settings())
        assert [await get(pool) for _ in range(3)] == [b"{}"] * 3
        assert upstream.visits == 1
        await pool.close()


@on_every_loop
async def test_after_bodiless_responses_the_connection_is_kept() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 893\r\n\r\n"
    async with raw_upstream(
        responding(head, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", ok(b"end"))
    ) as upstream:
        pool = PoolUpstream(upstream.settings())
        assert [await get(pool, method="HEAD"), await get(pool), await get(pool), await get(pool)] == [b"", b"", b"", b"end"]
        assert upstream.visits == 1
        await pool.close()


def closing_after(count: int, how: str) -> Script:
    """A script: ``count`` responses on each connection, then it reads one more request and closes."""

    async def script(visit: Visit) -> None:
        for _ in range(count):
            await visit.request()
            await visit.say(ok(b"%d" % visit.number))
        await visit.request()
        if how == "reset":
            visit.reset()

    return script


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@on_every_loop
async def test_a_read_on_a_connection_that_turns_out_to_be_dead_is_repeated_once_on_a_new_one(method: str, how: str) -> None:
    async with raw_upstream(closing_after(1, how)) as upstream:
        pool = PoolUpstream(upstream.settings())
        await get(pool)
        answer = await pool.exchange(method, "/again", HOST, None)
        assert (answer.status, answer.retried, upstream.visits) == (200, True, 2)
        assert sum(b"/again" in head for head in upstream.heads) == 2
        await answer.read(10)
        await pool.close()


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@on_every_loop
async def test_a_write_is_never_sent_twice(method: str, how: str) -> None:
    async with raw_upstream(closing_after(1, how)) as upstream:
        pool = PoolUpstream(upstream.settings())
        await get(pool)
        with pytest.raises(UpstreamBroken) as broken:
            await pool.exchange(method, "/write", [*HOST, (b"Content-Length", b"2")], b"{}")
        assert broken.value.sent
        assert sum(b"/write" in head for head in upstream.heads) == 1
        await pool.close()


@on_every_loop
async def test_a_read_that_fails_on_a_new_connection_is_not_repeated() -> None:
    async with raw_upstream(closing_after(0, "close")) as upstream:
        pool = PoolUpstream(upstream.settings())
        with pytest.raises(UpstreamBroken):
            await get(pool)
        assert upstream.visits == 1
        await pool.close()


@on_every_loop
async def test_a_read_that_got_a_partial_response_is_not_repeated() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok())
        await visit.request()
        await visit.say(b"HTTP/1.1 200")

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        await get(pool)
        with pytest.raises(UpstreamBroken):
            await get(pool)
        assert upstream.visits == 1
        await pool.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@on_every_loop
async def test_a_server_that_closed_an_idle_connection_costs_neither_a_read_nor_a_write(method: str) -> None:
    async with raw_upstream(saying(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        for number in range(10):
            answer = await pool.exchange(method, "/x", [*HOST, (b"Content-Length", b"0")], None)
            assert (await answer.read(10), answer.retried) == (b"{}", False)
            assert upstream.visits == number + 1
            await asyncio.sleep(0.01)
        await pool.close()


@on_every_loop
async def test_a_write_looks_at_the_socket_itself_when_the_loop_has_not_seen_the_end_yet() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    pool = PoolUpstream(UpstreamSettings(scheme="http", host="127.0.0.1", port=listener.getsockname()[1]))

    async def serve() -> socket.socket:
        peer, _ = await loop.sock_accept(listener)
        await loop.sock_recv(peer, 65536)
        await loop.sock_sendall(peer, ok())
        return peer

    async with asyncio.TaskGroup() as group:
        first = group.create_task(serve())
        group.create_task(get(pool))
    first.result().close()  # from here the loop does not run until the write is under way
    async with asyncio.TaskGroup() as group:
        second = group.create_task(serve())
        answer = await pool.exchange("POST", "/write", [*HOST, (b"Content-Length", b"0")], None)
        assert await answer.read(10) == b"{}"
    second.result().close()
    listener.close()
    await pool.close()


@on_every_loop
async def test_bytes_on_an_idle_connection_end_it() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok(b"right"))
        await asyncio.sleep(0.02)
        await visit.say(ok(b"for nobody", status=b"408 Request Timeout"))
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        assert await get(pool) == b"right"
        await asyncio.sleep(0.1)
        assert pool.open_connections == 0
        assert await get(pool) == b"right"
        await pool.close()


@on_every_loop
async def test_an_idle_connection_expires() -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings(keepalive_seconds=0.1))
        await get(pool)
        assert pool.idle_connections == 1
        await asyncio.sleep(0.3)
        assert (pool.open_connections, upstream.open_visits) == (0, 0)
        await pool.close()


@on_every_loop
async def test_no_response_in_time() -> None:
    async with raw_upstream(saying(b"HTTP/1.1 100 Continue\r\n\r\n", then_close=False)) as upstream:
        pool = PoolUpstream(upstream.settings(response_timeout_seconds=0.2))
        begun = time.monotonic()
        with pytest.raises(UpstreamTimeout, match=r"did not respond within 0\.2 s") as late:
            await get(pool)
        assert 0.2 <= time.monotonic() - begun < 0.6
        assert late.value.status_hint == 504
        await asyncio.sleep(0.02)
        assert (pool.open_connections, upstream.open_visits, upstream.visits) == (0, 0, 1)
        await pool.close()


@on_every_loop
async def test_a_response_that_stops_half_way() -> None:
    async with raw_upstream(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", then_close=False)) as upstream:
        pool = PoolUpstream(upstream.settings(idle_timeout_seconds=0.2))
        answer = await pool.exchange("GET", "/x", HOST, None)
        chunks = answer.chunks()
        assert await anext(chunks) == b"abc"
        with pytest.raises(UpstreamTimeout, match="stopped sending"):
            await anext(chunks)
        await pool.close()


@on_every_loop
async def test_a_slow_response_that_keeps_coming_is_not_cut_off() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.05)
            await visit.say(b"x")
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(idle_timeout_seconds=0.2, response_timeout_seconds=0.2))
        assert await get(pool) == b"x" * 10
        await pool.close()


@on_every_loop
async def test_a_server_that_stops_taking_the_body() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await asyncio.sleep(60)

    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(idle_timeout_seconds=0.2, response_timeout_seconds=60))
        with pytest.raises(UpstreamTimeout, match="stopped reading"):
            await pool.exchange("POST", "/x", HOST, body())
        await pool.close()


@on_every_loop
async def test_a_client_that_sends_slowly_is_not_the_servers_fault() -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(4):
            await asyncio.sleep(0.15)
            yield b"x"

    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings(idle_timeout_seconds=0.1, response_timeout_seconds=0.1))
        answer = await pool.exchange("POST", "/x", HOST, body())
        assert await answer.read(10) == b"{}"
        await pool.close()


@on_every_loop
async def test_a_slow_upload_that_got_an_early_response_may_go_on_for_as_long_as_it_takes() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await visit.reader.readuntil(b"0\r\n\r\n")
        await visit.say(b"{}")
        await visit.reader.read()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0.1)
            yield b"x"

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(idle_timeout_seconds=0.15, response_timeout_seconds=0.15))
        answer = await pool.exchange("POST", "/x", HOST, body())
        assert await answer.read(10) == b"{}"
        await pool.close()


MOMENTS = {
    "while it waits for the head": saying(then_close=False),
    "in the middle of the head": saying(b"HTTP/1.1 200 OK\r\nX-", then_close=False),
    "in the middle of the body": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", then_close=False),
}


@pytest.mark.parametrize("script", MOMENTS.values(), ids=MOMENTS)
@on_every_loop
async def test_a_client_that_disconnects_takes_the_connection_along(script: Script) -> None:
    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        asking = asyncio.create_task(get(pool))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        if pool.open_connections:  # the head had come: the holder of the response has to release it
            await pool.close()
        await asyncio.sleep(0.05)
        assert (pool.open_connections, upstream.open_visits) == (0, 0)
        await pool.close()


@on_every_loop
async def test_releasing_a_response_before_its_end_closes_the_connection_and_frees_the_slot() -> None:
    async with raw_upstream(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", then_close=False)) as upstream:
        pool = PoolUpstream(upstream.settings(max_connections=1))
        for number in range(3):
            answer = await pool.exchange("GET", "/x", HOST, None)
            answer.release()
            answer.release()
            with pytest.raises(UpstreamBroken, match="released"):
                await answer.read(10)
            assert upstream.visits == number + 1
        await asyncio.sleep(0.05)
        assert pool.open_connections == 0
        await pool.close()


@on_every_loop
async def test_releasing_a_complete_response_unread_keeps_the_connection() -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        for _ in range(3):
            answer = await pool.exchange("GET", "/x", HOST, None)
            answer.release()
        assert (upstream.visits, pool.idle_connections) == (1, 1)
        await pool.close()


@on_every_loop
async def test_leaving_the_loop_over_chunks_closes_the_connection() -> None:
    async with raw_upstream(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", then_close=False)) as upstream:
        pool = PoolUpstream(upstream.settings())
        answer = await pool.exchange("GET", "/x", HOST, None)
        chunks = answer.chunks()
        assert await anext(chunks) == b"abc"
        await chunks.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)
        assert pool.open_connections == 0
        await pool.close()


@on_every_loop
async def test_closing_the_pool_ends_exchanges_in_progress() -> None:
    async with raw_upstream(saying(then_close=False)) as upstream:
        pool = PoolUpstream(upstream.settings(max_connections=2))
        asking = [asyncio.create_task(get(pool)) for _ in range(4)]
        await asyncio.sleep(0.05)
        await pool.close()
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["UpstreamBroken"] * 2 + ["UpstreamUnreachable"] * 2
        assert (pool.open_connections, pool.waiting_requests) == (0, 0)
        with pytest.raises(UpstreamUnreachable):
            await get(pool)
        await pool.close()


def settings_for(port: int) -> UpstreamSettings:
    return UpstreamSettings(scheme="http", host="127.0.0.1", port=port, connect_timeout_seconds=2)


@on_every_loop
async def test_nobody_listens() -> None:
    with refusing_port() as port:
        pool = PoolUpstream(settings_for(port))
        with pytest.raises(UpstreamUnreachable, match=f"127.0.0.1:{port}.*refused") as refused:
            await get(pool, method="POST")
        assert (refused.value.sent, refused.value.status_hint, pool.open_connections) == (False, 502, 0)
        await pool.close()


@on_every_loop
async def test_a_dead_upstream_fails_fast_and_is_found_again() -> None:
    with refusing_port() as port:
        pool = PoolUpstream(settings_for(port))
        for _ in range(3):
            with pytest.raises(UpstreamUnreachable, match="refused"):
                await get(pool)
        async with raw_upstream(responding(ok()), port=port) as upstream:
            with pytest.raises(UpstreamUnreachable, match=r"not tried again so soon: .*refused"):
                await get(pool)
            assert upstream.visits == 0
            await asyncio.sleep(1.05)
            assert await get(pool) == b"{}"
            assert await get(pool) == b"{}"
            await pool.close()


@on_every_loop
async def test_an_upstream_that_restarts_loses_no_read() -> None:
    port = 0
    pool: PoolUpstream | None = None
    for _ in range(3):
        async with raw_upstream(responding(ok()), port=port) as upstream:
            port = upstream.port
            pool = pool or PoolUpstream(upstream.settings())
            assert await asyncio.gather(*[get(pool) for _ in range(8)]) == [b"{}"] * 8
    assert pool is not None
    await pool.close()


@on_every_loop
async def test_ipv6() -> None:
    async with raw_upstream(responding(ok()), host="::1") as upstream:
        pool = PoolUpstream(upstream.settings(host="::1"))
        assert await get(pool) == b"{}"
        await pool.close()


@on_every_loop
async def test_a_name_that_does_not_exist() -> None:
    pool = PoolUpstream(replace(settings_for(1), host="no-such-host.invalid"))
    with pytest.raises(UpstreamUnreachable, match="name cannot be resolved"):
        await get(pool)
    await pool.close()
