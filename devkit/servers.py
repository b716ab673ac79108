"""Real sockets for the tests of the proxy: an upstream that records and sends bytes, a proxy, and a client that sends bytes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from devkit.closing import stop_listening, turns
from kcproxy.catalog import default_version, load
from kcproxy.errors import UpstreamError
from kcproxy.keycloak.token_cache import TokenSource
from kcproxy.model import Explanation, Target
from kcproxy.observe.events import Observer, RequestRecord
from kcproxy.proxy.admission import Admission
from kcproxy.proxy.denial_response import DenialEnricher, Explainer
from kcproxy.proxy.handler import RequestHandler
from kcproxy.proxy.runtime import Runtime
from kcproxy.proxy.token_retry import TokenRetry
from kcproxy.server.events import AcceptFailure, ConnectionRefusal, Direction, ListenerName, Slowness
from kcproxy.server.listener import Capacity, Listener
from kcproxy.server.server import Server
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import AccountSettings, AddressSettings, LimitSettings, Secret, Settings, UpstreamSettings
from kcproxy.upstream.pool import PoolUpstream, side_upstream
from kcproxy.usage.tally import UseTally

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
FORBIDDEN = b'HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{"error":"HTTP 403 Forbidden"}'
SERVER_CLOSES = object()


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response as it stood on the wire: start line, fields in order, body without its framing."""

    start: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""
    raw: bytes = b""

    def values(self, name: str) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]

    def value(self, name: str) -> bytes | None:
        return next(iter(self.values(name)), None)

    @property
    def status(self) -> int:
        return int(self.start.split(b" ")[1])

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]

    @property
    def method(self) -> bytes:
        return self.start.split(b" ")[0]


async def read_head(reader: asyncio.StreamReader) -> Message | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    start, *lines = raw[:-4].split(b"\r\n")
    fields = tuple((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines))
    return Message(start, fields, raw=raw)


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass
    return body


async def read_request(reader: asyncio.StreamReader) -> Message | None:
    head = await read_head(reader)
    if head is None:
        return None
    if (head.value("transfer-encoding") or b"").lower() == b"chunked":
        return replace(head, body=await read_chunks(reader))
    return replace(head, body=await reader.readexactly(int(head.value("content-length") or 0)))


async def read_response(reader: asyncio.StreamReader, *, method: bytes = b"GET") -> Message:
    head = await read_head(reader)
    assert head is not None, "the connection ended before an answer"
    if method == b"HEAD" or head.status in {204, 304} or head.status < 200:
        return head
    if (head.value("transfer-encoding") or b"").lower() == b"chunked":
        return replace(head, body=await read_chunks(reader))
    length = head.value("content-length")
    return replace(head, body=await (reader.read() if length is None else reader.readexactly(int(length))))


Reaction = Callable[[Message], "bytes | Awaitable[bytes | object] | object"]


