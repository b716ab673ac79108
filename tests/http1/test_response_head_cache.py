"""The cache of response heads: it stores and finds heads of whole responses only."""

import pytest

from kcproxy.http1.framing import SMALL_BODY_BYTES
from kcproxy.http1.response_head_cache import MAX_HEAD_BYTES, MAX_HEADS, ResponseHeadCache

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
FIELDS = ((b"Content-Length", b"2"),)


def knowing(data: bytes = HEAD + b"{}", status: int = 200, *, body_bytes: int = 2) -> ResponseHeadCache:
    heads = ResponseHeadCache()
    heads.learn(data, status, b"OK", FIELDS, body_bytes=body_bytes)
    return heads


def test_another_body_of_the_same_length_has_a_known_head() -> None:
    known = knowing().find(HEAD + b"[]")
    assert known is not None
    assert (known.status, known.reason, known.headers, known.head_bytes, known.whole_bytes) == (
        200,
        b"OK",
        FIELDS,
        len(HEAD),
        len(HEAD) + 2,
    )


@pytest.mark.parametrize("data", [HEAD, HEAD + b"{", HEAD + b"{}{", HEAD[:-1], b"", HEAD.replace(b"OK", b"Ok") + b"{}", b"{}"])
def test_anything_else_is_not_known(data: bytes) -> None:
    assert knowing().find(data) is None


@pytest.mark.parametrize(
    ("data", "status", "body_bytes"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"{}", 200, 2),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, 2),
        (HEAD + b"{}{}", 200, 2),
        (b"HTTP/1.1 204 No Content\r\n\r\n\r\n\r\n", 204, 0),
        (HEAD[:-2] + b"X: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n{}", 200, 2),
        (HEAD + b"x" * (SMALL_BODY_BYTES + 1), 200, SMALL_BODY_BYTES + 1),
    ],
)
def test_a_response_that_is_more_or_larger_than_a_plain_one_is_not_cached(data: bytes, status: int, body_bytes: int) -> None:
    assert knowing(data, status, body_bytes=body_bytes).find(data) is None


@pytest.mark.parametrize("name", [b"Set-Cookie", b"set-cookie", b"Location"])
def test_heads_with_secrets_or_locations_are_not_cached(name: bytes) -> None:
    heads = ResponseHeadCache()
    heads.learn(HEAD + b"{}", 200, b"OK", (*FIELDS, (name, b"x")), body_bytes=2)
    assert heads.find(HEAD + b"{}") is None


def test_a_full_cache_is_emptied() -> None:
    heads = ResponseHeadCache()
    responses = [b"HTTP/1.1 200 OK\r\nX: %d\r\nContent-Length: 2\r\n\r\n{}" % number for number in range(MAX_HEADS + 1)]
    for answer in responses:
        heads.learn(answer, 200, b"OK", FIELDS, body_bytes=2)
    assert heads.find(responses[0]) is None
    assert heads.find(responses[-1]) is not None
