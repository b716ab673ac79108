"""The page *Least privilege*: callers of the record, held against used, and the commands that lead to the least roles and back."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from html import unescape
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser

from kcproxy import catalog
from kcproxy.admin import app as admin
from kcproxy.admin.least_privilege import MAX_CALLERS
from kcproxy.model import CallerKind
from kcproxy.observe.denials.store import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.log_writer import LogWriter
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.use_history import UseHistory
from kcproxy.settings import LogSettings, Settings, UpstreamSettings, UseSettings
from kcproxy.usage.exchange import record_of_document
from kcproxy.usage.model import Outcome, UseCaller
from kcproxy.usage.tally import UseTally
from kcproxy.usage.window import DAY_SECONDS
from tests.admin.browser import browser, needs_chromium, new_page
from tests.admin.stage import LOOPBACK, Client, Open

__all__ = ["browser", "new_page"]  # fixtures that pytest finds by their names

USERS = "GET /admin/realms/{realm}/users"
SYNC = UseCaller(client="sync", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)
CONSOLE = UseCaller(client="console", token_realm="shop", kind=CallerKind.USER)
ACCOUNT = UseCaller(client="job", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT, injected=True)
HOSTILE = UseCaller(client="<script>alert(1)</script>\"'{{7*7}}", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT)
AXE = files("axe_playwright_python").joinpath("axe.min.js")


def recorded(path: Path, *callers: UseCaller, roles: tuple[str, ...] = ("realm-admin",), operation: str = USERS) -> Path:
    """A record with one call by each caller, who holds these roles."""
    tally = UseTally()
    history = UseHistory(path, tally, keep_days=90, max_rows=1000)
    for caller in callers:
        known = tally.know(caller)
        assert known is not None
        tally.count(known, "shop", operation, "", Outcome.FULL)
        tally.name_roles(caller, {"realm-management": roles})
    history.close()
    return path


@pytest.fixture
def observer() -> Iterator[LiveObserver]:
    log = Log(LogSettings(level="critical"), sink=LogWriter())
    made = LiveObserver(Metrics(), log, DenialStore(), catalog=catalog.load("26.7.5"))
    yield made
    made.close()


@pytest.fixture
def opened(aiohttp_client: Any, observer: LiveObserver) -> Open:
    async def start(record: Path | None) -> Client:
        client: Client = await aiohttp_client(app_of(observer, record))
        return client

    return start


def app_of(observer: LiveObserver, record: Path | None) -> Any:
    upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
    return admin.build(Settings(upstream=upstream, admin_listen=LOOPBACK, use=UseSettings(path=record)), observer, list)


def links(text: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'href="(/least-privilege/caller[^"]*)"', text)]


async def test_one_click_leads_from_the_list_to_the_commands(opened: Open, tmp_path: Path) -> None:
    client = await opened(recorded(tmp_path / "use", SYNC, ACCOUNT))
    text = await (await client.get("/least-privilege")).text()
    assert "30 days, of which the proxy saw 1" in text
    assert '<span class="mono">realm-admin</span> more than needed' in text
    assert "account of the proxy" in text
    for link, name in ((link, name) for link, name in zip(links(text)[1::2], ("job", "sync"), strict=True)):
        assert link.endswith("#change")
        page = await (await client.get(link)).text()
        words = re.sub(r"<[^>]*>", "", page)
        add, remove = (f"kcadm.sh {verb}-roles -r shop --uusername service-account-{name}" for verb in ("add", "remove"))
        assert words.index(add) < words.index(remove)
        assert (words.count(add), words.count(remove)) == (2, 2)  # to get there, and to go back
        assert f'id="{link.partition("#")[2]}"' in page


async def test_who_holds_the_least_needs_no_commands(opened: Open, tmp_path: Path) -> None:
    client = await opened(recorded(tmp_path / "use", SYNC, roles=("view-users",)))
    text = await (await client.get("/least-privilege")).text()
    assert '<span class="badge ok">least</span>' in text
    assert "#change" not in text


async def test_a_call_that_needs_more_for_other_targets_is_listed(opened: Open, tmp_path: Path) -> None:
    client = await opened(recorded(tmp_path / "use", SYNC, operation="GET /admin/realms/{realm}/roles-by-id/{role-id}"))
    (link, *_) = links(await (await client.get("/least-privilege")).text())
    words = " ".join(re.sub(r"<[^>]*>", "", await (await client.get(link)).text()).split())
    assert "The least set is not enough for other targets, which no record shows" in words
    assert "GET /admin/realms/{realm}/roles-by-id/{role-id} when the role belongs to a client: view-clients" in words


async def test_commands_for_a_user_come_after_their_name(opened: Open, tmp_path: Path) -> None:
    client = await opened(recorded(tmp_path / "use", CONSOLE))
    (link,) = links(await (await client.get("/least-privilege")).text())
    assert "add-roles" not in await (await client.get(link)).text()
    named = re.sub(r"<[^>]*>", "", await (await client.get(link + "&user=ann")).text())
    assert "kcadm.sh remove-roles -r shop --uusername ann" in named


@pytest.mark.parametrize(
    ("query", "shown"), [("", 2), ("?q=SYNC", 1), ("?q=shop+user", 1), ("?q=nothing", 0), ("?days=7", 2), ("?days=x", 2)]
)
async def test_the_list_is_searched_by_words(opened: Open, tmp_path: Path, query: str, shown: int) -> None:
    client = await opened(recorded(tmp_path / "use", SYNC, CONSOLE))
    text = await (await client.get("/least-privilege" + query)).text()
    assert len({link.partition("#")[0] for link in links(text)}) == shown


async def test_of_many_callers_only_the_first_are_judged(opened: Open, tmp_path: Path) -> None:
    many = [UseCaller(client=f"c-{number:03}", token_realm="shop", kind=CallerKind.SERVICE_ACCOUNT) for number in range(MAX_CALLERS + 5)]
    text = await (await (await opened(recorded(tmp_path / "use", *many))).get("/least-privilege")).text()
    assert len({link.partition("#")[0] for link in links(text)}) == MAX_CALLERS
    assert "5 more callers" in text


async def test_hostile_names_stay_text(opened: Open, tmp_path: Path) -> None:
    client = await opened(recorded(tmp_path / "use", HOSTILE))
    text = await (await client.get("/least-privilege")).text()
    pages = [text, *[await (await client.get(link)).text() for link in links(text)]]
    assert len(pages) == 3
    assert all("<script>alert" not in page and "{{7*7}}" in page for page in pages)


@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 1000])
async def test_without_a_usable_record_the_page_says_what_to_do(opened: Open, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "use"
    if content is not None:
        file.write_bytes(content)
    answer = await (await opened(None if content is None else file)).get("/least-privilege")
    assert answer.status == 404
    assert ("Set use.path" if content is None else "The record of use cannot be read") in await answer.text()


async def test_an_unknown_caller_is_not_found(opened: Open, tmp_path: Path) -> None:
    client = await opened(recorded(tmp_path / "use", SYNC))
    answer = await client.get("/least-privilege/caller?client=other&realm=shop&kind=service-account&token=own")
    assert (answer.status, "Caller not found" in await answer.text()) == (404, True)


async def test_the_record_is_given_as_json(opened: Open, tmp_path: Path) -> None:
    client = await opened(recorded(tmp_path / "use", SYNC, HOSTILE))
    found = record_of_document(await (await client.get("/api/use?since=0")).json())
    assert {use.caller for use in found.uses} == {SYNC, HOSTILE}
    assert found.roles[SYNC].by_owner == {"realm-management": ("realm-admin",)}
    later = record_of_document(await (await client.get(f"/api/use?since={time.time() + 5 * DAY_SECONDS}")).json())
    assert (later.uses, later.days) == ((), frozenset())


@pytest.mark.parametrize(
    ("content", "query", "status"), [(None, "", 404), (b"nonsense" * 1000, "", 503), (b"", "since=x", 400), (b"", "since=nan", 400)]
)
async def test_why_there_is_no_record_is_given_as_json(
    opened: Open, tmp_path: Path, content: bytes | None, query: str, status: int
) -> None:
    file = tmp_path / "use"
    if content is not None:
        file.write_bytes(content)
    answer = await (await opened(None if content is None else file)).get(f"/api/use?{query}")
    assert (answer.status, list(await answer.json())) == (status, ["error"])


@pytest.fixture
async def address(observer: LiveObserver, tmp_path: Path) -> AsyncIterator[str]:
    server = TestServer(app_of(observer, recorded(tmp_path / "use", SYNC, CONSOLE, ACCOUNT, HOSTILE)))
    await server.start_server()
    yield str(server.make_url("/")).rstrip("/")
    await server.close()


@needs_chromium
async def test_the_pages_are_accessible_at_every_width(address: str, browser: Browser) -> None:
    one = "/least-privilege/caller?client=console&realm=shop&kind=user&token=own&user=ann"
    for path, width in product(("/least-privilege", one), (1280, 360)):
        page = await browser.new_page(viewport={"width": width, "height": 800})
        await page.goto(address + path)
        await asyncio.sleep(0.2)
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found["violations"]] == [], (path, width)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
        await page.close()