class RecordingUpstream:
    """Responds to every request with the result of ``react``: bytes to send, or SERVER_CLOSES. Records all requests in order."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.react: Reaction = lambda _: OK
        self.connections = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (request := await read_request(reader)) is not None:
                self.requests.append(request)
                answer = self.react(request)
                if asyncio.iscoroutine(answer):
                    answer = await answer
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                if answer is SERVER_CLOSES:
                    break
        self._writers.discard(writer)
        writer.close()

    def cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def end(self) -> None:
        """End all connections, and wait for their sockets to close: the event loop may be closed next."""
        writers = tuple(self._writers)
        self.cut()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
        await turns()  # a transport that closed by itself closes its socket later


@dataclass
class Events(Observer):
    """An observer that records events."""

    records: list[RequestRecord] = field(default_factory=list)
    denials: list[Explanation] = field(default_factory=list)
    fetches: list[tuple[str, str]] = field(default_factory=list)
    cache_reads: list[bool] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    reduced: list[str] = field(default_factory=list)
    told_roles: list[str] = field(default_factory=list)
    lookups: list[tuple[str, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    too_slow: list[tuple[Direction, Slowness]] = field(default_factory=list)
    refused: list[tuple[ListenerName, ConnectionRefusal]] = field(default_factory=list)
    accept_failures: list[tuple[ListenerName, AcceptFailure]] = field(default_factory=list)
    recovered: list[ListenerName] = field(default_factory=list)
    started: int = 0
    uses: UseTally | None = None

    def use_tally(self) -> UseTally | None:
        return self.uses

    def request_started(self) -> None:
        self.started += 1

    def request_finished(self, record: RequestRecord) -> None:
        self.records.append(record)

    def denied(self, explanation: Explanation, record: RequestRecord) -> None:
        self.denials.append(explanation)

    def response_reduced(self, target: Target, notice: str) -> None:
        self.reduced.append(notice)

    def token_fetched(self, account: str, outcome: str, seconds: float, expires_in_seconds: float | None) -> None:
        self.fetches.append((account, outcome))

    def token_cache_read(self, account: str, *, hit: bool) -> None:
        self.cache_reads.append(hit)

    def token_replaced(self, account: str) -> None:
        self.replaced.append(account)

    def token_roles(self, account: str, roles: tuple[str, ...]) -> None:
        self.told_roles.append(account)

    def upstream_failed(self, kind: str) -> None:
        self.failures.append(kind)

    def client_too_slow(self, direction: Direction, reason: Slowness) -> None:
        self.too_slow.append((direction, reason))

    def connection_refused(self, listener: ListenerName, reason: ConnectionRefusal) -> None:
        self.refused.append((listener, reason))

    def accept_failed(self, listener: ListenerName, reason: AcceptFailure, error: str) -> None:
        self.accept_failures.append((listener, reason))

    def accept_recovered(self, listener: ListenerName) -> None:
        self.recovered.append(listener)

    def looked_up(self, what: str, outcome: str, seconds: float) -> None:
        self.lookups.append((what, outcome))


@dataclass
class Way:
    """Which path the requests of a test take: with ``fast_path``, those that can take the fast path do."""

    fast_path: bool = False


WAY = Way()

ACCOUNT = AccountSettings(realms=("demo",), token_realm="demo", client_id="robot", secret=Secret("s3cret"))


@dataclass
class Running:
    """A proxy on a port, and its recorded events."""

    port: int
    service: RequestHandler
    server: Server
    events: Events
    runtime: Runtime

    async def send(self, raw: bytes) -> Message:
        """Send one request on its own connection."""
        async with self.connect() as (reader, writer):
            writer.write(raw)
            return await asyncio.wait_for(read_response(reader, method=raw.split(b" ")[0]), 10)

    async def get(self, target: str, *fields: str, method: str = "GET", body: bytes | None = None) -> Message:
        lines = [f"{method} {target} HTTP/1.1", f"Host: proxy.test:{self.port}", *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return await self.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def settled(self, count: int) -> list[RequestRecord]:
        """Wait for this number of records and return them."""
        async with asyncio.timeout(10):
            while len(self.events.records) < count:  # noqa: ASYNC110 - records tell nobody that they have come
                await asyncio.sleep(0.005)
        return self.events.records


@asynccontextmanager
async def recording_upstream() -> AsyncIterator[RecordingUpstream]:
    upstream = RecordingUpstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        await stop_listening(server)
        await upstream.end()
        await server.wait_closed()


async def connected(pool: PoolUpstream) -> None:
    """An idle connection, as there is one after the first request: only then does a request take the fast path."""
    with contextlib.suppress(UpstreamError):
        pool._pass_on(await pool._wait_for_connection())
    pool._circuit.succeeded()


@asynccontextmanager
async def running_proxy(
    upstream_port: int,
    *,
    kind: Callable[[UpstreamSettings], PoolUpstream] = PoolUpstream,
    accounts: tuple[AccountSettings, ...] = (),
    limits: LimitSettings | None = None,
    explainer: Explainer | None = None,
    admission: Admission | None = None,
    fast_path: bool | None = None,
    uses: UseTally | None = None,
    **upstream_options: Any,
) -> AsyncIterator[Running]:
    """``fast_path``: whether requests may take the fast path. None: as the test's parameter says (``conftest``)."""
    address = UpstreamSettings(scheme="http", host="localhost", port=upstream_port, **upstream_options)
    settings = Settings(upstream=address, accounts=accounts, limits=limits or LimitSettings())
    events = Events(uses=uses)
    side = side_upstream(address)
    denial_enricher = (
        DenialEnricher(explainer, max_body_bytes=65536, base_path=address.base_path, public_url=address.origin, accounts=accounts)
        if explainer
        else None
    )
    tokens = TokenSource(address, side, events)
    runtime = Runtime(
        settings,
        catalog=load(default_version()),
        upstream=kind(address),
        side=side,
        tokens=tokens,
        token_retry=TokenRetry(tokens, events, None, clock=time.monotonic),
        denial_enricher=denial_enricher,
        admission=admission,
    )
    fast = WAY.fast_path if fast_path is None else fast_path
    service = RequestHandler(runtime, events, fast=fast)
    server = Server(service, settings.limits)
    bound = listening_socket(AddressSettings(host="127.0.0.1", port=0), name="listen")
    capacity = Capacity(
        max_connections=settings.limits.max_connections, open_connections=lambda: server.open_connections, refusal=service.refuse
    )
    listener = Listener(bound, server, name=ListenerName.DATA, capacity=capacity, observer=events)
    listener.start()
    if fast:
        await connected(runtime.upstream)
    try:
        yield Running(bound.getsockname()[1], service, server, events, runtime)
    finally:
        listener.close()
        await server.shutdown(1)
        await runtime.tokens.close()
        await side.close()
        await runtime.upstream.close()
