"""Who is let in to the admin port, over a real socket: the key, sessions, other sites, and the headers on everything."""

import asyncio
from pathlib import Path

import pytest

from kcproxy.observe.observer import LiveObserver
from kcproxy.settings import Secret
from tests.admin.stage import EVERYWHERE, KEY, Client, Open, deny, observer, opened, problems

__all__ = ["observer", "opened", "problems"]  # fixtures that pytest finds by their names

OPEN = ["/healthz", "/readyz", "/metrics", "/login", "/assets/page.css"]
GUARDED = ["/", "/denials/d-1", "/roles", "/explain", "/events", "/api/denials", "/api/denials/d-1"]


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
        assert (answer.status, "Set admin_key_file to a file" in await answer.text()) == (403, True)


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
    responses = await asyncio.gather(*(client.post("/login", data={"key": "x"}) for _ in range(60)))
    assert {answer.status for answer in responses} == {401, 429}


async def test_a_changed_key_ends_the_sessions(opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    client = await opened(EVERYWHERE, Secret(path=file))
    answer = await client.post("/login", data={"key": KEY}, allow_redirects=False)
    session = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    file.write_text("another")
    assert (await client.get("/", headers=session, allow_redirects=False)).status == 303


@pytest.mark.parametrize("content", [b"", None, b"\xff\xfe"])
async def test_an_empty_missing_or_unreadable_key_file_lets_nobody_in(opened: Open, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    client = await opened(EVERYWHERE, Secret(path=file))
    assert (await client.post("/login", data={"key": ""})).status in {401, 503}
    assert (await client.get("/api/denials", headers={"Authorization": "Bearer "})).status in {401, 503}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1", 200),
        ("[::1]:9", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("wpad", 403),
        ("2130706433", 403),
        ("evil@localhost", 403),
        ("localhost/evil", 403),
    ],
)
async def test_on_loopback_no_other_name_reaches_the_page(opened: Open, host: str, status: int) -> None:
    assert (await (await opened()).get("/", headers={"Host": host})).status == status


@pytest.mark.parametrize("path", ["/metrics", "/login", "/assets/page.css"])
async def test_on_loopback_no_other_name_reaches_anything_but_the_probes(opened: Open, path: str) -> None:
    client = await opened()
    for host, status in (("localhost:9180", 200), ("rebound.example", 403), ("attacker", 403), ("", 403), ("10.0.0.7:9180", 403)):
        assert (await client.get(path, headers={"Host": host})).status == status, host


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_may_use_any_name(opened: Open, path: str) -> None:
    assert (await (await opened()).get(path, headers={"Host": "node.example"})).status == 200


async def test_off_loopback_metrics_are_scraped_by_the_address_of_the_pod(opened: Open) -> None:
    assert (await (await opened(EVERYWHERE)).get("/metrics", headers={"Host": "10.0.0.7:9180"})).status == 200


@pytest.mark.parametrize("fields", [b"", b"Host:\r\n", b"Host: @localhost\r\n"])
async def test_on_loopback_a_request_that_names_no_host_does_not_reach_it_and_nobody_is_asked_for_a_name(
    opened: Open, fields: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda *_: pytest.fail("the resolver was asked"))
    client = await opened()
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET / HTTP/1.0\r\n" + fields + b"\r\n")
    assert (await reader.readline()).split()[1] == b"403"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://["}]
)
async def test_a_form_of_another_site_may_not_post(opened: Open, headers: dict[str, str]) -> None:
    assert (await (await opened()).post("/explain", data={"path": "/"}, headers=headers)).status == 403
    keyed = await opened(EVERYWHERE, Secret(KEY))
    assert (await keyed.post("/login", data={"key": KEY}, headers=headers, allow_redirects=False)).status == 401


async def test_bytes_that_are_no_text_are_refused_like_anything_wrong(opened: Open) -> None:
    client = await opened(EVERYWHERE, Secret(KEY))
    port, host = client.port, client.host
    for header, status in ((b"Cookie: kcproxy_session=9999999999.\xff", b"303"), (b"Authorization: Bearer \xff\xfe", b"303")):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n\r\n")
        assert (await reader.readline()).split()[1] == status
        writer.close()
        await writer.wait_closed()


async def test_while_wrong_keys_wait_not_even_the_right_one_is_tried(opened: Open) -> None:
    """Otherwise thousands of guesses a second would find the right key as quickly as without the delay."""
    client = await opened(EVERYWHERE, Secret(KEY))
    wrong = [asyncio.create_task(client.post("/login", data={"key": "x"})) for _ in range(20)]
    await asyncio.sleep(0.2)
    answer = await client.post("/login", data={"key": KEY}, allow_redirects=False)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    await asyncio.gather(*wrong)
    assert (await client.post("/login", data={"key": KEY}, allow_redirects=False)).status == 303


async def _session(client: Client) -> dict[str, str]:
    answer = await client.post("/login", data={"key": KEY}, allow_redirects=False)
    client.session.cookie_jar.clear()
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


async def test_logout_ends_the_session_for_every_copy_of_the_cookie(opened: Open) -> None:
    client = await opened(EVERYWHERE, Secret(KEY))
    session = await _session(client)
    assert 'action="/logout"' in await (await client.get("/", headers=session)).text()
    answer = await client.post("/logout", headers=session, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/login")
    assert (await client.get("/", headers=session, allow_redirects=False)).status == 303


async def test_where_no_login_is_needed_no_logout_is_offered(opened: Open) -> None:
    assert "logout" not in await (await (await opened()).get("/")).text()


async def test_a_stream_ends_with_its_session(opened: Open, observer: LiveObserver) -> None:
    client = await opened(EVERYWHERE, Secret(KEY))
    session = await _session(client)
    async with client.get("/events", headers=session) as stream:
        await stream.content.readuntil(b"\n\n")
        await client.post("/logout", headers=session, allow_redirects=False)
        deny(observer)
        assert await asyncio.wait_for(stream.content.read(), 2) == b""
