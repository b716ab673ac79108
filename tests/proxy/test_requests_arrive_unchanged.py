"""Requests reach Keycloak as they were sent, without hop-by-hop fields."""

import asyncio

import pytest

from devkit.servers import OK, Message, RecordingUpstream, Running, read_head, read_response, running_proxy
from kcproxy.settings import ForwardedFields

pytestmark = pytest.mark.usefixtures("way")

TARGETS = [
    "/",
    "/admin/realms/demo/users?search=a%2Bb&search=a+b&first=0",
    "/admin/realms/demo/groups/a%2Fb",
    "/admin/realms/demo/users/%41%7E~",
    "/admin/realms/demo//users",
    "/admin/realms/demo/../master/users",
    "/admin/realms/demo/%2e%2e/master/users",
    "/admin/realms/demo;x=1/users",
    "/admin/realms/demo/users?",
    "/admin/realms/demo/users?bare&bare&=&x=",
    "/admin/realms/demo/users/%zz",
    "/realms/demo/account?redirect=http%3A%2F%2Fa.test%2F%3Fq%3D1",
    "/admin/realms/demo/users?q={x}|y^`",
    "*",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_the_target_goes_on_byte_for_byte(proxy: Running, upstream: RecordingUpstream, target: str) -> None:
    await proxy.get(target, method="OPTIONS" if target == "*" else "GET")
    assert upstream.requests[0].target == target.encode()


async def test_an_absolute_target_goes_on_without_the_proxys_own_origin(proxy: Running, upstream: RecordingUpstream) -> None:
    await proxy.get(f"http://proxy.test:{proxy.port}/admin/realms/demo%2f?x=%2f")
    assert upstream.requests[0].target == b"/admin/realms/demo%2f?x=%2f"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "SEARCH"])
async def test_every_method_goes_through(proxy: Running, upstream: RecordingUpstream, method: str) -> None:
    assert (await proxy.get("/admin/realms", method=method)).status == 200
    assert upstream.requests[0].method == method.encode()


async def test_fields_keep_order_spelling_and_duplicates(proxy: Running, upstream: RecordingUpstream) -> None:
    sent = ["X-b: 1", "x-A: two  words", "X-b: 2", "cookie: a=1", "COOKIE: b=2", "X-Empty:", "X-Latin: caf\xe9", "Accept: */*"]
    await proxy.get("/", *sent)
    expected = [(b"Host", f"localhost:{upstream.port}".encode())]
    expected += [(name, value.strip()) for name, _, value in (line.encode().partition(b":") for line in sent)]
    assert list(upstream.requests[0].fields) == expected


async def test_nothing_is_added_that_the_caller_did_not_send(proxy: Running, upstream: RecordingUpstream) -> None:
    await proxy.get("/")
    assert [name for name, _ in upstream.requests[0].fields] == [b"Host"]


async def test_hop_by_hop_fields_and_those_that_connection_names_stay_behind(proxy: Running, upstream: RecordingUpstream) -> None:
    await proxy.get(
        "/",
        "Connection: keep-alive, X-Secret-Hop, TE",
        "X-Secret-Hop: 1",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Proxy-Authorization: Basic eA==",
        "Proxy-Connection: keep-alive",
        "X-Kept: 1",
    )
    assert [name for name, _ in upstream.requests[0].fields] == [b"Host", b"X-Kept"]


async def test_a_connection_field_cannot_remove_framing_or_routing(proxy: Running, upstream: RecordingUpstream) -> None:
    await proxy.get("/", "Connection: content-length, host", method="POST", body=b"abc")
    assert upstream.requests[0].value("content-length") == b"3"
    assert upstream.requests[0].body == b"abc"


async def test_forwarding_fields_are_passed_as_they_are_and_none_is_invented(proxy: Running, upstream: RecordingUpstream) -> None:
    await proxy.get("/", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "Via: 1.1 edge", "X-Forwarded-Host: sso.test")
    names = [name for name, _ in upstream.requests[0].fields]
    assert names == [b"Host", b"X-Forwarded-For", b"Forwarded", b"Via", b"X-Forwarded-Host"]


