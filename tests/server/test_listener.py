"""The accept loop: its limit counts from the accept, handshakes are limited, and failed accepts are reported and repeated. On both event loops."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devkit.certificates import Authority
from devkit.loops import on_every_loop
from devkit.servers import Events
from kcproxy.server.events import AcceptFailure, ConnectionRefusal, ListenerName
from kcproxy.server.inbound_tls import read_tls
from kcproxy.server.listener import Capacity, Handshakes, Listener
from kcproxy.server.sockets import listening_socket
from kcproxy.settings import AddressSettings, InboundSettings

DATA = ListenerName.DATA


class Echo(asyncio.Protocol):
    """Echoes its input, and counts connections."""

    def __init__(self, open_connections: set["Echo"]) -> None:
        self._open = open_connections
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)


class Refusing:
    """A listening socket whose ``accept`` fails with the given errors."""

    def __init__(self, bound: socket.socket, *errors: int) -> None:
        self._bound = bound
        self.errors = list(errors)

    def accept(self) -> tuple[socket.socket, Any]:
        if self.errors:
            raise OSError(self.errors.pop(0), "no luck")
        return self._bound.accept()

    def fileno(self) -> int:
        return self._bound.fileno()

    def close(self) -> None:
        self._bound.close()


class Port:
    """A listener with its protocols."""

    def __init__(self, bound: Any, port: int, *, max_connections: int = 100, tls: Handshakes | None = None, **options: Any) -> None:
        self.open: set[Echo] = set()
        self.events = Events()
        self.port = port
        capacity = Capacity(max_connections=max_connections, open_connections=lambda: len(self.open), **options)
        self.listener = Listener(bound, lambda: Echo(self.open), name=DATA, capacity=capacity, observer=self.events, tls=tls)

    async def ask(self, text: bytes = b"hello", **options: Any) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        try:
            writer.write(text)
            async with asyncio.timeout(10):
                return await reader.read(len(text))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def nobody(self) -> None:
        async with asyncio.timeout(10):
            while self.listener.open_connections:  # noqa: ASYNC110 - connections tell nobody that they have gone
                await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(*errors: int, **options: Any) -> AsyncIterator[Port]:
    bound = listening_socket(AddressSettings(host="127.0.0.1", port=0), name="listen")
    port = Port(Refusing(bound, *errors), bound.getsockname()[1], **options)
    port.listener.start()
    try:
        yield port
    finally:
        port.listener.close()
        for echo in tuple(port.open):
            echo.transport.abort()
        await port.nobody()


@asynccontextmanager
async def held(port: int, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that send nothing."""
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    yield [reader for reader, _ in opened]
    for _, writer in opened:
        writer.transport.abort()
    await asyncio.sleep(0.05)


@on_every_loop
async def test_a_connection_beyond_the_bound_is_refused_with_a_reason() -> None:
    peers: list[str | None] = []

    def refusal(peer: str | None) -> bytes:
        peers.append(peer)
        return b"full!"

    async with listening(max_connections=3, refusal=refusal) as port:
        async with held(port.port, 3):
            assert await port.ask() == b"full!"
            assert port.listener.open_connections == 3
        await port.nobody()
        assert await port.ask() == b"hello"
    assert (peers, port.events.refused) == (["127.0.0.1"], [(DATA, ConnectionRefusal.LIMIT)])


@on_every_loop
async def test_where_one_can_be_spared_it_gives_way() -> None:
    async with listening(max_connections=2) as port:

        def make_room() -> bool:
            next(iter(port.open)).transport.abort()
            return True

        port.listener.capacity.make_room = make_room
        async with held(port.port, 2):
            await asyncio.sleep(0.05)
            assert await port.ask() == b"hello"
        assert port.events.refused == [(DATA, ConnectionRefusal.DISPLACED)]


