"""The page in a real Chromium: live, filtered, copied from, without scripts, with hostile names, and without an axe violation."""

import asyncio
import time
from importlib.resources import files
from itertools import product
from typing import Literal

import pytest
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from playwright.async_api import Browser, async_playwright

from kcproxy.admin import app as admin
from kcproxy.model import Cause, Confidence
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, Secret, Settings
from tests.admin.browser import CHROMIUM, UPSTREAM, NewPage, address, app_of, browser, live, needs_chromium, new_page
from tests.admin.stage import deny, observer
from tests.hostile_text import unseen
from tests.observe.samples import caller, fix, record, target

__all__ = ["address", "browser", "new_page", "observer"]  # fixtures that pytest finds by their names

pytestmark = needs_chromium
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
AXE = files("axe_playwright_python").joinpath("axe.min.js")


async def test_a_denial_appears_within_a_second_without_reloading(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    page = await new_page()
    await live(page, address)
    assert await page.locator("#denials > li").count() == 0
    taken = []
    for number in range(3):  # the quickest counts: what else the machine does is not the page's
        began = time.monotonic()
        deny(observer, f"d-{number}", caller=caller(f"c-{number}"), summary=f"c-{number} may not")
        await page.get_by_role("link", name=f"c-{number} may not").wait_for()
        taken.append(time.monotonic() - began)
    assert min(taken) < 1
    assert await page.locator("#empty").is_hidden()


async def test_the_same_denial_again_counts_up_and_a_new_kind_comes_first(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await live(page, address)
    deny(observer, "d-2")
    await page.get_by_text("2 times", exact=False).wait_for()
    deny(observer, "d-3", caller=caller("another"), summary="another may not")
    await page.get_by_role("link", name="another may not").wait_for()
    assert "another may not" in await page.locator("#denials > li").first.inner_text()
    assert await page.locator("#denials > li").count() == 2


async def test_what_passes_again_is_marked_live(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await live(page, address)
    observer.request_finished(record(caller=caller()))
    await page.get_by_text("resolved", exact=True).wait_for()


async def test_the_filter_works_while_typing_and_is_kept_in_the_address(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    deny(observer, "d-2", caller=caller("billing"), summary="billing may not", cause=Cause.TOKEN_EXPIRED, missing=())
    page = await new_page()
    await live(page, address)
    items = page.locator("#denials > li:visible")
    await page.get_by_label("Search").fill("billing")
    assert await items.count() == 1
    await page.get_by_label("Search").fill("VIEW-users")
    assert "view-users" in await items.first.inner_text()
    await page.get_by_label("Search").fill("")
    await page.get_by_label("Cause").select_option("token-expired")
    assert await items.count() == 1
    assert page.url.endswith("/?why=token-expired")
    deny(observer, "d-3")  # a denial that the filter hides stays hidden when it comes live
    await page.locator("#denials > li[hidden] [data-field=count]").get_by_text("2", exact=True).wait_for(state="attached")
    assert await items.count() == 1


@pytest.mark.parametrize("kind", ["kcadm", "curl", "terraform", "ansible", "console"])
async def test_copy_buttons_copy_exactly_the_command(address: str, observer: LiveObserver, new_page: NewPage, kind: str) -> None:
    deny(observer)
    page = await new_page(permissions=["clipboard-read", "clipboard-write"])
    await page.goto(address + "/denials/d-1")
    await page.locator(f'button[data-copy="{kind}"]').click()
    await page.get_by_text("Copied.", exact=True).wait_for(state="attached")
    expected = {
        "kcadm": "\n".join(fix().kcadm),
        "curl": "\n".join(fix().curl),
        "terraform": fix().terraform,
        "ansible": fix().ansible,
        "console": "\n".join(fix().console),
    }
    assert await page.evaluate("navigator.clipboard.readText()") == expected[kind]


async def test_without_scripts_everything_can_be_read_and_no_dead_button_is_shown(
    address: str, observer: LiveObserver, new_page: NewPage
) -> None:
    deny(observer)
    page = await new_page(java_script_enabled=False)
    await page.goto(address + "/")
    await page.get_by_role("link", name="lacks the role view-users").click()
    assert "--rolename view-users" in await page.locator("main").inner_text()
    assert await page.locator("button:visible").count() == 0
    await page.goto(address + "/")
    await page.get_by_label("Search").fill("no such thing")
    await page.get_by_role("button", name="Filter").click()
    assert "No denial matches" in await page.locator("main").inner_text()


async def test_hostile_names_stay_text_live_too(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    page = await new_page()
    await live(page, address)
    deny(
        observer,
        target=target(realm=HOSTILE, raw_path=f"/{HOSTILE}"),
        caller=caller(HOSTILE),
        summary=HOSTILE,
        missing=(HOSTILE,),
        evidence=(HOSTILE,),
    )
    await page.get_by_role("link", name=HOSTILE).wait_for()
    await page.get_by_role("link", name=HOSTILE).click()
    await page.wait_for_url("**/denials/d-1")
    assert HOSTILE in await page.locator("h1").inner_text()
    assert await page.locator("img").count() == 0
    assert (await page.title()).endswith("· kcproxy")


async def test_what_cannot_be_seen_is_shown_live_as_on_a_page_that_was_just_opened(
    address: str, observer: LiveObserver, new_page: NewPage
) -> None:
    page = await new_page()
    await live(page, address)
    everything = "".join(chr(point) for point in (*range(0x300), *range(0x2000, 0x2070), 0x3000, 0xFE0F, 0xFEFF, 0xE0041, 0xE0101))
    deny(observer, caller=caller(everything), target=target(realm=everything))
    await page.locator("[data-group]:visible").first.wait_for()
    shown = [await page.locator(f'[data-field="{field}"]').first.text_content() for field in ("who", "realm", "summary")]
    await page.reload()

    assert shown == [await page.locator(f'[data-field="{field}"]').first.text_content() for field in ("who", "realm", "summary")]
    assert "⟨U+202E⟩" in (shown[0] or "")
    assert unseen("".join(text or "" for text in shown)) == []


async def test_it_works_by_keyboard_alone(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await live(page, address)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
    await page.keyboard.press("Enter")
    for _ in range(4):  # search, cause, check box, the first denial
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/denials/d-1")


@pytest.mark.parametrize("path", ["/", "/?q=nothing", "/denials/d-1", "/denials/unknown", "/explain", "/roles", "/login"])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(address: str, observer: LiveObserver, browser: Browser, path: str) -> None:
    for confidence in Confidence:
        deny(observer, f"d-{confidence}", caller=caller(confidence.value), confidence=confidence)
    deny(observer)
    observer.request_finished(record(caller=caller()))
    for width, dark in product((360, 1280), (False, True)):
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        page = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        await page.goto(address + path)
        await asyncio.sleep(0.4)  # animations at their end, the live connection made
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found["violations"]] == [], (width, scheme)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, scheme)
        await page.close()


async def test_what_is_shown_is_what_is_copied(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await page.goto(address + "/denials/d-1")
    for kind in ("kcadm", "curl", "terraform", "ansible"):
        button = page.locator(f'button[data-copy="{kind}"]')
        shown = await page.locator(".copyable", has=button).locator("code").text_content()
        assert shown == await button.get_attribute("data-text")


async def test_off_loopback_the_login_form_opens_the_page(observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    server = TestServer(app_of(observer, Secret("correct horse")))
    await server.start_server()
    page = await new_page()
    await page.goto(str(server.make_url("/")))
    await page.get_by_label("Admin key").fill("correct horse")
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("link", name="lacks the role view-users").wait_for()
    await page.locator("#live.on").wait_for()
    await server.close()


async def test_copying_works_where_the_browser_offers_no_clipboard(observer: LiveObserver) -> None:
    """Off loopback without TLS the page is no secure context, and ``navigator.clipboard`` is missing."""
    deny(observer)
    settings = Settings(upstream=UPSTREAM, admin_listen=AddressSettings(host="0.0.0.0", port=0), admin_key=Secret("correct horse"))
    server = TestServer(admin.build(settings, observer, list))
    await server.start_server()
    address = f"http://proxy.test:{server.port}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--host-resolver-rules=MAP proxy.test 127.0.0.1"]
        )
        page = await browser.new_page()
        await page.goto(f"{address}/login")
        await page.get_by_label("Admin key").fill("correct horse")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("link", name="lacks the role view-users").click()
        assert await page.evaluate("navigator.clipboard === undefined")
        await page.locator('button[data-copy="kcadm"]').click()
        await page.get_by_text("Copied.", exact=True).wait_for(state="attached")
        await page.goto(f"{address}/explain")
        await page.get_by_label("Path").focus()
        await page.keyboard.press("Control+V")
        assert await page.get_by_label("Path").input_value() == fix().kcadm[0]
        await browser.close()
    await server.close()


LONG = "n" * 1000


@pytest.mark.parametrize("path", ["/", "/denials/d-1"])
async def test_names_of_any_length_scroll_nothing_sideways_on_a_phone(
    address: str, observer: LiveObserver, new_page: NewPage, path: str
) -> None:
    deny(
        observer,
        target=target(realm=LONG, raw_path=f"/{LONG}"),
        caller=caller(LONG),
        summary=LONG,
        missing=(LONG,),
        evidence=(LONG,),
        fixes=(replace(fix(), summary=f"Grant it to {LONG}", console=(LONG,), kcadm=(f"kcadm.sh {LONG}",)),),
    )
    page = await new_page(viewport={"width": 360, "height": 740})
    await page.goto(address + path)
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("token", ["", "garbage"])
async def test_the_answer_of_the_form_is_in_sight_and_without_an_axe_violation(address: str, new_page: NewPage, token: str) -> None:
    page = await new_page(viewport={"width": 360, "height": 740})
    await page.goto(address + "/explain")
    await page.get_by_label("Path").fill("/admin/realms/r/users/42")
    await page.get_by_label("Access token").fill(token)
    await page.get_by_role("button", name="Explain").click()
    await page.locator("#answer").wait_for()
    assert page.url == address + "/explain#answer"
    assert await page.get_by_label("Access token").input_value() == ""
    seen = await page.evaluate(
        "(({top, bottom}) => ({top, bottom, room: innerHeight}))(document.getElementById('answer').getBoundingClientRect())"
    )
    assert 0 <= seen["top"] < seen["bottom"] <= seen["room"]
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [violation["id"] for violation in found["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
