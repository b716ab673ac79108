"""The admin port over a real socket: health, metrics, the API, the page, who is let in, and the headers on everything."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from kcproxy import catalog
from kcproxy.observe.denials import DenialStore
from kcproxy.observe.log import Log
from kcproxy.observe.metrics import Metrics
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.sink import Sink
from kcproxy.proxy import admin
from kcproxy.settings.values import AddressSettings, LogSettings, Secret, Settings, UpstreamSettings
from tests.catalog.conftest import DOCUMENT
from tests.observe.samples import explanation, record, target

Client: TypeAlias = TestClient[web.Request, web.Application]
Open: TypeAlias = Callable[..., Awaitable[Client]]
LOOPBACK = AddressSettings(host="127.0.0.1", port=0)
EVERYWHERE = AddressSettings(host="0.0.0.0", port=0)
KEY = "correct horse"
OPEN = ["/healthz", "/readyz", "/metrics", "/login", "/assets/page.css"]
GUARDED = ["/", "/denials/d-1", "/roles", "/explain", "/events", "/api/denials", "/api/denials/d-1"]


@pytest.fixture
def observer() -> Iterator[LiveObserver]:
    made = LiveObserver(Metrics(), Log(LogSettings(level="critical"), sink=Sink()), DenialStore(), catalog=catalog.parse(DOCUMENT))
    yield made
    made.close()


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def opened(aiohttp_client: Any, observer: LiveObserver, problems: list[str]) -> Open:
    async def start(address: AddressSettings = LOOPBACK, key: Secret | None = None) -> Client:
        upstream = UpstreamSettings(scheme="http", host="localhost", port=8080)
        app = admin.build(Settings(upstream=upstream, admin_listen=address, admin_key=key), observer, lambda: problems)
        client: Client = await aiohttp_client(app)
        return client

    return start


def deny(observer: LiveObserver, denial_id: str = "d-1", **changes: Any) -> None:
    observer.denied(explanation(denial_id, **changes), record(status=403))


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


async def test_what_cannot_be_encoded_breaks_no_page(opened: Open, observer: LiveObserver) -> None:
    deny(observer, target=target(realm="\ud800", raw_path="/\udfff"), summary="\ud800")
    client = await opened()
    for path in ("/", "/denials/d-1", "/api/denials", "/api/denials/d-1"):
        assert (await client.get(path)).status == 200


async def test_the_role_table_can_be_searched(opened: Open) -> None:
    client = await opened()
    assert "view-users" in await (await client.get("/roles?q=GET+users")).text()
    assert "0 of" in await (await client.get("/roles?q=no-such-thing")).text()


async def test_a_browser_that_follows_is_told_within_a_second(opened: Open, observer: LiveObserver) -> None:
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


QUESTION = {"method": "GET", "path": "/admin/realms/403-forbidden-fix/users/42"}


async def test_any_request_is_explained_offline(opened: Open) -> None:
    client = await opened()
    answer = await (await client.post("/api/explain", json=QUESTION)).json()
    assert answer["explanation"]["required"]["least"] == ["view-users"]
    text = await (await client.post("/explain", data=QUESTION)).text()
    assert "view-users" in text


@pytest.mark.parametrize(
    "path",
    ["http://localhost:8080/admin/realms/r/users/42?x=1#y", "/auth/admin/realms/r/users/42", "https://h/auth/admin/realms/r/users/42"],
)
async def test_a_whole_url_and_a_base_path_are_understood(opened: Open, path: str) -> None:
    answer = await (await (await opened()).post("/api/explain", json={**QUESTION, "path": path})).json()
    assert answer["explanation"]["operation"]["path"] == "/admin/realms/{realm}/users/{user-id}"


@pytest.mark.parametrize(
    "change", [{"path": "no-slash"}, {"path": None}, {"method": "BREW"}, {"status": "200"}, {"token": ["x"]}, {"path": "/" + "a" * 5000}]
)
async def test_a_question_that_cannot_be_answered_is_told_so(opened: Open, change: dict[str, Any]) -> None:
    answer = await (await opened()).post("/api/explain", json={**QUESTION, **change})
    assert answer.status == 400
    assert "must be" in (await answer.json())["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_question_is_told_so(opened: Open, body: bytes) -> None:
    answer = await (await opened()).post("/api/explain", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400


async def test_a_pasted_token_is_neither_stored_nor_shown_nor_logged(
    opened: Open, observer: LiveObserver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = "eyJhbGciOiJub25lIn0.eyJhenAiOiJteS1jbGllbnQiLCJwcmVmZXJyZWRfdXNlcm5hbWUiOiJqb2huIn0.c2lnbmF0dXJl"
    client = await opened()
    text = await (await client.post("/explain", data={**QUESTION, "token": token})).text()
    assert "john" in text
    shown = text + await (await client.get("/api/denials")).text() + await (await client.get("/metrics")).text() + caplog.text
    assert "c2lnbmF0dXJl" not in shown
    assert len(observer.denials) == 0


async def test_streams_end_with_the_process(opened: Open, observer: LiveObserver) -> None:
    client = await opened()
    async with client.get("/events") as stream:
        await stream.content.readuntil(b"\n\n")
        await asyncio.wait_for(client.close(), 5)
    assert len(observer.denials.live) == 0


@pytest.mark.parametrize("path", [*OPEN, *GUARDED, "/nowhere", "/assets/nothing.js"])
async def test_every_answer_has_the_strict_headers(opened: Open, observer: LiveObserver, path: str) -> None:
    deny(observer)
    answer = await (await opened()).get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()


async def test_off_loopback_without_a_key_only_health_and_metrics_are_open(opened: Open) -> None:
    client = await opened(EVERYWHERE)
    for path in OPEN:
        assert (await client.get(path)).status == 200
    for path in GUARDED:
        answer = await client.get(path)
        assert (answer.status, "set admin_key" in await answer.text()) == (403, True)


async def test_with_a_key_the_page_sends_to_the_login_and_the_api_says_401(opened: Open) -> None:
    client = await opened(EVERYWHERE, Secret(KEY))
    for path in GUARDED:
        answer = await client.get(path, allow_redirects=False)
        assert answer.status == (401 if path.startswith("/api/") else 303)


async def test_the_right_key_opens_a_session_that_no_script_can_read(opened: Open) -> None:
    client = await opened(EVERYWHERE, Secret(KEY))
    answer = await client.post("/login", data={"key": KEY}, allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert answer.status == 303
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert KEY not in cookie
    session = {"Cookie": cookie.split(";")[0]}
    assert (await client.get("/", headers=session)).status == 200
    client.session.cookie_jar.clear()
    forged = {"Cookie": "kcproxy_session=99999999999." + "0" * 64}
    assert (await client.get("/", headers=forged, allow_redirects=False)).status == 303


async def test_a_program_sends_the_key_as_a_bearer(opened: Open) -> None:
    client = await opened(EVERYWHERE, Secret(KEY))
    assert (await client.get("/api/denials", headers={"Authorization": f"Bearer {KEY}"})).status == 200
    assert (await client.get("/api/denials", headers={"Authorization": "Bearer wrong"})).status == 401


async def test_wrong_keys_take_time_and_many_at_once_are_turned_away(opened: Open) -> None:
    client = await opened(EVERYWHERE, Secret(KEY))
    answers = await asyncio.gather(*(client.post("/login", data={"key": "x"}) for _ in range(60)))
    assert {answer.status for answer in answers} == {401, 429}


async def test_a_changed_key_ends_the_sessions(opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    client = await opened(EVERYWHERE, Secret(path=file))
    answer = await client.post("/login", data={"key": KEY}, allow_redirects=False)
    session = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    file.write_text("another")
    assert (await client.get("/", headers=session, allow_redirects=False)).status == 303


@pytest.mark.parametrize("content", ["", None])
async def test_an_empty_or_missing_key_file_lets_nobody_in(opened: Open, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    client = await opened(EVERYWHERE, Secret(path=file))
    assert (await client.post("/login", data={"key": ""})).status in {401, 503}
    assert (await client.get("/api/denials", headers={"Authorization": "Bearer "})).status in {401, 503}


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:9", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403)]
)
async def test_on_loopback_no_other_name_reaches_the_page(opened: Open, host: str, status: int) -> None:
    assert (await (await opened()).get("/", headers={"Host": host})).status == status


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_a_form_of_another_site_may_not_post(opened: Open, headers: dict[str, str]) -> None:
    assert (await (await opened()).post("/explain", data={"path": "/"}, headers=headers)).status == 403
    keyed = await opened(EVERYWHERE, Secret(KEY))
    assert (await keyed.post("/login", data={"key": KEY}, headers=headers, allow_redirects=False)).status == 401
