"""The list in a real Chromium when things go wrong: connections that break or are refused, many windows, sessions that end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page

from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.denials.subscriptions import MAX_SUBSCRIBERS
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import LogSettings, Secret
from tests.admin.browser import NewPage, address, app_of, browser, live, needs_chromium, new_page
from tests.admin.stage import KEY, deny, observer
from tests.observe.samples import caller, record

__all__ = ["address", "browser", "new_page", "observer"]  # fixtures that pytest finds by their names

pytestmark = needs_chromium


def named(observer: LiveObserver, denial_id: str, client: str) -> None:
    deny(observer, denial_id, caller=caller(client), summary=f"{client} may not")


async def titles(page: Page) -> list[str]:
    """The sentences, as a screen reader reads them."""
    return [(await summary.text_content()) or "" for summary in await page.locator('#denials [data-field="summary"]').all()]


async def _moved_into_the_past(observer: LiveObserver, seconds: float) -> None:
    for group in observer.denials.groups():
        group.last_at -= seconds


async def test_what_passes_again_stays_below_what_was_denied_later(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    named(observer, "d-1", "first")
    await _moved_into_the_past(observer, 60)
    named(observer, "d-2", "second")
    page = await new_page()
    await live(page, address)
    observer.request_finished(record(caller=caller("first")))
    await page.locator("tr.fixed").wait_for()
    assert await titles(page) == ["second may not", "first may not"]


async def test_after_a_restart_the_list_is_what_the_proxy_has(observer: LiveObserver, new_page: NewPage) -> None:
    """What it has forgotten cannot be opened any more; what happened meanwhile is there, once."""
    named(observer, "d-1", "forgotten")
    named(observer, "d-2", "kept")
    first = TestServer(app_of(observer))
    await first.start_server()
    port = first.port
    page = await new_page(loses=True)
    await live(page, str(first.make_url("/")).rstrip("/"))
    assert await titles(page) == ["kept may not", "forgotten may not"]
    await first.close()
    await page.get_by_text("connection lost, trying again").wait_for()
    async with restarted() as after:
        named(after, "d-3", "kept")
        named(after, "d-4", "meanwhile")
        second = TestServer(app_of(after), port=port)
        await second.start_server()
        await page.locator("#live.on").wait_for()
        await page.get_by_role("button", name="1 new, 1 gone").click()
        assert await titles(page) == ["meanwhile may not", "kept may not"]
        await second.close()


@asynccontextmanager
async def restarted() -> AsyncIterator[LiveObserver]:
    made = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=LogWriter()), DenialStore())
    try:
        yield made
    finally:
        made.close()


async def test_a_stream_that_is_refused_is_replaced_by_asking_and_tried_again(
    address: str, observer: LiveObserver, new_page: NewPage
) -> None:
    """A browser gives up on a stream that is answered with an error; the page must not."""
    with ExitStack() as others:
        for _ in range(MAX_SUBSCRIBERS):
            others.enter_context(observer.denials.live.subscribe())
        page = await new_page(loses=True)
        await page.goto(address + "/")
        await page.get_by_text("live, every 3 s", exact=True).wait_for()
        named(observer, "d-1", "asked")
        await page.get_by_role("link", name="asked may not").wait_for()
    await page.get_by_text("live", exact=True).wait_for()


async def test_twenty_windows_leave_each_other_and_the_proxy_connections(address: str, observer: LiveObserver, browser: Browser) -> None:
    """A browser has six connections to a server; with as many streams, nothing more could be loaded."""
    context = await browser.new_context()
    pages = []
    for _ in range(20):
        page = await context.new_page()
        await live(page, address)
        pages.append(page)
    assert len(observer.denials.live) <= 4
    named(observer, "d-1", "everywhere")
    for page in pages:
        await page.get_by_role("link", name="everywhere may not").wait_for()
    for page in pages[:19]:
        await page.close()
    await pages[19].get_by_text("live", exact=True).wait_for()
    await context.close()


async def test_a_tab_that_nobody_sees_gives_its_stream_back(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    page = await new_page()
    await live(page, address)
    await _seen(page, hidden=True)
    named(observer, "d-1", "unseen")
    await asyncio.sleep(0.5)  # the stream notices when it is written to
    named(observer, "d-2", "unseen too")
    await asyncio.sleep(0.5)
    assert len(observer.denials.live) == 0
    assert await titles(page) == []
    await _seen(page, hidden=False)
    await page.get_by_role("link", name="unseen too may not").wait_for()
    assert len(await titles(page)) == 2  # the list was empty, so nothing moved


async def _seen(page: Page, *, hidden: bool) -> None:
    script = (
        "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
    )
    await page.evaluate(script % ("true" if hidden else "false"))


async def test_an_ended_session_is_reported_and_requests_stop(observer: LiveObserver, new_page: NewPage) -> None:
    server = TestServer(app_of(observer, Secret(KEY)))
    await server.start_server()
    page = await new_page(loses=True)
    await page.goto(str(server.make_url("/")))
    await page.get_by_label("Admin key").fill(KEY)
    await page.get_by_role("button", name="Log in").click()
    await page.locator("#live.on").wait_for()
    other = await page.context.new_page()
    await other.goto(str(server.make_url("/roles")))
    await other.get_by_role("button", name="Log out").click()
    await other.get_by_label("Admin key").wait_for()
    named(observer, "d-1", "secret")
    await page.get_by_text("logged out: log in").wait_for(timeout=15_000)
    assert await titles(page) == []
    await page.get_by_role("link", name="log in").click()
    await page.get_by_label("Admin key").wait_for()
    await server.close()


async def test_enter_finds_an_older_denial_by_its_id(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    named(observer, "d-older", "same")
    named(observer, "d-newest", "same")
    page = await new_page()
    await live(page, address)
    await page.get_by_label("Search").fill("d-newest")
    assert await page.locator("#denials > tr").count() == 1
    await page.get_by_label("Search").fill("d-older")
    await page.get_by_text("No denial matches").wait_for()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/denials/d-older")


async def test_a_filter_says_how_much_it_leaves_and_survives_back_and_reload(
    address: str, observer: LiveObserver, new_page: NewPage
) -> None:
    named(observer, "d-1", "one")
    named(observer, "d-2", "two")
    page = await new_page()
    await live(page, address)
    await page.get_by_label("Search").fill("two may")
    await page.locator("#news").get_by_text("1 of 2 kinds of denial").wait_for(state="attached")
    await page.get_by_role("link", name="two may not").click()
    await page.wait_for_url("**/denials/d-2")
    await page.go_back()
    for _ in range(2):
        await page.locator("#live.on").wait_for()
        assert await page.get_by_label("Search").input_value() == "two may"
        assert await page.locator("#denials > tr").count() == 1
        await page.reload()
