"""httpx: a transport that explains refusals, and the token of a service account as ``auth``.

    transport = ExplainingTransport(base_url="https://login.example.com")
    account = ServiceAccount(realm="shop", client_id="shop-backend", client_secret_file="secret")
    client = httpx.Client(transport=transport, auth=ServiceAccountAuth(account, base_url="https://login.example.com"))

A response without an explanation is the very object of the inner transport. The typed explanation is in ``response.extensions["kcproxy"]``.
"""

import itertools
from collections.abc import AsyncGenerator, Generator
from concurrent import futures
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

import anyio
import anyio.to_thread
import httpx
from anyio.lowlevel import RunVar

from kcproxy.middleware.accounts import ServiceAccount
from kcproxy.middleware.address import origin_of
from kcproxy.middleware.explainer import RefusalExplainer, explainer_of
from kcproxy.middleware.httpx_streams import Beginning, RestOfAsyncStream, RestOfStream, SentOnce, decoded, fill, fill_async
from kcproxy.middleware.locks import Lock
from kcproxy.middleware.options import Options
from kcproxy.middleware.refusal import Explained, Refusal
from kcproxy.middleware.tokens import Attempt, Call, Hold, Step, TokenSource, exchange

if TYPE_CHECKING:
    from kcproxy.keycloak.token_endpoint import TokenRequest
    from kcproxy.middleware.engine import LookedUp

_EXTENSION = "kcproxy"
_ATTEMPT, _OWN = "kcproxy.attempt", "kcproxy.own"
"""Extensions of requests: the attempt with an account's token, and the mark of a token request, which is not explained."""


