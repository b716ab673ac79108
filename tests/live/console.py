"""Printed steps of the Admin console, clicked in a real Chromium: each step is read as a person would read it."""

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from playwright.async_api import Locator, Page

from tests.live.conftest import Keycloak

TIMEOUT_MILLISECONDS = 90_000
Done = Coroutine[Any, Any, None]


class Console:
    """One page of the Admin console, logged in as the administrator."""

    def __init__(self, page: Page, keycloak: Keycloak) -> None:
        self.page, self.keycloak = page, keycloak
        page.set_default_timeout(TIMEOUT_MILLISECONDS)

    async def open(self, url: str) -> None:
        """A link of a fix; the login page comes first."""
        await self.page.goto(url)
        await self.page.locator("#username").fill(self.keycloak.admin_username)
        await self.page.locator("#password").fill(self.keycloak.admin_password)
        await self.page.locator("#kc-login").click()
        await self.page.get_by_role("link", name="Clients", exact=True).first.wait_for()

    async def follow(self, steps: Sequence[str]) -> None:
        """All steps in their order. AssertionError for a step that nothing here understands."""
        for step in steps:
            await self._step(step)

    async def _step(self, step: str) -> None:
        for pattern, act in self._ACTIONS:
            if found := re.fullmatch(pattern, step):
                await act(self, *found.groups())
                return
        raise AssertionError(f"nobody could follow this step: {step}")

    async def _choose_realm(self, realm: str) -> None:
        """The link of a fix opens the realm already; its name is on the page."""
        assert f"/#/{realm}/" in self.page.url

    async def _navigate(self, entry: str, name: str, tabs: str) -> None:
        await self.page.get_by_role("link", name=entry, exact=True).first.click()
        if entry == "Users":
            await self._search(self.page.get_by_placeholder(re.compile("Search user", re.IGNORECASE)).first, name)
        await self._link(name).click()
        for part in tabs.split(", "):
            label = part.removeprefix("tab ")
            await (self.page.get_by_role("tab", name=label, exact=True).first.click() if part != label else self._link(label).click())

    def _link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True).first

    async def _assign_menu(self, item: str) -> None:
        await self.page.get_by_role("button", name="Assign role", exact=True).first.click()
        await self.page.get_by_role("menuitem", name=item, exact=True).click()

    async def _assign_list(self, before: str | None, after: str | None) -> None:
        await self.page.get_by_role("button", name="Assign role", exact=True).first.click()
        if before and after:
            dialog = self.page.get_by_role("dialog")
            await dialog.get_by_role("button", name=before, exact=True).first.click()
            await self.page.get_by_role("menuitem", name=after, exact=True).first.click()

    async def _tick(self, role: str, client: str | None) -> None:
        dialog = self.page.get_by_role("dialog")
        await self._search(dialog.get_by_placeholder(re.compile("search", re.IGNORECASE)).first, role)
        rows = dialog.get_by_role("row").filter(has_text=role)
        row = rows.filter(has_text=client).first if client else rows.first
        await row.get_by_role("checkbox").check()

    async def _search(self, field: Locator, text: str) -> None:
        await field.fill(text)
        await field.press("Enter")

    async def _assign(self) -> None:
        await self.page.get_by_role("dialog").get_by_role("button", name="Assign", exact=True).click()
        await self.page.get_by_role("dialog").wait_for(state="hidden")

    _ACTIONS: tuple[tuple[str, Callable[..., Done]], ...] = (
        (r"Choose the realm (\S+)", _choose_realm),
        (r"(Clients|Users), ([^,]+), (.*)", _navigate),
        (r"Assign role, (Client roles|Realm roles)", _assign_menu),
        (r"Assign role(?:: change (.+) to (.+))?", _assign_list),
        (r"Search for (\S+) and tick it(?: in the row of the client (\S+))?", _tick),
        (r"Assign", _assign),
    )
