"""Framing without I/O: where a body ends, or a refusal if that is ambiguous."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.errors import RequestRefused
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.framing import BodyEnd, FramingError, RequestFraming, ResponseFraming, request_framing, request_head, response_framing

LENGTH_3 = (b"content-LENGTH", b"3")
CHUNKED = (b"TRANSFER-encoding", b"Chunked")


@pytest.mark.parametrize(
    ("method", "status", "version", "headers", "expected"),
    [
        ("GET", 200, "1.1", [LENGTH_3], ResponseFraming(BodyEnd.LENGTH, 3, keep_alive=True)),
        ("GET", 200, "1.1", [CHUNKED], ResponseFraming(BodyEnd.CHUNKED, 0, keep_alive=True)),
        ("GET", 200, "1.1", [], ResponseFraming(BodyEnd.CLOSE, 0, keep_alive=False)),
        ("HEAD", 200, "1.1", [LENGTH_3], ResponseFraming(BodyEnd.NONE, 0, keep_alive=True)),
        ("HEAD", 200, "1.1", [CHUNKED], ResponseFraming(BodyEnd.NONE, 0, keep_alive=True)),
        ("GET", 204, "1.1", [], ResponseFraming(BodyEnd.NONE, 0, keep_alive=True)),
        ("GET", 304, "1.1", [LENGTH_3], ResponseFraming(BodyEnd.NONE, 0, keep_alive=True)),
        ("GET", 200, "1.1", [LENGTH_3, (b"Connection", b"x, Close")], ResponseFraming(BodyEnd.LENGTH, 3, keep_alive=False)),
        ("GET", 200, "1.0", [LENGTH_3], ResponseFraming(BodyEnd.LENGTH, 3, keep_alive=False)),
        ("GET", 200, "1.0", [LENGTH_3, (b"CONNECTION", b"Keep-Alive")], ResponseFraming(BodyEnd.LENGTH, 3, keep_alive=True)),
    ],
)
def test_where_a_response_ends(method: str, status: int, version: str, headers: RawHeaders, expected: ResponseFraming) -> None:
    assert response_framing(method, status, version, headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        [LENGTH_3, CHUNKED],
        [LENGTH_3, LENGTH_3],
        [(b"Content-Length", b"-1")],
        [(b"Content-Length", b"3,3")],
        [(b"Content-Length", "\u0663".encode())],  # a digit, but none of ASCII's
        [(b"Content-Length", b"1" * 19)],
        [CHUNKED, CHUNKED],
        [(b"Transfer-Encoding", b"identity")],
        [(b"Transfer-Encoding", b"chunked;q=1")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_contradictions_are_refused_both_ways(method: str, headers: RawHeaders) -> None:
    with pytest.raises(FramingError):
        response_framing(method, 200, "1.1", headers)
    with pytest.raises(RequestRefused):
        request_framing(headers)


def test_a_request_says_its_length_or_chunked_or_nothing() -> None:
    assert request_framing([(b"Host", b"x"), LENGTH_3]) == RequestFraming(3, chunked=False)
    assert request_framing([(b"Host", b"x"), CHUNKED]) == RequestFraming(None, chunked=True)
    assert request_framing([(b"Host", b"x")]) == RequestFraming(None, chunked=False)


@given(
    target=st.text(max_size=40),
    fields=st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.binary(max_size=24)), max_size=6),
)
def test_a_head_holds_exactly_the_lines_it_was_given_or_is_refused(target: str, fields: list[tuple[bytes, bytes]]) -> None:
    try:
        encoded = target.encode("utf-8", "surrogateescape")
        head = request_head("GET", target, fields)
    except (RequestRefused, UnicodeEncodeError):
        return
    lines = head.split(b"\r\n")
    assert lines == [b"GET " + encoded + b" HTTP/1.1", *[name + b": " + value for name, value in fields], b"", b""]
    assert lines[0].count(b" ") == 2
    assert b"\n" not in b"".join(lines)
