"""The fast path and the general path side by side: pipelined programs, disconnects and drains have the same result, byte for byte.

Each program runs once on either path, cut into pieces at random. The upstream's response names the request and its body, so that a lost body, a
request that is sent twice and a wrong order are all visible.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devkit.servers import OK, Message, RecordingUpstream, Running, read_response, recording_upstream, running_proxy
from tests.proxy.test_fast_path import Held, check_nothing_left, waiting_for, watch

PATHS = ("fast", "general")
LARGE_BYTES = 70_000
_HOST = b"Host: proxy.test\r\n"


@dataclass(frozen=True)
class Request:
    """One request of a program. ``body`` is sent in one piece, or in chunks of seven bytes."""

    number: int
    method: bytes = b"GET"
    fields: bytes = b""
    body: bytes = b""
    chunked: bool = False
    response: str = "small"

    @property
    def target(self) -> bytes:
        return b"/admin/realms/demo/users/%d?as=%b" % (self.number, self.response.encode())

    @property
    def wire(self) -> bytes:
        framing, body = b"", self.body
        if self.chunked:
            framing = b"Transfer-Encoding: chunked\r\n"
            pieces = (self.body[start : start + 7] for start in range(0, len(self.body), 7))
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        elif self.body:
            framing = b"Content-Length: %d\r\n" % len(self.body)
        return b"%b %b HTTP/1.1\r\n%b%b%b\r\n%b" % (self.method, self.target, _HOST, self.fields, framing, body)

    @property
    def expects_continue(self) -> bool:
        return b"100-continue" in self.fields


def respond(request: Message) -> bytes:
    """A response that names the request and repeats its body, in the form that the target asks for."""
    text = b"%b %b %b" % (request.method, request.target, request.body)
    kind = request.target.rpartition(b"=")[2]
    status = b"403 Forbidden" if kind == b"refused" else b"201 Created" if kind == b"created" else b"200 OK"
    if kind == b"large":
        text += b"." * LARGE_BYTES
    if kind == b"chunked":
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    else:
        head, body = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, len(text)), text
    return head + (b"" if request.method == b"HEAD" else body)


METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE"])
FIELDS = st.sampled_from([b"", b"Accept: */*\r\n", b"X-Trace: 1\r\n", b"Expect: 100-continue\r\n", b"Connection: keep-alive\r\n"])
RESPONSES = st.sampled_from(["small", "small", "created", "refused", "chunked", "large"])


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Request], list[int]]:
    """Some pipelined requests, and the sizes of the pieces in which they are sent."""
    requests = []
    for number in range(draw(st.integers(1, 6))):
        method = draw(METHODS)
        with_body = method in {b"POST", b"PUT"}
        body = draw(st.sampled_from([b"{}", b'{"name":"x"}', b"GET / HTTP/1.1\r\n\r\n"])) if with_body else b""
        fields = draw(FIELDS)
        if not with_body and b"Expect" in fields:
            fields = b""
        chunked = with_body and draw(st.booleans())
        requests.append(Request(number, method, fields, body, chunked, draw(RESPONSES)))
    return requests, draw(st.lists(st.integers(1, 400), max_size=8))


def pieces(wire: bytes, sizes: list[int]) -> Iterator[bytes]:
    for size in sizes:
        yield wire[:size]
        wire = wire[size:]
    yield wire


@dataclass
class Outcome:
    """What the client and Keycloak saw of a program."""

    responses: list[tuple[bytes, tuple[tuple[bytes, bytes], ...], bytes]] = field(default_factory=list)
    forwarded: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)


async def outcome_of(requests: list[Request], sizes: list[int], *, fast: bool) -> Outcome:
    outcome = Outcome()
    async with recording_upstream() as upstream, running_proxy(upstream.port, fast_path=fast) as proxy:
        upstream.react = respond
        async with proxy.connect() as (reader, writer):
            for piece in pieces(b"".join(request.wire for request in requests), sizes):
                writer.write(piece)
                await asyncio.sleep(0)
            for request in requests:
                outcome.responses.append(await final_response(reader, request))
        await proxy.settled(len(requests))
        check_nothing_left(proxy)
        outcome.forwarded = [(message.method, message.target, message.body) for message in upstream.requests]
    return outcome


async def final_response(reader: asyncio.StreamReader, request: Request) -> tuple[bytes, tuple[tuple[bytes, bytes], ...], bytes]:
    found = await asyncio.wait_for(read_response(reader, method=request.method), 10)
    if found.status == 100:  # whether it is sent depends on whether the body had arrived
        assert request.expects_continue
        found = await asyncio.wait_for(read_response(reader, method=request.method), 10)
    return found.start, found.fields, found.body


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_a_pipelined_program_has_the_same_result_on_both_paths(program: tuple[list[Request], list[int]]) -> None:
    requests, sizes = program
    fast, general = (asyncio.run(outcome_of(requests, sizes, fast=path == "fast")) for path in PATHS)
    assert fast == general
    assert fast.forwarded == [(request.method, request.target, request.body) for request in requests], "each once, whole and in order"
    for request, (_, _, body) in zip(requests, fast.responses, strict=True):
        if request.method != b"HEAD":
            assert body.rstrip(b".") == b"%b %b %b" % (request.method, request.target, request.body)


@asynccontextmanager
async def proxied(path: str) -> AsyncIterator[tuple[Running, RecordingUpstream]]:
    async with recording_upstream() as upstream, running_proxy(upstream.port, fast_path=path == "fast") as proxy:
        yield proxy, upstream


GET, POST = Request(1), Request(1, b"POST", body=b"{}")
UPLOAD = Request(1, b"POST", body=b"x" * 200_000)
Stage = Callable[[Running, RecordingUpstream, asyncio.StreamReader, asyncio.StreamWriter, Held], Awaitable[None]]


async def in_the_head(_: Running, __: RecordingUpstream, ___: asyncio.StreamReader, writer: asyncio.StreamWriter, ____: Held) -> None:
    writer.write(POST.wire[:30])
    await writer.drain()


async def in_a_small_body(_: Running, __: RecordingUpstream, ___: asyncio.StreamReader, writer: asyncio.StreamWriter, ____: Held) -> None:
    writer.write(POST.wire[:-1])
    await writer.drain()


async def in_an_upload(_: Running, __: RecordingUpstream, ___: asyncio.StreamReader, writer: asyncio.StreamWriter, ____: Held) -> None:
    writer.write(UPLOAD.wire[:150_000])
    await writer.drain()


async def after_100_continue(
    _: Running, __: RecordingUpstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ____: Held
) -> None:
    writer.write(Request(1, b"POST", b"Expect: 100-continue\r\n", b"{}").wire[:-2])
    assert (await read_response(reader)).status == 100


async def before_the_response(
    _: Running, upstream: RecordingUpstream, __: asyncio.StreamReader, writer: asyncio.StreamWriter, ___: Held
) -> None:
    writer.write(POST.wire)
    await waiting_for(upstream, 1)


async def before_the_response_with_another_request_behind(
    _: Running, upstream: RecordingUpstream, __: asyncio.StreamReader, writer: asyncio.StreamWriter, ___: Held
) -> None:
    writer.write(POST.wire + Request(2, b"POST", body=b"{}").wire)
    await waiting_for(upstream, 1)


async def in_the_response(
    _: Running, upstream: RecordingUpstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: Held
) -> None:
    held.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + b"x" * 8_000_000
    held.go.set()
    writer.write(POST.wire)
    await reader.readexactly(1000)
    assert len(upstream.requests) == 1


async def after_the_response(
    _: Running, __: RecordingUpstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: Held
) -> None:
    held.go.set()
    writer.write(POST.wire)
    assert (await read_response(reader)).status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("stage", "sent"),
    [
        (in_the_head, 0),
        (in_a_small_body, 0),
        (in_an_upload, 0),
        (after_100_continue, 0),
        (before_the_response, 1),
        (before_the_response_with_another_request_behind, 1),
        (in_the_response, 1),
        (after_the_response, 1),
    ],
)
async def test_a_client_that_disconnects_leaves_nothing_behind(path: str, stage: Stage, sent: int) -> None:
    async with proxied(path) as (proxy, upstream):
        held = Held(upstream)
        async with proxy.connect() as (reader, writer):
            await asyncio.wait_for(stage(proxy, upstream, reader, writer, held), 10)
            writer.transport.abort()
        held.go.set()
        async with asyncio.timeout(10):
            while proxy.service.in_flight or proxy.server.open_connections:  # noqa: ASYNC110 - the end of a connection has no event
                await asyncio.sleep(0.005)
        check_nothing_left(proxy)
        assert len(upstream.requests) == sent, "a write is sent once, or not at all if it is incomplete"
        held.answer = OK
        assert (await proxy.send(GET.wire)).status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("request_in_progress", [GET, POST, Request(1, b"POST", body=b"{}", chunked=True), Request(1, b"HEAD")])
async def test_a_drain_ends_the_request_in_progress_and_begins_no_other(path: str, request_in_progress: Request) -> None:
    async with proxied(path) as (proxy, upstream):
        held = Held(upstream, OK if request_in_progress.method != b"HEAD" else OK.removesuffix(b"{}"))
        async with proxy.connect() as (reader, writer), proxy.connect() as (idle_reader, _):
            writer.write(request_in_progress.wire + Request(2).wire)
            await waiting_for(upstream, 1)
            proxy.service.draining = True
            proxy.server.close_idle()
            assert await asyncio.wait_for(idle_reader.read(), 5) == b"", "an idle connection is closed at once"
            held.go.set()
            found = await asyncio.wait_for(read_response(reader, method=request_in_progress.method), 5)
            assert (found.status, found.value("connection")) == (200, b"close")
            assert await asyncio.wait_for(reader.read(), 5) == b"", "the pipelined request gets no response"
        assert [message.target for message in upstream.requests] == [request_in_progress.target]
        await proxy.settled(1)
        check_nothing_left(proxy)


@pytest.mark.parametrize("path", PATHS)
async def test_a_client_may_wait_for_100_continue_between_other_requests(path: str) -> None:
    async with proxied(path) as (proxy, upstream):
        upstream.react = respond
        fast_path = watch(proxy) if path == "fast" else None
        expecting = Request(2, b"POST", b"Expect: 100-continue\r\n", b'{"a":1}')
        head, body = expecting.wire[: -len(expecting.body)], expecting.body
        async with proxy.connect() as (reader, writer):
            writer.write(GET.wire + head)
            assert (await read_response(reader)).body.startswith(b"GET ")
            assert (await read_response(reader)).start == b"HTTP/1.1 100 Continue"
            assert len(upstream.requests) == 1, "the request waits for its body"
            writer.write(body + Request(3).wire)
            assert (await read_response(reader)).body.endswith(body)
            assert b"users/3" in (await read_response(reader)).body
        assert [message.body for message in upstream.requests] == [b"", body, b""]
        if fast_path is not None:
            assert fast_path.taken == 1, "the first request; the pipelined ones arrive in one piece with others"


@pytest.mark.parametrize("path", PATHS)
async def test_an_unread_body_does_not_reach_the_next_request(path: str) -> None:
    """Keycloak responds before the body is complete; the rest of the body looks like a request."""
    started = asyncio.Event()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        started.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(early, "127.0.0.1", 0)
    async with server, running_proxy(server.sockets[0].getsockname()[1], fast_path=path == "fast") as proxy:
        smuggled = GET.wire * 3000
        async with proxy.connect() as (reader, writer):
            writer.write(b"POST /admin/realms HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (_HOST, len(smuggled)) + smuggled[:100_000])
            await started.wait()
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 413
            writer.write(smuggled[100_000:] + GET.wire)
            assert (await asyncio.wait_for(read_response(reader), 10)).status == 413
        assert [record.target.method for record in await proxy.settled(2)] == ["POST", "GET"], "no request is read from the body"
