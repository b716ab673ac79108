"""Upstream on aiohttp's ClientSession: the way out of our own pool, and the carrier of token requests and look-ups.

Everything that ClientSession adds or changes by itself is off: no redirect is followed, no cookie kept, nothing decompressed, no
header added, no proxy taken from the environment, no write repeated. Its parser lets answers pass that can be framed in two ways: they are
refused here, as by the pool. Three things are beyond it: a header field or a target that is not UTF-8 is refused, so is ``OPTIONS *``, and a
question mark with nothing behind it is lost.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import yarl

from kcproxy.errors import RequestRefused, UpstreamBroken, UpstreamBusy, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from kcproxy.http1.framing import FramingError, response_framing
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.interface import RawHeaders, UpstreamResponse

_AUTOMATIC = frozenset({"User-Agent", "Accept", "Accept-Encoding", "Content-Type"})
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Stands in text for a byte that is no UTF-8."""
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_FIELD_BYTES = 131072
_VERSIONS = {aiohttp.HttpVersion10: "1.0", aiohttp.HttpVersion11: "1.1"}


def tls_context(settings: UpstreamSettings) -> ssl.SSLContext | None:
    """TLS as the settings say: own CA, client certificate; None for plain HTTP."""
    if settings.scheme != "https":
        return None
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    if settings.client_certificate_file:
        context.load_cert_chain(settings.client_certificate_file, settings.client_key_file)
    return context


