"""aiohttp (3.12 or later): client middlewares that explain refusals, and that add the token of a service account.

    explaining = ExplainingMiddleware(base_url="https://login.example.com")
    session = aiohttp.ClientSession(middlewares=(explaining, ServiceAccountMiddleware(account, base_url="https://login.example.com")))

A response without an explanation is the very object of the session. The typed explanation is in ``response.kcproxy``
(``kcproxy.middleware.explanation_of`` for type checkers).
"""

import asyncio
import warnings
from collections.abc import Generator
from concurrent.futures import Future
from email.message import Message
from typing import TYPE_CHECKING, Any, Unpack
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict, CIMultiDictProxy

from kcproxy.middleware.accounts import ServiceAccount
from kcproxy.middleware.address import origin_of
from kcproxy.middleware.explainer import RefusalExplainer, explainer_of
from kcproxy.middleware.options import Options
from kcproxy.middleware.refusal import Explained, Refusal
from kcproxy.middleware.tokens import Attempt, Call, Hold, Step, TokenSource, Unreachable, exchange

if TYPE_CHECKING:
    from kcproxy.keycloak.token_endpoint import TokenRequest
    from kcproxy.middleware.engine import LookedUp

_ATTEMPTS: WeakKeyDictionary[ClientRequest, Attempt] = WeakKeyDictionary()
"""The attempts with an account's token, so that both middlewares work in any order."""
_READ_BYTES = 65536
_EACH_BYTE = "latin-1"
"""The encoding in which each byte is a character. ``BytesPayload.as_bytes`` does not exist in aiohttp 3.12.0."""
_DECODED = frozenset({"br", "deflate", "gzip", "zstd"})
"""The content codings that aiohttp removes; it leaves a body in any other one as it is."""


