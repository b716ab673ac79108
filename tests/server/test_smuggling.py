"""Ambiguous requests are refused, and nothing of them reaches Keycloak. Raw bytes on sockets."""

import asyncio

import pytest

from devkit.servers import Message, RecordingUpstream, Running, read_response
from kcproxy.server import connection

pytestmark = pytest.mark.usefixtures("way")

HOST = b"Host: a\r\n"
GET = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"

REFUSED = {
    "both lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
    "both lengths, other order": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + GET,
    "two lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + GET,
    "the same length twice": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + GET,
    "a list of lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0, 40\r\n\r\n" + GET,
    "a signed length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +4\r\n\r\nabcd",
    "a negative length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -4\r\n\r\nabcd",
    "a hexadecimal length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x4\r\n\r\nabcd",
    "a length with a blank inside": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1 1\r\n\r\nabcd",
    "a length beyond measure": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "an unknown transfer coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + GET,
    "a second transfer coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + GET,
    "chunked twice": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
    "chunked and not": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + GET,
    "chunked not last": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + GET,
    "a coding in quotes": b"POST / HTTP/1.1\r\n" + HOST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n' + GET,
    "a tab before chunked, and more": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n" + GET,
    "blank before the colon": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + GET,
    "blank before the length's colon": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 4\r\n\r\nabcd",
    "a folded line": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n folded\r\n\r\n",
    "a folded transfer coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + GET,
    "a first field that is folded": b"GET / HTTP/1.1\r\n X-A: 1\r\n" + HOST + b"\r\n",
    "a bare carriage return in a field": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: 1\rTransfer-Encoding: chunked\r\n\r\n",
    "a bare line feed after a field": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: 1\nX-B: 2\r\n\r\n",
    "a bare line feed after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "a bare line feed at the end of the head": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n\n",
    "a null in a field": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: 1\x002\r\n\r\n",
    "a null in a name": b"GET / HTTP/1.1\r\n" + HOST + b"X\x00A: 1\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n" + HOST + b": 1\r\n\r\n",
    "a name with brackets": b"GET / HTTP/1.1\r\n" + HOST + b"X[A]: 1\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding chunked\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "the same host twice": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nX-A: 1\r\n\r\n",
    "a blank in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "another protocol": b"GET / SMTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "version 0.9": b"GET / HTTP/0.9\r\n" + HOST + b"\r\n",
    "no version": b"GET /\r\n" + HOST + b"\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
    "chunks in HTTP/1.0 with nothing behind them": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a transfer coding in HTTP/1.0 and no body": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n",
    "a read in HTTP/1.0 with a transfer coding": b"GET / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n",
    "a transfer coding in HTTP/1.0 on a kept connection": b"POST / HTTP/1.0\r\n"
    + HOST
    + b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "a transfer coding in HTTP/1.0 that Connection names": b"POST / HTTP/1.0\r\n"
    + HOST
    + b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "identity in HTTP/1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "a method with a colon": b"G:T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a body without a length in a foreign coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n" + GET,
}

CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
BAD_CHUNKS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a signed size": b"+3\r\nabc\r\n0\r\n\r\n",
    "a negative size": b"-3\r\nabc\r\n0\r\n\r\n",
    "a size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a size with a blank before": b" 3\r\nabc\r\n0\r\n\r\n",
    "a size beyond measure": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "more data than the size": b"2\r\nabc\r\n0\r\n\r\n",
    "a bare line feed after the size": b"3\nabc\r\n0\r\n\r\n",
    "a bare line feed after the data": b"3\r\nabc\n0\r\n\r\n",
    "a bare carriage return after the size": b"3\rabc\r\n0\r\n\r\n",
    "a bare line feed in an extension": b"3;a=b\nc\r\nabc\r\n0\r\n\r\n",
    "a size with a letter": b"3g\r\nabc\r\n0\r\n\r\n",
    "a bad trailer": b"3\r\nabc\r\n0\r\nno colon\r\n\r\n",
}


