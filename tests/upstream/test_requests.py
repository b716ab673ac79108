"""Requests of the pool: sent unchanged, with one framing, once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from devkit.loops import on_every_loop
from devkit.raw_upstream import Visit, ok, raw_upstream, responding
from kcproxy.errors import RequestRefused, UpstreamBroken, UpstreamError
from kcproxy.http1.fields import RawHeaders
from kcproxy.upstream.pool import PoolUpstream

HOST = (b"Host", b"keycloak:8080")


async def pieces(*parts: bytes, pause: float = 0.0) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(pause)
        yield part


@pytest.mark.parametrize(
    "target",
    [
        "/admin/realms/a%2Fb/users?first=0&first=1&q=%2B+&&=&x",
        "/admin//realms/./x/../y/%2e%2e/%7E;a=b/%zz",
        "/realms/m%C3%BCnchen/\u00fc?",
        "*",
        "http://other/absolute",
    ],
)
@on_every_loop
async def test_the_target_goes_out_as_given(target: str) -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        await pool.exchange("GET", target, [HOST], None)
        assert upstream.heads == [b"GET " + target.encode() + b" HTTP/1.1\r\nHost: keycloak:8080\r\n\r\n"]
        await pool.close()


@on_every_loop
async def test_header_fields_keep_order_spelling_repeats_and_bytes() -> None:
    fields = [HOST, (b"x-b", b"2"), (b"X-A", b""), (b"x-B", b"\xff caf\xc3\xa9"), (b"Cookie", b"a=1"), (b"Cookie", b"b=2")]
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        await pool.exchange("PROPFIND", "/x", fields, None)
        expected = b"PROPFIND /x HTTP/1.1\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"
        assert upstream.heads == [expected], "and nothing of our own beside them"
        await pool.close()


SMUGGLED: dict[str, tuple[str, str, RawHeaders, bytes | None]] = {
    "a blank in the target": ("GET", "/a HTTP/1.1", [HOST], None),
    "a line break in the target": ("GET", "/a\r\nX: y", [HOST], None),
    "an empty target": ("GET", "", [HOST], None),
    "a blank in the method": ("GET /x", "/a", [HOST], None),
    "an empty method": ("", "/a", [HOST], None),
    "a line break in a value": ("GET", "/a", [(b"X-A", b"1\r\nX-B: 2")], None),
    "a bare LF in a value": ("GET", "/a", [(b"X-A", b"1\nX-B: 2")], None),
    "a bare CR in a value": ("GET", "/a", [(b"X-A", b"1\rX-B: 2")], None),
    "a line break in a name": ("GET", "/a", [(b"X\r\nY", b"1")], None),
    "a NUL in a value": ("GET", "/a", [(b"X-A", b"1\0")], None),
    "both lengths": ("POST", "/a", [(b"Content-Length", b"2"), (b"Transfer-Encoding", b"chunked")], b"{}"),
    "two lengths": ("POST", "/a", [(b"Content-Length", b"2"), (b"content-length", b"2")], b"{}"),
    "a length that is no number": ("POST", "/a", [(b"Content-Length", b"+2")], b"{}"),
    "another coding": ("POST", "/a", [(b"Transfer-Encoding", b"gzip, chunked")], b"{}"),
    "a length for no body": ("GET", "/a", [(b"Content-Length", b"2")], None),
    "chunked for no body": ("GET", "/a", [(b"Transfer-Encoding", b"chunked")], None),
    "a length that is not the body's": ("POST", "/a", [(b"Content-Length", b"3")], b"{}"),
}


@pytest.mark.parametrize(("method", "target", "headers", "body"), SMUGGLED.values(), ids=SMUGGLED)
@on_every_loop
async def test_a_request_that_could_be_read_in_two_ways_never_leaves(
    method: str, target: str, headers: RawHeaders, body: bytes | None
) -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        with pytest.raises(RequestRefused) as refused:
            await pool.exchange(method, target, headers, body)
        assert (upstream.visits, refused.value.status_hint, refused.value.reason) == (0, 400, "framing")
        await pool.close()


LENGTH_5 = (b"Content-Length", b"5")
CHUNKED = (b"Transfer-Encoding", b"chunked")


@pytest.mark.parametrize("size", [0, 5, 65_536, 65_537, 1_000_003])
@pytest.mark.parametrize("framing", ["none", "length", "chunked"])
@on_every_loop
async def test_a_body_of_bytes_arrives_in_the_framing_that_its_head_names(size: int, framing: str) -> None:
    body = b"x" * size
    length = (b"Content-Length", b"%d" % size)
    headers = [HOST, *{"none": [], "length": [length], "chunked": [CHUNKED]}[framing]]
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        answer = await pool.exchange("POST", "/x", headers, body)
        assert await answer.read(10) == b"{}"
        assert upstream.bodies == [body]
        named = CHUNKED if framing == "chunked" else length
        assert upstream.heads[0].count(b"%b: %b\r\n" % named) == 1
        assert (b"Content-Length" in upstream.heads[0]) != (b"Transfer-Encoding" in upstream.heads[0])
        assert pool.idle_connections == 1
        await pool.close()


@pytest.mark.parametrize("headers", [[HOST], [HOST, LENGTH_5], [HOST, CHUNKED]])
@on_every_loop
async def test_a_body_in_pieces_is_chunked_unless_its_length_is_given(headers: list[tuple[bytes, bytes]]) -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        answer = await pool.exchange("PUT", "/x", headers, pieces(b"ab", b"", b"cde", pause=0.01))
        assert await answer.read(10) == b"{}"
        assert upstream.bodies == [b"abcde"]
        assert (b"Transfer-Encoding: chunked" in upstream.heads[0]) == (LENGTH_5 not in headers)
        assert pool.idle_connections == 1
        await pool.close()


@on_every_loop
async def test_content_length_zero_of_a_post_without_body_stays() -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        await pool.exchange("POST", "/logout", [HOST, (b"Content-Length", b"0")], None)
        assert b"Content-Length: 0\r\n" in upstream.heads[0]
        await pool.close()


@pytest.mark.parametrize("parts", [(b"abcd",), (b"abc", b"def"), ()])
@on_every_loop
async def test_a_body_that_is_not_as_long_as_promised_ends_the_exchange_and_the_connection(parts: tuple[bytes, ...]) -> None:
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        with pytest.raises(UpstreamError) as failed:
            await pool.exchange("PUT", "/x", [HOST, LENGTH_5], pieces(*parts))
        assert failed.value.kind == "body"
        await asyncio.sleep(0.05)
        assert (pool.open_connections, upstream.open_visits, upstream.bodies) == (0, 0, [])
        await pool.close()


class ClientDisconnected(Exception):
    """The error of a body whose client disconnects."""


@on_every_loop
async def test_what_the_body_raises_reaches_the_caller_and_the_request_is_never_completed() -> None:
    closed = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            yield b"half"
            raise ClientDisconnected
        finally:
            closed = True

    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings())
        with pytest.raises(ClientDisconnected):
            await pool.exchange("POST", "/x", [HOST], body())
        await asyncio.sleep(0.05)
        assert (closed, upstream.bodies, upstream.open_visits, pool.open_connections) == (True, [], 0, 0)
        await pool.close()


async def endless(seen: list[int]) -> AsyncIterator[bytes]:
    try:
        while True:
            seen.append(1)
            yield b"x" * 65536
            await asyncio.sleep(0)
    finally:
        seen.append(0)


@on_every_loop
async def test_an_early_response_is_given_while_the_body_is_still_being_sent() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.say(ok(b"too large", status=b"413 Content Too Large"))
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        seen: list[int] = []
        answer = await pool.exchange("POST", "/x", [HOST], endless(seen))
        assert (answer.status, await answer.read(100)) == (413, b"too large")
        await asyncio.sleep(0.05)
        assert seen[-1] == 0, "the caller's body is let go"
        assert pool.open_connections == 0, "a connection with half a request on it is not used again"
        await pool.close()


@on_every_loop
async def test_an_early_response_of_a_server_that_closes_at_once_is_not_lost() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.say(ok(b"too large", b"Connection: close", status=b"413 Content Too Large"))

    async with raw_upstream(script) as upstream:
        for _ in range(50):
            pool = PoolUpstream(upstream.settings())
            answer = await pool.exchange("POST", "/x", [HOST], endless([]))
            assert (answer.status, await answer.read(100)) == (413, b"too large")
            await pool.close()


@on_every_loop
async def test_a_server_that_responds_while_it_reads_gets_the_whole_body() -> None:
    got = asyncio.Event()

    async def script(visit: Visit) -> None:
        head = await visit.head()
        assert b"chunked" in head
        await visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        await visit.reader.readuntil(b"0\r\n\r\n")
        got.set()
        await visit.say(b"1\r\nb\r\n0\r\n\r\n")
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        answer = await pool.exchange("POST", "/x", [HOST], pieces(*[b"x" * 100] * 20, pause=0.005))
        assert not got.is_set()
        assert b"".join([chunk async for chunk in answer.chunks()]) == b"ab"
        assert got.is_set()
        assert pool.idle_connections == 1
        await pool.close()


@on_every_loop
async def test_a_server_that_takes_a_large_body_slowly_holds_the_sender_back() -> None:
    taken = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.head()
        await taken.wait()
        left = 64 << 20
        while left:
            left -= len(await visit.reader.read(1 << 20))
        await visit.say(ok(b"imported"))
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        drawn = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal drawn
            for _ in range(1024):
                drawn += 65536
                yield b"x" * 65536

        asking = asyncio.create_task(pool.exchange("POST", "/partialImport", [HOST, (b"Content-Length", b"67108864")], body()))
        await asyncio.sleep(0.3)
        assert drawn < 12 << 20, "no more than the sockets hold is read ahead"
        taken.set()
        answer = await asking
        assert await answer.read(100) == b"imported"
        await pool.close()


@on_every_loop
async def test_the_connection_that_breaks_while_sending_is_reported_and_the_write_is_not_repeated() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        visit.reset()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        with pytest.raises(UpstreamBroken):
            await pool.exchange("POST", "/x", [HOST], endless([]))
        assert upstream.visits == 1
        await pool.close()
