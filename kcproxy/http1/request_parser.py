"""Parses requests from bytes in any pieces. The request line is read here, everything else by httptools (llhttp, strict).

    idle ── first byte ──▶ head ── empty line ──▶ body ── last byte ──▶ idle
                            └─────────── cannot be read in exactly one way ──▶ failed

The parser does no I/O. It finds the end of each head and counts sized bodies itself, so it always knows at which byte a request ends. The fast
path depends on that: it reads bytes only between two requests. llhttp never sees the client's request line, because it rejects targets with
bytes beyond ASCII and unknown methods. It gets a replacement line; the real one is checked here.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

import httptools

from kcproxy.errors import RequestRefused
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.framing import RequestFraming, request_framing

MAX_FIELDS = 1024
_END_OF_HEAD = b"\r\n\r\n"
_EMPTY_LINE = b"\r\n"
_MAX_EMPTY_LINES = 8
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) ([^\x00-\x20\x7f]+) HTTP/([0-9])\.([0-9])\r\n")
_REPLACEMENT_LINES = {(1, 0): b"POST / HTTP/1.0\r\n", (1, 1): b"POST / HTTP/1.1\r\n"}


class ParserState(Enum):
    """Where the next byte belongs."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    FAILED = auto()


class SyntaxProblem(Enum):
    """Why a request cannot be read."""

    MALFORMED = auto()
    HEAD_TOO_LARGE = auto()
    VERSION = auto()


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request. ``target`` is as sent, with bytes beyond ASCII as surrogate escapes. ``keep_alive`` is the client's wish.

    ``has_body``: whether body bytes or chunks follow. ``wire``: the bytes of the whole request if it came in one piece and is not chunked,
    else empty.
    """

    method: str
    target: str
    version: tuple[int, int]
    fields: RawHeaders
    keep_alive: bool
    has_body: bool
    wire: bytes = b""


class EndOfRequest:
    """The last byte of a request has been read."""


END = EndOfRequest()

Event = RequestHead | bytes | EndOfRequest | SyntaxProblem
"""What ``feed`` finds: a head, a piece of its body, its end. A SyntaxProblem is the last event of a connection."""


class _HeadRefused(Exception):
    """A head that llhttp accepts and this parser does not. Raised and caught within ``feed``."""

    def __init__(self, problem: SyntaxProblem) -> None:
        super().__init__(problem)
        self.problem = problem


class RequestParser:
    """Parses the requests of one connection. httptools calls the methods named ``on_…`` within ``feed``."""

    __slots__ = (
        "_complete",
        "_events",
        "_fields",
        "_framing",
        "_framing_bytes",
        "_head",
        "_http",
        "_keep_alive",
        "_left_bytes",
        "_max_head_bytes",
        "_skips_head",
        "_tail",
        "state",
    )

    def __init__(self, max_head_bytes: int) -> None:
        """``max_head_bytes`` limits the request line and all fields together."""
        self._max_head_bytes = max_head_bytes
        self._http = httptools.HttpRequestParser(self)
        self._head = b""
        self._events: list[Event] = []
        self._fields: list[tuple[bytes, bytes]] = []
        self._framing = RequestFraming(None, chunked=False)
        self._left_bytes = 0
        self._tail = b""
        self._framing_bytes = 0
        self._keep_alive = True
        self._complete = False
        self._skips_head = False
        self.state = ParserState.IDLE

    @property
    def head_bytes(self) -> int:
        """How much of an unfinished head is buffered."""
        return len(self._head)

    def feed(self, data: bytes) -> list[Event]:
        """The events in these bytes. After a SyntaxProblem nothing more can be read."""
        events = self._events = []
        try:
            while data and self.state is not ParserState.FAILED:
                data = self._body(data) if self.state is ParserState.BODY else self._head_of(data)
        except _HeadRefused as refused:
            self._fail(refused.problem)
        except (httptools.HttpParserError, RequestRefused):
            self._fail(SyntaxProblem.MALFORMED)
        self._events = []
        return events

    # the head

    def _head_of(self, data: bytes) -> bytes:
        """Read a head, or more of it. Returns the bytes after it."""
        seen = max(len(self._head) - len(_END_OF_HEAD) + 1, 0)
        data = self._head + data
        self._head = b""
        if data.startswith(_EMPTY_LINE):
            seen, data = 0, _without_empty_lines(data)
        end = data.find(_END_OF_HEAD, seen)
        if end < 0 or end + len(_END_OF_HEAD) > self._max_head_bytes:
            if len(data) > self._max_head_bytes:
                raise _HeadRefused(SyntaxProblem.HEAD_TOO_LARGE)
            if data.count(b"\n") != data.count(b"\r\n"):
                raise _HeadRefused(SyntaxProblem.MALFORMED)  # a bare line feed: no need to wait for the end of such a head
            self._head = data
            self.state = ParserState.HEAD if data else ParserState.IDLE
            return b""
        end += len(_END_OF_HEAD)
        self._begin(data[:end], data)
        return data[end:]

    def _begin(self, head: bytes, data: bytes) -> None:
        """A complete head: ``data`` begins with it."""
        method, target, version, end_of_line = _request_line(head)
        upgrades = self._read_fields(_REPLACEMENT_LINES[version] + head[end_of_line:])
        if version == (1, 1) and _names_unknown_coding(self._fields):
            self._events.append(RequestHead(method, target, version, self._fields, keep_alive=False, has_body=False))
            self.state = ParserState.FAILED  # the head is readable and gets a response, but the end of the body is unknown
            return
        framing = self._checked(version)
        if upgrades:
            self._restart(framing)
        has_body = self._begin_body(framing)
        whole = data if not framing.chunked and len(head) + self._left_bytes == len(data) else b""
        self._events.append(RequestHead(method, target, version, self._fields, self._keep_alive, has_body, whole))
        self._fields = []  # keep no memory of a request: its connection may stay idle for long
        self.state = ParserState.BODY
        if self._complete:
            self._end()

    def _read_fields(self, head: bytes) -> bool:
        """Feed a head to llhttp. Returns whether it offers an upgrade, which is not taken up (RFC 9110, section 7.8)."""
        self._fields = []
        self._complete = False
        try:
            self._http.feed_data(head)
        except httptools.HttpParserUpgrade:
            return True
        except httptools.HttpParserError:
            if not _names_unknown_coding(self._fields):
                raise
        return False

    def _begin_body(self, framing: RequestFraming) -> bool:
        """Returns whether a body follows."""
        self._framing = framing
        self._left_bytes = framing.length or 0
        self._tail = b""
        self._framing_bytes = 0
        has_body = framing.chunked or self._left_bytes > 0
        if self._complete == has_body:
            raise _HeadRefused(SyntaxProblem.MALFORMED)  # llhttp sees another end than we do
        return has_body

    def _checked(self, version: tuple[int, int]) -> RequestFraming:
        """The framing of the head. Refuses heads that llhttp accepts and this proxy does not."""
        fields = self._fields
        hosts = sum(len(name) == 4 and name.lower() == b"host" for name, _ in fields)
        if len(fields) > MAX_FIELDS or hosts > 1 or (not hosts and version != (1, 0)):
            raise _HeadRefused(SyntaxProblem.MALFORMED)
        framing = request_framing(fields)
        if framing.chunked and version == (1, 0):
            raise _HeadRefused(SyntaxProblem.MALFORMED)  # RFC 9112, section 6.1: its framing cannot be trusted
        return framing

    def _restart(self, framing: RequestFraming) -> None:
        """Replace llhttp after an offer to upgrade, where it stops. The new one gets a head that frames the body in the same way."""
        self._http = httptools.HttpRequestParser(self)
        self._complete = False
        self._skips_head = True
        field = b"Transfer-Encoding: chunked" if framing.chunked else b"Content-Length: %d" % (framing.length or 0)
        self._http.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % field)
        self._skips_head = False

    # the body

    def _body(self, data: bytes) -> bytes:
        """Read more of a body. Returns the bytes after it."""
        if self._framing.chunked:
            return self._chunks(data)
        piece = data[: self._left_bytes]
        self._left_bytes -= len(piece)
        self._http.feed_data(piece)
        if self._complete != (self._left_bytes == 0):
            raise _HeadRefused(SyntaxProblem.MALFORMED)
        if self._complete:
            self._end()
        return data[len(piece) :]

    def _chunks(self, data: bytes) -> bytes:
        """Read more of a chunked body. It ends with an empty line, so llhttp gets no more at once than up to the next one."""
        start = 0
        while start < len(data) and not self._complete:
            end = _end_of_chunks(self._tail, data, start)
            piece = data[start:end]
            self._tail = (self._tail + piece)[-len(_END_OF_HEAD) :]
            self._framing_bytes += len(piece)
            self._http.feed_data(piece)
            if self._framing_bytes > self._max_head_bytes:
                raise _HeadRefused(SyntaxProblem.MALFORMED)  # chunk extensions or trailers without end
            start = end
        if self._complete:
            if self._tail != _END_OF_HEAD:
                raise _HeadRefused(SyntaxProblem.MALFORMED)  # llhttp sees another end than we do
            self._end()
        return data[start:]

    def _end(self) -> None:
        self._events.append(END)
        self.state = ParserState.IDLE

    def _fail(self, problem: SyntaxProblem) -> None:
        self.state = ParserState.FAILED
        self._head = b""
        self._events.append(problem)

    # called by httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field. Trailers arrive here too; they are dropped (RFC 9110, section 6.5.1)."""
        if self.state is not ParserState.BODY and not self._skips_head:
            self._fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """All fields are read. Only now does llhttp know whether the client wants to keep the connection."""
        if not self._skips_head:
            self._keep_alive = self._http.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, framing removed."""
        self._framing_bytes = 0
        self._events.append(piece)

    def on_message_complete(self) -> None:
        """Llhttp has seen the end of the request."""
        self._complete = True


def _request_line(head: bytes) -> tuple[str, str, tuple[int, int], int]:
    """Method, target, version, and the length of the line."""
    line = _LINE.match(head)
    if line is None:
        raise _HeadRefused(SyntaxProblem.MALFORMED)
    version = int(line[3]), int(line[4])
    if version not in _REPLACEMENT_LINES:
        raise _HeadRefused(SyntaxProblem.VERSION)
    return line[1].decode("ascii"), line[2].decode("utf-8", "surrogateescape"), version, line.end()


def _names_unknown_coding(fields: RawHeaders) -> bool:
    """Whether a transfer coding other than chunked is all that frames the body (RFC 9112, section 6.1)."""
    codings = [value.lower() for name, value in fields if name.lower() == b"transfer-encoding"]
    sized = any(name.lower() == b"content-length" for name, _ in fields)
    return len(codings) == 1 and codings != [b"chunked"] and not sized


def _without_empty_lines(data: bytes) -> bytes:
    """A few empty lines before a request are ignored (RFC 9112, section 2.2)."""
    for _ in range(_MAX_EMPTY_LINES):
        if not data.startswith(_EMPTY_LINE):
            break
        data = data[len(_EMPTY_LINE) :]
    return data


def _end_of_chunks(tail: bytes, data: bytes, start: int) -> int:
    """The offset in ``data`` at which the next empty line ends; the length of ``data`` if there is none. ``tail`` precedes ``start``."""
    joint = tail[-3:] + data[start : start + 3]
    found = joint.find(_END_OF_HEAD)
    if found >= 0:
        return start + found + len(_END_OF_HEAD) - len(tail[-3:])
    found = data.find(_END_OF_HEAD, start)
    return len(data) if found < 0 else found + len(_END_OF_HEAD)
