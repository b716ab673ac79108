"""Responses of the pool: valid ones with every framing and in any pieces, and hostile ones."""

import asyncio
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from devkit.loops import on_every_loop
from devkit.raw_upstream import RawUpstream, Visit, ok, raw_upstream, responding, saying
from kcproxy.errors import UpstreamBroken
from kcproxy.http1.fields import RawHeaders
from kcproxy.upstream.pool import PoolUpstream

HOST = [(b"Host", b"keycloak:8080")]


class Seen(NamedTuple):
    """A response as the consumer sees it."""

    status: int
    reason: bytes
    headers: RawHeaders
    body: bytes


async def whole_response(pool: PoolUpstream, method: str = "GET") -> Seen:
    answer = await pool.exchange(method, "/x", HOST, None)
    body = b"".join([chunk async for chunk in answer.chunks()])
    return Seen(answer.status, answer.reason, answer.headers, body)


async def ask(upstream: RawUpstream, method: str = "GET") -> Seen:
    pool = PoolUpstream(upstream.settings())
    try:
        return await whole_response(pool, method)
    finally:
        await pool.close()


HEAD = b"HTTP/1.1 200 OK\r\n"

GOOD: dict[str, tuple[str, bytes, Seen]] = {
    "sized": ("GET", ok(b"hello"), Seen(200, b"OK", [(b"Content-Length", b"5")], b"hello")),
    "sized and empty": ("GET", ok(b"", status=b"201 Created"), Seen(201, b"Created", [(b"Content-Length", b"0")], b"")),
    "chunked": (
        "GET",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n",
        Seen(200, b"OK", [(b"Transfer-Encoding", b"chunked")], b"abc0123456789"),
    ),
    "chunked and empty": (
        "GET",
        HEAD + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        Seen(200, b"OK", [(b"Transfer-Encoding", b"Chunked")], b""),
    ),
    "chunk extensions and trailers are dropped": (
        "GET",
        HEAD + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=1\r\n\r\n",
        Seen(200, b"OK", [(b"Transfer-Encoding", b"chunked"), (b"Trailer", b"X-Sum")], b"abc"),
    ),
    "until the connection closes": (
        "GET",
        HEAD + b"X-A: 1\r\n\r\nsome\r\n\r\ntext",
        Seen(200, b"OK", [(b"X-A", b"1")], b"some\r\n\r\ntext"),
    ),
    "HTTP/1.0": ("GET", b"HTTP/1.0 200 OK\r\n\r\nold", Seen(200, b"OK", [], b"old")),
    "HEAD with a length": ("HEAD", HEAD + b"Content-Length: 893\r\n\r\n", Seen(200, b"OK", [(b"Content-Length", b"893")], b"")),
    "HEAD that would be chunked": (
        "HEAD",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        Seen(200, b"OK", [(b"Transfer-Encoding", b"chunked")], b""),
    ),
    "HEAD without framing": ("HEAD", HEAD + b"X-A: 1\r\n\r\n", Seen(200, b"OK", [(b"X-A", b"1")], b"")),
    "204": ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", Seen(204, b"No Content", [], b"")),
    "304 with the length of what it does not send": (
        "GET",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 893\r\nETag: x\r\n\r\n",
        Seen(304, b"Not Modified", [(b"Content-Length", b"893"), (b"ETag", b"x")], b""),
    ),
    "100 and 103 before it are swallowed": (
        "GET",
        b"HTTP/1.1 100 Continue\r\nX-I: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(b"hello"),
        Seen(200, b"OK", [(b"Content-Length", b"5")], b"hello"),
    ),
    "order, spelling, repeats and empty values of fields are kept": (
        "GET",
        ok(b"", b"sEt-CooKie: a=1", b"X-Empty:", b"Set-Cookie: b=2", b"x-latin: \xe4", b"X-Pad:   v \t"),
        Seen(
            200,
            b"OK",
            [
                (b"sEt-CooKie", b"a=1"),
                (b"X-Empty", b""),
                (b"Set-Cookie", b"b=2"),
                (b"x-latin", b"\xe4"),
                (b"X-Pad", b"v \t"),
                (b"Content-Length", b"0"),
            ],
            b"",
        ),
    ),
    "blanks behind a length": ("GET", HEAD + b"Content-Length: 3 \t\r\n\r\nabc", Seen(200, b"OK", [(b"Content-Length", b"3 \t")], b"abc")),
    "no reason phrase": ("GET", ok(b"", status=b"200"), Seen(200, b"", [(b"Content-Length", b"0")], b"")),
    "a status of one's own": ("GET", ok(b"", status=b"499 Odd Thing"), Seen(499, b"Odd Thing", [(b"Content-Length", b"0")], b"")),
    "gzip stays gzip": (
        "GET",
        ok(b"\x1f\x8b\x08\x00", b"Content-Encoding: gzip"),
        Seen(200, b"OK", [(b"Content-Encoding", b"gzip"), (b"Content-Length", b"4")], b"\x1f\x8b\x08\x00"),
    ),
}


