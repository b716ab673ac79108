"""Admin ports of instances with a shared history: page, API, live stream and commands of each show the denials of all."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from devkit.postgres import Postgres
from kcproxy.admin import app as admin
from kcproxy.cli.denials.source import RunningProxy
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import AddressSettings
from kcproxy.usage.model import Outcome
from tests.admin.browser import browser, needs_chromium
from tests.admin.stage import deny
from tests.cli.running import run
from tests.observe.samples import caller
from tests.observe.shared.stage import counts, instance, settings_of, until, written
from tests.observe.test_use_history import SYNC, USERS, count

__all__ = ["browser"]  # a fixture that pytest finds by its name

AXE = files("axe_playwright_python").joinpath("axe.min.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An instance and its admin port."""

    observer: LiveObserver
    number: int

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.number}{path}") as answer:
            return answer.status, await answer.text()

    async def json(self, path: str) -> Any:
        return json.loads((await self.get(path))[1])


@asynccontextmanager
async def admin_ports(url: str, *names: str) -> AsyncIterator[list[Port]]:
    async with AsyncExitStack() as running:
        ports = []
        for name in names:
            observer = await running.enter_async_context(instance(url, name))
            server = TestServer(admin.build(settings_of(url, name), observer, list))
            await server.start_server()
            running.push_async_callback(server.close)
            ports.append(Port(observer=observer, number=server.port or 0))
        yield ports


def environ(url: str) -> tuple[str, dict[str, str]]:
    """A URL without its password, and the password where commands look for it."""
    return url.replace(":secret@", "@"), {"PGPASSWORD": "secret"}


async def test_an_id_from_a_log_opens_at_every_admin_port(database: str) -> None:
    async with admin_ports(database, "one", "two") as (one, two):
        deny(one.observer, "d-1", caller=caller("billing"))
        await written(one.observer)
        for port in (one, two):
            assert (await port.json("/api/denials/d-1"))["instance"] == "one"
            status, page = await port.get("/denials/d-1")
            assert (status, "<dd>one</dd>" in page or ">one<" in page) == (200, True)
            status, _ = await port.get("/?q=d-1")
            assert status == 200
            assert (await port.get("/api/denials/d-2"))[0] == 404


async def test_the_list_of_every_instance_has_a_column_of_instances(database: str) -> None:
    async with admin_ports(database, "one", "two") as (one, two):
        deny(one.observer, "d-1", caller=caller("billing"))
        deny(two.observer, "d-2", caller=caller("billing"))
        for port in (one, two):
            await counts(port.observer, {"billing": 2})
            (group,) = (await port.json("/api/denials"))["denials"]
            assert (group["instances"], group["count"]) == (["one", "two"], 2)
            _, page = await port.get("/")
            assert '<th scope="col" role="columnheader" class="instances">Instance</th>' in page
            assert '<span data-field="instances" title="one, two">one, two</span>' in page


async def test_a_denial_at_one_instance_arrives_in_the_stream_of_another(database: str) -> None:
    async with admin_ports(database, "one", "two") as (one, two):
        following = asyncio.to_thread(lambda: next(RunningProxy(AddressSettings(host="127.0.0.1", port=two.number), None).follow()))
        waiting = asyncio.ensure_future(following)
        await until(lambda: len(two.observer.denials.live))
        deny(one.observer, "d-1", caller=caller("billing"))
        group = await asyncio.wait_for(waiting, 15)
        assert (group["id"], group["instances"]) == ("d-1", ["one"])


