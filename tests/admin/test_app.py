"""The admin port over a real socket: health, metrics, the API, the page, and the stream that it follows."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from kcproxy.admin import app as admin
from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import Settings, UpstreamSettings
from tests.admin.stage import LOOPBACK, Open, deny, observer, opened, problems
from tests.hostile_text import ALL_AT_ONCE, unseen
from tests.observe.samples import caller, fix, record, target

__all__ = ["observer", "opened", "problems"]  # fixtures that pytest finds by their names


async def test_it_is_alive_and_ready_or_says_why_not(opened: Open, problems: list[str]) -> None:
    client = await opened()
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/readyz")).status == 200
    problems.append("draining")
    answer = await client.get("/readyz")
    assert (answer.status, await answer.text()) == (503, "draining\n")
    assert "kcproxy_ready 0.0" in await (await client.get("/metrics")).text()


@pytest.mark.parametrize(
    ("accept", "kind"), [("*/*", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")]
)
async def test_metrics_come_in_the_format_that_is_asked_for(opened: Open, observer: LiveObserver, accept: str, kind: str) -> None:
    observer.metrics.request_finished(record(trace_id="ab" * 16))
    answer = await (await opened()).get("/metrics", headers={"Accept": accept})
    text = await answer.text()
    assert answer.content_type == kind
    assert ('trace_id="abab' in text) == (kind != "text/plain")


async def test_metrics_are_compressed_for_who_takes_it(opened: Open) -> None:
    client = await opened()
    assert (await client.get("/metrics", headers={"Accept-Encoding": "gzip"})).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in (await client.get("/metrics", headers={"Accept-Encoding": "identity"})).headers


async def test_other_requests_are_answered_while_metrics_are_written_out(opened: Open, observer: LiveObserver) -> None:
    for number in range(600):
        operation = f"/admin/realms/{{realm}}/things/{number}"
        observer.metrics.request_finished(record(target(template=operation)))
    client = await opened()
    scrapes = [asyncio.create_task(client.get("/metrics")) for _ in range(3)]
    await asyncio.sleep(0)
    answered = await client.get("/healthz")
    assert answered.status == 200
    assert not all(scrape.done() for scrape in scrapes)
    assert {(await scrape).status for scrape in scrapes} == {200}


async def test_denials_are_listed_and_opened_as_json(opened: Open, observer: LiveObserver) -> None:
    deny(observer)
    client = await opened()
    (group,) = (await (await client.get("/api/denials")).json())["denials"]
    assert (group["count"], group["missing"], group["id"]) == (1, ["view-users"], "d-1")
    one = await (await client.get("/api/denials/d-1")).json()
    assert one["explanation"]["required"]["least"] == ["view-users"]
    assert (await client.get("/api/denials/unknown")).status == 404
    assert (await client.get("/denials/unknown")).status == 404


async def test_an_instance_with_a_name_says_it_on_the_page_and_in_the_api(aiohttp_client: Any, observer: LiveObserver) -> None:
    upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
    settings = Settings(upstream=upstream, admin_listen=LOOPBACK, instance="pod-1")
    client = await aiohttp_client(admin.build(settings, observer, list))
    assert (await (await client.get("/api/denials")).json())["instance"] == "pod-1"
    assert "pod-1" in await (await client.get("/")).text()


async def test_every_field_of_the_api_is_documented(opened: Open, observer: LiveObserver) -> None:
    documented = set(re.findall(r"`(\w+)`", (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")))
    deny(observer)
    client = await opened()
    listed, one = await (await client.get("/api/denials")).json(), await (await client.get("/api/denials/d-1")).json()
    explained = await (await client.post("/api/explain", json={"method": "GET", "path": "/admin/realms/r/users/42"})).json()
    assert {*listed, *listed["denials"][0], *one, *one["sets"], *explained} - documented == set()


async def test_the_list_reads_without_scripts(opened: Open, observer: LiveObserver) -> None:
    deny(observer)
    text = await (await (await opened()).get("/")).text()
    assert "lacks the role view-users of realm-management" in text
    assert 'href="/denials/d-1"' in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", True),
        ("?q=view-users", True),
        ("?q=view-users+403-forbidden", True),
        ("?q=nothing", False),
        ("?why=role-missing", True),
        ("?why=token-expired", False),
        ("?open=1", True),
    ],
)
async def test_the_filter_works_without_scripts(opened: Open, observer: LiveObserver, query: str, shown: bool) -> None:
    deny(observer)
    text = await (await (await opened()).get("/" + query)).text()
    assert ('href="/denials/d-1"' in text) == shown


async def test_a_denial_shows_sentence_evidence_sets_and_every_command(opened: Open, observer: LiveObserver) -> None:
    deny(observer)
    text = await (await (await opened()).get("/denials/d-1")).text()
    for part in (
        "may not read this user",
        "carries no role of",
        "kcadm.sh add-roles",
        "curl -fsS",
        "keycloak_openid_client_service_account_role",
        "Assign role",
    ):
        assert part in text
    assert [re.sub(r"<.*", "", cell) for cell in re.findall(r'<th scope="col">(.*)</th>', text)[0].split('<th scope="col">')][1:] == [
        "Needed",
        "Granted",
        "In scope",
        "In token",
    ]


HOSTILE = "<script>alert(1)</script>\"'{{7*7}}"


async def test_hostile_names_stay_text(opened: Open, observer: LiveObserver) -> None:
    deny(
        observer,
        target=target(realm=HOSTILE, raw_path=f"/{HOSTILE}"),
        summary=HOSTILE,
        evidence=(HOSTILE,),
        missing=(HOSTILE,),
        docs_url="javascript:alert(1)",
    )
    client = await opened()
    for path in ("/", "/denials/d-1", f"/?q={HOSTILE}", f"/roles?q={HOSTILE}"):
        text = await (await client.get(path)).text()
        assert "<script>alert" not in text
        assert "javascript:" not in text


_ON_PURPOSE = re.compile(r'<span class="unseen" data-code="U\+[0-9A-F]+">[^<]*</span>|(?:data-text|value)="[^"]*"')
"""Where a character that cannot be seen is marked as one, or kept for what is copied and sent again."""


async def test_no_page_shows_a_character_that_cannot_be_seen(opened: Open, observer: LiveObserver) -> None:
    name = ALL_AT_ONCE
    commands = replace(fix(), summary=name, console=(name,), kcadm=(name,), curl=(name,), terraform=name, ansible=name, warning=name)
    deny(
        observer, target=target(realm=name, raw_path=f"/{name}"), caller=caller(name, roles={"realm-management": (name,)}, realm=name),
        summary=name, evidence=(name,), missing=(name,), hints=(name,), fixes=(commands,),
    )  # fmt: skip
    client = await opened()
    asked = {"path": f"/admin/realms/{name}", "method": "GET", "token": "", "status": ""}
    responses = [await client.get(path) for path in ("/", "/denials/d-1", f"/?q={quote(name)}", f"/roles?q={quote(name)}")]
    for answer in (*responses, await client.post("/explain", data=asked, headers={"Origin": str(client.make_url("/")).rstrip("/")})):
        assert answer.status < 500
        assert unseen(_ON_PURPOSE.sub("", await answer.text()).replace("\n", "")) == [], answer.url
    for path in ("/api/denials", "/api/denials/d-1"):
        assert (await (await client.get(path)).read()).isascii()


async def test_the_list_holds_no_character_that_cannot_be_seen_in_any_attribute(opened: Open, observer: LiveObserver) -> None:
    name = ALL_AT_ONCE
    deny(observer, target=target(realm=name, raw_path=f"/{name}"), caller=caller(name, realm=name), summary=name, missing=(name,))
    text = await (await (await opened()).get("/")).text()
    assert unseen(text.replace("\n", "")) == []


async def test_a_character_that_cannot_be_seen_is_found_by_its_code_point(opened: Open, observer: LiveObserver) -> None:
    deny(observer, target=target(raw_path="/hidden"), summary="ev\u202eil")
    client = await opened()
    for q in ("u%2B202e", quote("EV\u202eil")):
        assert 'href="/denials/d-1"' in await (await client.get(f"/?q={q}")).text()
    assert 'href="/denials/d-1"' not in await (await client.get("/?q=u%2B202d")).text()


async def test_what_cannot_be_encoded_breaks_no_page(opened: Open, observer: LiveObserver) -> None:
    deny(observer, target=target(realm="\ud800", raw_path="/\udfff"), summary="\ud800")
    client = await opened()
    for path in ("/", "/denials/d-1", "/api/denials", "/api/denials/d-1"):
        assert (await client.get(path)).status == 200


async def test_the_role_table_can_be_searched(opened: Open) -> None:
    client = await opened()
    assert "view-users" in await (await client.get("/roles?q=GET+users")).text()
    assert "0 of" in await (await client.get("/roles?q=no-such-thing")).text()


async def test_a_live_page_is_updated_within_a_second(opened: Open, observer: LiveObserver) -> None:
    client = await opened()
    async with client.get("/events") as stream:
        assert await stream.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        assert "kcproxy_page_subscribers 1.0" in await (await client.get("/metrics")).text()
        deny(observer)
        data = await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 1)
    (group,) = json.loads(data.split(b"data: ")[1])
    assert group["id"] == "d-1"


async def test_a_browser_that_goes_away_leaves_no_word_in_the_log_and_no_follower(
    opened: Open, observer: LiveObserver, caplog: pytest.LogCaptureFixture
) -> None:
    client = await opened()
    async with client.get("/events") as stream:
        await stream.content.readuntil(b"\n\n")
    for number in range(3):
        deny(observer, f"d-{number}")
        await asyncio.sleep(0.3)
    assert len(observer.denials.live) == 0
    assert caplog.records == []


async def test_streams_end_with_the_process(opened: Open, observer: LiveObserver) -> None:
    client = await opened()
    async with client.get("/events") as stream:
        await stream.content.readuntil(b"\n\n")
        await asyncio.wait_for(client.close(), 5)
    assert len(observer.denials.live) == 0


async def test_only_get_opens_a_stream(opened: Open) -> None:
    assert (await (await opened()).head("/events")).status == 405


async def test_a_search_for_an_id_opens_that_denial(opened: Open, observer: LiveObserver) -> None:
    for denial_id in ("d-1", "d-2"):
        deny(observer, denial_id)
    answer = await (await opened()).get("/?q=d-1", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/denials/d-1")


@pytest.mark.parametrize("what", ["path", "client"])
async def test_path_and_client_can_be_searched_though_the_line_does_not_show_them(opened: Open, observer: LiveObserver, what: str) -> None:
    deny(
        observer,
        target=target(raw_path="/admin/realms/r/users/0815-path"),
        caller=replace(caller("a"), client_id="0815-client", username="x"),
    )
    assert 'href="/denials/d-1"' in await (await (await opened()).get(f"/?q=0815-{what}")).text()


async def test_errors_of_the_api_are_json(opened: Open) -> None:
    client = await opened()
    elsewhere = await client.get("/api/denials", headers={"Host": "evil.example"})
    for answer in (await client.get("/api/nothing"), await client.get("/api/explain"), await client.get("/api/denials/nothing"), elsewhere):
        assert (answer.content_type, list(await answer.json())) == ("application/json", ["error"])


async def test_a_name_that_turns_the_text_round_is_seen_as_one_and_copied_as_it_is(opened: Open, observer: LiveObserver) -> None:
    hidden = "ev\u202eli\r"
    deny(observer, caller=caller(hidden), fixes=(replace(fix(), kcadm=(f"kcadm.sh --uusername '{hidden}'",)),))
    client = await opened()
    assert hidden[:4] not in await (await client.get("/")).text()
    text = await (await client.get("/denials/d-1")).text()
    assert '<span class="unseen" data-code="U+202E">\u202e</span>' in text
    assert "ev\u202eli&#13;" in text  # what the button copies
