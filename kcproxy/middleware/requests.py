"""requests: an adapter that explains refusals, and the token of a service account as ``auth``.

    session.mount("https://login.example.com", ExplainingAdapter(base_url="https://login.example.com"))
    session.auth = ServiceAccountAuth(account, base_url="https://login.example.com", session=session)

A response without an explanation is the very object of the inner adapter. The typed explanation is in ``response.kcproxy``
(``kcproxy.middleware.explanation_of`` for type checkers).
"""

import io
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from http.client import HTTPMessage
from typing import TYPE_CHECKING, Any, Unpack, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import HTTPError

from kcproxy.middleware.accounts import ServiceAccount
from kcproxy.middleware.address import origin_of
from kcproxy.middleware.explainer import RefusalExplainer, explainer_of
from kcproxy.middleware.locks import Lock
from kcproxy.middleware.options import Options
from kcproxy.middleware.refusal import Explained, Refusal
from kcproxy.middleware.tokens import Attempt, Call, Hold, Step, TokenSource, Unreachable, exchange

if TYPE_CHECKING:
    from kcproxy.keycloak.token_endpoint import TokenRequest

_OWN, _EXPLANATION, _CONNECTION = "kcproxy_own", "kcproxy", "connection"
"""Attributes of requests and responses."""
_ATTEMPTS: WeakKeyDictionary[requests.PreparedRequest, Attempt] = WeakKeyDictionary()
"""The attempts with an account's token. No attributes, because a request is pickled with its response, and an attempt knows the secret."""
_TOKEN_TIMEOUT_SECONDS = 60.0


