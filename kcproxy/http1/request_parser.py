"""Parses requests from bytes in any pieces. The request line is read here, everything else by httptools (llhttp, strict).

    idle ── first byte ──▶ head ── empty line ──▶ body ── last byte ──▶ idle
                            └─────────── cannot be read in exactly one way ──▶ failed

The parser does no I/O. It finds the end of each head and of each body itself, so it always knows at which byte a request ends. The fast
path depends on that: it reads bytes only between two requests. llhttp never sees the client's request line, because it rejects targets with
bytes beyond ASCII and unknown methods. It gets a replacement line; the real one is checked here.

The work is limited: each byte is read a fixed number of times, in pieces of any size, and one call parses a few requests, fields and chunks at most.
"""

import re
from enum import Enum, auto

import httptools
from msgspec import Struct

from kcproxy.errors import RequestRefused
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.framing import RequestFraming, request_framing

MAX_FIELDS = 1024
MAX_REQUESTS_AT_ONCE = 16
"""Requests that one call of ``feed`` reads. A client may send thousands in one packet, which would hold up all other connections."""
MAX_LINES_AT_ONCE = 256
"""Fields and chunks that one call of ``feed`` reads, except that a head is read as a whole. A packet may have tens of thousands of chunks."""
_END_OF_HEAD = b"\r\n\r\n"
_EMPTY_LINE = b"\r\n"
_MIN_FIELD_BYTES = len(b"a:\r\n")
_MAX_EMPTY_LINES = 8
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) ([^\x00-\x20\x7f]+) HTTP/([0-9])\.([0-9])\r\n")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]*+)?\r\n")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[;\r]")
_CHUNK_SIZE_BYTES = 18
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


