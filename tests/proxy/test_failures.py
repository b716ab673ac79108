"""If Keycloak is down, slow, broken, or another server, clients get a clear JSON response or a closed connection; never a hang or a traceback."""

import asyncio
import json
import logging
import time

import pytest

from devkit.ports import refusing_port
from devkit.servers import OK, SERVER_CLOSES, Message, RecordingUpstream, Running, read_head, read_response, running_proxy
from kcproxy.settings import LimitSettings

pytestmark = pytest.mark.usefixtures("way")


def check_failure(answer: Message, status: int, kind: str) -> str:
    body = json.loads(answer.body)
    assert (answer.status, answer.value("kcproxy-error")) == (status, kind.encode()), answer
    assert answer.value("content-type") == b"application/json"
    assert body["error"] == f"kcproxy_{kind.replace('-', '_')}"
    assert body["errorMessage"] == body["error_description"] == body["message"]
    assert "Traceback" not in body["message"]
    return str(body["message"])


async def silent(_: Message) -> object:
    await asyncio.sleep(30)
    return SERVER_CLOSES


async def test_an_upstream_that_is_down_is_a_502_that_names_it() -> None:
    with refusing_port() as port:
        async with running_proxy(port) as proxy:
            for method in ("GET", "POST", "PUT"):
                said = check_failure(await proxy.get("/admin/realms", method=method, body=b"{}"), 502, "connect")
                assert f"localhost:{port}" in said
            assert proxy.events.failures == ["connect"] * 3
            assert {record.error_kind for record in await proxy.settled(3)} == {"connect"}


async def test_gocloak_gets_the_proxys_own_error_in_one_of_the_members_it_joins() -> None:
    with refusing_port() as port:
        async with running_proxy(port) as proxy:
            answer = await proxy.get("/admin/realms", "User-Agent: go-resty/2.16.5 (https://github.com/go-resty/resty)")
    body = json.loads(answer.body)
    assert body["errorMessage"] == body["message"]
    assert "error_description" not in body
    assert answer.values("content-length") == [str(len(answer.body)).encode()]


async def test_an_upstream_that_comes_back_is_used_again(upstream: RecordingUpstream, proxy: Running) -> None:
    await proxy.get("/")
    upstream.cut()
    await asyncio.sleep(0.01)
    assert (await proxy.get("/admin/realms", method="POST", body=b"{}")).status == 200


async def test_a_slow_upstream_is_a_504(upstream: RecordingUpstream) -> None:
    upstream.react = silent
    async with running_proxy(upstream.port, response_timeout_seconds=0.2) as proxy:
        began = time.monotonic()
        check_failure(await proxy.get("/admin/realms"), 504, "timeout")
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.com ESMTP\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"\x00\x01\x02\x03" * 10,
        SERVER_CLOSES,
    ],
    ids=["another protocol", "another version", "both lengths", "two lengths", "no number", "noise", "goodbye"],
)
async def test_what_is_not_http_is_a_502(upstream: RecordingUpstream, answer: object) -> None:
    upstream.react = lambda _: answer
    async with running_proxy(upstream.port, response_timeout_seconds=0.5) as proxy:
        check_failure(await proxy.get("/admin/realms"), 502, "broken")
        assert proxy.events.failures == ["broken"]


@pytest.mark.parametrize("greeting", [b"220 mail.example.com ESMTP\r\n", b"\x15\x03\x03\x00\x02\x02\x16", b"SSH-2.0-OpenSSH_9.6\r\n"])
async def test_another_protocol_is_named_as_that_with_the_setting_to_look_at(upstream: RecordingUpstream, greeting: bytes) -> None:
    upstream.react = lambda _: greeting
    async with running_proxy(upstream.port, response_timeout_seconds=0.5) as proxy:
        answer = await proxy.get("/admin/realms")
    assert b"it is not HTTP; are scheme and port of upstream.url Keycloak's?" in answer.body


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ],
)
async def test_a_response_cut_off_half_way_ends_the_clients_connection(upstream: RecordingUpstream, proxy: Running, begun: bytes) -> None:
    async def cut(_: Message) -> object:
        writer = next(iter(upstream._writers))
        writer.write(begun)
        await writer.drain()
        await asyncio.sleep(0.05)
        return SERVER_CLOSES

    upstream.react = cut
    async with proxy.connect() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await asyncio.wait_for(read_head(reader), 5)
        assert head is not None
        assert head.status == 200
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
            await asyncio.wait_for(self_read(reader, head), 5)
    record = (await proxy.settled(1))[0]
    assert record.error_kind == "broken"


