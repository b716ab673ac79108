"""The way out of our own pool, on aiohttp's ClientSession: what that adds, follows, keeps or repeats by itself is off."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from devkit.ports import refusing_port
from devkit.raw_upstream import Visit, ok, raw_upstream, responding, saying
from devkit.servers import OK, SERVER_CLOSES, Message, RecordingUpstream, recording_upstream, running_proxy
from kcproxy.errors import RequestRefused, UpstreamBroken, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.interface import UpstreamResponse
from kcproxy.upstream.session import SessionUpstream
from tests.upstream.test_responses import HOSTILE

HOST = (b"Host", b"kc.test")


@pytest.fixture
async def server() -> AsyncIterator[RecordingUpstream]:
    async with recording_upstream() as running:
        yield running


@pytest.fixture
async def session(server: RecordingUpstream) -> AsyncIterator[SessionUpstream]:
    upstream = SessionUpstream(UpstreamSettings(scheme="http", host="127.0.0.1", port=server.port, response_timeout_seconds=1))
    yield upstream
    await upstream.close()


async def whole(answer: UpstreamResponse) -> bytes:
    try:
        return b"".join([chunk async for chunk in answer.chunks()])
    finally:
        answer.release()


@pytest.mark.parametrize("target", ["/a%2Fb/%41?x=%2B+&x=1&bare&", "/../x//y;z", "/%zz", "/"])
async def test_the_target_goes_byte_for_byte(session: SessionUpstream, server: RecordingUpstream, target: str) -> None:
    await whole(await session.exchange("GET", target, [HOST], None))
    assert server.requests[0].target == target.encode()


async def test_nothing_is_added_to_the_fields(session: SessionUpstream, server: RecordingUpstream) -> None:
    await whole(await session.exchange("GET", "/", [HOST, (b"X-a", b"1"), (b"X-a", b"2")], None))
    assert sorted(server.requests[0].fields) == [HOST, (b"X-a", b"1"), (b"X-a", b"2")]


async def test_no_redirect_is_followed_and_no_cookie_kept(session: SessionUpstream, server: RecordingUpstream) -> None:
    server.react = lambda _: b"HTTP/1.1 302 Found\r\nLocation: /x\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
    for _ in range(2):
        answer = await session.exchange("GET", "/", [HOST], None)
        assert answer.status == 302
        await whole(answer)
    assert len(server.requests) == 2
    assert server.requests[1].value("cookie") is None


async def test_nothing_is_decompressed(session: SessionUpstream, server: RecordingUpstream) -> None:
    body = gzip.compress(b"x" * 1000)
    server.react = lambda _: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    answer = await session.exchange("GET", "/", [HOST], None)
    assert (b"Content-Encoding", b"gzip") in answer.headers
    assert await whole(answer) == body


async def test_large_header_fields_pass_both_ways(session: SessionUpstream, server: RecordingUpstream) -> None:
    server.react = lambda _: b"HTTP/1.1 200 OK\r\nX-Large: %b\r\nContent-Length: 0\r\n\r\n" % (b"y" * 70_000)
    answer = await session.exchange("GET", "/", [HOST, (b"Authorization", b"Bearer " + b"x" * 75_000)], None)
    assert dict(answer.headers)[b"X-Large"] == b"y" * 70_000
    assert len(server.requests[0].value("authorization") or b"") == 75_007
    await whole(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_a_write_is_never_repeated(session: SessionUpstream, server: RecordingUpstream, method: str) -> None:
    await whole(await session.exchange("GET", "/", [HOST], None))
    server.react = lambda _: SERVER_CLOSES
    with pytest.raises(UpstreamBroken):
        await session.exchange(method, "/", [HOST, (b"Content-Length", b"2")], b"{}")
    assert sum(request.method == method.encode() for request in server.requests) == 1


async def test_a_read_on_a_connection_that_was_dead_already_is_sent_once_more(session: SessionUpstream, server: RecordingUpstream) -> None:
    await whole(await session.exchange("GET", "/", [HOST], None))
    server.react = lambda request: SERVER_CLOSES if len(server.requests) == 2 else OK
    assert await whole(await session.exchange("GET", "/", [HOST], None)) == b"{}"
    assert len(server.requests) == 3


async def test_a_stream_without_a_length_goes_in_chunks(session: SessionUpstream, server: RecordingUpstream) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"hello "
        yield b"world"

    await whole(await session.exchange("POST", "/", [HOST, (b"Transfer-Encoding", b"chunked")], body()))
    assert (server.requests[0].body, server.requests[0].value("transfer-encoding")) == (b"hello world", b"chunked")


async def test_what_is_longer_than_asked_for_is_still_there_afterwards(session: SessionUpstream, server: RecordingUpstream) -> None:
    server.react = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    answer = await session.exchange("GET", "/", [HOST], None)
    assert await answer.read(4999) is None
    assert await whole(answer) == b"x" * 5000


async def silent(_: Message) -> object:
    await asyncio.sleep(10)
    return SERVER_CLOSES


@pytest.mark.parametrize(
    ("reaction", "error"),
    [
        (lambda _: SERVER_CLOSES, UpstreamBroken),
        (lambda _: b"\x00\x01\x02\r\n\r\n", UpstreamBroken),
        (silent, UpstreamTimeout),
    ],
    ids=["closes", "noise", "silent"],
)
async def test_faults_are_named_and_quote_nothing(
    session: SessionUpstream, server: RecordingUpstream, reaction: object, error: type[UpstreamError]
) -> None:
    server.react = reaction  # type: ignore[assignment]
    with pytest.raises(error) as caught:
        await session.exchange("POST", "/", [HOST, (b"Authorization", b"Bearer SECRET"), (b"Content-Length", b"0")], None)
    assert "SECRET" not in str(caught.value)
    assert "\\x00" not in str(caught.value)


async def test_an_answer_cut_off_is_broken(session: SessionUpstream, server: RecordingUpstream) -> None:
    async def cut(_: Message) -> object:
        writer = next(iter(server._writers))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        return SERVER_CLOSES

    server.react = cut
    answer = await session.exchange("GET", "/", [HOST], None)
    with pytest.raises(UpstreamBroken):
        await whole(answer)


AMBIGUOUS = {
    name: sent
    for name, sent in HOSTILE.items()
    # aiohttp's parser takes both for what they stand for, and passes them on put right.
    if name not in {"a folded field", "a bare LF at the line's end"}
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_an_answer_that_could_be_read_in_two_ways_or_never_ends_is_refused(sent: bytes) -> None:
    async with raw_upstream(saying(sent)) as server:
        upstream = SessionUpstream(server.settings(idle_timeout_seconds=0.3, response_timeout_seconds=0.3))
        with pytest.raises((UpstreamBroken, UpstreamTimeout)):
            await whole(await upstream.exchange("POST", "/", [HOST, (b"Content-Length", b"0")], b""))
        assert server.visits == 1
        await upstream.close()


async def test_a_trailer_is_dropped_and_never_becomes_a_field_of_the_next_answer() -> None:
    first = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\nSet-Cookie: a=1\r\n\r\n"
    async with raw_upstream(responding(first, ok(b"two"))) as server:
        upstream = SessionUpstream(server.settings())
        seen = []
        for _ in range(2):
            answer = await upstream.exchange("GET", "/", [HOST], None)
            seen.append((list(answer.headers), await whole(answer)))
        await upstream.close()
    assert seen == [([(b"Transfer-Encoding", b"chunked")], b"abc"), ([(b"Content-Length", b"3")], b"two")]
    assert server.visits == 1


async def test_bytes_of_an_answer_that_are_not_utf_8_pass() -> None:
    async with raw_upstream(saying(b"HTTP/1.1 200 caf\xe9\r\nX: caf\xe9\r\nContent-Length: 0\r\n\r\n")) as server:
        upstream = SessionUpstream(server.settings())
        answer = await upstream.exchange("GET", "/", [HOST], None)
        assert (answer.reason, next(iter(answer.headers))) == (b"caf\xe9", (b"X", b"caf\xe9"))
        await whole(answer)
        await upstream.close()


async def test_a_slow_answer_that_keeps_coming_is_not_cut_off() -> None:
    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.1)
            await visit.say(b"x")

    async with raw_upstream(script) as server:
        upstream = SessionUpstream(server.settings(idle_timeout_seconds=0.5))
        assert await whole(await upstream.exchange("GET", "/", [HOST], None)) == b"x" * 8
        await upstream.close()


async def test_nobody_there_is_unreachable_and_nothing_was_sent() -> None:
    with refusing_port() as port:
        upstream = SessionUpstream(UpstreamSettings(scheme="http", host="127.0.0.1", port=port))
        with pytest.raises(UpstreamUnreachable) as caught:
            await upstream.exchange("GET", "/", [HOST], None)
        assert not caught.value.sent
        assert f"127.0.0.1:{port}" in str(caught.value)
        await upstream.close()


async def test_a_field_that_is_not_utf_8_is_refused_clearly(session: SessionUpstream) -> None:
    with pytest.raises(RequestRefused):
        await session.exchange("GET", "/", [HOST, (b"X", b"caf\xe9")], None)


async def test_the_proxy_works_with_it_as_with_the_pool(server: RecordingUpstream) -> None:
    async with running_proxy(server.port, kind=SessionUpstream) as proxy:
        body = bytes(range(256)) * 1000
        assert (await proxy.get("/admin/realms/a%2Fb", method="PUT", body=body)).status == 200
        assert (server.requests[0].target, server.requests[0].body) == (b"/admin/realms/a%2Fb", body)
        server.react = lambda _: b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"
        assert (await proxy.get("/", method="DELETE")).raw == b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"