async def test_forwarding_fields_are_dropped_where_the_settings_say_so(upstream: RecordingUpstream) -> None:
    async with running_proxy(upstream.port, forwarded=ForwardedFields.DROP) as proxy:
        await proxy.get("/", "X-Forwarded-For: 1.2.3.4", "forwarded: for=1.2.3.4", "VIA: 1.1 edge", "X-Forwarded-Host: a", "Viable: 1")
        assert [name for name, _ in upstream.requests[0].fields] == [b"Host", b"Viable"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET", "PATCH"])
async def test_bodies_go_with_every_method_and_keep_their_length(proxy: Running, upstream: RecordingUpstream, method: str) -> None:
    await proxy.get("/admin/realms", "Content-Type: application/json", method=method, body=b'[ {"id" : 1.0} ]')
    assert upstream.requests[0].body == b'[ {"id" : 1.0} ]'
    assert upstream.requests[0].values("content-length") == [b"16"]
    assert upstream.requests[0].value("transfer-encoding") is None


async def test_an_empty_body_keeps_its_length_of_zero(proxy: Running, upstream: RecordingUpstream) -> None:
    await proxy.get("/admin/realms", method="POST", body=b"")
    assert upstream.requests[0].values("content-length") == [b"0"]


@pytest.mark.parametrize("chunks", [[], [b"a"], [b"hello ", b"world"], [b"x" * 50_000] * 4])
async def test_chunked_bodies_stay_chunked_and_trailers_are_dropped(
    proxy: Running, upstream: RecordingUpstream, chunks: list[bytes]
) -> None:
    framed = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = b"POST /admin/realms HTTP/1.1\r\nHost: a\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n"
    await proxy.send(head + framed + b"0\r\nX-T: 1\r\n\r\n")
    assert upstream.requests[0].body == b"".join(chunks)
    assert upstream.requests[0].value("transfer-encoding") == b"chunked"
    assert upstream.requests[0].value("trailer") is None


async def test_a_large_upload_is_streamed_and_not_refused_by_the_proxy(proxy: Running, upstream: RecordingUpstream) -> None:
    body = bytes(range(256)) * 20_000  # 5 MB, above aiohttp's own limit of 1 MiB
    assert (await proxy.get("/admin/realms/demo/partialImport", method="POST", body=body)).status == 200
    assert upstream.requests[0].body == body
    assert upstream.requests[0].value("content-length") == str(len(body)).encode()


async def test_a_compressed_body_is_left_as_it_is(proxy: Running, upstream: RecordingUpstream) -> None:
    body = b"\x1f\x8b\x08not really gzip"
    await proxy.get("/admin/realms", "Content-Encoding: gzip", method="POST", body=body)
    assert upstream.requests[0].body == body
    assert upstream.requests[0].value("content-encoding") == b"gzip"


async def test_a_client_that_expects_100_continue_gets_it_from_the_proxy(proxy: Running, upstream: RecordingUpstream) -> None:
    async with proxy.connect() as (reader, writer):
        writer.write(b"PUT /admin/realms/demo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        interim = await asyncio.wait_for(read_head(reader), 5)
        assert interim is not None
        assert interim.start == b"HTTP/1.1 100 Continue"
        writer.write(b"hello")
        assert (await read_response(reader)).status == 200
    assert upstream.requests[0].body == b"hello"
    assert upstream.requests[0].value("expect") is None


async def test_an_unknown_expectation_is_refused(proxy: Running, upstream: RecordingUpstream) -> None:
    answer = await proxy.get("/", "Expect: miracles", method="PUT", body=b"")
    assert (answer.status, answer.value("kcproxy-error")) == (417, b"expectation")
    assert upstream.requests == []


async def test_large_tokens_pass(proxy: Running, upstream: RecordingUpstream) -> None:
    token = "e" * 75_000
    assert (await proxy.get("/admin/realms", f"Authorization: Bearer {token}")).status == 200
    assert upstream.requests[0].value("authorization") == f"Bearer {token}".encode()


async def test_the_callers_host_is_sent_on_where_the_settings_say_so(upstream: RecordingUpstream) -> None:
    async with running_proxy(upstream.port, preserve_host=True) as proxy:
        await proxy.get("/")
        assert upstream.requests[0].value("host") == f"proxy.test:{proxy.port}".encode()


async def test_an_http_1_0_caller_without_host_gets_the_upstreams(proxy: Running, upstream: RecordingUpstream) -> None:
    answer = await proxy.send(b"GET / HTTP/1.0\r\n\r\n")
    assert answer.status == 200
    assert upstream.requests[0].value("host") == f"localhost:{upstream.port}".encode()


async def test_an_offer_to_upgrade_to_http_2_is_ignored(proxy: Running, upstream: RecordingUpstream) -> None:
    """Java's HttpClient sends it with every first request."""
    offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"]
    async with proxy.connect() as (reader, writer):
        for _ in range(2):
            writer.write("\r\n".join(["POST / HTTP/1.1", "Host: a", *offer, "Content-Length: 3", "", "abc"]).encode())
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
    assert [request.body for request in upstream.requests] == [b"abc", b"abc"]
    assert {name for name, _ in upstream.requests[0].fields} == {b"Host", b"Content-Length"}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"upgrade"),
        (b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n", b"tunnel"),
    ],
)
async def test_tunnels_and_websocket_are_refused_clearly(proxy: Running, upstream: RecordingUpstream, head: bytes, kind: bytes) -> None:
    answer = await proxy.send(head)
    assert (answer.status, answer.value("kcproxy-error")) == (501, kind)
    assert upstream.requests == []


async def test_pipelined_requests_get_responses_in_order(proxy: Running, upstream: RecordingUpstream) -> None:
    def react(request: Message) -> bytes:
        return OK.replace(b"2\r\n\r\n{}", b"%d\r\n\r\n%b" % (len(request.target), request.target))

    upstream.react = react
    async with proxy.connect() as (reader, writer):
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(5)))
        bodies = [(await asyncio.wait_for(read_response(reader), 5)).body for _ in range(5)]
    assert bodies == [b"/0", b"/1", b"/2", b"/3", b"/4"]
