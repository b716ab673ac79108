"""Where the inbound parser stands: only what is certain counts as between two requests."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from kcproxy.server.parser_state import Edge

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SIZED = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"


def message(length: int | None = None, *, chunked: bool = False) -> RawRequestMessage:
    headers = CIMultiDict({"Host": "a"} | ({} if length is None else {"Content-Length": str(length)}))
    return RawRequestMessage("GET", "/", HttpVersion11, CIMultiDictProxy(headers), (), False, None, False, chunked, URL("/"))


def body(*, complete: bool) -> Any:
    payload = SimpleNamespace(complete=complete)
    payload.is_eof = lambda: payload.complete
    return payload


def test_a_new_parser_stands_between_requests_and_after_each_whole_one_again() -> None:
    edge = Edge()
    for _ in range(2):
        assert edge.between
        edge.fed(HEAD, [(message(), body(complete=True))])
        assert (edge.between, edge.wire) == (True, HEAD)


@pytest.mark.parametrize("cut", range(1, len(HEAD)))
def test_a_head_in_pieces_is_whole_with_its_last(cut: int) -> None:
    edge = Edge()
    edge.fed(HEAD[:cut], [])
    assert not edge.between
    edge.fed(HEAD[cut:], [(message(), body(complete=True))])
    assert (edge.between, edge.wire) == (True, HEAD)


def test_a_body_that_comes_later_is_counted_to_its_end() -> None:
    edge, payload = Edge(), body(complete=False)
    edge.fed(SIZED, [(message(4), payload)])
    edge.fed(b"abc", [])
    assert not edge.between
    payload.complete = True
    edge.fed(b"d", [])
    assert (edge.between, edge.wire) == (True, b"")  # the request did not come as a whole


@pytest.mark.parametrize(
    ("data", "emitted"),
    [
        (HEAD + HEAD, [(message(), body(complete=True))] * 2),
        (HEAD + b"GET", [(message(), body(complete=True))]),
        (SIZED + b"abcde", [(message(4), body(complete=True))]),
        (SIZED + b"abcd", [(message(4), body(complete=False))]),
        (SIZED, [(message(4), body(complete=True))]),
        (b"\r\n\r\n" + HEAD, [(message(), body(complete=True))]),
        (HEAD, [(message(chunked=True), body(complete=False))]),
        (HEAD, [(object(), body(complete=True))]),
        (b"", [(message(), body(complete=True))]),
    ],
)
def test_what_is_not_certain_stays_so(data: bytes, emitted: list[tuple[Any, Any]]) -> None:
    edge = Edge()
    edge.fed(data, emitted)
    assert not edge.between
    edge.fed(HEAD, [(message(), body(complete=True))])
    assert not edge.between
    edge.begin_anew()
    assert edge.between


def test_a_request_in_the_midst_of_a_body_makes_it_uncertain() -> None:
    edge, payload = Edge(), body(complete=False)
    edge.fed(SIZED, [(message(4), payload)])
    edge.fed(b"abcd", [(message(), body(complete=True))])
    assert not edge.between


def test_a_body_that_the_parser_holds_back_ends_when_it_is_handed_on() -> None:
    edge, payload = Edge(), body(complete=False)
    edge.fed(SIZED + b"abcd", [(message(4), payload)])
    assert not edge.between
    payload.complete = True
    edge.fed(b"", [])  # reading is resumed
    assert edge.between
    edge.fed(b"", [])  # once more, while nothing is there
    assert edge.between