class SessionResponse:
    """An answer of ClientSession in the shape of ``UpstreamAnswer``."""

    def __init__(self, response: aiohttp.ClientResponse, where: str, idle_seconds: float) -> None:
        """Take over a response whose head has arrived; between two pieces of its body may be ``idle_seconds``."""
        self.status = response.status
        self.reason = (response.reason or "").encode("utf-8", "surrogateescape")
        self.headers: RawHeaders = response.raw_headers
        self.retried = False  # ClientSession repeats requests on stale connections by itself, and does not tell
        self._response = response
        self._where = where
        self._idle_seconds = idle_seconds
        self._begun = b""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        if self._begun:
            begun, self._begun = self._begun, b""
            yield begun
        try:
            while chunk := await self._next():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translated(error, self._where, phase="its answer's body") from error

    async def _next(self) -> bytes:
        """The next piece, empty at the end. The time limit is ours: aiohttp's own is off once its parser failed, at too long a trailer for one."""
        async with asyncio.timeout(self._idle_seconds):
            return await self._response.content.readany()

    async def read(self, max_bytes: int) -> bytes | None:
        """The whole body, or None where it is longer; then ``chunks`` still gives all of it."""
        parts, size = [], 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > max_bytes:
                self._begun = b"".join(parts)
                return None
        return b"".join(parts)

    def release(self) -> None:
        """Keep the connection if the body was read to its end, close it otherwise."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class SessionUpstream:
    """``Upstream`` on ClientSession. Create it on a running event loop."""

    def __init__(self, settings: UpstreamSettings, *, max_connections: int | None = None) -> None:
        """Open no connection yet. ``max_connections`` overrides the settings' own, for the few requests beside the main traffic."""
        self._settings = settings
        self._where = settings.origin
        tls = tls_context(settings)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=max_connections or settings.max_connections,
                ssl=True if tls is None else tls,
                keepalive_timeout=settings.keepalive_seconds,
            ),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=settings.connect_timeout_seconds * 2,  # waiting for a free connection included
                sock_connect=settings.connect_timeout_seconds,
                sock_read=settings.response_timeout_seconds,
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTOMATIC,
            raise_for_status=False,
            trust_env=False,
            max_line_size=_MAX_FIELD_BYTES,
            max_field_size=_MAX_FIELD_BYTES,
        )
        # aiohttp repeats PUT and DELETE by itself when a kept connection turns out dead; a write must never be executed twice.
        self._session._retry_connection = False  # noqa: SLF001 - there is no public switch

    async def exchange(
        self, method: str, raw_target: str, headers: RawHeaders, body: bytes | AsyncIterator[bytes] | None
    ) -> UpstreamResponse:
        """One request; a read whose kept connection was dead already is sent once more on a new one."""
        try:
            return await self._send(method, raw_target, headers, body)
        except UpstreamBroken:
            if method not in _REPEATABLE or body is not None:
                raise
            return await self._send(method, raw_target, headers, body)

    async def _send(self, method: str, raw_target: str, headers: RawHeaders, body: bytes | AsyncIterator[bytes] | None) -> UpstreamResponse:
        sized = any(name.lower() == b"content-length" for name, _ in headers)
        try:
            response = await self._session.request(
                method,
                _url(self._settings.origin, raw_target),
                headers=_decoded(headers),
                data=body,
                chunked=True if body is not None and not sized else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _translated(error, self._where, phase="an answer") from error
        try:
            _check_framing(method, response)
        except FramingError as error:
            response.close()
            raise UpstreamBroken(f"The answer of Keycloak at {self._where} cannot be used: {error}.") from error
        return SessionResponse(response, self._where, self._settings.idle_timeout_seconds)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _check_framing(method: str, response: aiohttp.ClientResponse) -> None:
    """FramingError where the answer is none of HTTP/1.0 and 1.1, or its head does not say in exactly one way where it ends."""
    version = _VERSIONS.get(response.version or aiohttp.HttpVersion11)
    if version is None or response.status < 200:
        raise FramingError("it is no final answer of HTTP/1.0 or 1.1")
    if any(b" " in name or b"\t" in name for name, _ in response.raw_headers):
        raise FramingError("a header field's name holds a blank")
    response_framing(method, response.status, version, response.raw_headers)


def _url(origin: str, raw_target: str) -> yarl.URL:
    """The address for which aiohttp sends exactly this target, but for a last ``?`` with nothing behind it. RequestRefused where it cannot."""
    if raw_target.startswith("/") and not _SURROGATE.search(raw_target):
        url = yarl.URL(origin + raw_target, encoded=True)
        if url.raw_path_qs in {raw_target, raw_target.removesuffix("?")}:
            return url
    raise RequestRefused("upstream.carrier = session cannot send this request target as it is; the carrier pool can.", reason="target")


def _decoded(headers: RawHeaders) -> list[tuple[str, str]]:
    try:
        return [(name.decode("ascii"), value.decode("utf-8")) for name, value in headers if name.lower() != b"transfer-encoding"]
    except UnicodeDecodeError as error:
        raise RequestRefused("A header field of this request is not UTF-8 and cannot be passed on.", reason="header-encoding") from error


_Maker = Callable[[str, str, BaseException], UpstreamError]


def _unreachable(where: str, _: str, error: BaseException) -> UpstreamError:
    return UpstreamUnreachable(f"No connection to Keycloak at {where}: {why(error)}.", sent=False)


def _late(where: str, phase: str, _: BaseException) -> UpstreamError:
    return UpstreamTimeout(f"Keycloak at {where} took too long to send {phase}.")


def _busy(where: str, _: str, __: BaseException) -> UpstreamError:
    return UpstreamBusy(f"All connections to Keycloak at {where} are in use.", sent=False)


def _broken(where: str, phase: str, error: BaseException) -> UpstreamError:
    return UpstreamBroken(f"Keycloak at {where} broke off before {phase} was complete: {why(error)}.")


_TRANSLATIONS: tuple[tuple[Any, _Maker], ...] = (
    (aiohttp.ServerTimeoutError, _late),
    (aiohttp.ClientConnectorError, _unreachable),
    (aiohttp.ClientSSLError, _unreachable),
    (asyncio.TimeoutError, _late),
)


def _translated(error: BaseException, where: str, *, phase: str) -> UpstreamError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        maker: _Maker = _busy if "pool" in str(error).lower() else _unreachable
        return maker(where, phase, error)
    maker = next((make for kind, make in _TRANSLATIONS if isinstance(error, kind)), _broken)
    return maker(where, phase, error)


def why(error: BaseException) -> str:
    """The kind of a failure to connect or to read, in words; never the text of a bad answer, which could hold anything."""
    if isinstance(error, aiohttp.ClientResponseError):
        return "what it sent is not HTTP"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no answer to the connection attempt in time"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection was closed half-way"
    os_error = getattr(error, "os_error", error)
    if isinstance(os_error, OSError) and os_error.strerror:
        return os_error.strerror
    return type(error).__name__
