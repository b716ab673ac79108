"""The token of a service account: one fetch for many, renewed in time, replaced once, never sent elsewhere."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from devkit.servers import SERVER_CLOSES, Message
from kcproxy.errors import TokenFetchError
from kcproxy.middleware import RefusalExplainer, ServiceAccount
from kcproxy.middleware.aiohttp import ExplainingMiddleware, ServiceAccountMiddleware
from kcproxy.middleware.httpx import AsyncExplainingTransport, ExplainingTransport, ServiceAccountAuth
from kcproxy.middleware.requests import ExplainingAdapter
from kcproxy.middleware.requests import ServiceAccountAuth as RequestsAuth
from kcproxy.middleware.tokens import TokenSource
from tests.middleware.server import Server, recording_server, response

ACCOUNT = ServiceAccount(realm="demo", client_id="robot", client_secret="s3cret")
USERS = "/admin/realms/demo/users"
JSON = "Content-Type: application/json"
REFUSAL = response(403, b'{"error":"HTTP 403 Forbidden"}', JSON)


class Keycloak:
    """Numbers its tokens, and lets in the ones that ``admits`` names."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self.fetches = 0
        self.calls: list[str] = []
        self.admits: Callable[[str], bool] = lambda _: True
        self.lifetime_seconds: float = 300
        self.gives_tokens = True
        self.is_reachable = True
        server.react(self._react)

    def _react(self, request: Message) -> object:
        if b"openid-connect/token" in request.target:
            if not self.is_reachable:
                return SERVER_CLOSES
            self.fetches += 1
            if not self.gives_tokens:
                return response(401, b'{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}', JSON)
            return response(200, json.dumps({"access_token": f"t{self.fetches}", "expires_in": self.lifetime_seconds}).encode(), JSON)
        token = (request.value("authorization") or b"").decode().removeprefix("Bearer ")
        self.calls.append(token)
        return response(200, b"[]", JSON) if self.admits(token) else REFUSAL


@pytest.fixture
def keycloak(server: Server) -> Keycloak:
    return Keycloak(server)


@pytest.fixture
def denials() -> list[Any]:
    return []


@pytest.fixture
def explainer(keycloak: Keycloak, denials: list[Any]) -> RefusalExplainer:
    return RefusalExplainer(base_url=keycloak.url, on_denial=denials.append)


Get = Callable[[str], int]


@contextmanager
def of_httpx(url: str, explainer: RefusalExplainer) -> Iterator[Get]:
    auth = ServiceAccountAuth(ACCOUNT, base_url=url)
    with httpx.Client(transport=ExplainingTransport(explainer=explainer), auth=auth, timeout=30) as client:
        yield lambda target: client.get(target).status_code


@contextmanager
def of_requests(url: str, explainer: RefusalExplainer) -> Iterator[Get]:
    with requests.Session() as session:
        session.mount("http://", ExplainingAdapter(explainer=explainer))
        session.auth = RequestsAuth(ACCOUNT, base_url=url, session=session)
        yield lambda target: session.get(target, timeout=30).status_code


