"""Serializes requests: what can be written at once, and what has to be sent piece by piece."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from kcproxy.errors import RequestRefused
from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.framing import LAST_CHUNK, SMALL_BODY_BYTES, RequestFraming, request_framing, request_head
from kcproxy.upstream.request_body import pieces_of


class UpstreamRequest(NamedTuple):
    """``data``: the head, and the body if it is small. ``stream``: the rest, chunked unless ``stream_length`` (bytes) is known."""

    method: str
    data: bytes
    stream: AsyncIterator[bytes] | None = None
    stream_length: int | None = None


def serialized(method: str, raw_target: str, headers: RawHeaders, body: bytes | AsyncIterator[bytes] | None) -> UpstreamRequest:
    """The request as it will be sent. Raises RequestRefused if its framing contradicts itself or its body."""
    framing = request_framing(headers)
    if body is None:
        if framing.chunked or framing.length:
            raise RequestRefused("the request announces a body and has none", reason="framing")
        return UpstreamRequest(method, request_head(method, raw_target, headers))
    if isinstance(body, bytes):
        return _with_bytes(method, raw_target, headers, body, framing)
    extra = b"" if framing.chunked or framing.length is not None else b"Transfer-Encoding: chunked\r\n"
    return UpstreamRequest(method, request_head(method, raw_target, headers, extra), body, framing.length)


def _with_bytes(method: str, raw_target: str, headers: RawHeaders, body: bytes, framing: RequestFraming) -> UpstreamRequest:
    if framing.length is not None and framing.length != len(body):
        raise RequestRefused("the request's body is not as long as its Content-Length says", reason="framing")
    unframed = framing.length is None and not framing.chunked
    head = request_head(method, raw_target, headers, b"Content-Length: %d\r\n" % len(body) if unframed else b"")
    length = None if framing.chunked else len(body)
    if len(body) > SMALL_BODY_BYTES:
        return UpstreamRequest(method, head, pieces_of(body, SMALL_BODY_BYTES), length)
    if framing.chunked:
        body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + LAST_CHUNK
    return UpstreamRequest(method, head + body)
