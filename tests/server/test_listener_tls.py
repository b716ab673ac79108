"""The listener on both event loops, over TCP and a Unix socket: another TLS context, the same socket, and only trusted connections."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop

from devkit.certificates import Authority
from devkit.servers import OK, Events, read_response
from kcproxy.server.connection import InboundConnection
from kcproxy.server.error_responses import ErrorResponse
from kcproxy.server.events import ListenerName
from kcproxy.server.inbound_request import InboundRequest
from kcproxy.server.inbound_tls import InboundTls, read_tls
from kcproxy.server.listener import Capacity, Handshakes, Listener
from kcproxy.server.server import Server
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import AddressSettings, InboundSettings, LimitSettings

Trial = Callable[["Stage"], Coroutine[Any, Any, None]]


@dataclass
class Stage:
    """A listener, the states of its TLS files, and two clients: one of each authority."""

    listener: Listener
    address: AddressSettings
    port: int
    both: InboundTls
    only_staying: InboundTls
    staying: ssl.SSLContext
    leaving: ssl.SSLContext

    @asynccontextmanager
    async def connected(
        self, tls: ssl.SSLContext | None, over: socket.socket | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        name = None if tls is None else "localhost"
        if over is not None:
            reader, writer = await asyncio.open_connection(sock=over, ssl=tls, server_hostname=name)
        elif self.address.unix_path is not None:
            reader, writer = await asyncio.open_unix_connection(str(self.address.unix_path), ssl=tls, server_hostname=name)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls, server_hostname=name)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @property
    def context(self) -> ssl.SSLContext | None:
        return None if self.listener.tls is None else self.listener.tls.context

    async def responses(self, tls: ssl.SSLContext | None, over: socket.socket | None = None) -> bool:
        try:
            async with self.connected(tls, over) as (reader, writer):
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                return (await asyncio.wait_for(read_response(reader), 10)).status == 200
        except (OSError, AssertionError):
            return False

    def dialled(self) -> socket.socket:
        """A new connection."""
        unix = self.address.unix_path
        plain = socket.socket(socket.AF_INET if unix is None else socket.AF_UNIX)
        try:
            plain.connect(("127.0.0.1", self.port) if unix is None else str(unix))
        except OSError:
            plain.close()
            raise
        return plain


class Handler:
    """Responds to each request at once."""

    def begin(self, connection: InboundConnection, request: InboundRequest) -> "Handler":
        asyncio.get_running_loop().call_soon(self.respond, connection)
        return self

    def begin_known(self, connection: InboundConnection, data: bytes) -> None:
        return None

    def bad_request(self, response: ErrorResponse, peer: str | None) -> None:
        """Ignored."""

    def respond(self, connection: InboundConnection) -> None:
        if connection.transport is not None:
            connection.write(OK)
        connection.finished(keep_alive=True)

    def client_disconnected(self) -> None:
        """Ignored."""


def states(folder: Path) -> tuple[InboundTls, InboundTls, ssl.SSLContext, ssl.SSLContext]:
    server, staying, leaving = (Authority(folder, name) for name in ("server", "staying", "leaving"))
    own = server.sign("localhost", address="127.0.0.1")
    found = []
    for name, authorities in (("both", (staying, leaving)), ("one", (staying,))):
        (folder / name).write_bytes(b"".join(authority.file.read_bytes() for authority in authorities))
        found.append(
            read_tls(InboundSettings(tls_certificate_file=own.certificate, tls_key_file=own.key, tls_client_ca_file=folder / name))
        )
    clients = []
    for authority, name in ((staying, "staying-client"), (leaving, "leaving-client")):
        pair = authority.sign(name)
        clients.append(ssl.create_default_context(cafile=str(server.file)))
        clients[-1].load_cert_chain(pair.certificate, pair.key)
    both, only_staying = found
    assert both is not None
    assert only_staying is not None
    return both, only_staying, clients[0], clients[1]


async def staged(folder: Path, kind: str, trial: Trial) -> None:
    address = AddressSettings(unix_path=folder / "s") if kind == "unix" else AddressSettings(host="127.0.0.1", port=0)
    bound = listening_socket(address, name="listen")
    port = bound.getsockname()[1] if kind == "tcp" else 0
    both, only_staying, staying, leaving = states(folder)
    server = Server(Handler(), LimitSettings())
    capacity = Capacity(max_connections=100, open_connections=lambda: server.open_connections)
    tls = Handshakes(tls=both, timeout_seconds=30, trust=server.trust)
    listener = Listener(bound, server, name=ListenerName.DATA, capacity=capacity, observer=Events(), tls=tls)
    listener.start()
    try:
        await trial(Stage(listener, address, port, both, only_staying, staying, leaving))
    finally:
        listener.close()
        await server.shutdown(0.2)


@pytest.fixture(params=[(loop, kind) for loop in ("asyncio", "uvloop") for kind in ("tcp", "unix")], ids="-".join)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Trial], None]:
    loop, kind = request.param

    def run(trial: Trial) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else asyncio.SelectorEventLoop) as runner:
            runner.run(staged(tmp_path, kind, trial))

    return run


def test_the_same_socket_accepts_by_another_context(stage: Callable[[Trial], None]) -> None:
    async def trial(on: Stage) -> None:
        assert [await on.responses(on.staying), await on.responses(on.leaving)] == [True, True]
        for tls in (on.only_staying, on.both, on.only_staying):
            on.listener.use(tls)
            assert on.context is tls.context
            assert await on.responses(on.staying)
        assert not await on.responses(on.leaving)
        assert on.address.unix_path is None or on.address.unix_path.is_socket()

    stage(trial)


def test_an_equal_state_changes_nothing(stage: Callable[[Trial], None]) -> None:
    async def trial(on: Stage) -> None:
        before = on.context
        on.listener.use(InboundTls(context=on.only_staying.context, digests=on.both.digests, authorities=on.both.authorities))
        on.listener.use(None)
        assert on.context is before

    stage(trial)


def test_a_handshake_that_began_before_the_withdrawal_opens_nothing(stage: Callable[[Trial], None]) -> None:
    async def trial(on: Stage) -> None:
        early = on.dialled()
        await asyncio.sleep(0.1)  # it is accepted, and its handshake awaited
        on.listener.use(on.only_staying)
        assert not await on.responses(on.leaving, early)
        assert await on.responses(on.staying)

    stage(trial)


def test_connections_that_wait_to_be_accepted_get_the_context_of_now(stage: Callable[[Trial], None]) -> None:
    async def trial(on: Stage) -> None:
        waiting = [on.dialled() for _ in range(20)]  # the loop has not run since, so nobody has accepted them
        on.listener.use(on.only_staying)
        assert all(await asyncio.gather(*(on.responses(on.staying, each) for each in waiting)))
        on.listener.close()
        with pytest.raises(OSError, match=r"refused|No such file"):
            on.dialled()

    stage(trial)
