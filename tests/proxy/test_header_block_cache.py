"""The cache of header blocks: equal ones are shared, their total size is limited, and evicted ones are empty."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from devkit.servers import Message, RecordingUpstream, Running, read_response, recording_upstream, running_proxy
from kcproxy.http1.headers import RequestFields
from kcproxy.proxy.fast_path import FastPath
from kcproxy.proxy.header_block import HeaderBlock
from kcproxy.proxy.header_block_cache import MAX_BLOCK_BYTES, MAX_FIELDS, HeaderBlockCache


@pytest.fixture
async def quick(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    async with running_proxy(upstream.port, fast_path=True) as proxy:
        yield proxy


def fast_path_of(proxy: Running) -> FastPath:
    fast_path = proxy.service.fast_path
    assert isinstance(fast_path, FastPath)
    return fast_path


def block(proxy: Running, number: int, size: int = 1000) -> HeaderBlock:
    wire = b"X-Number: %06d%b\r\n\r\n" % (number, b"x" * size)
    return HeaderBlock(wire, RequestFields([(b"X-Number", wire[10:-4])], {}), proxy.runtime, 0)


def request(*fields: bytes, target: bytes = b"/admin/realms/demo/users/42") -> bytes:
    return b"\r\n".join([b"GET %b HTTP/1.1" % target, b"Host: proxy.test", *fields, b"", b""])


async def ask(proxy: Running, *raw: bytes) -> list[Message]:
    async with proxy.connect() as (reader, writer):
        responses = []
        for one in raw:
            writer.write(one)
            responses.append(await asyncio.wait_for(read_response(reader), 5))
        return responses


async def test_connections_that_send_the_same_fields_share_one_block(quick: Running) -> None:
    async with quick.connect() as (one, first), quick.connect() as (other, second):
        for reader, writer in ((one, first), (other, second)):
            writer.write(request(b"Accept: */*"))
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        blocks = {id(connection.header_block) for connection in quick.server.connections}
    assert len(blocks) == len(fast_path_of(quick).header_blocks) == 1


@pytest.mark.parametrize(
    "fields",
    [
        [b"X-Large: " + b"x" * MAX_BLOCK_BYTES],
        [b"X-%d: y" % number for number in range(MAX_FIELDS)],
    ],
    ids=["large", "many"],
)
async def test_a_block_that_is_unusual_is_served_and_not_cached(quick: Running, upstream: RecordingUpstream, fields: list[bytes]) -> None:
    assert [answer.status for answer in await ask(quick, *[request(*fields)] * 2)] == [200, 200]
    assert len(fast_path_of(quick).header_blocks) == 0
    assert len(upstream.requests[1].fields) == 1 + len(fields)


async def test_all_blocks_together_are_bounded_and_the_oldest_go_first(quick: Running) -> None:
    room = 10 * block(quick, 0).cost_bytes
    blocks = HeaderBlockCache(room)
    made = [block(quick, number) for number in range(100)]
    wires = [one.wire for one in made]
    for one in made:
        assert blocks.find(one.wire, quick.runtime) is None
        assert blocks.store(one)
        assert blocks.cost_bytes <= room
    assert len(blocks) == 10
    assert [blocks.find(wire, quick.runtime) for wire in wires[-10:]] == made[-10:]
    assert all((one.runtime, one.wire, one.head.fields) == (None, b"", []) for one in made[:-10])


async def test_a_block_larger_than_all_the_room_is_not_kept(quick: Running) -> None:
    assert not HeaderBlockCache(1000).store(block(quick, 0, size=2000))


async def test_an_evicted_block_is_learned_again_and_no_request_is_lost(quick: Running, upstream: RecordingUpstream) -> None:
    raw = request(b"X-Number: 1")
    async with quick.connect() as (reader, writer):
        for number in range(4):
            writer.write(raw.replace(b"42", b"%d" % number))
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
            if number == 1:
                fast_path_of(quick).header_blocks.clear()
    assert [seen.value("x-number") for seen in upstream.requests] == [b"1"] * 4
    assert len(fast_path_of(quick).header_blocks) == 1


async def test_a_reload_forgets_the_blocks_of_the_old_settings(quick: Running) -> None:
    await ask(quick, request(b"X-Number: 1"), request(b"X-Number: 2"))
    blocks = fast_path_of(quick).header_blocks
    assert len(blocks) == 2
    async with recording_upstream() as elsewhere, running_proxy(elsewhere.port, fast_path=True) as other:
        assert blocks.find(b"X-Number: 3\r\n\r\n", other.runtime) is None
        assert len(blocks) == 0
