"""A refusal by Keycloak, real or simulated, is on the page in a real Chromium within a second, and so is the end of it; a restart forgets nothing."""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from kcproxy import catalog
from kcproxy.simulator import SimulatedKeycloak
from tests.dashboards.stack import Proxy, Stage, proxy, served, stage, unique_realm
from tests.live.conftest import Keycloak, keycloak, real_keycloak

__all__ = ["keycloak", "real_keycloak"]  # fixtures that pytest finds by their names

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium (Debian package chromium) is not installed"),
    pytest.mark.timeout(300),
]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield await browser.new_page()
        await browser.close()


async def test_a_refusal_of_a_simulated_keycloak_is_on_the_page_within_a_second(page: Page, tmp_path: Path) -> None:
    async with SimulatedKeycloak(catalog.load(catalog.default_version())) as simulated:
        await _watch(simulated.url, page, tmp_path)


@pytest.mark.live
async def test_a_refusal_of_a_real_keycloak_is_on_the_page_within_a_second(keycloak: Keycloak, page: Page, tmp_path: Path) -> None:
    await _watch(keycloak.base_url, page, tmp_path)


async def _watch(keycloak_url: str, page: Page, folder: Path) -> None:
    async with stage(keycloak_url, unique_realm()) as made:
        async with proxy(made, folder) as running:
            await _refused_then_granted(made, running, page)
            ports = [int(url.rpartition(":")[2]) for url in (running.url, running.admin_url)]
        async with served(made, folder, *ports) as again:
            await page.goto(f"{again.admin_url}/")
            assert await page.locator("tr.fixed").get_by_text("fixed", exact=True).is_visible()
            await page.locator("tr.fixed").get_by_role("link").click()
            await page.get_by_role("heading", name="Fix", exact=True).wait_for()


async def _refused_then_granted(made: Stage, running: Proxy, page: Page) -> None:
    await page.goto(f"{running.admin_url}/")
    await page.locator("#live.on").wait_for()
    user = f"users/{made.user_id}"
    taken = [await _seconds_until_shown(made, running, page, path, role) for path, role in ((user, "view-users"), *OTHERS)]
    assert min(taken) < 1  # the quickest counts: what else the machine does is not the page's
    await made.grant("app", "view-users")
    assert await _ask(made, running, user) == 200
    await page.locator("tr.fixed").get_by_text("fixed", exact=True).wait_for()


OTHERS = (("clients?viewableOnly=false", "view-clients"), ("events", "view-events"))


async def _seconds_until_shown(made: Stage, running: Proxy, page: Page, path: str, role: str) -> float:
    assert await _ask(made, running, path) == 403
    answered_at = time.monotonic()
    # The first kind is shown at once; a later one would move it, and is announced.
    await page.get_by_role("link", name=role).or_(page.get_by_role("button", name="1 new")).first.wait_for()
    taken = time.monotonic() - answered_at
    if await page.locator("#fresh").is_visible():
        await page.locator("#fresh").click()
    await page.get_by_role("link", name=role).wait_for()
    return taken


async def _ask(made: Stage, running: Proxy, path: str) -> int:
    async with made.session.get(f"{running.url}/admin/realms/{made.realm}/{path}") as answer:
        await answer.read()
        return answer.status