@pytest.mark.parametrize(("method", "sent", "seen"), GOOD.values(), ids=GOOD)
@on_every_loop
async def test_a_response_arrives_as_it_was_sent(method: str, sent: bytes, seen: Seen) -> None:
    async with raw_upstream(saying(sent)) as upstream:
        assert await ask(upstream, method) == seen


@pytest.mark.parametrize(("method", "sent", "seen"), GOOD.values(), ids=GOOD)
@on_every_loop
async def test_a_response_in_single_bytes_is_the_same_response(method: str, sent: bytes, seen: Seen) -> None:
    async with raw_upstream(saying(*[sent[place : place + 1] for place in range(len(sent))])) as upstream:
        assert await ask(upstream, method) == seen


class Mixed(NamedTuple):
    """A response and the offsets of its pieces."""

    name: str
    cuts: list[int]


@st.composite
def cut_answers(draw: st.DrawFn) -> Mixed:
    name = draw(st.sampled_from(sorted(GOOD)))
    return Mixed(name, draw(st.lists(st.integers(1, len(GOOD[name][1]) - 1), max_size=6, unique=True)))


@given(mixed=cut_answers())
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_where_a_response_is_cut_makes_no_difference(mixed: Mixed) -> None:
    method, sent, seen = GOOD[mixed.name]
    edges = [0, *sorted(mixed.cuts), len(sent)]
    pieces = [sent[start:end] for start, end in pairwise(edges)]

    async def run() -> Seen:
        async with raw_upstream(saying(*pieces)) as upstream:
            return await ask(upstream, method)

    assert asyncio.run(run()) == seen


HOSTILE = {
    "both lengths": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way round": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths that differ": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": HEAD + b"Content-Length: +3\r\n\r\nabc",
    "a hexadecimal length": HEAD + b"Content-Length: 0x3\r\n\r\nabc",
    "an empty length": HEAD + b"Content-Length:\r\n\r\n",
    "a length beyond all numbers": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a coding that is not chunked": HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "a coding before chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding after chunked": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is no number": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk size with a prefix": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a negative chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
    "a chunk size that overflows": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n",
    "a chunk longer than its size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "a folded field": HEAD + b"X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a bare CR in a field": HEAD + b"X-A: a\rb\r\nContent-Length: 0\r\n\r\n",
    "a bare LF at the line's end": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a NUL in a field": HEAD + b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a blank before the colon": HEAD + b"Content-Length : 0\r\n\r\n",
    "a name with a letter outside ASCII": HEAD + b"X-\xe4: a\r\nContent-Length: 0\r\n\r\n",
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a TLS record": b"\x15\x03\x01\x00\x02\x02\x16",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 1000 OK\r\nContent-Length: 0\r\n\r\n",
    "101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a head without end": HEAD + b"X-A: " + b"a" * 300_000,
    "fields without end": HEAD + b"X-A: a\r\n" * 60_000,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
    "a trailer without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: " + b"a" * 600_000,
    "a length among the trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 7\r\n\r\n",
    "nothing": b"",
    "half a head": HEAD + b"Content-Len",
    "an interim answer and nothing more": b"HTTP/1.1 100 Continue\r\n\r\n",
    "less than the length says": HEAD + b"Content-Length: 10\r\n\r\nabc",
    "chunks without the last one": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "the last chunk without its empty line": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
}


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE)
@on_every_loop
async def test_a_hostile_response_is_refused_and_leaves_nothing_behind(sent: bytes) -> None:
    async with raw_upstream(saying(sent)) as upstream:
        pool = PoolUpstream(upstream.settings())
        with pytest.raises(UpstreamBroken) as refused:
            await whole_response(pool)
        assert upstream.scheme in str(refused.value), "the message says who it was"
        await asyncio.sleep(0)
        assert (pool.open_connections, pool.idle_connections) == (0, 0)
        assert upstream.visits == 1, "it was not tried again"
        await pool.close()


