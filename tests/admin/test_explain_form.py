"""The form to explain and its API over a real socket: what is asked, however it is pasted, and what is answered."""

import html
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from kcproxy.observe.observer import LiveObserver
from tests.admin.stage import Open, observer, opened, problems

__all__ = ["observer", "opened", "problems"]  # fixtures that pytest finds by their names


QUESTION = {"method": "GET", "path": "/admin/realms/403-forbidden-fix/users/42"}


def token(*roles: str, **claims: Any) -> str:
    """A token of client my-client, signed with nothing of value."""
    access = {"resource_access": {"realm-management": {"roles": roles}, "account": {"roles": ["view-profile"]}}}
    body = {"iss": "http://localhost:8080/realms/403-forbidden-fix", "typ": "Bearer", "azp": "my-client", "preferred_username": "john"}
    return jwt.encode({**body, **access, **claims}, "a key for tests only, which is long enough", algorithm="HS256")


async def test_without_a_token_the_form_and_its_api_tell_what_the_call_needs(opened: Open) -> None:
    client = await opened()
    for question in (QUESTION, {**QUESTION, "status": "403"}, {**QUESTION, "token": " \n"}):
        answer = await (await client.post("/api/explain", json=question)).json()
        assert (answer["outcome"], answer["least"], answer["status"]) == ("needs", ["view-users"], None)
        text = await (await client.post("/explain", data=question)).text()
        assert "GET /admin/realms/{realm}/users/{user-id} needs view-users." in text
        assert "full scope" not in text


async def test_a_token_without_the_role_is_explained_and_one_with_it_is_let_in(opened: Open) -> None:
    client = await opened()
    lacking = {**QUESTION, "token": token("query-users")}
    answer = await (await client.post("/api/explain", json=lacking)).json()
    assert (answer["outcome"], answer["status"], answer["explanation"]["missing"]) == ("denied", 403, ["view-users"])
    assert "--rolename view-users" in await (await client.post("/explain", data=lacking)).text()
    having = {**QUESTION, "token": token("view-users")}
    answer = await (await client.post("/api/explain", json=having)).json()
    assert (answer["outcome"], answer["roles"], answer["explanation"]) == ("let-in", ["view-users"], None)
    assert "Allowed: the token contains view-users" in await (await client.post("/explain", data=having)).text()


async def test_an_expired_token_and_one_that_is_none_are_a_401(opened: Open) -> None:
    client = await opened()
    for pasted, cause in ((token(exp=1), "token-expired"), ("garbage", "token-malformed")):
        answer = await (await client.post("/api/explain", json={**QUESTION, "token": pasted})).json()
        assert (answer["status"], answer["explanation"]["cause"]) == (401, cause)
    told = await client.post("/api/explain", json={**QUESTION, "token": "garbage", "status": 403})
    assert told.status == 400
    assert '"token" must be an access token' in (await told.json())["error"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/admin/realms/r/nothing-of-the-kind", "not in the table of Keycloak"),
        ("/realms/r/protocol/openid-connect/userinfo", "not a call of the Admin REST API"),
    ],
)
async def test_an_operation_that_is_not_in_the_table_is_reported(opened: Open, path: str, says: str) -> None:
    client = await opened()
    assert says in await (await client.post("/explain", data={**QUESTION, "path": path})).text()
    answer = await (await client.post("/api/explain", json={**QUESTION, "path": path})).json()
    assert (answer["outcome"], answer["operation"], answer["least"]) == ("unknown", None, None)


def _in_lines(text: str) -> str:
    return "\r\n".join(text[at : at + 60] for at in range(0, len(text), 60))


@pytest.mark.parametrize(
    "pasted",
    [
        lambda t: f"Bearer {t}",
        lambda t: f"  bearer\t{t}\n".replace("\t", "  "),
        lambda t: f"Authorization: Bearer {t}",
        lambda t: f'"{t}"',
        _in_lines,
        lambda t: json.dumps({"access_token": t, "expires_in": 60, "token_type": "Bearer"}, indent=2),
    ],
    ids=["bearer", "spaces", "header", "quotes", "lines", "json"],
)
async def test_a_token_is_understood_however_it_is_pasted(opened: Open, pasted: Callable[[str], str]) -> None:
    question = {**QUESTION, "token": pasted(token("view-users"))}
    answer = await (await (await opened()).post("/api/explain", json=question)).json()
    assert answer["outcome"] == "let-in"


@pytest.mark.parametrize("pasted", ['{"error": "invalid_grant"}', '{"access_token": ["x"]}', "{broken", "{" * 50_000])
async def test_json_without_a_token_is_reported_and_not_repeated(opened: Open, pasted: str) -> None:
    answer = await (await opened()).post("/explain", data={**QUESTION, "token": pasted})
    assert answer.status == 400
    assert "must be an access token: it " in html.unescape(await answer.text())
    assert "invalid_grant" not in await answer.text()


async def test_too_long_input_is_reported_on_the_page_and_in_the_api(opened: Open) -> None:
    client = await opened()
    page = await client.post("/explain", data={**QUESTION, "token": "x" * 300_000})
    assert (page.status, "too long" in await page.text()) == (413, True)
    answer = await client.post("/api/explain", json={**QUESTION, "token": "x" * 300_000})
    assert (answer.status, "exceeded" in (await answer.json())["error"]) == (413, True)


@pytest.mark.parametrize(
    "path",
    ["http://localhost:8080/admin/realms/r/users/42?x=1#y", "/auth/admin/realms/r/users/42", "https://h/auth/admin/realms/r/users/42"],
)
async def test_a_whole_url_and_a_base_path_are_understood(opened: Open, path: str) -> None:
    answer = await (await (await opened()).post("/api/explain", json={**QUESTION, "path": path})).json()
    assert answer["operation"]["path"] == "/admin/realms/{realm}/users/{user-id}"


@pytest.mark.parametrize(
    "change",
    [
        {"path": "no-slash"},
        {"path": None},
        {"method": "BREW"},
        {"status": "200"},
        {"token": ["x"]},
        {"path": "/" + "a" * 5000},
        {"path": "http://[/"},
    ],
)
async def test_an_invalid_request_is_reported(opened: Open, change: dict[str, Any]) -> None:
    answer = await (await opened()).post("/api/explain", json={**QUESTION, **change})
    assert answer.status == 400
    assert "must be" in (await answer.json())["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("charset", ["utf-8", "nonsense"])
async def test_an_invalid_body_is_reported(opened: Open, body: bytes, charset: str) -> None:
    answer = await (await opened()).post("/api/explain", data=body, headers={"Content-Type": f"application/json; charset={charset}"})
    assert answer.status == 400
    assert "must be" in (await answer.json())["error"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded; charset=nonsense"], ids=lambda k: k[:9]
)
@pytest.mark.parametrize("path", ["/explain", "/login"])
async def test_a_body_that_is_not_a_form_is_reported(opened: Open, path: str, kind: str) -> None:
    answer = await (await opened()).post(path, data=b"--x\r\nbroken", headers={"Content-Type": kind})
    assert answer.status in {400, 415}
    assert 'role="alert"' in await answer.text()


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