class ExplainingTransport(httpx.BaseTransport):
    """A transport for ``httpx.Client``."""

    def __init__(
        self, transport: httpx.BaseTransport | None = None, *, explainer: RefusalExplainer | None = None, **options: Unpack[Options]
    ) -> None:
        """``transport``: the one that sends; default ``httpx.HTTPTransport()``. ``explainer`` can be shared; otherwise ``options`` make one."""
        self._inner = transport if transport is not None else httpx.HTTPTransport()
        self._explainer = explainer_of(explainer, options)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and explain its response if it is a refusal."""
        response = self._inner.handle_request(request)
        if self._explainer.observes:
            _show(self._explainer, request, response)
        if response.status_code < 400 or not _is_concerned(self._explainer, request, response):
            return response
        stream = response.stream
        if not isinstance(stream, httpx.SyncByteStream):
            return response
        read = Beginning(self._explainer.max_body_bytes)
        pieces = iter(stream)
        try:
            fill(read, pieces)
        except BaseException:  # interrupted: the client has no response that it could close
            stream.close()
            raise
        if not read.has_ended:
            response.stream = RestOfStream(read, pieces, stream)
            return response
        stream.close()
        return _answered(response, read, self._explainer.explain(_refusal(request, response, read)))

    def close(self) -> None:
        """Close the inner transport, and end look-ups."""
        self._inner.close()
        self._explainer.close()

    def __enter__(self) -> Self:
        """Enter the inner transport."""
        self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None = None, error: BaseException | None = None, trace: TracebackType | None = None
    ) -> None:
        """Leave the inner transport."""
        self._inner.__exit__(kind, error, trace)
        self._explainer.close()


class AsyncExplainingTransport(httpx.AsyncBaseTransport):
    """A transport for ``httpx.AsyncClient``, on asyncio or trio."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport | None = None, *, explainer: RefusalExplainer | None = None, **options: Unpack[Options]
    ) -> None:
        """As ``ExplainingTransport``. The default is ``httpx.AsyncHTTPTransport()``."""
        self._inner = transport if transport is not None else httpx.AsyncHTTPTransport()
        self._explainer = explainer_of(explainer, options)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and explain its response if it is a refusal."""
        response = await self._inner.handle_async_request(request)
        if self._explainer.observes:
            _show(self._explainer, request, response)
        if response.status_code < 400 or not _is_concerned(self._explainer, request, response):
            return response
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            return response
        read = Beginning(self._explainer.max_body_bytes)
        pieces = aiter(stream)
        try:
            await fill_async(read, pieces)
        except BaseException:  # cancelled: the client has no response that it could close
            with anyio.CancelScope(shield=True):
                await stream.aclose()
            raise
        if not read.has_ended:
            response.stream = RestOfAsyncStream(read, pieces, stream)
            return response
        await stream.aclose()
        return _answered(response, read, await self._explainer.explain_async(_refusal(request, response, read), _wait))

    async def aclose(self) -> None:
        """Close the inner transport, and end look-ups."""
        await self._inner.aclose()
        self._explainer.close()

    async def __aenter__(self) -> Self:
        """Enter the inner transport."""
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None = None, error: BaseException | None = None, trace: TracebackType | None = None
    ) -> None:
        """Leave the inner transport."""
        await self._inner.__aexit__(kind, error, trace)
        self._explainer.close()


class ServiceAccountAuth(httpx.Auth):
    """Adds the token of a service account to requests to one Keycloak that have no ``Authorization`` of their own.

    The token is fetched once for all requests, through the client's own transport. If it is refused, it is replaced once and the request repeated.
    """

    def __init__(self, account: ServiceAccount, *, base_url: str) -> None:
        """``base_url``: Keycloak's address; token and credentials are sent to no other. Raises ValueError if it is no URL."""
        self._source = TokenSource(account, base_url=base_url)
        self._lock = Lock()
        self._lock_of_loop: RunVar[anyio.Lock] = RunVar(f"kcproxy.token.{next(_NUMBERS)}")

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with a token, and again with a newer one if it is refused. Raises TokenFetchError."""
        steps = self._steps(request)
        if steps is None:
            yield request
            return
        reply: Any = None
        holds = False
        try:
            while True:
                step = steps.send(reply)
                if isinstance(step, Hold):
                    reply = holds = step is not Hold.RELEASE and self._lock.acquire(blocking=step is Hold.ACQUIRE)
                    if step is Hold.RELEASE:
                        self._lock.release()
                elif isinstance(step, Attempt):
                    reply = (yield _with_token(request, step)).status_code
                else:
                    asked = self._token_request(request, step)
                    response = _response_to(asked, (yield asked))
                    reply = response.status_code, response.read()
        except StopIteration:
            return
        finally:
            if holds:
                self._lock.release()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As ``sync_auth_flow``."""
        steps = self._steps(request)
        if steps is None:
            yield request
            return
        lock = self._async_lock()
        reply: Any = None
        holds = False
        try:
            while True:
                step = steps.send(reply)
                if isinstance(step, Hold):
                    holds = await _locked(lock, step)
                    reply = holds
                elif isinstance(step, Attempt):
                    reply = (yield _with_token(request, step)).status_code
                else:
                    asked = self._token_request(request, step)
                    response = _response_to(asked, (yield asked))
                    reply = response.status_code, await response.aread()
        except StopIteration:
            return
        finally:
            if holds:
                lock.release()

    def _steps(self, request: httpx.Request) -> Generator[Step, Any, None] | None:
        """None if the request gets no token."""
        path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        _forget_attempt(request)
        if "authorization" in request.headers or not self._source.serves(_origin(request.url), path):
            return None
        return exchange(self._source, Call(method=request.method, path=path, replayable=isinstance(request.stream, httpx.ByteStream)))

    def _token_request(self, request: httpx.Request, ask: "TokenRequest") -> httpx.Request:
        headers = {"accept": "application/json"}
        if ask.authorization is not None:
            headers["authorization"] = ask.authorization
        if ask.body is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        extensions = {name: value for name, value in request.extensions.items() if name == "timeout"} | {_OWN: True}
        asked = httpx.Request(ask.method, self._source.origin + ask.path, headers=headers, content=ask.body, extensions=extensions)
        if ask.body is not None:
            asked.stream = SentOnce(ask.body)
        return asked

    def _async_lock(self) -> anyio.Lock:
        """One lock for each event loop."""
        lock = self._lock_of_loop.get(None)
        if lock is None:
            lock = anyio.Lock()
            self._lock_of_loop.set(lock)
        return lock


