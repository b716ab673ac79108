"""The page in a real Chromium, for the tests of it: the fixtures ``observer``, ``address``, ``browser`` and ``new_page``."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from kcproxy.admin import app as admin
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, Secret, Settings, UpstreamSettings

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium (Debian package chromium) is not installed")

NewPage: TypeAlias = Callable[..., Awaitable[Page]]
UPSTREAM = UpstreamSettings(scheme="http", host="localhost", port=8080)


@pytest.fixture
async def address(observer: LiveObserver) -> AsyncIterator[str]:
    server = TestServer(app_of(observer))
    await server.start_server()
    yield str(server.make_url("/")).rstrip("/")
    await server.close()


def app_of(observer: LiveObserver, key: Secret | None = None) -> web.Application:
    return admin.build(Settings(upstream=UPSTREAM, admin_listen=AddressSettings(host="127.0.0.1", port=0), admin_key=key), observer, list)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture
async def new_page(browser: Browser) -> AsyncIterator[NewPage]:
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    async def make(*, loses: bool = False, **options: Any) -> Page:
        """``loses``: the page will lose its connection or be refused, and the console says so."""
        context = await browser.new_context(**options)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if not loses:
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith("http://127.0.0.1") else complaints.append(request.url))
        return page

    yield make
    for context in contexts:
        await context.close()
    assert complaints == []  # no error, nothing that the policy had to block, no request to anywhere else


async def live(page: Page, address: str) -> None:
    await page.goto(address + "/")
    await page.locator("#live.on").wait_for()
