"""The request parser: where each request ends, for bytes in any pieces, and which requests are refused."""

import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.http1.request_parser import (
    END,
    MAX_FIELDS,
    MAX_LINES_AT_ONCE,
    MAX_REQUESTS_AT_ONCE,
    Event,
    ParserState,
    RequestHead,
    RequestParser,
    SyntaxProblem,
)

HOST = b"Host: a\r\n"
GET = b"GET /second HTTP/1.1\r\n" + HOST + b"\r\n"
LIMIT = 4096


@dataclass
class Read:
    """One parsed request."""

    method: str
    target: str
    fields: list[tuple[bytes, bytes]]
    keep_alive: bool
    body: bytes = b""
    ended: bool = False


@dataclass
class Log:
    """The requests of a connection, and the problem at its end."""

    requests: list[Read] = field(default_factory=list)
    problem: SyntaxProblem | None = None

    def take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, RequestHead):
                self.requests.append(Read(event.method, event.target, list(event.fields), event.keep_alive))
            elif isinstance(event, bytes):
                self.requests[-1].body += event
            elif event is END:
                self.requests[-1].ended = True
            elif isinstance(event, SyntaxProblem):
                self.problem = event


def read(*pieces: bytes, limit: int = LIMIT) -> Log:
    parser, log = RequestParser(limit), Log()
    for piece in pieces:
        log.take(parser.feed(piece))
        while parser.unread:
            log.take(parser.feed())
    return log


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"


CHUNKED = b"POST /c HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADING = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"