@contextmanager
def of_loop(opened: Callable[[], Awaitable[tuple[Callable[[str], Awaitable[int]], Callable[[], Awaitable[None]]]]]) -> Iterator[Get]:
    """A synchronous view of an asynchronous client, on a loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[Callable[[str], Awaitable[int]], Callable[[], Awaitable[None]]]:
        return await opened()

    get, close = asyncio.run_coroutine_threadsafe(start(), loop).result(30)

    async def one(target: str) -> int:
        return await get(target)

    async def end() -> None:
        await close()

    try:
        yield lambda target: asyncio.run_coroutine_threadsafe(one(target), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def of_async_httpx(url: str, explainer: RefusalExplainer) -> AbstractContextManager[Get]:
    async def opened() -> Any:
        auth = ServiceAccountAuth(ACCOUNT, base_url=url)
        client = httpx.AsyncClient(transport=AsyncExplainingTransport(explainer=explainer), auth=auth, timeout=30)

        async def get(target: str) -> int:
            return (await client.get(target)).status_code

        return get, client.aclose

    return of_loop(opened)


def of_aiohttp(url: str, explainer: RefusalExplainer, *, reverse: bool = False) -> AbstractContextManager[Get]:
    async def opened() -> Any:
        both = (ExplainingMiddleware(explainer=explainer), ServiceAccountMiddleware(ACCOUNT, base_url=url))
        client = aiohttp.ClientSession(middlewares=both[::-1] if reverse else both)

        async def get(target: str) -> int:
            async with client.get(target) as got:
                await got.read()
                return got.status

        return get, client.close

    return of_loop(opened)


def of_aiohttp_reversed(url: str, explainer: RefusalExplainer) -> AbstractContextManager[Get]:
    return of_aiohttp(url, explainer, reverse=True)


KINDS: dict[str, Callable[[str, RefusalExplainer], AbstractContextManager[Get]]] = {
    "httpx": of_httpx,
    "httpx-async": of_async_httpx,
    "requests": of_requests,
    "aiohttp": of_aiohttp,
    "aiohttp, in the other order": of_aiohttp_reversed,
}
every_kind = pytest.mark.parametrize("kind", list(KINDS))


@every_kind
def test_one_fetch_serves_many_requests_at_once(kind: str, keycloak: Keycloak, explainer: RefusalExplainer) -> None:
    with KINDS[kind](keycloak.url, explainer) as get, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(get, [keycloak.url + USERS] * 24))

    assert (set(found), keycloak.fetches, set(keycloak.calls)) == ({200}, 1, {"t1"})


@every_kind
def test_a_refused_token_is_replaced_once_and_only_the_last_refusal_is_explained(
    kind: str, keycloak: Keycloak, explainer: RefusalExplainer, denials: list[Any]
) -> None:
    with KINDS[kind](keycloak.url, explainer) as get:
        assert get(keycloak.url + USERS) == 200
        keycloak.admits = lambda token: token == "t2"
        assert get(keycloak.url + USERS) == 200
        keycloak.admits = lambda _: False
        assert get(keycloak.url + USERS) == 403

    assert (keycloak.calls, len(denials)) == (["t1", "t1", "t2", "t2", "t3"], 1)


@every_kind
def test_a_standing_refusal_does_not_double_the_load(kind: str, keycloak: Keycloak, explainer: RefusalExplainer) -> None:
    keycloak.admits = lambda _: False
    with KINDS[kind](keycloak.url, explainer) as get:
        assert {get(keycloak.url + USERS) for _ in range(20)} == {403}

    assert 20 <= len(keycloak.calls) <= 30
    assert keycloak.fetches <= 10


@every_kind
def test_a_token_that_cannot_be_replaced_leaves_the_refusal_explained(
    kind: str, keycloak: Keycloak, explainer: RefusalExplainer, denials: list[Any]
) -> None:
    with KINDS[kind](keycloak.url, explainer) as get:
        assert get(keycloak.url + USERS) == 200
        keycloak.admits, keycloak.gives_tokens = (lambda _: False), False
        assert get(keycloak.url + USERS) == 403

    assert len(denials) == 1


@every_kind
def test_no_token_is_an_error_with_keycloaks_words_and_without_the_secret(
    kind: str, keycloak: Keycloak, explainer: RefusalExplainer
) -> None:
    keycloak.gives_tokens = False
    with KINDS[kind](keycloak.url, explainer) as get, pytest.raises(TokenFetchError, match="invalid_client") as caught:
        get(keycloak.url + USERS)

    assert "s3cret" not in str(caught.value)
    assert keycloak.calls == []


@every_kind
def test_an_expired_token_is_not_used(kind: str, keycloak: Keycloak, explainer: RefusalExplainer) -> None:
    keycloak.lifetime_seconds = 0.05
    with KINDS[kind](keycloak.url, explainer) as get:
        get(keycloak.url + USERS)
        threading.Event().wait(0.06)
        get(keycloak.url + USERS)

    assert keycloak.calls == ["t1", "t2"]


@every_kind
def test_no_token_goes_to_another_server(kind: str, keycloak: Keycloak, explainer: RefusalExplainer) -> None:
    with KINDS[kind]("https://login.example.com", explainer) as get:
        get(keycloak.url + USERS)

    assert (keycloak.calls, keycloak.fetches) == ([""], 0)


@pytest.mark.parametrize("given", [{}, {"client_secret": "a", "client_secret_file": "b"}])
def test_an_account_needs_exactly_one_credential(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="exactly one of client_secret"):
        ServiceAccount(realm="demo", client_id="robot", **given)  # type: ignore[arg-type]


def test_an_account_shows_no_secret() -> None:
    assert "s3cret" not in repr(ACCOUNT)


def moved(status: int, url: str) -> bytes:
    return response(status, b"", f"Location: {url}")


@contextmanager
def following_httpx(url: str) -> Iterator[Get]:
    with httpx.Client(auth=ServiceAccountAuth(ACCOUNT, base_url=url), follow_redirects=True, timeout=30) as client:
        yield lambda target: client.get(target).status_code


def following_async_httpx(url: str) -> AbstractContextManager[Get]:
    async def opened() -> Any:
        client = httpx.AsyncClient(auth=ServiceAccountAuth(ACCOUNT, base_url=url), follow_redirects=True, timeout=30)

        async def get(target: str) -> int:
            return (await client.get(target)).status_code

        return get, client.aclose

    return of_loop(opened)


def following_requests(url: str) -> AbstractContextManager[Get]:
    return of_requests(url, RefusalExplainer(base_url=url))


def following_aiohttp(url: str) -> AbstractContextManager[Get]:
    return of_aiohttp(url, RefusalExplainer(base_url=url))


FOLLOWING: dict[str, Callable[[str], AbstractContextManager[Get]]] = {
    "httpx": following_httpx,
    "httpx-async": following_async_httpx,
    "requests": following_requests,
    "aiohttp": following_aiohttp,
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", list(FOLLOWING))
def test_a_redirected_token_request_takes_no_secret_to_another_server(kind: str, status: int, server: Server) -> None:
    with recording_server() as other:
        other.react(lambda _: response(200, b'{"access_token":"stolen","expires_in":300}', JSON))
        server.react(lambda _: moved(status, f"{other.url}/token"))
        with FOLLOWING[kind](server.url) as get, pytest.raises(TokenFetchError) as caught:
            get(server.url + USERS)

        assert all(b"s3cret" not in request.body for request in other.upstream.requests)
        assert all(request.value("authorization") is None for request in other.upstream.requests)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("kind", list(FOLLOWING))
def test_a_redirect_takes_no_token_to_another_server(kind: str, keycloak: Keycloak, server: Server) -> None:
    with recording_server() as other, FOLLOWING[kind](keycloak.url) as get:
        other.react(lambda _: response(200, b"[]", JSON))
        assert get(keycloak.url + USERS) == 200
        server.react(lambda _: moved(307, f"{other.url}{USERS}"))
        assert get(keycloak.url + USERS) == 200

        assert [request.value("authorization") for request in other.upstream.requests] == [None]


def sent_three_times_with_httpx(keycloak: Keycloak, explainer: RefusalExplainer) -> None:
    auth = ServiceAccountAuth(ACCOUNT, base_url=keycloak.url)
    with httpx.Client(transport=ExplainingTransport(explainer=explainer), auth=auth, timeout=30) as client:
        request = client.build_request("GET", keycloak.url + USERS)
        for _ in range(3):
            client.send(request)
            threading.Event().wait(0.06)


def sent_three_times_with_async_httpx(keycloak: Keycloak, explainer: RefusalExplainer) -> None:
    async def run() -> None:
        auth = ServiceAccountAuth(ACCOUNT, base_url=keycloak.url)
        async with httpx.AsyncClient(transport=AsyncExplainingTransport(explainer=explainer), auth=auth, timeout=30) as client:
            request = client.build_request("GET", keycloak.url + USERS)
            for _ in range(3):
                await client.send(request)
                await asyncio.sleep(0.06)

    asyncio.run(run())


def sent_three_times_by_a_middleware_of_aiohttp(keycloak: Keycloak, explainer: RefusalExplainer) -> None:
    async def three_times(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        for _ in range(2):
            (await handler(request)).release()
            await asyncio.sleep(0.06)
        return await handler(request)

    async def run() -> None:
        middlewares = (three_times, ServiceAccountMiddleware(ACCOUNT, base_url=keycloak.url), ExplainingMiddleware(explainer=explainer))
        async with aiohttp.ClientSession(middlewares=middlewares) as session, session.get(keycloak.url + USERS):
            pass

    asyncio.run(run())


@pytest.mark.parametrize(
    "send", [sent_three_times_with_httpx, sent_three_times_with_async_httpx, sent_three_times_by_a_middleware_of_aiohttp]
)
def test_the_same_request_sent_again_gets_the_token_of_its_time(
    send: Callable[[Keycloak, RefusalExplainer], None], keycloak: Keycloak, explainer: RefusalExplainer
) -> None:
    keycloak.lifetime_seconds = 0.05
    send(keycloak, explainer)

    assert keycloak.calls == ["t1", "t2", "t3"]


def test_a_request_that_gets_an_authorization_of_its_own_later_keeps_it(
    keycloak: Keycloak, explainer: RefusalExplainer, denials: list[Any]
) -> None:
    keycloak.admits = lambda token: token == "t1"
    auth = ServiceAccountAuth(ACCOUNT, base_url=keycloak.url)
    with httpx.Client(transport=ExplainingTransport(explainer=explainer), auth=auth, timeout=30) as client:
        request = client.build_request("GET", keycloak.url + USERS)
        client.send(request)
        request.headers["Authorization"] = "Bearer own"
        client.send(request)

    assert keycloak.calls == ["t1", "own"]
    assert [each.caller.injected for each in denials] == [False]


def test_extensions_that_requests_share_stay_as_they_are(keycloak: Keycloak) -> None:
    shared: dict[str, Any] = {"timeout": httpx.Timeout(30).as_dict()}
    with httpx.Client(auth=ServiceAccountAuth(ACCOUNT, base_url=keycloak.url)) as client:
        client.get(keycloak.url + USERS, extensions=shared)
        request = httpx.Request("GET", keycloak.url + USERS)
        request.extensions = shared
        client.send(request)

    assert list(shared) == ["timeout"]


OUTAGES = {name: KINDS[name] for name in ("requests", "aiohttp", "aiohttp, in the other order")}
"""httpx ends a request whose token request gets no response, and its ``auth`` cannot go on."""


@pytest.mark.parametrize("kind", list(OUTAGES))
def test_a_token_that_is_still_valid_is_used_if_its_renewal_gets_no_response(
    kind: str, keycloak: Keycloak, explainer: RefusalExplainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TokenSource, "needs_renewal", lambda *_: True)
    with OUTAGES[kind](keycloak.url, explainer) as get:
        get(keycloak.url + USERS)
        keycloak.is_reachable = False
        assert get(keycloak.url + USERS) == 200

    assert keycloak.calls == ["t1", "t1"]


@pytest.mark.parametrize("kind", list(OUTAGES))
def test_a_refusal_is_explained_if_the_newer_token_gets_no_response(
    kind: str, keycloak: Keycloak, explainer: RefusalExplainer, denials: list[Any]
) -> None:
    with OUTAGES[kind](keycloak.url, explainer) as get:
        get(keycloak.url + USERS)
        keycloak.admits, keycloak.is_reachable = (lambda _: False), False
        assert get(keycloak.url + USERS) == 403

    assert len(denials) == 1


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_first_token_request_without_a_response_raises_the_librarys_own_error(
    kind: str, keycloak: Keycloak, explainer: RefusalExplainer
) -> None:
    keycloak.is_reachable = False
    with (
        KINDS[kind](keycloak.url, explainer) as get,
        pytest.raises((httpx.TransportError, requests.ConnectionError, aiohttp.ClientConnectionError)),
    ):
        get(keycloak.url + USERS)


def test_a_response_that_is_no_token_names_the_option_of_the_middleware(server: Server) -> None:
    server.react(lambda _: response(200, b"<html>", "Content-Type: text/html"))
    with (
        httpx.Client(auth=ServiceAccountAuth(ACCOUNT, base_url=server.url)) as client,
        pytest.raises(TokenFetchError, match="check that base_url is Keycloak's address"),
    ):
        client.get(server.url + USERS)
