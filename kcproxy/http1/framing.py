"""HTTP/1.1 framing as pure functions: a request's head as bytes, and where the body of a response ends (RFC 9112, sections 6 and 9).

A message that cannot be framed in exactly one way is refused, in both directions. Request smuggling needs two parties that disagree on where a
message ends.
"""

import re
from enum import Enum, auto

from msgspec import Struct

from kcproxy.errors import RequestRefused
from kcproxy.http1.fields import RawHeaders

LAST_CHUNK = b"0\r\n\r\n"
SMALL_BODY_BYTES = 65_536
"""Bodies up to this size are handled as one buffer: read before their request is sent, written together with their head, passed by the fast path."""
_CONTENT_LENGTH = b"content-length"
_TRANSFER_ENCODING = b"transfer-encoding"
_MAX_LENGTH_DIGITS = 18
_BLANKS = b" \t"
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[^\x00-\x20\x7f]+")


class BodyEnd(Enum):
    """What ends the body of a response."""

    NONE = auto()  # no body at all: HEAD, 204, 304
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()  # everything until the server closes


class FramingError(Exception):
    """A response's head that does not say in exactly one way where the body ends."""


class ResponseFraming(Struct, frozen=True):
    """Where a response ends, and whether its connection can carry another exchange. ``length`` in bytes, only for ``LENGTH``."""

    end: BodyEnd
    length: int
    keep_alive: bool


class RequestFraming(Struct, frozen=True):
    """How the body of a request is framed by its own headers: ``length`` in bytes or None, ``chunked``."""

    length: int | None
    chunked: bool


def request_framing(headers: RawHeaders) -> RequestFraming:
    """What the headers of a request say about its body. Raises RequestRefused if they contradict themselves (RFC 9112, section 6.3)."""
    length: int | None = None
    chunked = False
    for name, value in headers:
        size = len(name)
        if size == 14 and name.lower() == _CONTENT_LENGTH:
            if length is not None or not value.isdigit() or len(value) > _MAX_LENGTH_DIGITS:
                raise RequestRefused("the request's Content-Length is not one plain number", reason="framing")
            length = int(value)
        elif size == 17 and name.lower() == _TRANSFER_ENCODING:
            if chunked or value.lower() != b"chunked":
                raise RequestRefused("the request has a Transfer-Encoding other than chunked", reason="framing")
            chunked = True
    if chunked and length is not None:
        raise RequestRefused("the request has both Content-Length and Transfer-Encoding", reason="framing")
    return RequestFraming(length, chunked)


def request_head(method: str, raw_target: str, headers: RawHeaders, extra: bytes = b"") -> bytes:
    """The head of a request as bytes. ``extra`` is a whole field line with its line break, or empty.

    Raises RequestRefused if a line break, a NUL or a blank could split a field in two or move the end of the target.
    """
    target = raw_target.encode("utf-8", "surrogateescape")
    lines = [name + b": " + value for name, value in headers]
    if _TARGET.fullmatch(target) is None or _METHOD.fullmatch(method) is None:
        raise RequestRefused("the request line holds characters that HTTP does not allow there", reason="framing")
    content = b"".join(lines)  # all of it at once: three searches of a kilobyte take less than one of each field
    if b"\n" in content or b"\r" in content or b"\0" in content:
        raise RequestRefused("a header field of the request holds a line break or a NUL", reason="framing")
    lines.insert(0, b"%b %b HTTP/1.1" % (method.encode("ascii"), target))
    return b"%b\r\n%b\r\n" % (b"\r\n".join(lines), extra)


def response_framing(method: str, status: int, version: str, headers: RawHeaders) -> ResponseFraming:
    """Where a response to ``method`` ends (RFC 9112, section 6.3). Raises FramingError if its fields are ambiguous."""
    length, chunked, connection = _framing_fields(headers)
    keep_alive = b"keep-alive" in connection if version == "1.0" else b"close" not in connection
    if chunked and length is not None:
        raise FramingError("it has both Content-Length and Transfer-Encoding")
    if chunked and version == "1.0":
        raise FramingError("it has a Transfer-Encoding in HTTP/1.0")
    if method == "HEAD" or status in (204, 304):
        return ResponseFraming(BodyEnd.NONE, 0, keep_alive)
    if chunked:
        return ResponseFraming(BodyEnd.CHUNKED, 0, keep_alive)
    if length is not None:
        return ResponseFraming(BodyEnd.LENGTH, length, keep_alive)
    return ResponseFraming(BodyEnd.CLOSE, 0, keep_alive=False)


def _framing_fields(headers: RawHeaders) -> tuple[int | None, bool, bytes]:
    length: int | None = None
    chunked = False
    connection = b""
    for name, value in headers:
        size = len(name)  # the size alone rules out most names, which is much cheaper than lower()
        if size == 14 and name.lower() == _CONTENT_LENGTH:
            digits = value.strip(_BLANKS)
            if length is not None or not digits.isdigit() or len(digits) > _MAX_LENGTH_DIGITS:
                raise FramingError("its Content-Length is not one plain number")
            length = int(digits)
        elif size == 17 and name.lower() == _TRANSFER_ENCODING:
            if chunked or value.strip(_BLANKS).lower() != b"chunked":
                raise FramingError("it has a Transfer-Encoding other than chunked")
            chunked = True
        elif size == 10 and name.lower() == b"connection":
            connection += value.lower() + b","
    return length, chunked, connection
