"""Thousands of generated exchanges, sent directly and through the proxy, are equal except for the listed differences.

Requests: Host is Keycloak's own; hop-by-hop fields, those that Connection names, Expect and trailers stay behind.
Answers: the same fields stay behind; an origin of Keycloak's in Location is the one that was called; a body without a length comes in chunks;
where chunks begin and end may differ.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from devkit.hostile_targets import Dice, hostile_target
from devkit.servers import Message, RecordingUpstream, recording_upstream, running_proxy
from kcproxy.settings import AccountSettings, Secret
from tests.proxy.test_fast_path import Watched, watch

ANY_REALM = (AccountSettings(realms=("*",), token_realm="demo", client_id="robot", secret=Secret("s3cret")),)
TOKEN_BODY = b'{"access_token": "t1", "expires_in": 36000}'
TOKEN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(TOKEN_BODY), TOKEN_BODY)
HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"te",
    b"trailer",
    b"upgrade",
    b"proxy-authorization",
    b"proxy-connection",
    b"proxy-authenticate",
}
UNSENT = HOP_BY_HOP | {b"expect"}


@dataclass
class Pair:
    """The upstream and the proxy, on an event loop in a thread."""

    upstream: RecordingUpstream
    ports: dict[str, int]
    fast_paths: dict[str, Watched]
    connections: dict[str, tuple[socket.socket, BinaryIO]] = field(default_factory=dict)

    def exchange(self, way: str, raw: bytes) -> tuple[Message, Message]:
        """The request at the upstream and the response at the client, on a keep-alive connection."""
        before = len(self.upstream.requests)
        if way not in self.connections:
            connection = socket.create_connection(("127.0.0.1", self.ports[way]), timeout=10)
            self.connections[way] = connection, connection.makefile("rb")
        connection, reader = self.connections[way]
        connection.sendall(raw)
        answer = read_response(reader, raw.split(b" ")[0])
        if b"\r\nConnection: close" in answer.raw:
            self.hang_up(way)
        arrived = [request for request in self.upstream.requests[before:] if not request.target.endswith(b"/openid-connect/token")]
        assert len(arrived) == 1, answer
        return arrived[0], answer

    def hang_up(self, way: str) -> None:
        connection, reader = self.connections.pop(way)
        reader.close()
        connection.close()


def read_response(reader: BinaryIO, method: bytes) -> Message:
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        line = reader.readline()
        assert line, f"the connection ended: {raw!r}"
        raw += line
        if raw.startswith(b"HTTP/1.1 1") and raw.endswith(b"\r\n\r\n"):
            raw = b""
    start, *lines = raw[:-4].split(b"\r\n")
    message = Message(start, tuple((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)), raw=raw)
    if method == b"HEAD" or message.status in {204, 304}:
        return message
    if message.value("transfer-encoding") is None:
        return Message(message.start, message.fields, reader.read(int(message.value("content-length") or 0)), raw)
    body = b""
    while size := int(reader.readline().split(b";")[0], 16):
        body += reader.read(size)
        reader.read(2)
    while reader.readline() != b"\r\n":
        pass
    return Message(message.start, message.fields, body, raw)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    ready, stop, found = threading.Event(), [], []

    async def serve() -> None:
        async with (
            recording_upstream() as upstream,
            running_proxy(upstream.port, fast_path=False) as proxy,
            running_proxy(upstream.port, fast_path=True) as quick,
            running_proxy(upstream.port, fast_path=False, accounts=ANY_REALM) as injecting,
            running_proxy(upstream.port, fast_path=True, accounts=ANY_REALM) as quickly_injecting,
        ):
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            stop.append(lambda: loop.call_soon_threadsafe(ended.set))
            ways = {"proxied": proxy, "fast": quick, "injecting": injecting, "fast, injecting": quickly_injecting}
            fast_paths = {way: watch(ways[way]) for way in ("fast", "fast, injecting")}
            found.append(Pair(upstream, {"direct": upstream.port} | {way: running.port for way, running in ways.items()}, fast_paths))
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    for way in tuple(found[0].connections):
        found[0].hang_up(way)
    stop[0]()
    thread.join(10)


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&'*+^`|~", min_size=1, max_size=12)
VALUE = st.binary(max_size=30).map(
    lambda raw: bytes(octet for octet in raw if octet == 9 or 32 <= octet < 127 or octet >= 128).strip(b" \t")
)
PIECE = st.one_of(
    st.sampled_from(
        [
            "admin",
            "realms",
            "demo",
            "users",
            "..",
            ".",
            "",
            "%2F",
            "%2e%2e",
            "a%20b",
            ";x=1",
            "%zz",
            "~",
            "%41",
            "role-mappings",
            "@",
            "$&+,:=",
        ]
    ),
    st.text("abcXYZ019-._~!$&'()*+,;=:@%", max_size=8),
)
QUERY = st.text("abcXYZ019-._~!$&'()*+,;=:@/?%{}|^\"<>[]", max_size=20)
METHOD = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
SPECIAL = st.sampled_from(
    [
        (b"Connection", b"keep-alive"),
        (b"Connection", b"x-hop, keep-alive"),
        (b"X-Hop", b"1"),
        (b"Keep-Alive", b"timeout=1"),
        (b"TE", b"trailers"),
        (b"Upgrade", b"h2c"),
        (b"Proxy-Authorization", b"Basic eDp5"),
        (b"Cookie", b"a=1; b=2"),
        (b"Authorization", b"Bearer x.y.z"),
        (b"Accept-Encoding", b"gzip, br"),
        (b"Content-Type", b"application/json"),
        (b"X-Forwarded-For", b"1.2.3.4"),
        (b"X-Forwarded-Host", b"sso.example.com"),
        (b"Forwarded", b"for=1.2.3.4"),
        (b"Via", b"1.1 edge"),
        (b"Origin", b"https://app.example.com"),
        (b"Range", b"bytes=0-1"),
        (b"If-None-Match", b'"x"'),
    ]
)
RESERVED = {b"host", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"connection", b"location", b"sec-websocket-key1"}
FIELD = st.one_of(SPECIAL, st.tuples(TOKEN.map(str.encode), VALUE).filter(lambda pair: pair[0].lower() not in RESERVED))
SINGLE = {b"content-type", b"authorization", b"origin", b"upgrade", b"if-none-match", b"range"}
BODY = st.one_of(st.none(), st.binary(max_size=200), st.just(b""), st.integers(60_000, 140_000).map(lambda size: b"x" * size))


def unique(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Each singleton field once."""
    seen: set[bytes] = set()
    kept = []
    for name, value in fields:
        if name.lower() in SINGLE and name.lower() in seen:
            continue
        seen.add(name.lower())
        kept.append((name, value))
    return kept


