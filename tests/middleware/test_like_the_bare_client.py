"""Redirects, cookies, retries, timeouts and connection errors: no difference to the bare client."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from urllib3 import Retry

from devkit.ports import free_port
from devkit.servers import SERVER_CLOSES, Message
from kcproxy.middleware import RefusalExplainer
from kcproxy.middleware.httpx import ExplainingTransport
from kcproxy.middleware.requests import ExplainingAdapter
from tests.middleware.clients import CLIENTS, Call, Got
from tests.middleware.server import Server, response

Explainers = Callable[..., RefusalExplainer]
every_kind = pytest.mark.parametrize("kind", list(CLIENTS))
USERS = "/admin/realms/demo/users"
JSON = "Content-Type: application/json"
BODY = b'{"error":"HTTP 403 Forbidden"}'


def both(kind: str, explainer: RefusalExplainer, call: Call) -> list[Got | type[BaseException]]:
    found: list[Got | type[BaseException]] = []
    for each in (None, explainer):
        with CLIENTS[kind](each, None) as send:
            try:
                found.append(send(call))
            except (TimeoutError, httpx.HTTPError, requests.RequestException, aiohttp.ClientError, OSError) as error:
                found.append(type(error))
    return found


@every_kind
def test_a_redirect_is_that_of_the_bare_client(kind: str, server: Server, explainers: Explainers) -> None:
    def react(request: Message) -> bytes:
        return response(200, b"[]", JSON) if request.target == b"/there" else response(302, b"", "Location: /there")

    server.react(react)
    bare, explaining = both(kind, explainers(base_url=server.url), Call(method="GET", url=server.url + USERS))
    assert bare == explaining


@every_kind
def test_a_refused_connection_is_the_error_of_the_bare_client(kind: str, explainers: Explainers) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    bare, explaining = both(kind, explainers(base_url=url), Call(method="GET", url=url + USERS))

    assert isinstance(bare, type)
    assert bare is explaining


@every_kind
def test_a_server_that_closes_is_the_error_of_the_bare_client(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: SERVER_CLOSES)
    bare, explaining = both(kind, explainers(base_url=server.url), Call(method="POST", url=server.url + USERS, body=b"{}"))

    assert isinstance(bare, type)
    assert bare is explaining


def test_cookies_of_a_refusal_are_kept_for_the_next_request(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON, "Set-Cookie: session=1; Path=/"))
    with httpx.Client(transport=ExplainingTransport(explainer=explainers(base_url=server.url))) as client, requests.Session() as session:
        session.mount("http://", ExplainingAdapter(explainer=explainers(base_url=server.url)))
        for send in (client.get, session.get):
            send(server.url + USERS)
            send(server.url + USERS)

    assert [request.value("cookie") for request in server.upstream.requests] == [None, b"session=1", None, b"session=1"]


def test_retries_of_the_inner_adapter_happen_below_the_middleware(server: Server, explainers: Explainers) -> None:
    answers = iter([response(503), response(503), response(403, BODY, JSON)])
    server.react(lambda _: next(answers))
    seen: list[Any] = []
    inner = requests.adapters.HTTPAdapter(max_retries=Retry(total=3, status_forcelist=[503], backoff_factor=0))
    with requests.Session() as session:
        session.mount("http://", ExplainingAdapter(inner, base_url=server.url, on_denial=seen.append))
        assert session.get(server.url + USERS, timeout=10).status_code == 403

    assert (len(server.upstream.requests), len(seen)) == (3, 1)


def test_a_timeout_is_the_one_of_the_bare_client(server: Server, explainers: Explainers) -> None:
    async def late() -> bytes:
        await asyncio.sleep(2)
        return response(200)

    server.react(lambda _: late())
    for transport in (httpx.HTTPTransport(), ExplainingTransport(explainer=explainers(base_url=server.url))):
        with httpx.Client(transport=transport, timeout=0.2) as client, pytest.raises(httpx.ReadTimeout):
            client.get(server.url + USERS)


def test_the_connection_of_an_explained_refusal_is_used_again(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON))
    with httpx.Client(transport=ExplainingTransport(explainer=explainers(base_url=server.url))) as client, requests.Session() as session:
        session.mount("http://", ExplainingAdapter(explainer=explainers(base_url=server.url)))
        for _ in range(3):
            client.get(server.url + USERS)
            session.get(server.url + USERS, timeout=10)

    assert server.upstream.connections == 2


def test_a_refusal_can_be_streamed(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON))
    with (
        httpx.Client(transport=ExplainingTransport(explainer=explainers(base_url=server.url))) as client,
        client.stream("GET", server.url + USERS) as streamed,
    ):
        text = "".join(streamed.iter_text())
    with requests.Session() as session:
        session.mount("http://", ExplainingAdapter(explainer=explainers(base_url=server.url)))
        with session.get(server.url + USERS, stream=True, timeout=10) as got:
            lines = b"".join(got.iter_content(100))

    assert '"explanation"' in text
    assert b'"explanation"' in lines


def test_the_raw_response_of_requests_has_the_attributes_of_the_bare_one(server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON))
    found = []
    for adapter in (requests.adapters.HTTPAdapter(), ExplainingAdapter(explainer=explainers(base_url=server.url))):
        with requests.Session() as session:
            session.mount("http://", adapter)
            raw = session.get(server.url + USERS, stream=True, timeout=10).raw
            found.append((raw.status, raw.reason, raw.version, getattr(raw, "version_string", "absent"), raw.url, raw.closed, raw.read(1)))

    assert found[0] == found[1]
