"""Where the inbound parser stands: exactly between two requests, or anywhere else.

Only between two requests may anybody but the parser read what comes next: a head inside a body is no head. So this counts along, and where it
is not certain, it stays uncertain.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

_END_OF_HEAD = b"\r\n\r\n"


class _Place(Enum):
    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()
    LOST = auto()


class Edge:
    """``between`` two requests; ``wire``: the bytes of the last one, where it came alone and as a whole, else empty."""

    __slots__ = ("_owed_bytes", "_payload", "_place", "between", "wire")

    def __init__(self) -> None:
        """As for a new parser."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """There is a new parser, which has seen nothing."""
        self._place = _Place.BETWEEN
        self._owed_bytes = 0
        self._payload: StreamReader | None = None
        self.between = True
        self.wire = b""

    @property
    def in_head(self) -> bool:
        """Whether a head has begun and is not complete."""
        return self._place is _Place.HEAD

    @property
    def lost(self) -> bool:
        """Whether the position of the parser is no longer known."""
        return self._place is _Place.LOST

    def fed(self, data: bytes, emitted: Sequence[tuple[Any, StreamReader]]) -> None:
        """The parser got these bytes, and what came out of it are these messages, each with its body."""
        place = self._place
        if place is _Place.LOST or (place is _Place.BETWEEN and not data and not emitted):
            return
        if place is _Place.BODY:
            self._owed_bytes -= len(data)
            self._settle(b"", self._payload, valid=not emitted)
            return
        wire = data if place is _Place.BETWEEN else self.wire + data
        if emitted:
            self._begun(wire, emitted)
        else:
            self._stand(_Place.HEAD, wire)

    def _begun(self, wire: bytes, emitted: Sequence[tuple[Any, StreamReader]]) -> None:
        message, payload = emitted[0]
        end = wire.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        # Empty lines before a request are skipped by parsers (RFC 9112, section 2.2), and would be taken for its head's end here.
        plain = len(emitted) == 1 and isinstance(message, RawRequestMessage) and wire[:1].isalpha() and end > len(_END_OF_HEAD)
        if not plain or message.chunked or message.upgrade:
            self._stand(_Place.LOST, b"")
            return
        self._owed_bytes = end + int(message.headers.get("Content-Length", "0")) - len(wire)
        self._settle(wire, payload, valid=True)

    def _settle(self, wire: bytes, payload: StreamReader | None, *, valid: bool) -> None:
        """A head is complete: the body has to be there to its last byte, by this count and by the parser's."""
        complete = payload is not None and payload.is_eof()
        # A parser whose reader is slower keeps the last bytes back: then the count is at its end before the body is.
        if not valid or self._owed_bytes < 0 or (complete and self._owed_bytes):
            self._stand(_Place.LOST, b"")
        elif complete:
            self._stand(_Place.BETWEEN, wire)
        else:
            self._stand(_Place.BODY, b"")
            self._payload = payload

    def _stand(self, place: _Place, wire: bytes) -> None:
        self._place = place
        self._payload = None
        self.between = place is _Place.BETWEEN
        self.wire = wire
