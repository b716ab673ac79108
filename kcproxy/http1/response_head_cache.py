"""Heads of answers that the parser has accepted before: the same bytes mean the same again, and need not be parsed.

Keycloak's answers to one kind of question differ in their bodies; their heads come back byte for byte. A head is learnt only from an answer
that the ordinary parser took as a whole: sized (or without a body by its status), nothing behind it, the connection kept.
"""

from kcproxy.http1.fields import RawHeaders

MAX_HEADS = 512
MAX_HEAD_BYTES = 4096
MAX_BODY_BYTES = 65_536
_END_OF_HEAD = b"\r\n\r\n"


class CachedHead:
    """One head, its bytes in ``wire``. ``whole_bytes`` is the size of the answer, head and body; ``rendered`` is kept for whoever writes it to callers."""

    __slots__ = ("head_bytes", "headers", "reason", "rendered", "status", "whole_bytes", "wire")

    def __init__(self, wire: bytes, status: int, reason: bytes, headers: RawHeaders, *, whole_bytes: int) -> None:
        """As the parser read it."""
        self.wire = wire
        self.status = status
        self.reason = reason
        self.headers = headers
        self.head_bytes = len(wire)
        self.whole_bytes = whole_bytes
        self.rendered: bytes | None = None


class ResponseHeadCache:
    """The heads of one server's answers (never those to HEAD, which have no body whatever they say). Bounded: a full table begins anew."""

    __slots__ = ("_known", "_last")

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known: dict[bytes, CachedHead] = {}
        self._last: CachedHead | None = None  # most answers have the head of the one before

    def find(self, data: bytes) -> CachedHead | None:
        """The head of an answer that is exactly these bytes; None where the head is new, or the answer longer or shorter."""
        last = self._last
        if last is not None and last.whole_bytes == len(data) and data.startswith(last.wire):
            return last
        known = self._known.get(data[: data.find(_END_OF_HEAD) + 4])
        if known is None or known.whole_bytes != len(data):
            return None
        self._last = known
        return known

    def learn(self, data: bytes, status: int, reason: bytes, headers: RawHeaders, *, body_bytes: int) -> None:
        """``data`` is an answer as a whole, which the parser has accepted, its connection to be kept. No more than that may be in it."""
        end = data.find(_END_OF_HEAD) + 4
        if (
            end > MAX_HEAD_BYTES
            or body_bytes > MAX_BODY_BYTES
            or end + body_bytes != len(data)
            or not data.startswith(b"HTTP/1.1 %d" % status)
        ):
            return
        if any(_is_particular(name) for name, _ in headers):
            return
        if len(self._known) >= MAX_HEADS:
            self._known.clear()
        self._known[data[:end]] = CachedHead(data[:end], status, reason, headers, whole_bytes=len(data))


def _is_particular(name: bytes) -> bool:
    """Fields that are secrets, or another one each time: nothing to be kept."""
    return len(name) in {8, 10} and name.lower() in {b"location", b"set-cookie"}
