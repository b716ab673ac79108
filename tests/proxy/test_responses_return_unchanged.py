"""Responses reach the client as Keycloak sent them, except for hop-by-hop fields and the origin in Location."""

import asyncio
import gzip

import pytest

from devkit.servers import OK, SERVER_CLOSES, Message, RecordingUpstream, Running, read_response, running_proxy

pytestmark = pytest.mark.usefixtures("way")


def responding(upstream: RecordingUpstream, head: str, body: bytes = b"") -> None:
    raw = head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body
    upstream.react = lambda _: raw


async def test_fields_keep_order_spelling_and_duplicates(proxy: Running, upstream: RecordingUpstream) -> None:
    responding(
        upstream,
        "HTTP/1.1 200 Fine indeed\nset-cookie: a=1; Path=/\nX-One:1\nSet-Cookie: b=2\nX-Empty: \nCache-Control: no-cache\nContent-Length: 2",
        b"{}",
    )
    answer = await proxy.get("/realms/demo/account")
    assert answer.start == b"HTTP/1.1 200 Fine indeed"
    assert list(answer.fields) == [
        (b"set-cookie", b"a=1; Path=/"),
        (b"X-One", b"1"),
        (b"Set-Cookie", b"b=2"),
        (b"X-Empty", b""),
        (b"Cache-Control", b"no-cache"),
        (b"Content-Length", b"2"),
    ]
    assert answer.body == b"{}"