class ExplainingAdapter(BaseAdapter):
    """An adapter to mount on a session."""

    def __init__(
        self, adapter: BaseAdapter | None = None, *, explainer: RefusalExplainer | None = None, **options: Unpack[Options]
    ) -> None:
        """``adapter``: the one that sends; default ``HTTPAdapter()``. ``explainer`` can be shared; otherwise ``options`` make one."""
        super().__init__()
        self._inner = adapter if adapter is not None else HTTPAdapter()
        self._explainer = explainer_of(explainer, options)

    def send(  # noqa: PLR0917 - the signature of the base class
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send a request, and explain its response if it is a refusal."""
        response = self._inner.send(request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies)
        setattr(response, _CONNECTION, self)  # by which ``auth`` repeats the request; requests declares it as an HTTPAdapter
        is_error = response.status_code >= 400
        if not (is_error or self._explainer.observes) or getattr(request, _OWN, False) or not isinstance(response.raw, HTTPResponse):
            return response
        attempt = _ATTEMPTS.get(request)
        if attempt is not None and attempt.repeats(response.status_code):
            return response
        if self._explainer.observes:
            self._explainer.observed(_refusal(request, response, response.raw, b"", injected=attempt is not None))
        return self._explained(request, response, response.raw, injected=attempt is not None) if is_error else response

    def close(self) -> None:
        """Close the inner adapter, and end look-ups."""
        self._inner.close()
        self._explainer.close()

    def _explained(
        self, request: requests.PreparedRequest, response: requests.Response, raw: HTTPResponse, *, injected: bool
    ) -> requests.Response:
        method = request.method or "GET"
        if not self._explainer.concerns(response.status_code, method, _origin(request), request.path_url.encode("utf-8")):
            return response
        beginning, failure = _beginning(raw, self._explainer.max_body_bytes)
        if failure is not None or len(beginning) > self._explainer.max_body_bytes:
            response.raw = _with_body(raw, _Rest(beginning, failure, raw), method)
            return response
        refusal = _refusal(request, response, raw, beginning, injected=injected)
        explained = self._explainer.explain(replace(refusal, decode=lambda: _decoded(raw, beginning, self._explainer.max_body_bytes)))
        return _answered(response, raw, beginning, method, explained)


class ServiceAccountAuth(AuthBase):
    """Adds the token of a service account to requests to one Keycloak that have no ``Authorization`` of their own.

    The token is fetched once for all requests. If it is refused, it is replaced once and the request repeated.
    """

    def __init__(self, account: ServiceAccount, *, base_url: str, session: requests.Session | None = None) -> None:
        """``base_url``: Keycloak's address; token and credentials are sent to no other.

        ``session`` sends the token requests; give the session that uses this object, so that its certificates and proxies apply.
        """
        self._source = TokenSource(account, base_url=base_url)
        self._session = session if session is not None else requests.Session()
        self._lock = Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token. Raises TokenFetchError."""
        url = urlsplit(request.url or "")
        path = request.path_url.partition("?")[0]
        origin = origin_of(url.scheme, url.hostname or "", url.port)
        if "Authorization" in request.headers or not self._source.serves(origin, path):
            return request
        replayable = request.body is None or isinstance(request.body, str | bytes)
        flow = _Flow(self, exchange(self._source, Call(method=request.method or "GET", path=path, replayable=replayable)))
        attempt = flow.advance(None)
        if attempt is not None:
            _with_token(request, attempt)
            request.register_hook("response", flow.continued)
        return request

    def fetch(self, ask: "TokenRequest") -> tuple[int, bytes]:
        """Send one token request. Raises the errors of requests."""
        headers = {"Accept": "application/json"}
        if ask.authorization is not None:
            headers["Authorization"] = ask.authorization
        if ask.body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = requests.Request(ask.method, self._source.origin + ask.path, headers=headers, data=ask.body, auth=_mark_as_own)
        session = self._session
        prepared = session.prepare_request(request)
        settings = session.merge_environment_settings(prepared.url or "", {}, False, None, None)
        response = session.send(prepared, timeout=_TOKEN_TIMEOUT_SECONDS, allow_redirects=False, **settings)
        return response.status_code, response.content

    def locked(self, step: Hold) -> bool:
        """Do a step with the lock. Whether it is held then."""
        if step is Hold.RELEASE:
            self._lock.release()
            return False
        return self._lock.acquire(blocking=step is Hold.ACQUIRE)


class _Flow:
    """The steps of one request, some before it is sent and some after its response. A copy, of a pickled response, has none."""

    def __init__(self, auth: ServiceAccountAuth, steps: Generator[Step, Any, None]) -> None:
        self._auth = auth
        self._steps = steps

    def __reduce__(self) -> "tuple[Callable[[], _Flow], tuple[()]]":
        return _ended_flow, ()

    def advance(self, reply: Any) -> Attempt | None:
        """Do the steps until a request is to be sent. None if the last response is final."""
        holds = False
        try:
            step = self._steps.send(reply)
            while not isinstance(step, Attempt):
                if isinstance(step, Hold):
                    holds = self._auth.locked(step)
                    step = self._steps.send(holds)
                else:
                    step = self._fetched(step)
        except StopIteration:
            return None
        except Unreachable as failure:
            raise failure.error from failure.error.__cause__
        else:
            return step
        finally:
            if holds:
                self._auth.locked(Hold.RELEASE)

    def _fetched(self, ask: "TokenRequest") -> Step:
        """The step after a token request. Without a response, a token that is still valid is enough."""
        try:
            reply = self._auth.fetch(ask)
        except requests.RequestException as error:
            return self._steps.throw(Unreachable(error))
        return self._steps.send(reply)

    def continued(self, response: requests.Response, **settings: Any) -> requests.Response:
        """The hook of a response: send the request again if the token was refused, as ``requests.auth.HTTPDigestAuth`` does."""
        attempt = self.advance(response.status_code)
        if attempt is None:
            return response
        response.content  # noqa: B018 - reads the body, so that the connection can be used again
        response.close()
        again = response.request.copy()
        again.deregister_hook("response", self.continued)
        repeated: requests.Response = response.connection.send(_with_token(again, attempt), **settings)
        repeated.history.append(response)
        repeated.request = again
        self.advance(repeated.status_code)
        return repeated


def _ended_flow() -> _Flow:
    flow = _Flow.__new__(_Flow)
    steps: Generator[Step, Any, None] = (_ for _ in ())
    steps.close()
    vars(flow)["_steps"] = steps
    return flow


def _mark_as_own(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An ``auth`` that adds nothing: a token request has its own credentials, and is not explained."""
    setattr(request, _OWN, True)
    return request


def _with_token(request: requests.PreparedRequest, attempt: Attempt) -> requests.PreparedRequest:
    request.headers["Authorization"] = attempt.authorization
    _ATTEMPTS[request] = attempt
    return request


def _origin(request: requests.PreparedRequest) -> str:
    url = urlsplit(request.url or "")
    return origin_of(url.scheme, url.hostname or "", url.port)


def _refusal(request: requests.PreparedRequest, response: requests.Response, raw: HTTPResponse, body: bytes, *, injected: bool) -> Refusal:
    origin = _origin(request)
    return Refusal(
        method=request.method or "GET",
        origin=origin,
        raw_target=request.path_url.encode("utf-8"),
        request_fields=_request_fields(request, origin),
        request_body=_body_of(request),
        status=response.status_code,
        response_fields=_pairs(raw.headers),
        body=body,
        injected=injected,
    )


def _beginning(raw: HTTPResponse, max_bytes: int) -> tuple[bytes, Exception | None]:
    """At most one byte more than ``max_bytes``, with its content coding; and why the body broke off."""
    pieces: list[bytes] = []
    left = max_bytes + 1
    try:
        while left > 0 and (piece := raw.read(left, decode_content=False)):
            pieces.append(piece)
            left -= len(piece)
    except Exception as error:  # noqa: BLE001 - raised again when the client reads the body
        return b"".join(pieces), error
    return b"".join(pieces), None


def _decoded(raw: HTTPResponse, body: bytes, max_bytes: int) -> bytes | None:
    """The body without its content coding, as urllib3 reads it. None if urllib3 does not know the coding, or the result is too large."""
    codings = {name: value for name, value in raw.headers.items() if name.lower() == "content-encoding"}
    coded = HTTPResponse(body=io.BytesIO(body), headers=codings, status=raw.status, preload_content=False)
    try:
        plain = coded.read(max_bytes + 1, decode_content=True)
    except HTTPError:
        return None
    return None if plain == body or len(plain) > max_bytes else plain


class _Rest(io.RawIOBase):
    """A body whose beginning has been read."""

    def __init__(self, beginning: bytes, failure: Exception | None, raw: HTTPResponse) -> None:
        super().__init__()
        self._beginning = io.BytesIO(beginning)
        self._failure = failure
        self._raw = raw

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._beginning.read(size)
        if piece and size >= 0:
            return piece
        if self._failure is not None:
            raise self._failure
        return piece + self._raw.read(None if size < 0 else size, decode_content=False)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Original:
    """What a session reads of ``http.client``'s response: the fields, for its cookies. Its connection has been given back."""

    def __init__(self, headers: HTTPHeaderDict) -> None:
        self.msg = HTTPMessage()
        for name, value in headers.iteritems():
            self.msg.add_header(name, value)

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to close."""


def _with_body(raw: HTTPResponse, body: Any, method: str, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    made = HTTPResponse(
        body=body,
        headers=raw.headers if headers is None else headers,
        status=raw.status,
        version=raw.version,
        reason=raw.reason,
        preload_content=False,
        decode_content=False,
        original_response=cast("Any", _Original(raw.headers)),
        request_method=method,
        request_url=raw.url,
        retries=raw.retries,
    )
    if hasattr(raw, "version_string"):  # not in older urllib3
        made.version_string = raw.version_string
    return made


def _pairs(headers: HTTPHeaderDict) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.iteritems())


def _request_fields(request: requests.PreparedRequest, origin: str) -> tuple[tuple[bytes, bytes], ...]:
    """The fields as they are sent; ``http.client`` adds Host."""
    found = [(_octets(name), _octets(value)) for name, value in request.headers.items()]
    has_host = any(name.lower() == b"host" for name, _ in found)
    return tuple(found if has_host else [(b"Host", origin.partition("://")[2].encode()), *found])


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


def _body_of(request: requests.PreparedRequest) -> bytes | None:
    body = request.body
    return body.encode("utf-8") if isinstance(body, str) else body if isinstance(body, bytes) else None


def _answered(response: requests.Response, raw: HTTPResponse, body: bytes, method: str, explained: Explained | None) -> requests.Response:
    if explained is None:
        response.raw = _with_body(raw, io.BytesIO(body), method)
        return response
    headers = HTTPHeaderDict()
    for name, value in explained.fields:
        headers.add(name.decode("latin-1"), value.decode("latin-1"))
    response.raw = _with_body(raw, io.BytesIO(explained.body), method, headers)
    response.headers = CaseInsensitiveDict(headers)
    response.encoding = get_encoding_from_headers(response.headers)
    setattr(response, _EXPLANATION, explained.explanation)
    return response