async def test_while_the_database_is_away_what_is_in_memory_opens_and_the_rest_says_why(postgres: Postgres, database: str) -> None:
    async with admin_ports(database, "one") as (one,):
        deny(one.observer, "d-1")
        await written(one.observer)
        await asyncio.to_thread(postgres.stop)
        try:
            assert (await one.get("/denials/d-1"))[0] == 200
            assert (await one.get("/"))[0] == 200
            status, text = await one.get("/api/denials/d-2")
            assert (status, "the history does not respond" in text) == (503, True)
            done = await asyncio.to_thread(run, "denials", "--admin", f"127.0.0.1:{one.number}", "d-2")
            assert (done.exit_code, "the history does not respond" in done.stderr) == (1, True)
            status, text = await one.get("/denials/d-2")
            assert (status, "The history does not respond" in text) == (503, True)
            status, text = await one.get("/least-privilege")
            assert (status, "cannot be read" in text) == (404, True)
        finally:
            await asyncio.to_thread(postgres.start)


async def test_commands_read_the_database_itself(database: str) -> None:
    async with admin_ports(database, "one", "two") as (one, two):
        deny(one.observer, "d-1", caller=caller("billing"))
        deny(two.observer, "d-2", caller=caller("crm"))
        await written(one.observer, two.observer)
    url, password = environ(database)
    listed = await asyncio.to_thread(run, "denials", "--history", url, "--json", environ=password)
    found = {group["service"]: group["instances"] for group in json.loads(listed.stdout)["denials"]}
    assert found == {"billing": ["one"], "crm": ["two"]}
    table = await asyncio.to_thread(run, "denials", "--history", url, environ=password)
    assert "INSTANCE" in table.stdout
    shown = await asyncio.to_thread(run, "denials", "--history", url, "d-2", "--json", environ=password)
    assert json.loads(shown.stdout)["denial"]["instance"] == "two"


async def test_the_audit_and_the_page_read_the_calls_of_all_instances(database: str) -> None:
    async with admin_ports(database, "one", "two") as (one, two):
        for port in (one, two):
            count(port.observer.use_tally(), caller=SYNC, outcome=Outcome.FULL)
            port.observer.use_tally().name_roles(SYNC, {"realm-management": ("realm-admin",)})
        url, password = environ(database)
        for _ in range(100):
            done = await asyncio.to_thread(run, "audit", "--history", url, "--json", environ=password)
            if done.exit_code == 0 and [caller["used"][0]["counts"] for caller in json.loads(done.stdout)["callers"]] == [{"full": 2}]:
                break
            await asyncio.sleep(0.1)
        (audited,) = json.loads(done.stdout)["callers"]
        assert audited["used"][0]["operation"] == USERS
        status, page = await two.get("/least-privilege")
        assert (status, "sync" in page) == (200, True)
        upgrade = await asyncio.to_thread(run, "upgrade", "--history", url, "--from", "26.4.7", "--to", "26.7.5", environ=password)
        assert upgrade.exit_code == 0, upgrade.output


@needs_chromium
async def test_the_page_of_one_instance_follows_another_live_and_without_an_axe_violation(database: str, browser: Browser) -> None:
    async with admin_ports(database, "gateway-7d9c5b-xk2lp", "gateway-7d9c5b-m4q8z") as (one, two):
        for port in (one, two):
            deny(port.observer, f"d-{port.number}", caller=caller("billing"))
        await counts(two.observer, {"billing": 2})
        for width, dark in ((360, False), (1280, True)):
            page = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
            await page.goto(f"http://127.0.0.1:{two.number}/")
            await page.locator("#live.on").wait_for()
            deny(one.observer, f"d-{width}-{dark}", caller=caller("billing"))
            total = next(one.observer.denials.groups()).count
            await page.locator('[data-field="count"]', has_text=str(total)).first.wait_for()
            cell = page.locator('#denials [data-field="instances"]').first
            assert await cell.text_content() == "gateway-7d9c5b-m4q8z, gateway-7d9c5b-xk2lp"
            await page.evaluate(AXE.read_text(encoding="utf-8"))
            found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            assert [violation["id"] for violation in found["violations"]] == [], (width, dark)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, dark)
            if "TEST_SCREENSHOTS" in os.environ:
                await page.screenshot(path=f"{os.environ['TEST_SCREENSHOTS']}/{width}-{dark}.png")
            await page.close()
