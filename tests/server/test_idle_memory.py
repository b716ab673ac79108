"""The memory of idle connections in a real process does not depend on what they sent."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from devkit.servers import RecordingUpstream, read_response
from tests.process.test_serve import Served, served

CONNECTIONS = 128
ALLOWED_KB = 20
"""For each idle connection, beyond what one costs that sent an ordinary request."""
TARGET = b"/admin/realms/demo/users/42"
NUMBERS = itertools.count()


def ordinary() -> list[bytes]:
    return [b"GET %b HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n" % TARGET]


def fields(count: int) -> bytes:
    """``count`` fields that no other connection sends."""
    number = next(NUMBERS)
    return b"".join(b"X-Field-%d-%d: value-%d\r\n" % (number, place, place) for place in range(count))


def many_fields() -> list[bytes]:
    return [b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (TARGET, fields(1000))]


def tiny_fields() -> list[bytes]:
    return [b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (TARGET, b"a:%d\r\n" % next(NUMBERS) * 1000)]


def a_large_field() -> list[bytes]:
    return [b"GET %b HTTP/1.1\r\nHost: localhost\r\nX-Large: %b\r\n\r\n" % (TARGET, b"%08d" % next(NUMBERS) * 15_000)]


def a_large_field_in_pieces() -> list[bytes]:
    (whole,) = a_large_field()
    return [whole[:50_000], whole[50_000:100_000], whole[100_000:]]


def large_fields_and_a_body() -> list[bytes]:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n%b\r\n" % (TARGET, fields(1000))
    return [head, b"x" * 60_000]


def large_fields_and_chunks() -> list[bytes]:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n%b\r\n" % (TARGET, fields(1000))
    return [head, b"2\r\n{}\r\n0\r\n\r\n"]


def many_fields_behind_another_request() -> list[bytes]:
    return [ordinary()[0] + many_fields()[0]]


def a_long_target() -> list[bytes]:
    return [b"GET %b/%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (TARGET, b"%08d" % next(NUMBERS) * 15_000)]


def a_distinct_token() -> list[bytes]:
    return [b"GET %b HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n\r\n" % (TARGET, b"%04d" % next(NUMBERS) * 400)]


Sends = Callable[[], list[bytes]]


def resident_kb(running: Served) -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


async def warm_up(running: Served, sends: Sends) -> None:
    """Fill the caches that all connections share."""
    for _ in range(CONNECTIONS + 16):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"".join(sends()))
        assert (await asyncio.wait_for(read_response(reader), 10)).status == 200
        writer.close()


async def growth_kb(running: Served, sends: Sends) -> float:
    """Resident memory for each of many idle connections, after one response on each."""
    before = resident_kb(running)
    writers = []
    for _ in range(CONNECTIONS):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        for piece in sends():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await asyncio.wait_for(read_response(reader), 10)).status == 200
        writers.append(writer)
    await asyncio.sleep(0.5)
    after = resident_kb(running)
    for writer in writers:
        writer.close()
    return (after - before) / CONNECTIONS


@pytest.mark.parametrize(
    "sends",
    [
        many_fields,
        tiny_fields,
        a_large_field,
        a_large_field_in_pieces,
        large_fields_and_a_body,
        large_fields_and_chunks,
        many_fields_behind_another_request,
        a_long_target,
        a_distinct_token,
    ],
)
async def test_an_idle_connection_keeps_nothing_of_what_it_sent(upstream: RecordingUpstream, tmp_path: Path, sends: Sends) -> None:
    async with served(upstream, tmp_path) as running:
        await growth_kb(running, ordinary)  # what these connections cost is there from now on, for those that come next
        await warm_up(running, sends)
        found = await growth_kb(running, sends)
    assert found < ALLOWED_KB, f"{found:.1f} kB for each connection"
