"""The printed console steps clicked in Chromium on the newest and the oldest version, and every printed link opened."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Page, async_playwright

from devkit.explain.stage import caller_of, refused
from kcproxy.catalog import catalog_for
from kcproxy.model import Facts
from tests.admin.browser import CHROMIUM, needs_chromium
from tests.live.conftest import Start
from tests.live.console import Console
from tests.live.printed import Admin, Printed, Stage

pytestmark = [
    pytest.mark.live,
    needs_chromium,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("printed-fixes"),
    pytest.mark.parametrize("stage", ["26.7.5", "24.0.5"], indirect=True),
]
USERS = "/admin/realms/demo/users"
ROLES_OF_USERS = "/admin/realms/demo/clients/{uuid}/roles/x/users"
SETTLE_SECONDS = 15.0


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, real_keycloak: Start) -> Iterator[Stage]:
    made = Stage(Admin(real_keycloak(request.param)))
    made.set_up()
    yield made
    made.tear_down()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield await (await browser.new_context(viewport={"width": 1500, "height": 1200})).new_page()
        await browser.close()


def printed(stage: Stage, kind: str, *, looked_up: bool) -> Printed:
    """A fix of one kind for the accounts of the stage, with the links of this server."""
    admin, version = stage.admin, stage.admin.keycloak.version
    client = admin.client("demo", "app")["id"]
    username = "jane" if kind == "user" else "service-account-app"
    account = admin.user("demo", username)["id"]
    in_scope = {"scope": ("view-clients", "view-users"), "user": ()}.get(kind, ())
    facts = Facts(keycloak=version, granted=in_scope, full_scope=kind != "scope", in_scope=(), client_uuid=client, account_id=account)
    path = ROLES_OF_USERS.format(uuid=client) if kind in {"scope", "two roles"} else USERS
    explanation = refused(
        "GET",
        path,
        caller=caller_of(username=username, sub=account, bare=kind == "scope"),
        catalog=catalog_for(version),
        facts=facts if looked_up else None,
        keycloak_version=version,
        console_base_url=admin.keycloak.base_url,
    )
    fix = explanation.fixes[0]
    return Printed(
        cause=explanation.verdict.cause,
        fix=fix,
        realm="demo",
        username=username,
        client_id="app",
        container="realm-management",
        account_ids=(account,),
    )


@pytest.mark.parametrize("looked_up", [False, True], ids=["alone", "looked-up"])
@pytest.mark.parametrize("kind", ["service account", "two roles", "user", "scope"])
async def test_the_printed_steps_grant_what_the_fix_says(stage: Stage, page: Page, kind: str, looked_up: bool) -> None:
    one = printed(stage, kind, looked_up=looked_up)
    stage.reset(one)
    console = Console(page, stage.admin.keycloak)
    await console.open(one.fix.console_url or "")
    await console.follow(one.fix.console)
    assert await _left(stage, one) == stage.expected(one), one.fix.console


async def _left(stage: Stage, one: Printed) -> tuple[set[str], set[str]]:
    """What is left once the console has sent its last request: the click does not wait for the response."""
    until = time.monotonic() + SETTLE_SECONDS
    # The console tells nobody when its request has ended.
    while (left := await asyncio.to_thread(stage.left, one)) != stage.expected(one) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return left


@pytest.mark.parametrize(("kind", "shows"), [("service account", "Assign role"), ("user", "Assign role"), ("scope", "Assign role")])
async def test_a_link_with_an_id_opens_the_tab_itself(stage: Stage, page: Page, kind: str, shows: str) -> None:
    one = printed(stage, kind, looked_up=True)
    stage.reset(one)
    await Console(page, stage.admin.keycloak).open(one.fix.console_url or "")
    await page.get_by_role("button", name=re.compile(shows)).first.wait_for()