@on_every_loop
async def test_a_failed_accept_is_reported_and_the_next_one_comes_at_once() -> None:
    loop = asyncio.get_running_loop()
    errors = [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINVAL]
    async with listening(*errors) as port:
        began = loop.time()
        assert await port.ask() == b"hello"
        assert loop.time() - began < 2
    assert port.events.accept_failures == [
        (DATA, AcceptFailure.DESCRIPTORS),
        (DATA, AcceptFailure.DESCRIPTORS),
        (DATA, AcceptFailure.MEMORY),
        (DATA, AcceptFailure.OTHER),
    ]
    assert port.events.recovered == [DATA]


@on_every_loop
async def test_an_error_of_one_connection_is_none_of_the_listener() -> None:
    async with listening(errno.ECONNABORTED, errno.EPROTO) as port:
        assert await port.ask() == b"hello"
    assert port.events.accept_failures == []


@on_every_loop
async def test_while_accepts_fail_nothing_spins() -> None:
    async with listening(*[errno.EMFILE] * 1000) as port:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await port.ask()
        assert 1 < len(port.events.accept_failures) < 20


@on_every_loop
async def test_what_waits_to_be_accepted_at_the_end_is_still_served() -> None:
    async with listening() as port:
        asking = [asyncio.create_task(port.ask(b"%d" % number)) for number in range(10)]
        await asyncio.sleep(0)
        with socket.create_connection(("127.0.0.1", port.port)) as waiting:
            await port.listener.finish(1)
            waiting.settimeout(5)
            waiting.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(waiting, b"late")
            assert await loop.sock_recv(waiting, 4) == b"late"
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def tls_of(folder: Path, **options: Any) -> tuple[Handshakes, ssl.SSLContext]:
    authority = Authority(folder)
    own = authority.sign("localhost", address="127.0.0.1")
    tls = read_tls(InboundSettings(tls_certificate_file=own.certificate, tls_key_file=own.key))
    assert tls is not None
    return Handshakes(tls=tls, **options), ssl.create_default_context(cafile=str(authority.file))


@on_every_loop
async def test_handshakes_count_before_they_are_done(tmp_path: Path) -> None:
    tls, client = tls_of(tmp_path, timeout_seconds=30)
    async with listening(tls=tls, max_connections=3) as port, held(port.port, 3):
        async with asyncio.timeout(10):
            while port.listener.open_connections < 3:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        with pytest.raises(OSError):  # noqa: PT011 - closed without a word: a reset or an end, as it comes
            await port.ask(ssl=client, server_hostname="localhost")
        assert port.events.refused == [(DATA, ConnectionRefusal.LIMIT)]


@on_every_loop
async def test_a_handshake_that_does_not_come_is_ended(tmp_path: Path) -> None:
    tls, client = tls_of(tmp_path, timeout_seconds=0.3)
    async with listening(tls=tls) as port, held(port.port, 5) as silent:
        async with asyncio.timeout(10):
            for reader in silent:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
        await port.nobody()
        assert port.events.refused == [(DATA, ConnectionRefusal.HANDSHAKE)] * 5
        assert await port.ask(ssl=client, server_hostname="localhost") == b"hello"


@on_every_loop
async def test_many_handshakes_that_do_not_come_hold_up_no_real_one(tmp_path: Path) -> None:
    tls, client = tls_of(tmp_path, timeout_seconds=30, max_pending=8)
    async with listening(tls=tls) as port, held(port.port, 50):
        assert [await port.ask(ssl=client, server_hostname="localhost") for _ in range(5)] == [b"hello"] * 5
        assert port.listener.open_connections <= 8
        assert set(port.events.refused) == {(DATA, ConnectionRefusal.DISPLACED)}


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00" * 100])
async def test_what_is_no_handshake_is_counted_and_closed(tmp_path: Path, noise: bytes) -> None:
    tls, _ = tls_of(tmp_path, timeout_seconds=5)
    async with listening(tls=tls) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
        writer.write(noise)
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await port.nobody()
        assert port.events.refused == [(DATA, ConnectionRefusal.HANDSHAKE)]
