"""Cache of response heads that the parser has accepted: equal bytes have equal meaning, and need not be parsed again.

Keycloak's responses to one kind of request differ in their bodies, while their heads are equal byte for byte. A head is cached only if the
parser has accepted the whole response: with a length (or without a body by its status code), nothing after it, and the connection kept alive.
"""

from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.framing import SMALL_BODY_BYTES

MAX_HEADS = 512
MAX_HEAD_BYTES = 4096
_END_OF_HEAD = b"\r\n\r\n"


class CachedHead:
    """One head; ``wire`` are its bytes. ``whole_bytes`` is the size of head and body. ``rendered`` is the head as written to clients, once it is."""

    __slots__ = ("head_bytes", "headers", "reason", "rendered", "status", "whole_bytes", "wire")

    def __init__(self, wire: bytes, status: int, reason: bytes, headers: RawHeaders, *, whole_bytes: int) -> None:
        """``status`` to ``headers`` are as parsed."""
        self.wire = wire
        self.status = status
        self.reason = reason
        self.headers = headers
        self.head_bytes = len(wire)
        self.whole_bytes = whole_bytes
        self.rendered: bytes | None = None


class ResponseHeadCache:
    """The response heads of one server, without those to HEAD (no body, regardless of the fields). A full cache is emptied."""

    __slots__ = ("_heads", "_last")

    def __init__(self) -> None:
        """An empty cache."""
        self._heads: dict[bytes, CachedHead] = {}
        self._last: CachedHead | None = None  # most responses have the same head as the one before

    def find(self, data: bytes) -> CachedHead | None:
        """The head of a response that is exactly these bytes. None if the head is unknown, or the response longer or shorter."""
        last = self._last
        if last is not None and last.whole_bytes == len(data) and data.startswith(last.wire):
            return last
        found = self._heads.get(data[: data.find(_END_OF_HEAD) + 4])
        if found is None or found.whole_bytes != len(data):
            return None
        self._last = found
        return found

    def learn(self, data: bytes, status: int, reason: bytes, headers: RawHeaders, *, body_bytes: int) -> None:
        """Cache the head of a response. ``data`` is exactly one response that the parser has accepted and that keeps the connection alive."""
        end = data.find(_END_OF_HEAD) + 4
        if (
            end > MAX_HEAD_BYTES
            or body_bytes > SMALL_BODY_BYTES
            or end + body_bytes != len(data)
            or not data.startswith(b"HTTP/1.1 %d" % status)
        ):
            return
        if any(_is_individual(name) for name, _ in headers):
            return
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[data[:end]] = CachedHead(data[:end], status, reason, headers, whole_bytes=len(data))


def _is_individual(name: bytes) -> bool:
    """Fields that are secrets, or differ in each response. Their heads are not cached."""
    return len(name) in {8, 10} and name.lower() in {b"location", b"set-cookie"}