async def test_hop_by_hop_fields_stay_behind(proxy: Running, upstream: RecordingUpstream) -> None:
    responding(
        upstream,
        "HTTP/1.1 200 OK\nConnection: keep-alive, x-hop\nKeep-Alive: timeout=5\nX-Hop: 1\nProxy-Authenticate: x\nUpgrade: h2c\nContent-Length: 0",
    )
    assert list((await proxy.get("/")).fields) == [(b"Content-Length", b"0")]


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip"])
async def test_compressed_responses_are_left_as_they_are(proxy: Running, upstream: RecordingUpstream, coding: str) -> None:
    body = gzip.compress(b'{"a":1}' * 100)
    responding(upstream, f"HTTP/1.1 200 OK\nContent-Encoding: {coding}\nContent-Length: {len(body)}", body)
    answer = await proxy.get("/", "Accept-Encoding: gzip")
    assert (answer.body, answer.value("content-encoding")) == (body, coding.encode())


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", "HTTP/1.1 200 OK\nContent-Length: 1234\nX-A: 1"),
        ("HEAD", "HTTP/1.1 200 OK\nX-A: 1"),
        ("DELETE", "HTTP/1.1 204 No Content\nX-A: 1"),
        ("GET", 'HTTP/1.1 304 Not Modified\nETag: "x"'),
        ("POST", "HTTP/1.1 201 Created\nLocation: /x\nContent-Length: 0"),
        ("PUT", "HTTP/1.1 200 OK\nContent-Length: 0"),
    ],
)
async def test_responses_without_a_body_get_no_field_that_keycloak_did_not_send(
    proxy: Running, upstream: RecordingUpstream, method: str, head: str
) -> None:
    responding(upstream, head)
    async with proxy.connect() as (reader, writer):
        for _ in range(2):  # the second shows that nothing was left on the connection
            writer.write(f"{method} /admin/realms HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = await asyncio.wait_for(read_response(reader, method=method.encode()), 5)
            assert answer.raw == head.replace("\n", "\r\n").encode() + b"\r\n\r\n"


async def test_a_chunked_response_stays_chunked_and_loses_its_trailers(proxy: Running, upstream: RecordingUpstream) -> None:
    responding(upstream, "HTTP/1.1 200 OK\nTrailer: X-T\nTransfer-Encoding: chunked", b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nX-T: 1\r\n\r\n")
    answer = await proxy.get("/")
    assert answer.body == b"abcdefgh"
    assert [name for name, _ in answer.fields] == [b"Transfer-Encoding"]


async def test_an_empty_chunked_response_ends(proxy: Running, upstream: RecordingUpstream) -> None:
    responding(upstream, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"0\r\n\r\n")
    assert (await proxy.get("/")).body == b""


async def test_an_http_1_0_caller_gets_no_chunks(proxy: Running, upstream: RecordingUpstream) -> None:
    responding(upstream, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n")
    answer = await proxy.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (answer.body, answer.value("transfer-encoding"), answer.value("connection")) == (b"abc", None, b"close")


async def test_an_http_1_0_caller_may_keep_the_connection(proxy: Running) -> None:
    async with proxy.connect() as (reader, writer):
        for _ in range(2):
            writer.write(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = await asyncio.wait_for(read_response(reader), 5)
            assert answer.value("connection") == b"keep-alive"


async def test_a_body_that_ends_with_its_connection_arrives_whole(proxy: Running, upstream: RecordingUpstream) -> None:
    first = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100_000

    async def close_after(_: Message) -> object:
        writer = next(iter(upstream._writers))
        writer.write(first)
        await writer.drain()
        return SERVER_CLOSES

    upstream.react = close_after
    assert (await proxy.get("/")).body == b"x" * 100_000


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
async def test_bodies_of_every_size_arrive_with_their_length(proxy: Running, upstream: RecordingUpstream, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    responding(upstream, f"HTTP/1.1 200 OK\nContent-Length: {size}", body)
    answer = await proxy.get("/")
    assert answer.body == body
    assert answer.value("content-length") == str(size).encode()


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://localhost:{up}/admin/realms/demo/users/a%2Fb?x=%41", "http://proxy.test:{own}/admin/realms/demo/users/a%2Fb?x=%41"),
        ("http://localhost:{up}", "http://proxy.test:{own}"),
        ("HTTP://LOCALHOST:{up}/x", "http://proxy.test:{own}/x"),
        ("http://localhost:{up}0/x", "http://localhost:{up}0/x"),
        ("http://localhost:{up}@evil.test/", "http://localhost:{up}@evil.test/"),
        ("https://sso.example.com/x", "https://sso.example.com/x"),
        ("/relative/x", "/relative/x"),
        ("https://app.test/?next=http://localhost:{up}/x", "https://app.test/?next=http://localhost:{up}/x"),
    ],
)
async def test_location_points_at_the_origin_that_the_caller_called(
    proxy: Running, upstream: RecordingUpstream, location: str, expected: str
) -> None:
    responding(upstream, f"HTTP/1.1 201 Created\nLocation: {location.format(up=upstream.port)}\nContent-Length: 0")
    answer = await proxy.get("/", method="POST", body=b"")
    assert answer.value("location") == expected.format(up=upstream.port, own=proxy.port).encode()


async def test_location_stays_where_the_settings_say_so(upstream: RecordingUpstream) -> None:
    async with running_proxy(upstream.port, rewrite_location=False) as proxy:
        responding(upstream, f"HTTP/1.1 302 Found\nLocation: http://localhost:{upstream.port}/x\nContent-Length: 0")
        assert (await proxy.get("/")).value("location") == f"http://localhost:{upstream.port}/x".encode()


async def test_redirects_are_passed_on_and_not_followed(proxy: Running, upstream: RecordingUpstream) -> None:
    responding(upstream, "HTTP/1.1 302 Found\nLocation: /admin/\nContent-Length: 0")
    assert (await proxy.get("/")).status == 302
    assert len(upstream.requests) == 1


async def test_one_callers_cookies_never_reach_another(proxy: Running, upstream: RecordingUpstream) -> None:
    responding(upstream, "HTTP/1.1 200 OK\nSet-Cookie: session=secret\nContent-Length: 0")
    await proxy.get("/")
    await proxy.get("/")
    assert upstream.requests[1].value("cookie") is None


async def test_early_hints_do_not_stand_for_the_response(proxy: Running, upstream: RecordingUpstream) -> None:
    upstream.react = lambda _: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK
    assert (await proxy.get("/")).status == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 429, 431, 500, 503])
async def test_errors_of_keycloak_pass_as_they_are_without_an_explainer(proxy: Running, upstream: RecordingUpstream, status: int) -> None:
    responding(upstream, f"HTTP/1.1 {status} Whatever\nX-A: 1\nContent-Length: 13", b'{"error":"x"}')
    answer = await proxy.get("/admin/realms/demo/users")
    assert answer.raw == f"HTTP/1.1 {status} Whatever\r\nX-A: 1\r\nContent-Length: 13\r\n\r\n".encode()
    assert answer.body == b'{"error":"x"}'


async def test_a_client_that_wants_to_close_gets_connection_close(proxy: Running) -> None:
    async with proxy.connect() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await read_response(reader)).value("connection") == b"close"
        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_a_slow_stream_is_passed_on_as_it_comes(proxy: Running, upstream: RecordingUpstream) -> None:
    go_on = asyncio.Event()

    async def drip(_: Message) -> bytes:
        writer = next(iter(upstream._writers))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go_on.wait()
        return b"4\r\nlast\r\n0\r\n\r\n"

    upstream.react = drip
    async with proxy.connect() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"first\r\n"), 5)).endswith(b"5\r\nfirst\r\n")
        go_on.set()
        assert await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5) == b"4\r\nlast\r\n0\r\n\r\n"
