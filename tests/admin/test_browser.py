"""The page in a real Chromium: live, filtered, copied from, without scripts, with hostile names, and without an axe violation."""

import asyncio
import re
import time
from importlib.resources import files
from itertools import product
from typing import Literal

import pytest
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from playwright.async_api import Browser, Page, async_playwright

from kcproxy.admin import app as admin
from kcproxy.model import Cause, Confidence
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings, Secret, Settings
from tests.admin.browser import CHROMIUM, UPSTREAM, NewPage, address, app_of, browser, live, needs_chromium, new_page
from tests.admin.stage import deny, observer
from tests.hostile_text import unseen
from tests.observe.samples import CLIENT, caller, fix, record, target

__all__ = ["address", "browser", "new_page", "observer"]  # fixtures that pytest finds by their names

pytestmark = needs_chromium
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
AXE = files("axe_playwright_python").joinpath("axe.min.js")


async def test_a_denial_appears_within_a_second_without_reloading(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    page = await new_page()
    await live(page, address)
    assert await page.locator("#denials > tr").count() == 0
    taken = []
    for number in range(3):  # the quickest counts: what else the machine does is not the page's
        began = time.monotonic()
        deny(observer, f"d-{number}", caller=caller(f"c-{number}"), summary=f"c-{number} may not")
        if number == 0:  # nothing is there that it could move
            await page.get_by_role("link", name="c-0 may not").wait_for()
        else:
            await page.get_by_role("button", name=f"{number} new").wait_for()
        taken.append(time.monotonic() - began)
    assert min(taken) < 1
    assert await page.locator("#empty").is_hidden()
    await page.get_by_role("button", name="2 new").click()
    assert await page.locator("#denials > tr").count() == 3
    assert await page.locator("#fresh").is_hidden()


async def test_the_same_denial_again_counts_up_and_a_new_kind_comes_first(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await live(page, address)
    deny(observer, "d-2")
    await page.locator('[data-field="count"]').get_by_text("2", exact=True).wait_for()
    deny(observer, "d-3", caller=caller("another"), summary="another may not")
    await page.get_by_role("button", name="1 new").click()
    assert await services(page) == ["another", CLIENT]


async def services(page: Page) -> list[str]:
    return await page.locator('#denials [data-field="service"]').all_inner_texts()


async def test_live_traffic_moves_nothing_under_the_pointer_or_the_focus(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    for name in ("one", "two", "three"):
        deny(observer, f"d-{name}", caller=caller(name), summary=f"{name} may not")
    page = await new_page()
    await live(page, address)
    before, link = await services(page), page.get_by_role("link", name="one may not")
    await link.focus()
    place = await link.bounding_box()
    for number in range(5):
        deny(observer, f"d-one-{number}", caller=caller("one"), summary="one may not")
        deny(observer, f"d-new-{number}", caller=caller(f"new-{number}"))
    await page.get_by_role("button", name="5 new").wait_for()
    assert (await services(page), await link.bounding_box()) == (before, place)
    assert await link.evaluate("link => link === document.activeElement")
    await page.get_by_role("button", name="5 new").click()
    assert len(await services(page)) == 8


async def test_a_paused_list_stands_still_until_it_is_resumed(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await live(page, address)
    await page.get_by_role("button", name="Pause").click()
    assert page.url.endswith("/?paused=1")
    deny(observer, "d-2")
    deny(observer, "d-3", caller=caller("another"))
    await asyncio.sleep(1)
    assert await page.locator('#denials [data-field="count"]').all_inner_texts() == ["1"]
    assert await page.locator("#fresh").is_hidden()
    await page.get_by_role("button", name="Resume").click()
    await page.get_by_role("button", name="1 new").wait_for()
    assert await page.locator('#denials [data-field="count"]').all_inner_texts() == ["2"]


@pytest.mark.parametrize("width", [1280, 375])
async def test_the_sentence_of_the_selected_row_does_not_hide_the_row(
    address: str, observer: LiveObserver, new_page: NewPage, width: int
) -> None:
    for number in range(40):
        deny(
            observer,
            f"d-{number}",
            caller=caller(f"service-{number}"),
            summary=f"service-{number} may not do this, " + "and more words " * 8,
        )
    page = await new_page(viewport={"width": width, "height": 812})
    await live(page, address)
    for _ in range(33):
        await page.keyboard.press("j")
    row, sentence = await page.locator("tr.selected").bounding_box(), await page.locator("#preview").bounding_box()
    assert row is not None
    assert sentence is not None
    assert row["y"] + row["height"] <= sentence["y"]
    assert row["y"] >= 0


async def test_titles_of_columns_sort_with_and_without_scripts(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    for name, count in (("two", 2), ("three", 3), ("one", 1)):
        for number in range(count):
            deny(observer, f"d-{name}-{number}", caller=caller(name))
    for scripts in (True, False):
        page = await new_page(java_script_enabled=scripts)
        await page.goto(address + "/")
        if scripts:
            await page.locator("#live.on").wait_for()
        await page.get_by_role("link", name="Count", exact=True).click()
        await page.wait_for_url("**/?sort=count")
        assert await services(page) == ["three", "two", "one"]
        await page.get_by_role("link", name="Count", exact=True).click()
        await page.wait_for_url("**/?sort=count&order=up")
        assert await services(page) == ["one", "two", "three"]
        assert await page.locator('[aria-sort="ascending"]').inner_text() == "Count"


async def test_rows_are_reached_by_j_and_k_and_the_sentence_is_shown(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer, caller=caller("one"), summary="one may not", cause=Cause.ROLE_REVOKED)
    deny(observer, "d-2", caller=caller("two"), summary="two may not")
    page = await new_page()
    await live(page, address)
    for key, sentence in (("j", "two may not"), ("j", "one may not"), ("j", "one may not"), ("k", "two may not"), ("j", "one may not")):
        await page.keyboard.press(key)
        assert await page.locator('[data-preview="summary"]').inner_text() == sentence
    assert "worked until" in await page.locator('[data-preview="course"]').inner_text()
    await page.keyboard.press("/")
    await page.keyboard.type("jk")
    assert await page.get_by_label("Search").input_value() == "jk"
    await page.get_by_label("Search").fill("")
    await page.keyboard.press("Escape")
    await page.get_by_label("keys").uncheck()
    await page.keyboard.press("/")
    assert page.url.endswith("/?keys=off")
    assert await page.evaluate("document.activeElement.id") == "keys"
    await page.get_by_label("keys").check()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/denials/d-*")


async def test_thirty_kinds_fit_on_one_screen(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    for number in range(30):
        deny(observer, f"d-{number}", caller=caller(f"a-service-with-a-rather-long-name-{number}"))
    page = await new_page(viewport={"width": 1280, "height": 900})
    await live(page, address)
    assert await page.locator("#denials > tr").count() == 30
    assert await page.evaluate("document.getElementById('denials').lastElementChild.getBoundingClientRect().bottom") <= 900


async def test_what_fails_again_after_it_was_fixed_is_a_regression(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    observer.request_finished(record(caller=caller()))
    deny(observer, "d-2")
    page = await new_page()
    await live(page, address)
    assert await page.locator('[data-field="state"]').all_inner_texts() == ["regressed"]
    await page.get_by_label("State").select_option("fixed")
    assert await page.locator("#denials > tr").count() == 0
    assert page.url.endswith("/?state=fixed")


async def test_what_passes_again_is_marked_live(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await live(page, address)
    observer.request_finished(record(caller=caller()))
    await page.locator("tr.fixed").get_by_text("fixed", exact=True).wait_for()


async def test_the_filter_works_while_typing_and_is_kept_in_the_address(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    deny(observer, "d-2", caller=caller("billing"), summary="billing may not", cause=Cause.TOKEN_EXPIRED, missing=())
    page = await new_page()
    await live(page, address)
    items = page.locator("#denials > tr")
    await page.get_by_label("Search").fill("billing")
    assert await items.count() == 1
    await page.get_by_label("Search").fill("VIEW-users")
    assert "view-users" in await items.first.inner_text()
    await page.get_by_label("Search").fill("")
    await page.get_by_label("Cause").select_option("token-expired")
    assert await items.count() == 1
    assert page.url.endswith("/?why=token-expired")
    deny(observer, "d-3", caller=caller("shown later"), cause=Cause.TOKEN_EXPIRED, missing=())
    deny(observer, "d-4")  # a denial that the filter hides stays hidden when it comes live
    await page.get_by_role("button", name="1 new").wait_for()
    assert await items.count() == 1


@pytest.mark.parametrize("kind", ["kcadm", "curl", "terraform", "ansible", "console"])
async def test_copy_buttons_copy_exactly_the_command(address: str, observer: LiveObserver, new_page: NewPage, kind: str) -> None:
    deny(observer)
    page = await new_page(permissions=["clipboard-read", "clipboard-write"])
    await page.goto(address + "/denials/d-1")
    await page.locator(f'[role="tab"][data-kind="{kind}"]').click()
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


async def test_the_forms_of_a_fix_are_tabs_for_the_keyboard_and_the_choice_is_kept(
    address: str, observer: LiveObserver, new_page: NewPage
) -> None:
    deny(observer)
    page = await new_page()
    await page.goto(address + "/denials/d-1")
    assert await page.get_by_role("tab").all_inner_texts() == ["kcadm.sh", "curl", "Terraform", "Ansible", "Admin console"]
    await page.get_by_role("tab", name="kcadm.sh").focus()
    for key in ("ArrowLeft", "Home", "ArrowRight", "ArrowRight"):
        await page.keyboard.press(key)
    await page.reload()
    assert await page.get_by_role("tab", selected=True).inner_text() == "Terraform"
    assert await page.locator("[role=tabpanel]:visible").count() == 1
    assert "keycloak_openid_client_service_account_role" in await page.locator("[role=tabpanel]:visible").inner_text()


async def test_a_denial_shows_first_the_fix_then_why_then_the_request(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    for number in range(3):
        deny(observer, f"d-{number}", confidence=Confidence.LIKELY)
    observer.request_finished(record(caller=caller()))
    page = await new_page()
    await page.goto(address + "/denials/d-1")
    assert await page.locator("main h2").all_inner_texts() == ["Fix", "Why", "The request", "Other occurrences"]
    assert "By far the most probable cause" in await page.locator(".line").inner_text()
    assert re.search(r"Resolved .* at \d{4}-\d\d-\d\dT[\d:]{8}Z", await page.locator(".good").inner_text())
    await page.get_by_text("The newest 3").click()
    assert await page.locator(".occurrences a").count() == 2
    await page.locator(".occurrences a").first.click()
    await page.wait_for_url("**/denials/d-2")


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
    shown = [await page.locator(f'[data-field="{field}"]').first.text_content() for field in ("service", "realm", "summary")]
    await page.reload()

    assert shown == [await page.locator(f'[data-field="{field}"]').first.text_content() for field in ("service", "realm", "summary")]
    assert "⟨U+202E⟩" in (shown[0] or "")
    assert unseen("".join(text or "" for text in shown)) == []


async def test_it_works_by_keyboard_alone(address: str, observer: LiveObserver, new_page: NewPage) -> None:
    deny(observer)
    page = await new_page()
    await live(page, address)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
    await page.keyboard.press("Enter")
    for _ in range(7 + 2 + 7 + 1):  # filters, pause and keys, titles of columns, the first denial
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/denials/d-1")


@pytest.mark.parametrize("path", ["/", "/?q=nothing", "/denials/d-1", "/denials/unknown", "/explain", "/roles", "/tokens", "/login"])
async def test_axe_finds_nothing_under_live_traffic_and_nothing_scrolls_sideways(
    address: str, observer: LiveObserver, browser: Browser, path: str
) -> None:
    for confidence in Confidence:
        deny(observer, f"d-{confidence}", caller=caller(confidence.value), confidence=confidence)
    deny(observer)
    observer.request_finished(record(caller=caller()))
    observer.token_fetched("reporting", "ok", 0.01, 300.0)
    observer.token_fetched("rotated", "invalid_client", 0.01, None)
    for width, dark in product((360, 1280), (False, True)):
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        page = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        await page.goto(address + path)
        await asyncio.sleep(0.4)  # the live connection is made
        if path == "/":
            await page.keyboard.press("j")
            deny(observer, f"d-{width}-{dark}", caller=caller(f"new-{width}-{dark}"))
            await page.get_by_role("button", name="1 new").wait_for()
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