class RequestHead(Struct, frozen=True):
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
        "_chunk_bytes",
        "_chunk_line",
        "_complete",
        "_ends",
        "_events",
        "_fields",
        "_framing",
        "_framing_bytes",
        "_head",
        "_http",
        "_keep_alive",
        "_left_bytes",
        "_lines",
        "_max_head_bytes",
        "_pieces",
        "_skips_head",
        "_trailers",
        "state",
        "unread",
    )

    def __init__(self, max_head_bytes: int) -> None:
        """``max_head_bytes`` limits the request line and all fields together."""
        self._max_head_bytes = max_head_bytes
        self._http = httptools.HttpRequestParser(self)
        self._head = bytearray()
        self._events: list[Event] = []
        self._pieces: list[bytes] = []
        self._ends = 0
        self._lines = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._framing = RequestFraming(None, chunked=False)
        self._left_bytes = 0
        self._chunk_bytes = 0
        self._chunk_line = b""
        self._trailers = False
        self._framing_bytes = 0
        self._keep_alive = True
        self._complete = False
        self._skips_head = False
        self.state = ParserState.IDLE
        self.unread = b""

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished head, and of what is unread, is kept."""
        return len(self._head) + len(self.unread)

    def give_up(self) -> None:
        """Read no more, and keep nothing."""
        self.state = ParserState.FAILED
        self._head = bytearray()
        self.unread = b""

    def feed(self, data: bytes = b"") -> list[Event]:
        """What these bytes complete. After a SyntaxProblem the connection cannot be read any more.

        After ``MAX_REQUESTS_AT_ONCE`` requests or ``MAX_LINES_AT_ONCE`` lines the rest stays in ``unread``, and the next call begins with it.
        """
        events = self._events = []
        self._ends = self._lines = 0
        data, self.unread = self.unread + data, b""
        try:
            while data and self.state is not ParserState.FAILED:
                if self._ends >= MAX_REQUESTS_AT_ONCE or self._lines >= MAX_LINES_AT_ONCE:
                    self.unread = data
                    break
                data = self._body(data) if self.state is ParserState.BODY else self._head_of(data)
        except _HeadRefused as refused:
            self._fail(refused.problem)
        except (httptools.HttpParserError, RequestRefused):
            self._fail(SyntaxProblem.MALFORMED)
        self._flush()
        self._events = []
        return events

    # the head

    def _head_of(self, data: bytes) -> bytes:
        """Read a head, or more of it. Returns the bytes after it."""
        seen = max(len(self._head) - len(_END_OF_HEAD) + 1, 0)
        self._head += data
        if not seen and self._head.startswith(_EMPTY_LINE):
            self._head = _without_empty_lines(self._head)
        end = self._head.find(_END_OF_HEAD, seen)
        if end < 0 or end + len(_END_OF_HEAD) > self._max_head_bytes:
            if len(self._head) > self._max_head_bytes:
                raise _HeadRefused(SyntaxProblem.HEAD_TOO_LARGE)
            if _has_bare_line_feed(self._head, seen):
                raise _HeadRefused(SyntaxProblem.MALFORMED)  # no need to wait for the end of such a head
            self.state = ParserState.HEAD if self._head else ParserState.IDLE
            return b""
        end += len(_END_OF_HEAD)
        if end > MAX_FIELDS * _MIN_FIELD_BYTES and self._head.count(b"\n", 0, end) > MAX_FIELDS + 2:
            raise _HeadRefused(SyntaxProblem.MALFORMED)  # before llhttp calls back for each of them
        data, self._head = bytes(self._head), bytearray()
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
        self._lines += len(self._fields)
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
        self._trailers = False
        self._chunk_line = b""
        self._chunk_bytes = self._framing_bytes = 0
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
        """The same for a chunked body."""
        end, is_last = self._end_of_chunks(data)
        self._framing_bytes += end
        self._http.feed_data(data[:end])
        if self._framing_bytes > self._max_head_bytes:
            raise _HeadRefused(SyntaxProblem.MALFORMED)  # chunk extensions or trailers without end
        if self._complete != is_last:
            raise _HeadRefused(SyntaxProblem.MALFORMED)  # llhttp sees another end than we do
        if is_last:
            self._end()
        return data[end:]

    def _end_of_chunks(self, data: bytes) -> tuple[int, bool]:
        """Up to where ``data`` may be read now, and whether the body ends there: llhttp checks the chunks and does not tell where they end."""
        at, size, lines = self._chunk_bytes, len(data), self._lines
        while at < size and lines < MAX_LINES_AT_ONCE:
            lines += 1
            found = _CHUNK_LINE.match(data, at) if not (self._trailers or self._chunk_line) else None
            if found is not None and (chunk_bytes := int(found[1], 16)):
                at = found.end() + chunk_bytes + len(_EMPTY_LINE)
                continue
            end = data.find(b"\n", at) + 1
            line = self._chunk_line + data[at : min(end or size, at + _CHUNK_SIZE_BYTES)]
            at = end or size
            self._chunk_line = b"" if end else line[:_CHUNK_SIZE_BYTES]
            if end and self._trailers and line == _EMPTY_LINE:
                self._chunk_bytes = 0
                return at, True
            if end and not self._trailers:
                at += self._begin_chunk(line)
        self._lines = lines
        end = min(at, size)
        self._chunk_bytes = at - end
        return end, False

    def _begin_chunk(self, line: bytes) -> int:
        """The line before a chunk (RFC 9112, section 7.1), of which only the beginning counts: how many bytes the chunk has, line break included."""
        found = _CHUNK_SIZE.match(line)
        if found is None:
            raise _HeadRefused(SyntaxProblem.MALFORMED)
        size = int(found[1], 16)
        self._trailers = size == 0
        return size + len(_EMPTY_LINE) if size else 0

    def _end(self) -> None:
        self._flush()
        self._ends += 1
        self._events.append(END)
        self.state = ParserState.IDLE

    def _flush(self) -> None:
        """Give the pieces of a body that came together as one."""
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._events.append(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _fail(self, problem: SyntaxProblem) -> None:
        self.state = ParserState.FAILED
        self._head = bytearray()
        self._flush()
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
        self._pieces.append(piece)

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


def _has_bare_line_feed(data: bytearray, start: int) -> bool:
    """Whether there is a line feed from ``start`` on without a carriage return before it. Counting is 50 times as fast as a regular expression."""
    return data.count(b"\n", start) != data.count(b"\r\n", max(start - 1, 0))


def _names_unknown_coding(fields: RawHeaders) -> bool:
    """Whether a transfer coding other than chunked is all that frames the body (RFC 9112, section 6.1)."""
    codings = [value.lower() for name, value in fields if name.lower() == b"transfer-encoding"]
    sized = any(name.lower() == b"content-length" for name, _ in fields)
    return len(codings) == 1 and codings != [b"chunked"] and not sized


def _without_empty_lines(data: bytearray) -> bytearray:
    """A few empty lines before a request are ignored (RFC 9112, section 2.2)."""
    lines = 0
    while lines < _MAX_EMPTY_LINES and data.startswith(_EMPTY_LINE, lines * len(_EMPTY_LINE)):
        lines += 1
    return data[lines * len(_EMPTY_LINE) :]