EXCESS = {
    "a second answer": ("GET", ok(b"one") + ok(b"two")),
    "text behind a sized body": ("GET", ok(b"one") + b"garbage"),
    "a body to HEAD": ("HEAD", HEAD + b"Content-Length: 3\r\n\r\nabc"),
    "chunks to HEAD": ("HEAD", HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    "the last chunk to HEAD": ("HEAD", HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "half a chunk size to HEAD": ("HEAD", HEAD + b"Transfer-Encoding: chunked\r\n\r\n5"),
    "a body to 304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc"),
    "a body to 204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\nabc"),
}


@pytest.mark.parametrize(("method", "sent"), EXCESS.values(), ids=EXCESS)
@on_every_loop
async def test_what_follows_a_response_unasked_never_becomes_the_next_response(method: str, sent: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(sent if visit.number == 0 else ok(b"right"))
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        first = await pool.exchange(method, "/first", HOST, None)
        assert b"".join([chunk async for chunk in first.chunks()]) in (b"one", b"")
        second = await pool.exchange("GET", "/second", HOST, None)
        assert await second.read(100) == b"right"
        assert upstream.visits == 2
        await pool.close()


@on_every_loop
async def test_a_long_sized_body_arrives_whole_and_what_follows_it_is_not_taken_for_body() -> None:
    body = bytes(range(256)) * 8192

    async def script(visit: Visit) -> None:
        await visit.request()
        sent = ok(body) + b"HTTP/1.1 200 OK\r\n"
        await visit.say(*[sent[start : start + 30_011] for start in range(0, len(sent), 30_011)])
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        seen = await ask(upstream)
        assert seen.body == body


@on_every_loop
async def test_read_gives_a_short_body_and_leaves_a_long_one_to_chunks() -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"a\r\n0123456789\r\n" * 10 + b"0\r\n\r\n"
    async with raw_upstream(responding(ok(b"x" * 100), chunked)) as upstream:
        pool = PoolUpstream(upstream.settings())
        for _ in range(2):
            short = await pool.exchange("GET", "/x", HOST, None)
            assert len(await short.read(100) or b"") == 100
            long = await pool.exchange("GET", "/x", HOST, None)
            assert await long.read(99) is None
            assert len(b"".join([chunk async for chunk in long.chunks()])) == 100
        await pool.close()


@on_every_loop
async def test_the_whole_body_is_given_without_waiting_where_it_is_there() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(ok(b"at once"))
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await asyncio.sleep(0.1)
        await visit.say(b"later")

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings())
        answer = await pool.exchange("GET", "/x", HOST, None)
        assert answer.whole() == b"at once"
        answer = await pool.exchange("GET", "/x", HOST, None)
        assert answer.whole() is None
        assert await answer.read(10) == b"later"
        await pool.close()


@on_every_loop
async def test_a_client_that_reads_slowly_slows_the_server_down_and_memory_stays_small() -> None:
    sent = 0

    async def script(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        visit.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(1600):
            visit.writer.write(b"x" * 65536)
            await visit.writer.drain()
            sent += 65536

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(idle_timeout_seconds=0.1))
        answer = await pool.exchange("GET", "/export", HOST, None)
        await asyncio.sleep(0.5)
        in_sockets = 8 << 20
        assert sent < in_sockets, "it was read although nobody took it"
        total = 0
        async for chunk in answer.chunks():
            total += len(chunk)
        assert total == 104857600, "the caller's slowness is not the server's: no time limit struck"
        assert pool.idle_connections == 1
        await pool.close()