async def first_response_and_the_end(proxy: Running, raw: bytes) -> tuple[Message, bytes]:
    async with proxy.connect() as (reader, writer):
        writer.write(raw)
        answer = await asyncio.wait_for(read_response(reader), 5)
        return answer, await asyncio.wait_for(reader.read(), 15)


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
async def test_is_refused_and_its_connection_closed(proxy: Running, upstream: RecordingUpstream, raw: bytes) -> None:
    answer, rest = await first_response_and_the_end(proxy, raw)
    assert answer.status in {400, 501, 505}
    assert answer.value("kcproxy-error") is not None
    assert rest == b"", "what follows on the connection must not be served"
    assert upstream.requests == []


@pytest.fixture
def short_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a body that ends in an error the connection stays readable for a while, so that the response arrives. Here for half a second."""
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.5)


@pytest.mark.usefixtures("short_lingering")
@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_bad_chunks_are_refused(proxy: Running, upstream: RecordingUpstream, chunks: bytes) -> None:
    answer, rest = await first_response_and_the_end(proxy, CHUNKED + chunks + GET)
    assert (answer.status, rest) == (400, b"")
    assert upstream.requests == []


@pytest.mark.usefixtures("short_lingering")
async def test_a_bad_chunk_late_in_a_large_upload_ends_it(proxy: Running, upstream: RecordingUpstream) -> None:
    """The upload has begun at Keycloak, and must not be completed there."""
    answer, rest = await first_response_and_the_end(proxy, CHUNKED + b"30000\r\n" + b"x" * 0x30000 + b"\r\nzz\r\n" + GET)
    assert (answer.status, rest) == (400, b"")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "head",
    [
        b"X-A: 1\r\nX-B:2\r\nX-C:   3  \r\n",
        b"Content-Length: 4 \r\n",
        b"X-Obs-Text: caf\xc3\xa9\r\n",
        b"X-Tab: a\tb\r\n",
    ],
)
async def test_odd_but_plain_heads_pass(proxy: Running, upstream: RecordingUpstream, head: bytes) -> None:
    body = b"abcd" if b"Length" in head else b""
    assert (await proxy.send(b"POST / HTTP/1.1\r\n" + HOST + head + b"\r\n" + body)).status == 200
    assert len(upstream.requests) == 1


class TestTrailers:
    """A trailer is dropped; it is never a field of its own request or of the next one (RFC 9110, section 6.5.1)."""

    TRAILED = CHUNKED + b"3\r\nabc\r\n0\r\nAuthorization: Bearer stolen\r\n\r\n"

    async def test_never_become_a_header_of_the_next_request(self, proxy: Running, upstream: RecordingUpstream) -> None:
        async with proxy.connect() as (reader, writer):
            for raw in (self.TRAILED, GET, self.TRAILED, GET):
                writer.write(raw)
                assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        assert [request.value("authorization") for request in upstream.requests] == [None] * 4

    @pytest.mark.parametrize("cut", [1, 2, 3, 4, 20, 34, 60])
    async def test_nor_when_they_come_in_pieces(self, proxy: Running, upstream: RecordingUpstream, cut: int) -> None:
        async with proxy.connect() as (reader, writer):
            writer.write(self.TRAILED[:-cut])
            await asyncio.sleep(0.02)
            writer.write(self.TRAILED[-cut:])
            answer = await asyncio.wait_for(read_response(reader), 5)
            if answer.value("connection") is None:
                writer.write(GET)
                await asyncio.wait_for(read_response(reader), 5)
        assert {request.value("authorization") for request in upstream.requests} == {None}

    @pytest.mark.parametrize(("following", "rest"), [(GET, b""), (GET + GET, b""), (GET[:20], GET[20:])])
    async def test_nor_of_a_request_in_the_same_packet(
        self, proxy: Running, upstream: RecordingUpstream, following: bytes, rest: bytes
    ) -> None:
        count = 1 + (following + rest).count(b"GET ")
        async with proxy.connect() as (reader, writer):
            writer.write(self.TRAILED + following)
            await asyncio.sleep(0.02)
            writer.write(rest)
            assert [(await asyncio.wait_for(read_response(reader), 5)).status for _ in range(count)] == [200] * count
        assert [request.target for request in upstream.requests] == [b"/"] + [b"/second"] * (count - 1)
        assert {request.value("authorization") for request in upstream.requests} == {None}
