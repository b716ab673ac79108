"""Bodies of httpx: a response whose beginning has been read, and a token request that is sent once."""

from collections.abc import AsyncIterator, Iterator

import httpx

_PIECE_BYTES = 256


class Beginning:
    """The beginning of a body. ``failure``: why it broke off."""

    def __init__(self, max_bytes: int) -> None:
        """``max_bytes``: how much is read before the rest stays a stream."""
        self.pieces: list[bytes] = []
        self.failure: Exception | None = None
        self.has_ended = False
        self.max_bytes = max_bytes
        self._left = max_bytes

    def add(self, piece: bytes) -> bool:
        """Whether to read on."""
        self.pieces.append(piece)
        self._left -= len(piece)
        return self._left >= 0

    @property
    def body(self) -> bytes:
        """What has been read."""
        return b"".join(self.pieces)


def fill(read: Beginning, pieces: Iterator[bytes]) -> None:
    """Read until the end, the limit or a failure."""
    try:
        for piece in pieces:
            if not read.add(piece):
                return
    except Exception as error:  # noqa: BLE001 - raised again by the stream, when the client reads it
        read.failure = error
        return
    read.has_ended = True


async def fill_async(read: Beginning, pieces: AsyncIterator[bytes]) -> None:
    """As ``fill``."""
    try:
        async for piece in pieces:
            if not read.add(piece):
                return
    except Exception as error:  # noqa: BLE001 - raised again by the stream, when the client reads it
        read.failure = error
        return
    read.has_ended = True


class RestOfStream(httpx.SyncByteStream):
    """A stream whose beginning has been read."""

    def __init__(self, read: Beginning, rest: Iterator[bytes], stream: httpx.SyncByteStream) -> None:
        """``rest``: what follows. ``stream``: where it comes from."""
        self._read, self._rest, self._stream = read, rest, stream

    def __iter__(self) -> Iterator[bytes]:
        """All pieces."""
        yield from self._read.pieces
        if self._read.failure is not None:
            raise self._read.failure
        yield from self._rest

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class RestOfAsyncStream(httpx.AsyncByteStream):
    """The same for asynchronous clients."""

    def __init__(self, read: Beginning, rest: AsyncIterator[bytes], stream: httpx.AsyncByteStream) -> None:
        """As ``RestOfStream``."""
        self._read, self._rest, self._stream = read, rest, stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """All pieces."""
        for piece in self._read.pieces:
            yield piece
        if self._read.failure is not None:
            raise self._read.failure
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()


def decoded(response: httpx.Response, body: bytes, max_bytes: int) -> bytes | None:
    """The body without its content coding, as httpx reads it. None if httpx does not know the coding, or the result is too large."""
    codings = [(name, value) for name, value in response.headers.raw if name.lower() == b"content-encoding"]
    plain = bytearray()
    try:
        for piece in httpx.Response(200, headers=codings, stream=_Pieces(body)).iter_bytes():
            plain += piece
            if len(plain) > max_bytes:
                return None
    except httpx.DecodingError:
        return None
    return None if plain == body else bytes(plain)


class _Pieces(httpx.SyncByteStream):
    """A coded body in small pieces, so that one that unfolds to much more is noticed early."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), _PIECE_BYTES):
            yield self._body[start : start + _PIECE_BYTES]


class SentOnce(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a token request. httpx gives the same stream to the request that follows a redirect, so a second reading fails before it is sent."""

    def __init__(self, body: bytes) -> None:
        """``body``: a form with credentials."""
        self._body = body
        self._is_sent = False

    def __iter__(self) -> Iterator[bytes]:
        """The body, the first time. Raises TokenFetchError the second time."""
        yield self._taken()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """As ``__iter__``."""
        yield self._taken()

    def _taken(self) -> bytes:
        if self._is_sent:
            from kcproxy.errors import TokenFetchError  # noqa: PLC0415 - not loaded with an import

            raise TokenFetchError(
                "The token request was redirected or repeated. Credentials are sent once, and only to base_url: give Keycloak's own address as base_url."
            )
        self._is_sent = True
        return self._body