def chunks(body: bytes, size: int, *, trailer: bool) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return framed + b"0\r\n" + (b"X-Trailer: 1\r\n" if trailer else b"") + b"\r\n"


@st.composite
def framed_messages(draw: st.DrawFn, start: bytes, *, host: bool, body: bytes | None) -> bytes:
    fields = unique(draw(st.lists(FIELD, max_size=6)))
    if host:
        fields.insert(draw(st.integers(0, len(fields))), (draw(st.sampled_from([b"Host", b"host", b"HOST"])), b"proxy.example.com"))
    tail = b""
    if body is not None:
        if draw(st.booleans()):
            fields.insert(draw(st.integers(0, len(fields))), (b"Transfer-Encoding", b"chunked"))
            tail = chunks(body, draw(st.sampled_from([1, 7, 1000, 70_000])) if len(body) < 1000 else 30_000, trailer=draw(st.booleans()))
        else:
            fields.insert(
                draw(st.integers(0, len(fields))), (draw(st.sampled_from([b"Content-Length", b"content-length"])), b"%d" % len(body))
            )
            tail = body
    return start + b"\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in fields) + b"\r\n" + tail


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    target = "/" + "/".join(draw(st.lists(PIECE, max_size=6)))
    query = draw(st.one_of(st.none(), QUERY))
    start = f"{draw(METHOD)} {target}{'' if query is None else '?' + query} HTTP/1.1".encode()
    return draw(framed_messages(start, host=True, body=draw(BODY)))


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    status = draw(st.sampled_from([200, 200, 200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503]))
    reason = draw(st.sampled_from([b"OK", b"", b"Some Reason", b"caf\xe9"]))
    body = None if status in {204, 304} else draw(BODY.filter(lambda body: body is not None))
    return draw(framed_messages(b"HTTP/1.1 %d %b" % (status, reason), host=False, body=body))


def forwarded(fields: tuple[tuple[bytes, bytes], ...], unsent: set[bytes]) -> list[tuple[bytes, bytes]]:
    named = {part.strip() for name, value in fields if name.lower() == b"connection" for part in value.lower().split(b",")}
    return [(name, value) for name, value in fields if name.lower() not in unsent | named]


EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "1000"))
"""How many exchanges are generated; thousands, where there is time."""


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=requests(), answer=responses())
def test_directly_and_through_the_proxy_is_the_same(pair: Pair, request: bytes, answer: bytes) -> None:
    head_only = request.startswith(b"HEAD ")
    raw = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if head_only else answer
    pair.upstream.react = lambda _: raw
    sent, returned = pair.exchange("direct", request)
    passed, brought = pair.exchange("proxied", request)
    event(f"status {returned.status}")

    assert passed.start == sent.start
    assert passed.body == sent.body
    host = f"localhost:{pair.upstream.port}".encode()
    assert list(passed.fields) == [(name, host if name.lower() == b"host" else value) for name, value in forwarded(sent.fields, UNSENT)]

    assert brought.start == returned.start
    assert brought.body == returned.body
    framing = {b"transfer-encoding"}
    assert forwarded(brought.fields, HOP_BY_HOP | framing) == forwarded(returned.fields, HOP_BY_HOP | framing)
    assert (brought.value("transfer-encoding") is None) == (returned.value("transfer-encoding") is None)


