"""Answers on their way to the caller: one write where the body is small, otherwise piece by piece at the caller's own pace."""

import asyncio

from aiohttp.http import HttpVersion10, HttpVersion11

from kcproxy.keycloak.upstream import UpstreamAnswer
from kcproxy.proxy.bodies import CallerGone
from kcproxy.proxy.headers import AnswerFields
from kcproxy.proxy.turn import Inbound

BUFFER_BYTES = 65536
_NO_BODY = frozenset({204, 304})


class Reply:
    """The writing end of one request. ``sent_bytes`` counts body bytes; ``begun`` tells that the status is out."""

    __slots__ = ("_idle_seconds", "_inbound", "begun", "keep_alive", "sent_bytes")

    def __init__(self, inbound: Inbound, *, keep_alive: bool, idle_seconds: float) -> None:
        """``keep_alive``: whether the connection may stay as far as we are concerned; the caller's wish counts too."""
        self._inbound = inbound
        self._idle_seconds = idle_seconds
        self.keep_alive = keep_alive and not inbound.message.should_close
        self.sent_bytes = 0
        self.begun = False

    async def forward(self, answer: UpstreamAnswer, fields: AnswerFields) -> None:
        """Write an upstream answer as it is. CallerGone; UpstreamError when the rest of its body does not come."""
        if self._inbound.message.method == "HEAD" or answer.status in _NO_BODY or answer.status < 200:
            self._write_all(self._head(answer.status, answer.reason, fields, chunked=fields.chunked and answer.status not in _NO_BODY), b"")
            return
        if fields.length is not None and fields.length <= BUFFER_BYTES:
            body = await answer.read(BUFFER_BYTES) or b""
            self._write_all(self._head(answer.status, answer.reason, fields, chunked=False), body)
            await self._drained()
            return
        await self._stream(answer, fields)

    async def write(self, status: int, reason: bytes, fields: AnswerFields, body: bytes) -> None:
        """Write an answer whose body is known. ``fields`` hold its length."""
        head = self._head(status, reason, fields, chunked=False)
        self._write_all(head, b"" if self._inbound.message.method == "HEAD" else body)
        await self._drained()

    def write_raw(self, answer: bytes) -> None:
        """Write an answer that is complete in itself, head and all."""
        self._write(answer)
        self.sent_bytes += len(answer.partition(b"\r\n\r\n")[2])

    def abort(self) -> None:
        """End the connection so that the caller notices: his answer is not complete."""
        self.keep_alive = False
        transport = self._inbound.protocol.transport
        if transport is not None:
            transport.abort()

    async def _stream(self, answer: UpstreamAnswer, fields: AnswerFields) -> None:
        sized = fields.length is not None
        chunked = not sized and self._inbound.message.version >= HttpVersion11
        if not sized and not chunked:
            self.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        pending = self._head(answer.status, answer.reason, fields, chunked=chunked)
        async for chunk in answer.chunks():
            if not chunk:
                continue
            if chunked:
                self._write(pending, b"%x\r\n" % len(chunk), chunk, b"\r\n")
            elif pending:
                self._write(pending, chunk)
            else:
                self._write(chunk)
            pending = b""
            self.sent_bytes += len(chunk)
            await self._drained()
        if pending or chunked:
            self._write(pending, b"0\r\n\r\n" if chunked else b"")

    def _head(self, status: int, reason: bytes, fields: AnswerFields, *, chunked: bool) -> bytes:
        version = self._inbound.message.version
        parts = [b"HTTP/1.1 %d %b\r\n" % (status, reason), *fields.lines]
        if chunked:
            parts.append(b"Transfer-Encoding: chunked\r\n")
        if not self.keep_alive:
            parts.append(b"Connection: close\r\n")
        elif version == HttpVersion10:
            parts.append(b"Connection: keep-alive\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _write_all(self, head: bytes, body: bytes) -> None:
        if body:
            self._write(head, body)
        else:
            self._write(head)
        self.sent_bytes += len(body)

    def _write(self, *parts: bytes) -> None:
        transport = self._inbound.protocol.transport
        if transport is None or transport.is_closing():
            raise CallerGone
        self.begun = True
        if len(parts) == 1:
            transport.write(parts[0])
        else:
            transport.writelines(parts)

    async def _drained(self) -> None:
        """Wait until the caller has taken what was written, not longer than the limit."""
        if not self._inbound.protocol.writing_paused:
            return
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._inbound.protocol.drained()
        except (TimeoutError, OSError) as error:
            self.abort()
            raise CallerGone from error