async def self_read(reader: asyncio.StreamReader, head: Message) -> None:
    length = head.value("content-length")
    if length is not None:
        await reader.readexactly(int(length))
        return
    while await reader.readexactly(1):
        pass


async def test_a_small_response_cut_off_half_way_is_a_502(upstream: RecordingUpstream, proxy: Running) -> None:
    async def cut(_: Message) -> object:
        writer = next(iter(upstream._writers))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        return SERVER_CLOSES

    upstream.react = cut
    check_failure(await proxy.get("/admin/realms"), 502, "broken")


async def test_no_write_is_executed_twice_when_the_connection_breaks(upstream: RecordingUpstream, proxy: Running) -> None:
    upstream.react = lambda request: OK if request.method == b"GET" else SERVER_CLOSES
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        await proxy.get("/admin/realms")  # leaves a kept connection
        check_failure(await proxy.get("/admin/realms", method=method, body=b"{}"), 502, "broken")
        assert sum(request.method == method.encode() for request in upstream.requests) == 1


async def test_an_early_response_ends_an_upload() -> None:
    """Keycloak responds with 413 to more than 10 MiB before the body is complete."""
    ended = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(100_000)
        writer.write(b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        ended.set()

    server = await asyncio.start_server(early, "127.0.0.1", 0, limit=1 << 20)
    async with server, running_proxy(server.sockets[0].getsockname()[1]) as proxy, proxy.connect() as (reader, writer):
        writer.write(b"POST /admin/realms HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 200_000)
        answer = await asyncio.wait_for(read_response(reader), 5)
        assert answer.status == 413
        await ended.wait()


class TestTheCallerLeaves:
    async def test_a_read_is_given_up_at_once(self) -> None:
        left = asyncio.Event()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await reader.read()
            writer.close()
            left.set()

        server = await asyncio.start_server(slow, "127.0.0.1", 0)
        async with server, running_proxy(server.sockets[0].getsockname()[1]) as other:
            async with other.connect() as (_, writer):
                writer.write(b"GET /admin/realms HTTP/1.1\r\nHost: a\r\n\r\n")
                await asyncio.sleep(0.05)
            await asyncio.wait_for(left.wait(), 2)
            assert (await other.settled(1))[0].status == 499
            assert other.service.in_flight == 0

    async def test_a_write_comes_to_its_end(self, upstream: RecordingUpstream, proxy: Running) -> None:
        done = asyncio.Event()

        async def slow(_: Message) -> bytes:
            await asyncio.sleep(0.3)
            done.set()
            return OK

        upstream.react = slow
        async with proxy.connect() as (_, writer):
            writer.write(b"POST /admin/realms HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            await asyncio.sleep(0.05)
        await asyncio.wait_for(done.wait(), 2)
        assert (await proxy.settled(1))[0].status == 499
        assert proxy.service.in_flight == 0

    async def test_half_an_upload_never_reaches_keycloak_as_a_whole(self, upstream: RecordingUpstream, proxy: Running) -> None:
        for head in (b"Content-Length: 200000", b"Transfer-Encoding: chunked"):
            async with proxy.connect() as (_, writer):
                begun = b"%x\r\n" % 200_000 if b"chunked" in head else b""
                writer.write(b"POST /admin/realms HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n" + begun + b"x" * 150_000)
                await asyncio.sleep(0.05)
        records = await proxy.settled(2)
        assert upstream.requests == []
        assert {record.status for record in records} == {499}


class TestBounds:
    async def test_more_requests_than_the_bound_wait_and_then_get_503(self, upstream: RecordingUpstream) -> None:
        upstream.react = silent
        limits = LimitSettings(max_concurrent_requests=2, max_queue_seconds=0.2)
        async with running_proxy(upstream.port, limits=limits, response_timeout_seconds=1.0) as proxy:
            responses = await asyncio.gather(*(proxy.get("/admin/realms") for _ in range(6)))
        busy = [answer for answer in responses if answer.status == 503]
        assert len(busy) == 4
        assert sum(answer.status == 504 for answer in responses) == 2
        for answer in busy:
            check_failure(answer, 503, "busy")
            assert answer.value("retry-after") == b"1"

    async def test_a_head_that_does_not_come_to_an_end_is_cut_off(self, upstream: RecordingUpstream) -> None:
        async with running_proxy(upstream.port, limits=LimitSettings(head_timeout_seconds=0.5)) as proxy:
            async with proxy.connect() as (reader, writer):
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
                check_failure(await asyncio.wait_for(read_response(reader), 5), 408, "slow-request")
                assert await reader.read() == b""
            async with proxy.connect() as (reader, _):
                check_failure(await asyncio.wait_for(read_response(reader), 5), 408, "slow-request")

    @pytest.mark.parametrize("together", [True, False], ids=["in one packet", "while the first is served"])
    async def test_half_a_head_behind_a_request_is_cut_off_too(self, upstream: RecordingUpstream, together: bool) -> None:
        async def answer(_: Message) -> bytes:
            await asyncio.sleep(0.2)
            return OK

        upstream.react = answer
        limits = LimitSettings(head_timeout_seconds=0.5, keepalive_seconds=30)
        async with running_proxy(upstream.port, limits=limits) as proxy, proxy.connect() as (reader, writer):
            first, half = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost"
            writer.write(first + half if together else first)
            await asyncio.sleep(0.1)
            if not together:
                writer.write(half)
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
            assert (await asyncio.wait_for(reader.read(), 5))[:12] in {b"", b"HTTP/1.1 408"}

    async def test_a_body_that_does_not_come_is_cut_off(self, upstream: RecordingUpstream) -> None:
        async with (
            running_proxy(upstream.port, limits=LimitSettings(body_idle_timeout_seconds=0.2)) as proxy,
            proxy.connect() as (
                reader,
                writer,
            ),
        ):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            check_failure(await asyncio.wait_for(read_response(reader), 5), 408, "slow-request")
        assert upstream.requests == []

    async def test_a_body_that_comes_drop_by_drop_is_cut_off_and_holds_up_nobody(self, upstream: RecordingUpstream) -> None:
        limits = LimitSettings(body_idle_timeout_seconds=0.4, max_concurrent_requests=1, max_queue_seconds=0.1)
        async with running_proxy(upstream.port, limits=limits) as proxy, proxy.connect() as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")

            async def drip() -> None:
                while True:
                    writer.write(b"x")
                    await asyncio.sleep(0.1)

            dripping = asyncio.create_task(drip())
            assert (await proxy.get("/another")).status == 200
            check_failure(await asyncio.wait_for(read_response(reader), 5), 408, "slow-request")
            dripping.cancel()
        assert [request.target for request in upstream.requests] == [b"/another"]

    async def test_an_idle_connection_is_closed(self, upstream: RecordingUpstream) -> None:
        async with running_proxy(upstream.port, limits=LimitSettings(keepalive_seconds=0.3)) as proxy, proxy.connect() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await read_response(reader)
            assert await asyncio.wait_for(reader.read(), 5) == b""

    async def test_more_connections_than_the_bound_are_refused(self, upstream: RecordingUpstream) -> None:
        async with running_proxy(upstream.port, limits=LimitSettings(max_connections=1)) as proxy, proxy.connect() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await read_response(reader)
            async with proxy.connect() as (second, _):
                check_failure(await asyncio.wait_for(read_response(second), 5), 503, "busy")

    async def test_a_client_that_does_not_read_the_response_is_disconnected(self, upstream: RecordingUpstream) -> None:
        size = 30_000_000
        upstream.react = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, b"x" * size)
        async with running_proxy(upstream.port, idle_timeout_seconds=0.3) as proxy, proxy.connect() as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await proxy.settled(1))[0].status == 499
            assert proxy.service.in_flight == 0


class TestNothingIsEchoed:
    @pytest.mark.parametrize(
        "raw",
        [
            b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer SECRET" + b"S" * 200_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer SECRET\x01\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization SECRET\r\n\r\n",
            b"GET /SECRET HTTP/1.1\r\nAuthorization: Bearer SECRET\r\n\r\n",
            b"SECRET\r\n\r\n",
            b"\x16\x03\x01\x02\x00SECRET\r\n\r\n",
        ],
        ids=["too long", "control character", "no colon", "no host", "no request", "tls"],
    )
    async def test_of_a_request_that_cannot_be_read(
        self, proxy: Running, upstream: RecordingUpstream, caplog: pytest.LogCaptureFixture, raw: bytes
    ) -> None:
        caplog.set_level(logging.DEBUG)
        answer = await proxy.send(raw)
        assert answer.status in {400, 431}
        assert b"SECRET" not in answer.raw + answer.body
        assert "SECRET" not in caplog.text
        assert upstream.requests == []
        assert (await proxy.settled(1))[0].error_kind in {"bad-request", "header-too-large"}


async def test_a_bug_of_ours_is_a_500_without_a_traceback_to_the_caller(
    proxy: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("a bug with details")

    monkeypatch.setattr(proxy.runtime.accounts, "account_for", broken)
    answer = await proxy.get("/admin/realms")
    said = check_failure(answer, 500, "internal")
    assert "details" not in said
    assert "a bug with details" in caplog.text
