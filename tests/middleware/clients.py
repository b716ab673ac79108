"""The clients under test, each with and without the middleware, behind one interface: a call, and the response as plain values."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import anyio
import httpx
import requests
from yarl import URL

from kcproxy.middleware import RefusalExplainer, ServiceAccount, explanation_of
from kcproxy.middleware import aiohttp as of_aiohttp
from kcproxy.middleware import httpx as of_httpx
from kcproxy.middleware import requests as of_requests
from kcproxy.model import Explanation


@dataclass(frozen=True, kw_only=True)
class Call:
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Got:
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    explanation: Explanation | None

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]


Send = Callable[[Call], Got]


@contextmanager
def httpx_client(explainer: RefusalExplainer | None, account: tuple[ServiceAccount, str] | None) -> Iterator[Send]:
    auth = of_httpx.ServiceAccountAuth(account[0], base_url=account[1]) if account else None
    inner = httpx.HTTPTransport()
    transport = inner if explainer is None else of_httpx.ExplainingTransport(inner, explainer=explainer)
    with httpx.Client(transport=transport, auth=auth, timeout=30) as client:

        def send(call: Call) -> Got:
            response = client.request(call.method, call.url, headers=call.headers, content=call.body)
            return Got(
                status=response.status_code,
                fields=tuple(response.headers.multi_items()),
                body=response.content,
                explanation=explanation_of(response),
            )

        yield send


@contextmanager
def async_httpx_client(explainer: RefusalExplainer | None, account: tuple[ServiceAccount, str] | None) -> Iterator[Send]:
    async def one(call: Call) -> Got:
        auth = of_httpx.ServiceAccountAuth(account[0], base_url=account[1]) if account else None
        inner = httpx.AsyncHTTPTransport()
        transport = inner if explainer is None else of_httpx.AsyncExplainingTransport(inner, explainer=explainer)
        async with httpx.AsyncClient(transport=transport, auth=auth, timeout=30) as client:
            response = await client.request(call.method, call.url, headers=call.headers, content=call.body)
        return Got(
            status=response.status_code,
            fields=tuple(response.headers.multi_items()),
            body=response.content,
            explanation=explanation_of(response),
        )

    yield lambda call: anyio.run(one, call)


@contextmanager
def requests_client(explainer: RefusalExplainer | None, account: tuple[ServiceAccount, str] | None) -> Iterator[Send]:
    with requests.Session() as session:
        session.trust_env = False
        if explainer is not None:
            session.mount("http://", of_requests.ExplainingAdapter(explainer=explainer))
        if account:
            session.auth = of_requests.ServiceAccountAuth(account[0], base_url=account[1], session=session)

        def send(call: Call) -> Got:
            response = session.request(call.method, call.url, headers=dict(call.headers), data=call.body, timeout=30)
            return Got(
                status=response.status_code,
                fields=tuple(response.raw.headers.items()),
                body=response.content,
                explanation=explanation_of(response),
            )

        yield send


@contextmanager
def aiohttp_client(explainer: RefusalExplainer | None, account: tuple[ServiceAccount, str] | None) -> Iterator[Send]:
    async def one(call: Call) -> Got:
        middlewares: list[Any] = [] if explainer is None else [of_aiohttp.ExplainingMiddleware(explainer=explainer)]
        if account:
            middlewares.append(of_aiohttp.ServiceAccountMiddleware(account[0], base_url=account[1]))
        async with (
            aiohttp.ClientSession(middlewares=tuple(middlewares)) as session,
            session.request(call.method, URL(call.url, encoded=True), headers=call.headers, data=call.body) as response,
        ):
            return Got(
                status=response.status,
                fields=tuple((name, value) for name, value in response.headers.items()),
                body=await response.read(),
                explanation=explanation_of(response),
            )

    yield lambda call: anyio.run(one, call)


CLIENTS = {"httpx": httpx_client, "httpx-async": async_httpx_client, "requests": requests_client, "aiohttp": aiohttp_client}
"""Each takes an explainer, or None for the bare client, and a service account with Keycloak's address."""
