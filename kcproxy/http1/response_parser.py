"""Parses responses from bytes in any pieces, with httptools (llhttp, strict) and the framing rules of ``framing``.

One parser serves one connection. llhttp has no way to learn that a response to HEAD has no body. If a response ends before llhttp expects it,
the next response gets a new llhttp. The rest of a large body with a length does not pass through llhttp: it is counted and passed on without a
copy.
"""

from typing import Protocol

import httptools

from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.framing import BodyEnd, FramingError, ResponseFraming, response_framing

MAX_HEAD_BYTES = 262_144
"""Limit of a head with the interim responses before it, and of the framing between two pieces of a body."""

_UNFRAMED = ResponseFraming(BodyEnd.CLOSE, 0, keep_alive=False)
_END_OF_HEAD = b"\r\n\r\n"
_NOT_HTTP = "it is not HTTP; are scheme and port of upstream.url Keycloak's?"


class ResponseReceiver(Protocol):
    """Receives a response from the parser."""

    def begin(self, status: int, reason: bytes, headers: RawHeaders, length: int | None) -> None:
        """The head is complete; ``length`` of the body in bytes, if the head says it."""
        ...

    def push(self, chunk: bytes) -> None:
        """A piece of the body has arrived."""
        ...


class ResponseParser:
    """Parses one response after the other. httptools calls the methods named ``on_…`` within ``feed``."""

    __slots__ = (
        "_body_bytes",
        "_excess",
        "_framing",
        "_framing_bytes",
        "_headers",
        "_http",
        "_interim",
        "_message_done",
        "_method",
        "_reason",
        "_receiver",
        "_refusal",
        "_started",
        "head_done",
    )

    def __init__(self) -> None:
        """``begin`` has to be called before the first bytes."""
        self._http = httptools.HttpResponseParser(self)
        self._message_done = True

    def begin(self, method: str, receiver: ResponseReceiver) -> None:
        """The next bytes are the response to a request with this method."""
        if not self._message_done:
            self._http = httptools.HttpResponseParser(self)
        self._method = method
        self._receiver = receiver
        self._headers: list[tuple[bytes, bytes]] = []
        self._reason = b""
        self._framing = _UNFRAMED
        self._refusal: str | None = None
        self._framing_bytes = self._body_bytes = 0
        self._message_done = self._interim = self._excess = self._started = self.head_done = False

    def feed(self, data: bytes) -> bool:
        """More bytes. Returns whether the response is complete. Raises FramingError if it cannot be used."""
        if self.head_done and self._framing.end is BodyEnd.LENGTH:
            return self._count(data)
        self._started = True
        self._framing_bytes += len(data)
        try:
            self._http.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._syntax_error(error)
        if self._refusal is not None:
            raise FramingError(self._refusal)
        if self.head_done and self._framing.end is BodyEnd.NONE:
            self._excess = self._excess or not data.endswith(_END_OF_HEAD[-len(data) :])
            return True
        if not self._message_done and self._framing_bytes > MAX_HEAD_BYTES:
            raise FramingError(f"its head is longer than {MAX_HEAD_BYTES} bytes")
        return self._message_done

    def end_of_stream(self) -> bool:
        """The server sends no more. Returns whether that completes the response."""
        return self.head_done and self._framing.end is BodyEnd.CLOSE

    @property
    def started(self) -> bool:
        """Whether a byte of a response, interim or final, has arrived."""
        return self._started

    @property
    def reusable(self) -> bool:
        """Whether, after a complete response, the connection can carry another exchange."""
        return self._framing.keep_alive and not self._excess

    # called by httptools

    def on_message_begin(self) -> None:
        """The first byte of a message. A second final response is excess."""
        if self._message_done:
            self._excess = True

    def on_status(self, reason: bytes) -> None:
        """The reason phrase, or a piece of it."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. Trailers come here too; they are dropped (RFC 9110, section 6.5.1)."""
        if not self.head_done:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head of an interim or of the final response."""
        if self.head_done or self._refusal is not None:
            return
        status = self._http.get_status_code()
        if status < 200:
            self._interim = True
            self._refusal = "it switches protocols, which the request did not ask for" if status == 101 else None
            return
        self._begin_response(status, self._http.get_http_version())

    def on_chunk_header(self) -> None:
        """The size of a chunk. If the response has no body, it is excess."""
        if self._framing.end is BodyEnd.NONE:
            self._excess = True

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, framing removed. If the response has no body, it is excess."""
        if self._framing.end is BodyEnd.NONE or self._message_done:
            self._excess = True
            return
        self._framing_bytes = 0
        self._body_bytes += len(piece)
        self._receiver.push(piece)

    def on_message_complete(self) -> None:
        """The end of an interim response, or of the response."""
        if self._interim:
            self._interim = False
            self._headers.clear()
            self._reason = b""
        else:
            self._message_done = True

    # inside

    def _begin_response(self, status: int, version: str) -> None:
        if version not in ("1.1", "1.0"):
            self._refusal = "it is not HTTP/1.1"
            return
        try:
            framing = response_framing(self._method, status, version, self._headers)
        except FramingError as error:
            self._refusal = str(error)
            return
        self._framing = framing
        self.head_done = True
        sized = framing.end in (BodyEnd.LENGTH, BodyEnd.NONE)
        self._receiver.begin(status, self._reason, self._headers, framing.length if sized else None)

    def _syntax_error(self, error: Exception) -> None:
        """Garbage after a complete response only costs the connection; within it, it costs the response."""
        if self._message_done or (self.head_done and self._framing.end is BodyEnd.NONE):
            self._excess = True
        elif self._refusal is None:
            self._refusal = _NOT_HTTP if "Expected HTTP/" in str(error) else str(error)

    def _count(self, data: bytes) -> bool:
        missing = self._framing.length - self._body_bytes
        self._message_done = False  # llhttp has not seen these bytes and cannot parse the next response
        if len(data) > missing:
            self._excess = True
            data = data[:missing]
        self._body_bytes += len(data)
        self._receiver.push(data)
        return self._body_bytes == self._framing.length