PLAIN_METHOD = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
ID = st.text("abcdef0123456789-", min_size=1, max_size=12)
TEMPLATE = st.sampled_from(
    ["users/%s", "users?first=%s", "users/%s/groups", "clients/%s?x=%%2F&access_token=1", "groups/%s%%20a/", "roles/%s"]
)


@st.composite
def plain_requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Two requests with the same fields, one after the other, as clients send them."""
    method = draw(PLAIN_METHOD)
    body = draw(st.one_of(st.none(), st.binary(max_size=40))) if method in {"POST", "PUT", "PATCH"} else None
    fields = unique(draw(st.lists(FIELD, max_size=6)))
    fields.insert(draw(st.integers(0, len(fields))), (b"Host", b"proxy.example.com"))
    if body is not None:
        fields.append((b"Content-Length", b"%d" % len(body)))
    block = b"".join(b"%b: %b\r\n" % pair for pair in fields) + b"\r\n" + (body or b"")
    first, second = (f"{method} /admin/realms/demo/{draw(TEMPLATE) % draw(ID)} HTTP/1.1\r\n".encode() + block for _ in range(2))
    return first, second


@settings(max_examples=max(EXAMPLES // 2, 100), deadline=None, suppress_health_check=list(HealthCheck))
@given(requests=plain_requests(), answer=responses(), injected=st.booleans())
def test_by_the_fast_path_and_the_general_path_is_the_same_to_the_byte(
    pair: Pair, requests: tuple[bytes, bytes], answer: bytes, injected: bool
) -> None:
    ordinary, fast_path = ("injecting", "fast, injecting") if injected else ("proxied", "fast")
    refused = answer[9:12] in {b"401", b"403"}
    for request in requests:
        raw = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.startswith(b"HEAD ") else answer
        pair.upstream.react = lambda asked, raw=raw: TOKEN_ANSWER if asked.target.endswith(b"/token") else raw  # type: ignore[misc]
        if injected and refused:
            return  # how often a refused token is replaced depends on what was asked before
        passed, brought = pair.exchange(ordinary, request)
        quickly_passed, quickly_brought = pair.exchange(fast_path, request)
        event(f"taken: {pair.fast_paths[fast_path].taken > 0}")
        assert (quickly_passed.raw, quickly_passed.body) == (passed.raw, passed.body)
        assert (quickly_brought.raw, quickly_brought.body) == (brought.raw, brought.body)


def fate(pair: Pair, way: str, request: bytes) -> tuple[int, bytes | None, list[tuple[bytes, bytes | None]]]:
    """Status and kind of the response, and what arrived with whose token, of a request whose header block the fast path knows."""
    plain = b"GET /admin/realms/demo/users HTTP/1.1\r\n" + request.partition(b"\r\n")[2]
    with socket.create_connection(("127.0.0.1", pair.ports[way]), timeout=10) as connection, connection.makefile("rb") as reader:
        connection.sendall(plain)
        assert read_response(reader, b"GET").status == 200
        before = len(pair.upstream.requests)
        connection.sendall(request)
        answer = read_response(reader, request.split(b" ")[0])
    arrived = [(sent.start, sent.value("authorization")) for sent in pair.upstream.requests[before:] if not sent.target.endswith(b"/token")]
    return answer.status, answer.value("kcproxy-error"), arrived


TEMPLATES = (
    "/admin/realms/{realm}/users",
    "/admin/realms/{realm}/users/{user-id}/groups",
    "/admin/realms/{realm}/roles/{role-name}",
    "/admin/realms",
)


@settings(max_examples=max(EXAMPLES // 20, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(source=st.binary(min_size=200, max_size=200))
def test_hostile_targets_fare_the_same_by_the_fast_and_by_the_general_path(pair: Pair, source: bytes) -> None:
    pair.upstream.react = lambda asked: (
        TOKEN_ANSWER if asked.target.endswith(b"/token") else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    )
    dice = Dice(source)
    for _ in range(5):
        target, method = hostile_target(dice, TEMPLATES), dice.one_of((b"GET", b"GET", b"DELETE"))
        if b"\r" in target or b"\n" in target or not target:
            continue  # another request, or none
        request = b"%b %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (method, target)
        ordinary, quick = fate(pair, "injecting", request), fate(pair, "fast, injecting", request)
        assert quick == ordinary, request
        event(f"{ordinary[0]}, token: {bool(ordinary[2] and ordinary[2][0][1])}")
        assert ordinary[0] == 400 or len(ordinary[2]) == 1, request


def test_the_fast_path_was_taken_by_most_of_them(pair: Pair) -> None:
    for fast_path in pair.fast_paths.values():
        fast_path.taken = 0
    pair.upstream.react = lambda asked: (
        TOKEN_ANSWER if asked.target.endswith(b"/token") else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    )
    for way in pair.fast_paths:
        for number in range(10):
            pair.exchange(way, b"GET /admin/realms/demo/users/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number)
        assert pair.fast_paths[way].taken >= 9
