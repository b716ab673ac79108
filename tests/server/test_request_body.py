"""Bodies that are read before they are sent: what many unfinished ones take together is bounded."""

import asyncio

from kcproxy.http1.framing import SMALL_BODY_BYTES
from kcproxy.server.held_bytes import SMALL_BYTES, HeldBytes
from kcproxy.server.request_body import BodyStream, RequestBody
from kcproxy.settings import LimitSettings


class Reading:
    """A connection that reads on."""

    def pause_body(self) -> None:
        """Nothing."""

    def resume_body(self) -> None:
        """Nothing."""


def gathering(held: HeldBytes, first: bytes) -> tuple[BodyStream, RequestBody, asyncio.Task[None]]:
    stream = BodyStream(Reading())
    stream.feed(first)
    body = RequestBody(stream, LimitSettings(), chunked=False)
    return stream, body, asyncio.create_task(body.gather(held))


async def test_a_body_is_read_to_its_end_as_long_as_there_is_room() -> None:
    held = HeldBytes(SMALL_BODY_BYTES)
    stream, body, gathered = gathering(held, b"a" * 40_000)
    await asyncio.sleep(0)
    assert held.total_bytes == 40_000
    stream.feed(b"b" * 10_000)
    stream.end()
    await gathered
    assert (body.content, body.replayable, held.total_bytes) == (b"a" * 40_000 + b"b" * 10_000, True, 0)


async def test_without_room_a_large_one_goes_on_as_an_upload_with_nothing_lost() -> None:
    held = HeldBytes(SMALL_BODY_BYTES)
    others = [gathering(held, b"x" * 30_000) for _ in range(2)]
    await asyncio.sleep(0)
    stream, body, gathered = gathering(held, b"a" * 30_000)
    await gathered
    assert (body.content, body.replayable) == (None, False)
    assert held.total_bytes == 60_000, "an upload is bounded by its own limit"
    stream.feed(b"b")
    stream.end()
    outgoing = body.to_send()
    assert outgoing is not None
    assert not isinstance(outgoing, bytes)
    assert b"".join([piece async for piece in outgoing]) == b"a" * 30_000 + b"b"
    await leave(others)
    assert held.total_bytes == 0


async def test_an_ordinary_one_always_has_room() -> None:
    held = HeldBytes(SMALL_BODY_BYTES)
    others = [gathering(held, b"x" * 30_000) for _ in range(4)]
    await asyncio.sleep(0)
    stream, body, gathered = gathering(held, b"a" * (SMALL_BYTES - 1))
    stream.feed(b"b")
    stream.end()
    await gathered
    assert body.replayable
    await leave(others)


async def leave(others: list[tuple[BodyStream, RequestBody, asyncio.Task[None]]]) -> None:
    for _, _, gathered in others:
        gathered.cancel()
    await asyncio.gather(*(gathered for _, _, gathered in others), return_exceptions=True)
