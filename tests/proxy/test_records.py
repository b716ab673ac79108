"""Records in log and metrics match what happened on the wire, also for responses of the proxy itself."""

import asyncio
from pathlib import Path

import pytest

from devkit.servers import ACCOUNT, OK, Message, RecordingUpstream, read_response, running_proxy
from kcproxy.proxy.admission import Admission
from kcproxy.settings import LimitSettings
from kcproxy.settings.api_keys import ApiKeys

pytestmark = pytest.mark.usefixtures("way")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"
READ = {
    "a key that is missing": ("GET /admin/realms/demo/users?max=1 HTTP/1.1", "", "key-required"),
    "WebSocket": ("GET /realms/demo?max=1 HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "upgrade"),
    "a coding that nobody knows": ("POST /realms/demo?max=1 HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n", "transfer-coding"),
    "an expectation": ("POST /realms/demo?max=1 HTTP/1.1", "Content-Length: 2\r\nExpect: banana\r\n", "expectation"),
    "Keycloak is down": ("GET /realms/demo?max=1 HTTP/1.1", "", "connect"),
}
UNREAD = {
    "no HTTP": ("GARBAGE", "", "bad-request"),
    "a head that is too large": (f"GET /{'a' * 20_000} HTTP/1.1", "", "header-too-large"),
}


@pytest.mark.parametrize("case", READ)
async def test_a_refusal_of_the_proxy_is_recorded_with_request_and_response(case: str) -> None:
    line, fields, kind = READ[case]
    async with running_proxy(1, accounts=(ACCOUNT,), admission=Admission(keys=ApiKeys({}))) as proxy:
        answer = await proxy.send(f"{line}\r\nHost: localhost\r\n{TRACEPARENT}{fields}\r\n".encode())
        (record,) = await proxy.settled(1)
    assert answer.value("kcproxy-error") == kind.encode()
    assert (record.status, record.error_kind) == (answer.status, kind)
    assert (record.target.method, record.target.raw_path) == (line.split(" ")[0], line.split(" ")[1].partition("?")[0])
    assert (record.peer, record.trace_id) == ("127.0.0.1", TRACE)
    assert record.sent_bytes == len(answer.body) > 0


@pytest.mark.parametrize("case", UNREAD)
async def test_what_cannot_be_read_is_recorded_with_its_sender_and_its_response(case: str) -> None:
    line, fields, kind = UNREAD[case]
    async with running_proxy(1, limits=LimitSettings(max_header_bytes=8192)) as proxy:
        answer = await proxy.send(f"{line}\r\nHost: localhost\r\n{fields}\r\n".encode())
        (record,) = await proxy.settled(1)
    assert answer.value("kcproxy-error") == kind.encode()
    assert (record.status, record.error_kind, record.peer) == (answer.status, kind, "127.0.0.1")
    assert record.sent_bytes == len(answer.body) > 0


@pytest.mark.parametrize("kind", [kind for _, _, kind in (*READ.values(), *UNREAD.values())])
def test_each_kind_of_error_is_explained_where_the_documentation_of_the_log_says(kind: str) -> None:
    assert f"`{kind}`" in Path("docs/transparency.md").read_text(encoding="utf-8")


async def test_a_response_without_a_body_has_none_in_the_record(upstream: RecordingUpstream) -> None:
    async with running_proxy(1) as proxy:
        answer = await proxy.get("/realms/demo", method="HEAD")
        (record,) = await proxy.settled(1)
    assert (record.status, record.sent_bytes) == (answer.status, 0)
    assert upstream.requests == []


async def test_a_body_is_counted_as_far_as_it_was_read(upstream: RecordingUpstream) -> None:
    async with running_proxy(upstream.port) as proxy, proxy.connect() as (reader, writer):
        writer.write(b"POST /realms/demo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        answer = await read_response(reader)
        (record,) = await proxy.settled(1)
    assert (record.received_bytes, record.sent_bytes) == (5, len(answer.body))


async def test_the_wait_for_a_body_is_recorded_apart_from_the_proxys_time(upstream: RecordingUpstream) -> None:
    async with running_proxy(upstream.port) as proxy, proxy.connect() as (reader, writer):
        writer.write(b"POST /realms/demo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na")
        await asyncio.sleep(0.3)
        writer.write(b"b")
        await read_response(reader)
        (record,) = await proxy.settled(1)
    assert 0.25 < record.waited_seconds <= record.duration_seconds - record.upstream_seconds


SPAN = "00f067aa0ba902b7"
TRACES = {
    "sampled": ([f"00-{TRACE}-{SPAN}-01"], (TRACE, SPAN, True)),
    "not sampled": ([f"00-{TRACE}-{SPAN}-00"], (TRACE, SPAN, False)),
    "flags that nobody knows yet": ([f"00-{TRACE}-{SPAN}-ff"], (TRACE, SPAN, True)),
    "of a later version": ([f"cc-{TRACE}-{SPAN}-01-what-the-future-brings"], (TRACE, SPAN, True)),
    "of version 00 and too long": ([f"00-{TRACE}-{SPAN}-01-more"], (None, None, False)),
    "of the version that is none": ([f"ff-{TRACE}-{SPAN}-01"], (None, None, False)),
    "in capitals": ([f"00-{TRACE.upper()}-{SPAN}-01"], (None, None, False)),
    "of nothing": ([f"00-{'0' * 32}-{SPAN}-01"], (None, None, False)),
    "of no parent": ([f"00-{TRACE}-{'0' * 16}-01"], (None, None, False)),
    "two": ([f"00-{TRACE}-{SPAN}-01", f"00-{'ab' * 16}-{SPAN}-01"], (None, None, False)),
    "two, the later of a later version": ([f"cc-{TRACE}-{SPAN}-01-x", f"00-{'ab' * 16}-{SPAN}-01"], (None, None, False)),
    "empty": ([""], (None, None, False)),
}


@pytest.mark.parametrize("case", TRACES)
async def test_a_traceparent_is_understood_as_the_standard_says_and_passed_on_as_it_came(upstream: RecordingUpstream, case: str) -> None:
    sent, understood = TRACES[case]
    states = ["a=1,b=2", "", "tenant@vendor=\t x"]
    fields = [*(f"Traceparent: {value}" for value in sent), *(f"tracestate: {value}" for value in states)]
    async with running_proxy(upstream.port) as proxy:
        await proxy.get("/realms/demo", *fields)
        (record,) = await proxy.settled(1)
    (arrived,) = upstream.requests
    assert (record.trace_id, record.parent_span_id, record.trace_sampled) == understood
    assert arrived.values("traceparent") == [value.encode() for value in sent]
    assert arrived.values("tracestate") == [value.strip().encode() for value in states]
    assert arrived.raw.count(b"Traceparent: ") == len(sent)


async def test_a_disconnected_client_is_recorded_with_its_bytes_and_keycloaks_time(upstream: RecordingUpstream) -> None:
    gone = asyncio.Event()

    async def hesitant(_: Message) -> bytes:
        await gone.wait()
        await asyncio.sleep(0.1)
        return OK

    upstream.react = hesitant
    async with running_proxy(upstream.port) as proxy:
        for method, body, sent in (("GET", b"", b""), ("POST", b"{}", b"{}"), ("POST", b"{}", b"{")):
            gone.clear()
            async with proxy.connect() as (_, writer):
                writer.write(f"{method} /realms/demo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + sent)
                await asyncio.sleep(0.1)
            gone.set()
        read, write, unfinished = sorted(await proxy.settled(3), key=lambda record: (record.target.method, -record.received_bytes))
    assert [(record.status, record.sent_bytes) for record in (read, write, unfinished)] == [(499, 0)] * 3
    assert [record.received_bytes for record in (read, write, unfinished)] == [0, 2, 1]
    assert read.upstream_seconds > 0.05
    assert write.upstream_seconds > 0.15
    assert unfinished.upstream_seconds == 0
    assert all(record.upstream_seconds <= record.duration_seconds for record in (read, write, unfinished))
