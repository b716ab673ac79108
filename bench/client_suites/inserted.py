"""A pytest plugin that puts the middleware into every client that the tests make. It uses public names of the clients only.

The explainer reads the body of each error response, of any server, and then explains what it would explain anyhow. That is more than it does in a
program, where other servers' responses are left alone. ``CLIENT_SUITES_LIBRARY`` names the client, and ``CLIENT_SUITES_COUNTS`` the file for the counts.
"""

import os
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from kcproxy.middleware import RefusalExplainer

COUNTS = {"requests": 0, "error responses read": 0}
FIRST_ERROR_STATUS = 400


class ReadsEveryError(RefusalExplainer):
    """Reads each error response."""

    def concerns(self, status: int, method: str, origin: str, raw_target: bytes) -> bool:
        """Whether the body is to be read: of each error response."""
        super().concerns(status, method, origin, raw_target)
        COUNTS["error responses read"] += status >= FIRST_ERROR_STATUS
        return status >= FIRST_ERROR_STATUS


def pytest_configure() -> None:
    """Insert the middleware before the tests are imported."""
    {"httpx": _into_httpx, "requests": _into_requests, "aiohttp": _into_aiohttp}[os.environ["CLIENT_SUITES_LIBRARY"]](ReadsEveryError())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the counts, which prove that the middleware was in."""
    del session
    Path(os.environ["CLIENT_SUITES_COUNTS"]).write_text("\n".join(f"{count} {what}" for what, count in COUNTS.items()), encoding="utf-8")


def _into_httpx(explainer: RefusalExplainer) -> None:
    import httpx  # noqa: PLC0415 - each suite has its own client installed

    from kcproxy.middleware.httpx import AsyncExplainingTransport, ExplainingTransport  # noqa: PLC0415

    for transport in (httpx.HTTPTransport, httpx.MockTransport, httpx.WSGITransport):
        _wrap_transport(transport, "handle_request", httpx.BaseTransport, ExplainingTransport, explainer)
    for transport_async in (httpx.AsyncHTTPTransport, httpx.MockTransport, httpx.ASGITransport):
        _wrap_transport(transport_async, "handle_async_request", httpx.AsyncBaseTransport, AsyncExplainingTransport, explainer)


def _wrap_transport(kind: Any, method: str, base: Any, explaining: Any, explainer: RefusalExplainer) -> None:
    original = getattr(kind, method)

    def handle(self: Any, request: Any) -> Any:
        COUNTS["requests"] += 1
        inner = type("Inner", (base,), {method: lambda _, sent: original(self, sent)})()
        return getattr(explaining(inner, explainer=explainer), method)(request)

    setattr(kind, method, wraps(original)(handle))


def _into_requests(explainer: RefusalExplainer) -> None:
    from requests.adapters import BaseAdapter, HTTPAdapter  # noqa: PLC0415 - each suite has its own client installed

    from kcproxy.middleware.requests import ExplainingAdapter  # noqa: PLC0415

    original = HTTPAdapter.send

    class Inner(BaseAdapter):
        def __init__(self, adapter: HTTPAdapter) -> None:
            super().__init__()
            self.adapter = adapter

        def send(self, *words: Any, **named: Any) -> Any:
            return original(self.adapter, *words, **named)

    def send(self: HTTPAdapter, request: Any, *words: Any, **named: Any) -> Any:
        COUNTS["requests"] += 1
        return ExplainingAdapter(Inner(self), explainer=explainer).send(request, *words, **named)

    HTTPAdapter.send = wraps(original)(send)  # type: ignore[method-assign] # the purpose of this file


def _into_aiohttp(explainer: RefusalExplainer) -> None:
    session: Any = import_module("aiohttp").ClientSession
    explaining = import_module("kcproxy.middleware.aiohttp").ExplainingMiddleware(explainer=explainer)
    original = session.__init__

    async def counting(request: Any, handler: Any) -> Any:
        COUNTS["requests"] += 1
        return await explaining(request, handler)

    def init(self: Any, *words: Any, **named: Any) -> None:
        named["middlewares"] = (*(named.get("middlewares") or ()), counting)
        original(self, *words, **named)

    session.__init__ = wraps(original)(init)
