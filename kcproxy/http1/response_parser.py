"""From an answer's bytes, in whatever pieces they come, to a PooledAnswer: httptools (llhttp, strict) and what it leaves to us.

One parser lives as long as its connection. llhttp cannot be told that an answer to HEAD has no body, so an answer that ends
before llhttp thinks so leaves the inner parser behind, and the next one gets a new one. The rest of a large sized body does
not pass through llhttp at all: it is counted, and handed on without a copy.
"""

from typing import Protocol

import httptools

from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.framing import BodyEnd, FramingError, ResponseFraming, response_framing

MAX_HEAD_BYTES = 262_144
"""An answer's head with the interim answers before it, and anything between two pieces of a body, is no longer than this."""

_UNFRAMED = ResponseFraming(BodyEnd.CLOSE, 0, keep_alive=False)
_END_OF_HEAD = b"\r\n\r\n"
_NOT_HTTP = "it is not HTTP; are scheme and port of upstream.url Keycloak's?"


class ResponseReceiver(Protocol):
    """What is filled with a response."""

    def begin(self, status: int, reason: bytes, headers: RawHeaders, length: int | None) -> None:
        """The head is complete; ``length`` of the body in bytes, if the head says it."""
        ...

    def push(self, chunk: bytes) -> None:
        """A piece of the body has arrived."""
        ...


class ResponseParser:
    """Fills one answer after the other. The methods named ``on_…`` are called by httptools, inside ``feed``."""

    __slots__ = (
        "_body_bytes",
        "_excess",
        "_framing",
        "_headers",
        "_http",
        "_interim",
        "_message_done",
        "_method",
        "_quiet_bytes",
        "_reason",
        "_refusal",
        "_respond",
        "_started",
        "head_done",
    )

    def __init__(self) -> None:
        """At the beginning of a message."""
        self._http = httptools.HttpResponseParser(self)
        self._message_done = True

    def begin(self, method: str, answer: ResponseReceiver) -> None:
        """The next bytes belong to the answer to a request with this method."""
        if not self._message_done:
            self._http = httptools.HttpResponseParser(self)
        self._method = method
        self._respond = answer
        self._headers: list[tuple[bytes, bytes]] = []
        self._reason = b""
        self._framing = _UNFRAMED
        self._refusal: str | None = None
        self._quiet_bytes = self._body_bytes = 0
        self._message_done = self._interim = self._excess = self._started = self.head_done = False

    def feed(self, data: bytes) -> bool:
        """More bytes; True where the answer is now complete. FramingError where they are not an answer that can be used."""
        if self.head_done and self._framing.end is BodyEnd.LENGTH:
            return self._count(data)
        self._started = True
        self._quiet_bytes += len(data)
        try:
            self._http.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._stumble(error)
        if self._refusal is not None:
            raise FramingError(self._refusal)
        if self.head_done and self._framing.end is BodyEnd.NONE:
            self._excess = self._excess or not data.endswith(_END_OF_HEAD[-len(data) :])
            return True
        if not self._message_done and self._quiet_bytes > MAX_HEAD_BYTES:
            raise FramingError(f"its head is longer than {MAX_HEAD_BYTES} bytes")
        return self._message_done

    def end_of_stream(self) -> bool:
        """The server sends no more; True where that completes the answer."""
        return self.head_done and self._framing.end is BodyEnd.CLOSE

    @property
    def started(self) -> bool:
        """Whether a byte of answer, interim or final, has come."""
        return self._started

    @property
    def reusable(self) -> bool:
        """Whether, after a complete answer, the connection can carry another exchange."""
        return self._framing.keep_alive and not self._excess

    # called by httptools

    def on_message_begin(self) -> None:
        """The first byte of a message; a second final answer was not asked for."""
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
        """The head of an interim or of the final answer."""
        if self.head_done or self._refusal is not None:
            return
        status = self._http.get_status_code()
        if status < 200:
            self._interim = True
            self._refusal = "it switches protocols, which was not asked for" if status == 101 else None
            return
        self._begin_response(status, self._http.get_http_version())

    def on_chunk_header(self) -> None:
        """The size of a chunk; where there is no body, it is excess."""
        if self._framing.end is BodyEnd.NONE:
            self._excess = True

    def on_body(self, piece: bytes) -> None:
        """A piece of the body, framing removed; where there is no body, it is excess."""
        if self._framing.end is BodyEnd.NONE or self._message_done:
            self._excess = True
            return
        self._quiet_bytes = 0
        self._body_bytes += len(piece)
        self._respond.push(piece)

    def on_message_complete(self) -> None:
        """The end of an interim answer, or of the answer."""
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
        self._respond.begin(status, self._reason, self._headers, framing.length if sized else None)

    def _stumble(self, error: Exception) -> None:
        """Garbage behind a complete answer only costs the connection; garbage inside it costs the answer."""
        if self._message_done or (self.head_done and self._framing.end is BodyEnd.NONE):
            self._excess = True
        elif self._refusal is None:
            self._refusal = _NOT_HTTP if "Expected HTTP/" in str(error) else str(error)

    def _count(self, data: bytes) -> bool:
        missing = self._framing.length - self._body_bytes
        self._message_done = False  # llhttp has not seen these bytes, and is of no use for the next answer
        if len(data) > missing:
            self._excess = True
            data = data[:missing]
        self._body_bytes += len(data)
        self._respond.push(data)
        return self._body_bytes == self._framing.length
