"""The head of a response as bytes, for forwarded, explained and own responses alike."""

from collections.abc import Sequence

NO_BODY_STATUSES = frozenset({204, 304})
"""Responses without a body, regardless of their fields (RFC 9112, section 6.3)."""


def response_head(
    status: int, reason: bytes, lines: Sequence[bytes], *, keep_alive: bool = True, chunked: bool = False, http_1_0: bool = False
) -> bytes:
    """Status line, field lines (each with its line break), hop-by-hop fields, and the empty line."""
    own = b""
    if chunked:
        own = b"Transfer-Encoding: chunked\r\n"
    if not keep_alive:
        own += b"Connection: close\r\n"
    elif http_1_0:
        own += b"Connection: keep-alive\r\n"
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (status, reason, b"".join(lines), own)
