"""The pages of the causes: what a link in an explanation opens, on the admin port and without the Internet."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from devkit.servers import FORBIDDEN, RecordingUpstream
from kcproxy.admin.cause_texts import cause_page
from kcproxy.model import Cause
from kcproxy.settings import AddressSettings, ExplainSettings, Secret, Settings, UpstreamSettings
from tests.admin.stage import KEY, Open, observer, opened, problems  # noqa: F401 - fixtures
from tests.process.test_serve import served
from tests.process.test_workers import ask

UPSTREAM = UpstreamSettings(scheme="http", host="localhost", port=1)
OPEN = AddressSettings(host="0.0.0.0", port=0)


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())


def without_marks(text: str) -> str:
    return " ".join(re.sub(r"[`*]", "", text).split())


@pytest.mark.parametrize("cause", list(Cause))
async def test_every_cause_has_a_page_with_all_that_is_said_of_it(cause: Cause, opened: Open) -> None:  # noqa: F811 - the fixture
    client = await opened()
    answer = await client.get(f"/docs/causes/{cause.value}")
    page = text_of(await answer.text())
    assert answer.status == 200
    content = cause_page(cause)
    for words in (content.sentence, content.meaning, content.check, *(each.summary for each in content.remedies)):
        assert without_marks(words) in page
    for remedy in content.remedies:
        assert all(without_marks(step) in page for step in remedy.steps)


@pytest.mark.parametrize("key", [None, Secret(KEY)])
async def test_the_pages_need_no_login_because_they_say_nothing_of_requests(key: Secret | None, opened: Open) -> None:  # noqa: F811 - the fixture
    client = await opened(OPEN, key)
    for path in ("/docs", "/docs/causes", "/docs/causes/", "/docs/causes/role-missing", "/docs/causes/role-missing.md"):
        assert (await client.get(path)).status == 200, path
    assert (await client.get("/documents", allow_redirects=False)).status != 200
    assert (await client.get("/", allow_redirects=False)).status in {303, 403}


async def test_the_list_links_to_every_page_and_an_unknown_cause_is_not_found(opened: Open) -> None:  # noqa: F811 - the fixture
    client = await opened()
    page = await (await client.get("/docs/causes")).text()
    assert set(re.findall(r'href="/docs/causes/([a-z-]+)"', page)) == {cause.value for cause in Cause}
    assert (await client.get("/docs/causes/<b>nothing</b>")).status == 404


@pytest.mark.parametrize(
    ("admin_listen", "configured", "expected"),
    [
        (AddressSettings(host="127.0.0.1", port=9180), None, "http://localhost:9180/docs/causes"),
        (AddressSettings(host="0.0.0.0", port=9999), None, "http://localhost:9999/docs/causes"),
        (AddressSettings(host="127.0.0.1", port=9180), "https://wiki.example.com/kcproxy", "https://wiki.example.com/kcproxy"),
        (AddressSettings(host="127.0.0.1", port=0), None, None),
    ],
)
def test_links_lead_to_the_admin_port_unless_other_pages_are_configured(
    admin_listen: AddressSettings, configured: str | None, expected: str | None
) -> None:
    settings = Settings(upstream=UPSTREAM, admin_listen=admin_listen, explain=ExplainSettings(docs_url=configured))
    assert settings.docs_url == expected


async def test_the_link_of_a_refusal_opens_the_page_of_its_cause(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    async with served(upstream, tmp_path) as running:
        assert await ask(running, "/admin/realms/demo/users") == 403
        (group,) = json.loads((await running.admin("/api/denials"))[1])["denials"]
        document = json.loads((await running.admin(f"/api/denials/{group['id']}"))[1])
        link = document["explanation"]["docs"]
        assert link == f"http://localhost:{running.admin_port}/docs/causes/{group['why']}"
        status, page = await running.admin(link.partition(str(running.admin_port))[2])
        assert status == 200
        assert f'<h1 class="mono">{group["why"]}</h1>' in page