READABLE = {
    "no body": (b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    "a sized body": (b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    "an empty sized body": (b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n", b""),
    "a body of a GET": (b"GET /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    "a body that looks like a request": (b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(GET) + GET, GET),
    "chunks": (CHUNKED + chunked(b"abc", b"defg"), b"abcdefg"),
    "no chunks": (CHUNKED + chunked(), b""),
    "chunks that look like ends": (CHUNKED + chunked(b"\r\n\r\n", b"0\r\n\r\n", b"\r"), b"\r\n\r\n0\r\n\r\n\r"),
    "a trailer": (CHUNKED + chunked(b"abc", trailer=b"Authorization: Bearer x\r\n"), b"abc"),
    "a chunk extension": (CHUNKED + b"3;name=value\r\nabc\r\n0\r\n\r\n", b"abc"),
    "an offer to upgrade": (b"GET /x HTTP/1.1\r\n" + HOST + UPGRADING + b"\r\n", b""),
    "an offer to upgrade with a body": (b"POST /x HTTP/1.1\r\n" + HOST + UPGRADING + b"Content-Length: 3\r\n\r\nabc", b"abc"),
    "an offer to upgrade with chunks": (
        b"POST /x HTTP/1.1\r\n" + HOST + UPGRADING + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"abc"),
        b"abc",
    ),
    "empty lines before it": (b"\r\n\r\nGET /x HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    "an unknown method": (b"BREW /x HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    "HTTP/1.0 that stays": (b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b""),
}


@pytest.mark.parametrize("name", READABLE)
def test_a_request_and_the_next_one_are_separated(name: str) -> None:
    raw, body = READABLE[name]
    log = read(raw + GET)
    assert log.problem is None
    assert [(request.body, request.ended) for request in log.requests] == [(body, True), (b"", True)]
    assert log.requests[1].target == "/second"
    assert log.requests[1].fields == [(b"Host", b"a")]


@given(names=st.lists(st.sampled_from(sorted(READABLE)), min_size=1, max_size=4), cuts=st.lists(st.integers(1, 300), max_size=12))
def test_where_the_bytes_are_cut_makes_no_difference(names: list[str], cuts: list[int]) -> None:
    raw = b"".join(READABLE[name][0] for name in names)
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(raw[start : start + cut])
        start += cut
    assert read(*pieces, raw[start:]) == read(raw)


@given(st.binary(max_size=200), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", CHUNKED, b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n"]))
def test_no_bytes_raise_and_a_failed_parser_stays_failed(noise: bytes, before: bytes) -> None:
    parser = RequestParser(LIMIT)
    events = parser.feed(before + noise)
    problems = [event for event in events if isinstance(event, SyntaxProblem)]
    assert len(problems) <= 1
    if problems:
        assert parser.state is ParserState.FAILED
        assert parser.feed(GET) == []


TOO_MANY = b"".join(b"A: %d\r\n" % number for number in range(MAX_FIELDS))

REFUSED = {
    "no version": (b"GET /\r\n\r\n", SyntaxProblem.MALFORMED),
    "two blanks": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", SyntaxProblem.MALFORMED),
    "a tab in the target": (b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n", SyntaxProblem.MALFORMED),
    "HTTP/2.0": (b"PRI * HTTP/2.0\r\n\r\n", SyntaxProblem.VERSION),
    "HTTP/0.9": (b"GET / HTTP/0.9\r\n\r\n", SyntaxProblem.VERSION),
    "a bare line feed": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\n\r\n", SyntaxProblem.MALFORMED),
    "a folded field": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n", SyntaxProblem.MALFORMED),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", SyntaxProblem.MALFORMED),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", SyntaxProblem.MALFORMED),
    "two lengths": (b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", SyntaxProblem.MALFORMED),
    "a length and chunks": (CHUNKED[:-2] + b"Content-Length: 1\r\n\r\n", SyntaxProblem.MALFORMED),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", SyntaxProblem.MALFORMED),
    "a negative length": (b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", SyntaxProblem.MALFORMED),
    "a broken chunk size": (CHUNKED + b"zz\r\n", SyntaxProblem.MALFORMED),
    "a chunk size of many digits": (CHUNKED + b"0" * 16 + b"1\r\na\r\n", SyntaxProblem.MALFORMED),
    "a chunk that is too long": (CHUNKED + b"1\r\nabc\r\n", SyntaxProblem.MALFORMED),
    "chunk extensions without end": (CHUNKED + b"1;" + b"a" * LIMIT, SyntaxProblem.MALFORMED),
    "trailers without end": (CHUNKED + b"0\r\n" + b"A: b\r\n" * LIMIT, SyntaxProblem.MALFORMED),
    "a head that is too large": (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * LIMIT, SyntaxProblem.HEAD_TOO_LARGE),
    "a request line that is too large": (b"GET /" + b"a" * LIMIT, SyntaxProblem.HEAD_TOO_LARGE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str) -> None:
    raw, problem = REFUSED[name]
    log = read(raw)
    assert log.problem is problem
    assert all(not request.ended for request in log.requests)


def test_too_many_fields_are_refused_within_the_limit_on_bytes() -> None:
    assert read(b"GET / HTTP/1.1\r\n" + HOST + TOO_MANY + b"\r\n", limit=1 << 20).problem is SyntaxProblem.MALFORMED


@pytest.mark.parametrize("name", [name for name in REFUSED if not name.endswith("large") and "end" not in name])
def test_is_refused_byte_by_byte_too(name: str) -> None:
    raw, problem = REFUSED[name]
    assert read(*(raw[position : position + 1] for position in range(len(raw)))).problem is problem


def test_an_unknown_coding_is_given_with_its_head_and_nothing_after_it_is_read() -> None:
    log = read(b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\nabc" + GET)
    assert [(request.target, request.body, request.ended) for request in log.requests] == [("/x", b"", False)]
    assert log.problem is None


def test_bytes_beyond_ascii_in_a_target_come_out_as_they_were() -> None:
    (request,) = read(b"GET /caf\xc3\xa9/\xff HTTP/1.1\r\n" + HOST + b"\r\n").requests
    assert request.target.encode("utf-8", "surrogateescape") == b"/caf\xc3\xa9/\xff"


@pytest.mark.parametrize(
    ("raw", "stays"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", True),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Connection: TE, Close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_the_client_says_whether_the_connection_stays(raw: bytes, stays: bool) -> None:
    assert read(raw).requests[0].keep_alive is stays


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ((GET,), True),
        ((GET[:10], GET[10:]), True),
        ((GET + GET[:5],), False),
        ((CHUNKED + chunked(b"a"),), False),
        ((b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc",), True),
        ((b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\n", b"abc"), False),
    ],
)
def test_the_bytes_of_a_request_are_kept_if_it_stands_alone(pieces: tuple[bytes, ...], whole: bool) -> None:
    parser = RequestParser(LIMIT)
    (head,) = [event for piece in pieces for event in parser.feed(piece) if isinstance(event, RequestHead)]
    assert head.wire == (b"".join(pieces) if whole else b"")


class TestWork:
    """What a byte costs does not depend on the bytes around it, nor on the pieces that they come in."""

    def test_a_chunk_is_one_piece_whatever_it_looks_like(self) -> None:
        parser = RequestParser(LIMIT)
        parser.feed(CHUNKED)
        assert parser.feed(b"30000\r\n" + b"\r\n" * 0x18000) == [b"\r\n" * 0x18000]

    def test_chunks_that_come_together_are_one_piece(self) -> None:
        parser = RequestParser(LIMIT)
        parser.feed(CHUNKED)
        assert parser.feed(b"2\r\nab\r\n" * 200) == [b"ab" * 200]

    @pytest.mark.parametrize(
        "packet",
        [CHUNKED + b"2\r\nab\r\n" * 10_000, CHUNKED + b"2;x\r\nab\r\n" * 10_000, CHUNKED + b"0\r\n" + b"a:\r\n" * 900 + b"\r\n" + GET],
        ids=["chunks", "chunks with extensions", "trailers"],
    )
    def test_of_many_lines_in_one_packet_a_few_are_read_at_a_time(self, packet: bytes) -> None:
        """In one call, 250 kB took 28 ms, in which no other connection was served."""
        parser = RequestParser(LIMIT)
        calls, whole, before = 0, [], len(packet)
        events = parser.feed(packet)
        while parser.unread:
            read_bytes = before - len(parser.unread)
            assert packet[len(packet) - before :][:read_bytes].count(b"\r\n") <= 2 * MAX_LINES_AT_ONCE + 4
            before, calls = len(parser.unread), calls + 1
            whole += events
            events = parser.feed()
        assert calls >= 3
        assert not any(isinstance(event, SyntaxProblem) for event in whole + events)
        assert parser.state is (ParserState.IDLE if packet.endswith(GET) else ParserState.BODY)

    @pytest.mark.parametrize("pieces", [1, 7])
    def test_a_head_of_far_too_many_fields_is_refused_before_they_are_read(self, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Thirty thousand fields of four bytes are within the limit of bytes, and took 17 ms until they were refused."""
        seen: list[bytes] = []
        monkeypatch.setattr(RequestParser, "on_header", lambda _, name, __: seen.append(name))
        head = GET[:-2] + b"a:\r\n" * 30_000 + b"\r\n"
        size = len(head) // pieces + 1
        log = read(*(head[start : start + size] for start in range(0, len(head), size)), limit=131_072)
        assert (log.problem, seen) == (SyntaxProblem.MALFORMED, [])

    def test_a_head_in_single_bytes_takes_time_in_proportion_to_its_size(self) -> None:
        head = b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 100_000
        parser = RequestParser(1 << 20)
        began = time.process_time()
        for position in range(len(head)):
            parser.feed(head[position : position + 1])
        assert time.process_time() - began < 2, "it took ten seconds when each byte was compared with all before it"

    def test_of_many_requests_in_one_packet_a_few_are_read_at_a_time(self) -> None:
        parser, log, calls = RequestParser(LIMIT), Log(), 1
        log.take(parser.feed(GET * 100 + GET[:5]))
        assert len(log.requests) == MAX_REQUESTS_AT_ONCE
        while parser.unread:
            log.take(parser.feed())
            calls += 1
        log.take(parser.feed(GET[5:]))
        assert (len(log.requests), log.problem) == (101, None)
        assert calls == 100 // MAX_REQUESTS_AT_ONCE + 1

    def test_what_is_unread_comes_before_what_arrives_later(self) -> None:
        parser, log = RequestParser(LIMIT), Log()
        log.take(parser.feed(GET * 30 + GET[:20]))
        log.take(parser.feed(GET[20:]))
        log.take(parser.feed())
        assert [request.target for request in log.requests] == ["/second"] * 31