class ExplainingMiddleware:
    """A middleware for ``ClientSession(middlewares=(…))`` that explains refusals."""

    def __init__(self, *, explainer: RefusalExplainer | None = None, **options: Unpack[Options]) -> None:
        """``explainer`` can be shared; otherwise ``options`` make one."""
        self._explainer = explainer_of(explainer, options)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send a request, and explain its response if it is a refusal."""
        response = await handler(request)
        if response.status < 400 and not self._explainer.observes:
            return response
        attempt = _ATTEMPTS.get(request)
        if attempt is not None and attempt.repeats(response.status):
            return response
        if self._explainer.observes:
            self._explainer.observed(_refusal(request, response, b"", injected=attempt is not None))
        if not self._explainer.concerns(response.status, request.method, _origin(request), _target(request)):
            return response
        body = await _body_of(response, self._explainer.max_body_bytes)
        if body is None:
            return response
        refusal = _refusal(request, response, body, injected=attempt is not None)
        return _answered(response, body, await self._explainer.explain_async(refusal, _wait))

    def close(self) -> None:
        """End look-ups."""
        self._explainer.close()


class ServiceAccountMiddleware:
    """Adds the token of a service account to requests to one Keycloak that have no ``Authorization`` of their own.

    The token is fetched once for all requests, through the session itself. If it is refused, it is replaced once and the request repeated.
    """

    def __init__(self, account: ServiceAccount, *, base_url: str) -> None:
        """``base_url``: Keycloak's address; token and credentials are sent to no other. Raises ValueError if it is no URL."""
        self._source = TokenSource(account, base_url=base_url)
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send a request with a token, and again with a newer one if it is refused. Raises TokenFetchError."""
        path = request.url.raw_path
        _forget_attempt(request)
        if aiohttp.hdrs.AUTHORIZATION in request.headers or not self._source.serves(_origin(request), path):
            return await handler(request)
        call = Call(method=request.method, path=path, replayable=_is_replayable(request))
        return await self._done(exchange(self._source, call), request, handler)

    async def _done(self, steps: Generator[Step, Any, None], request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        response: ClientResponse | None = None
        reply: Any = None
        holds = False
        failure: Unreachable | None = None
        try:
            while True:
                try:
                    step = steps.send(reply) if failure is None else steps.throw(failure)
                except StopIteration:
                    break
                except Unreachable as unreachable:
                    raise unreachable.error from unreachable.error.__cause__
                failure = None
                if isinstance(step, Hold):
                    reply = holds = await _locked(lock, step)
                elif isinstance(step, Attempt):
                    if response is not None:
                        response.release()
                    response = await handler(_with_token(request, step))
                    reply = response.status
                else:
                    try:
                        reply = await self._fetched(request.session, step)
                    except (aiohttp.ClientError, TimeoutError) as error:
                        failure = Unreachable(error)  # a token that is still valid is enough
        finally:
            if holds:
                lock.release()
        if response is None:
            raise TypeError("the steps of a request ended before it was sent")
        return response

    async def _fetched(self, session: aiohttp.ClientSession, ask: "TokenRequest") -> tuple[int, bytes]:
        headers = {"Accept": "application/json"}
        if ask.authorization is not None:
            headers["Authorization"] = ask.authorization
        if ask.body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = self._source.origin + ask.path
        async with session.request(
            ask.method, url, data=ask.body, headers=headers, middlewares=(), allow_redirects=False, raise_for_status=False
        ) as response:
            return response.status, await response.read()


async def _locked(lock: asyncio.Lock, step: Hold) -> bool:
    if step is Hold.RELEASE:
        lock.release()
        return False
    if step is Hold.TRY and lock.locked():
        return False
    await lock.acquire()
    return True


def _with_token(request: ClientRequest, attempt: Attempt) -> ClientRequest:
    request.headers[aiohttp.hdrs.AUTHORIZATION] = attempt.authorization
    _ATTEMPTS[request] = attempt
    return request


def _forget_attempt(request: ClientRequest) -> None:
    """A request that another middleware sends again starts from the beginning: the token that it still carries may have been refused."""
    attempt = _ATTEMPTS.pop(request, None)
    if attempt is not None and request.headers.get(aiohttp.hdrs.AUTHORIZATION) == attempt.authorization:
        del request.headers[aiohttp.hdrs.AUTHORIZATION]


def _origin(request: ClientRequest) -> str:
    url = request.url
    return origin_of(url.scheme, url.raw_host or "", url.port)


def _is_replayable(request: ClientRequest) -> bool:
    return not request.body or isinstance(request.body, bytes | aiohttp.BytesPayload)


def _request_body(request: ClientRequest) -> bytes | None:
    body = request.body
    if isinstance(body, bytes):
        return body or None
    return body.decode(_EACH_BYTE).encode(_EACH_BYTE) if isinstance(body, aiohttp.BytesPayload) else None


def _target(request: ClientRequest) -> bytes:
    return request.url.raw_path_qs.encode("ascii")


def _refusal(request: ClientRequest, response: ClientResponse, body: bytes, *, injected: bool) -> Refusal:
    return Refusal(
        method=request.method,
        origin=_origin(request),
        raw_target=_target(request),
        request_fields=tuple((name.encode("latin-1", "replace"), value.encode("utf-8")) for name, value in request.headers.items()),
        request_body=_request_body(request),
        status=response.status,
        response_fields=response.raw_headers,
        body=body,
        is_decoded=request.session.auto_decompress and response.headers.get(aiohttp.hdrs.CONTENT_ENCODING, "").lower() in _DECODED,
        injected=injected,
    )


async def _body_of(response: ClientResponse, max_bytes: int) -> bytes | None:
    """The body without its content coding. None if it is too long or breaks off; then reading it gives what it gives without a middleware."""
    if (response.content_length or 0) > max_bytes:
        return None
    pieces: list[bytes] = []
    left = max_bytes
    content = response.content
    try:
        while left >= 0 and (piece := await content.read(_READ_BYTES)):
            pieces.append(piece)
            left -= len(piece)
    except aiohttp.ClientError:
        return None  # the stream keeps its error, and raises it again
    except BaseException:  # cancelled: the program has no response that it could close
        response.close()
        raise
    body = b"".join(pieces)
    if left < 0:
        _put_back(content, body)
        return None
    return body


def _put_back(content: aiohttp.StreamReader, body: bytes) -> None:
    with warnings.catch_warnings():  # deprecated without a replacement (aiohttp issue 3260), and there until aiohttp 4
        warnings.simplefilter("ignore", DeprecationWarning)
        content.unread_data(body)


def _answered(response: ClientResponse, body: bytes, explained: Explained | None) -> ClientResponse:
    if explained is None:
        _put_back(response.content, body)
        return response
    headers = CIMultiDict(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in explained.fields
    )
    loop = asyncio.get_running_loop()
    content = aiohttp.StreamReader(BaseProtocol(loop=loop), limit=len(explained.body) + 1, loop=loop)
    content.feed_data(explained.body)
    content.feed_eof()
    vars(response).update(
        explained_headers=CIMultiDictProxy(headers), explained_raw_headers=explained.fields, kcproxy=explained.explanation
    )
    response.content = content
    response.__class__ = _explained_class(type(response))
    return response


class _ExplainedResponse:
    """What differs in an explained response: aiohttp has no public way to build one with other fields."""

    explained_headers: CIMultiDictProxy[str]
    explained_raw_headers: tuple[tuple[bytes, bytes], ...]

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self.explained_headers

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return self.explained_raw_headers

    @property
    def content_type(self) -> str:
        return self.explained_headers.get(aiohttp.hdrs.CONTENT_TYPE, "application/octet-stream").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        message = Message()
        message["Content-Type"] = self.explained_headers.get(aiohttp.hdrs.CONTENT_TYPE, "application/octet-stream")
        return message.get_content_charset()

    @property
    def content_length(self) -> int | None:
        length = self.explained_headers.get(aiohttp.hdrs.CONTENT_LENGTH)
        return None if length is None else int(length)


_CLASSES: dict[type[ClientResponse], type[ClientResponse]] = {}


def _explained_class(kind: type[ClientResponse]) -> type[ClientResponse]:
    """A subclass, also of a response class of the program's own."""
    if kind not in _CLASSES:
        _CLASSES[kind] = type(f"Explained{kind.__name__}", (_ExplainedResponse, kind), {})
    return _CLASSES[kind]


async def _wait(future: "Future[LookedUp]", seconds: float) -> None:
    await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)