_NUMBERS = itertools.count()


async def _locked(lock: anyio.Lock, step: Hold) -> bool:
    if step is Hold.RELEASE:
        lock.release()
        return False
    if step is Hold.ACQUIRE:
        await lock.acquire()
        return True
    try:
        lock.acquire_nowait()
    except anyio.WouldBlock:
        return False
    return True


def _response_to(asked: httpx.Request, last: httpx.Response) -> httpx.Response:
    """The response of the server that was asked, also if the client followed its redirect: no other server gives a token."""
    return next((each for each in last.history if each.request is asked), last)


def _with_token(request: httpx.Request, attempt: Attempt) -> httpx.Request:
    request.headers["Authorization"] = attempt.authorization
    request.extensions = {**request.extensions, _ATTEMPT: attempt}  # httpx before 0.28 keeps the mapping of the program
    return request


def _forget_attempt(request: httpx.Request) -> None:
    """A request that is sent again starts from the beginning: the token that it still carries may have expired."""
    attempt: Attempt | None = request.extensions.get(_ATTEMPT)
    if attempt is None:
        return
    request.extensions = {name: value for name, value in request.extensions.items() if name != _ATTEMPT}
    if request.headers.get("authorization") == attempt.authorization:
        del request.headers["authorization"]


def _show(explainer: RefusalExplainer, request: httpx.Request, response: httpx.Response) -> None:
    if _is_for_the_program(request, response):
        explainer.observed(_refusal(request, response, Beginning(0)))


def _is_for_the_program(request: httpx.Request, response: httpx.Response) -> bool:
    """Not if it is of a token request, or if the request is repeated with a newer token."""
    attempt = request.extensions.get(_ATTEMPT)
    return _OWN not in request.extensions and (attempt is None or not attempt.repeats(response.status_code))


def _is_concerned(explainer: RefusalExplainer, request: httpx.Request, response: httpx.Response) -> bool:
    if not _is_for_the_program(request, response):
        return False
    return explainer.concerns(response.status_code, request.method, _origin(request.url), request.url.raw_path)


def _refusal(request: httpx.Request, response: httpx.Response, read: Beginning) -> Refusal:
    return Refusal(
        method=request.method,
        origin=_origin(request.url),
        raw_target=request.url.raw_path,
        request_fields=request.headers.raw,
        request_body=_body_of(request),
        status=response.status_code,
        response_fields=response.headers.raw,
        body=read.body,
        decode=lambda: decoded(response, read.body, read.max_bytes),
        injected=_ATTEMPT in request.extensions,
    )


def _body_of(request: httpx.Request) -> bytes | None:
    try:
        return request.content
    except httpx.RequestNotRead:
        return None


def _origin(url: httpx.URL) -> str:
    return origin_of(url.scheme, url.raw_host.decode("ascii"), url.port)


def _answered(response: httpx.Response, read: Beginning, explained: Explained | None) -> httpx.Response:
    if explained is None:
        response.stream = httpx.ByteStream(read.body)
        return response
    return httpx.Response(
        response.status_code,
        headers=list(explained.fields),
        stream=httpx.ByteStream(explained.body),
        extensions={**response.extensions, _EXTENSION: explained.explanation},
    )


async def _wait(future: "Future[LookedUp]", seconds: float) -> None:
    """Wait in a thread, because the event loop may be trio's. The program's own threads do not count: it may have none free."""
    await anyio.to_thread.run_sync(lambda: futures.wait([future], seconds), abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
