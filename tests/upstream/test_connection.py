"""Exchanges with a callback: it is called once, with a whole response with a cached head or with any other."""

import asyncio

import pytest

from devkit.loops import on_every_loop
from devkit.raw_upstream import Visit, ok, raw_upstream, responding
from kcproxy.errors import UpstreamTimeout
from kcproxy.http1.response_head_cache import CachedHead
from kcproxy.upstream.connection import Connection, ConnectionStale
from kcproxy.upstream.pool import PoolUpstream
from kcproxy.upstream.response import PooledResponse
from tests.upstream.test_pool import HOST, get

GET = b"GET /x HTTP/1.1\r\nHost: keycloak:8080\r\n\r\n"


class Taking:
    """A callback that records its calls."""

    def __init__(self, *, accepting: bool = True) -> None:
        self.accepting = accepting
        self.passed: list[bytes] = []
        self.taken: list[PooledResponse] = []
        self.called = asyncio.Event()

    def accepts(self, cached: CachedHead) -> bool:
        return self.accepting

    def on_whole_response(self, cached: CachedHead, data: bytes) -> None:
        self.passed.append(data[cached.head_bytes :])
        self.called.set()

    def on_response(self, response: PooledResponse) -> None:
        self.taken.append(response)
        self.called.set()


async def begun(pool: PoolUpstream, *, accepting: bool = True, method: str = "GET") -> Taking:
    receiver = Taking(accepting=accepting)
    assert isinstance(pool.begin(method, GET, receiver), Connection)
    await asyncio.wait_for(receiver.called.wait(), 5)
    return receiver


@on_every_loop
async def test_without_an_idle_connection_nothing_is_begun() -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        assert pool.begin("GET", GET, Taking()) is None
        assert upstream.visits == 0
        await pool.close()


@on_every_loop
async def test_a_head_is_parsed_once_and_known_from_then_on_unless_the_callback_declines() -> None:
    async with raw_upstream(responding(ok(b"first"), ok(b"other"), ok(b"third"), ok(b"fourth"))) as upstream:
        pool = PoolUpstream(upstream.settings())
        await get(pool)
        parsed, known, unwilling, again = [await begun(pool, accepting=accepting) for accepting in (True, True, False, True)]
        assert [answer.whole() for answer in parsed.taken] == [b"other"]
        assert (known.passed, known.taken) == ([b"third"], [])
        assert ([answer.whole() for answer in unwilling.taken], unwilling.passed) == ([b"fourth"], [])
        assert again.passed == [b"fourth"]
        assert (pool.idle_connections, upstream.visits) == (1, 1)
        await pool.close()


@on_every_loop
async def test_a_connection_that_closes_without_a_response_is_stale_and_its_read_is_sent_again() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok(b"first"))
        await visit.request()
        if visit.number > 1:
            await visit.say(ok())

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        await get(pool)
        (answer,) = (await begun(pool)).taken
        assert (answer.reused, type(answer.failure)) == (True, ConnectionStale)
        with pytest.raises(ConnectionStale):
            await pool.finish(answer, "POST", "/x", HOST, None)
        again = await pool.finish(answer, "GET", "/x", HOST, None)
        assert (await again.read(100), again.retried) == (b"first", True)
        await pool.close()


@on_every_loop
async def test_a_time_limit_holds_for_what_nobody_waits_for() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok())
        await asyncio.sleep(5)

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(response_timeout_seconds=0.1))
        await get(pool)
        (answer,) = (await begun(pool)).taken
        assert isinstance(answer.failure, UpstreamTimeout)
        with pytest.raises(UpstreamTimeout):
            await pool.finish(answer, "GET", "/x", HOST, None)
        await pool.close()


@on_every_loop
async def test_closing_the_pool_tells_the_callback() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok())
        await visit.request()
        await asyncio.sleep(5)

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        await get(pool)
        receiver = Taking()
        pool.begin("GET", GET, receiver)
        await asyncio.sleep(0.05)
        await pool.close()
        assert [type(answer.failure).__name__ for answer in receiver.taken] == ["UpstreamBroken"]
