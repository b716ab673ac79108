"""A real Envoy before a server that refuses: its clients get the answers of ``kcproxy serve``, and everything else untouched."""

import gzip
import json
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from devkit.envoy import Processor, running_envoy, running_processor
from devkit.explain.stage import claims_of, jwt_of
from tests.envoy.conftest import SETTINGS, Stage, require_envoy
from tests.middleware.server import Server, recording_server, response

WAYS = ("ext_proc", "lua")
REFUSAL = json.dumps({"error": "HTTP 403 Forbidden"}).encode()
NO_RESOURCE = json.dumps({"error": "Unable to find matching target resource method"}).encode()
JSON = "Content-Type: application/json"
TRIES = 4
"""Look-ups of public documents have a limit of time, which a busy machine may exceed once."""
NOT_COMPARED = frozenset({"content-length", "transfer-encoding", "connection", "date", "server", "x-envoy-upstream-service-time"})
"""Framing, and fields that Envoy itself sets."""
TIME = re.compile(r"\b\d+(?= (?:s|seconds?|min|minutes?|h|hours?|days?)\b)")
USERS = "/admin/realms/demo/users"
ROLE_MAPPING = f"{USERS}/7ea0bc21-46c5-4c1a-8c6f-7d2d3b1f9a10/role-mappings/clients/0b6f2b0f-5a7c-4f69-9d55-0d5a0b6b9c11"
ADMIN_ROLE = json.dumps([{"name": "realm-admin", "clientRole": True}]).encode()
FORM = "application/x-www-form-urlencoded"


def token(**claims: Any) -> str:
    return jwt_of(claims_of(**{"exp": 9_999_999_999, "base": "http://keycloak.test", **claims}))


def chunked(status: int, body: bytes, *lines: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status} Refused", *lines, "Transfer-Encoding: chunked", "", ""]).encode()
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:7], body[7:]))
    return head + pieces + b"0\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request, and the response of the server."""

    id: str
    sends: bytes
    method: str = "GET"
    path: str = USERS
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cause: str | None
    http2: bool = False


CASES = (
    Case(id="a 403", sends=response(403, REFUSAL, JSON), cause="role-missing"),
    Case(id="a 403 over HTTP/2", sends=response(403, REFUSAL, JSON), cause="role-missing", http2=True),
    Case(id="a 403 in chunks", sends=chunked(403, REFUSAL, JSON), cause="role-missing"),
    Case(id="a 403 in gzip", sends=response(403, gzip.compress(REFUSAL), JSON, "Content-Encoding: gzip"), cause="role-missing"),
    Case(
        id="a 403 to HEAD",
        method="HEAD",
        sends=response(403, b"", JSON).replace(b"Content-Length: 0", b"Content-Length: 30"),
        cause="role-missing",
    ),
    Case(id="a 403 without a body", sends=response(403), cause="not-keycloak"),
    Case(id="problem details", sends=response(403, REFUSAL, JSON), headers={"Accept": "application/problem+json"}, cause="role-missing"),
    Case(
        id="a page of something else",
        sends=response(403, b"<html>blocked</html>", "Content-Type: text/html", "Server: shield"),
        cause="not-keycloak",
    ),
    Case(
        id="a 401 for an expired token",
        sends=response(401, json.dumps({"error": "HTTP 401 Unauthorized"}).encode(), JSON, 'WWW-Authenticate: Bearer realm="demo"'),
        headers={"Authorization": f"Bearer {token(exp=1_700_000_000)}"},
        cause="token-expired",
    ),
    Case(id="a 404 below /auth", path="/auth/admin/realms/demo", sends=response(404, NO_RESOURCE, JSON), cause="base-path-wrong"),
    Case(id="a 404 that is none of ours", path="/favicon.ico", sends=response(404, b"nothing here"), cause=None),
    Case(
        id="an admin role in the body",
        method="POST",
        path=ROLE_MAPPING,
        headers={"Authorization": f"Bearer {token(roles={'realm-management': ['manage-users']})}", "Content-Type": "application/json"},
        body=ADMIN_ROLE,
        sends=response(403, REFUSAL, JSON),
        cause="escalation-guard",
    ),
    Case(
        id="an admin role in the body of a DELETE",
        method="DELETE",
        path=f"{ROLE_MAPPING}?x=1",
        headers={"Content-Type": "application/json"},
        body=ADMIN_ROLE,
        sends=response(403, REFUSAL, JSON),
        cause="role-missing",
    ),
    Case(
        id="a body that decides nothing",
        method="POST",
        headers={"Content-Type": "application/json"},
        body=b'{"username":"jane"}',
        sends=response(403, REFUSAL, JSON),
        cause="role-missing",
    ),
)


def sent(stage: Stage, way: str, case: Case, **more: Any) -> httpx.Response:
    stage.server.react(lambda _: case.sends)
    headers = {
        "Host": "keycloak.test",
        "Accept": "application/json",
        "Authorization": f"Bearer {token()}",
        "User-Agent": "test",
        **case.headers,
    }
    is_http2 = case.http2 and way != "serve"
    with httpx.Client(http2=is_http2, http1=not is_http2, timeout=30) as client:
        return client.request(case.method, f"http://127.0.0.1:{stage.ports[way]}{case.path}", headers=headers, content=case.body, **more)


def plain(got: httpx.Response) -> Any:
    """What is compared: everything but the ID and how long ago something was."""
    ident = got.headers.get("kcproxy-denial-id", "-")
    text = TIME.sub("N", got.text.replace(ident, "ID"))
    fields = sorted((name.lower(), TIME.sub("N", value.replace(ident, "ID"))) for name, value in got.headers.multi_items())
    kept = [line for line in fields if line[0] not in NOT_COMPARED]
    return got.status_code, kept, json.loads(text) if text.startswith("{") else text


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
@pytest.mark.parametrize("way", WAYS)
def test_the_answer_is_that_of_the_proxy(stage: Stage, way: str, case: Case) -> None:
    for _ in range(TRIES):
        got, expected = sent(stage, way, case), sent(stage, "serve", case)
        if plain(got) == plain(expected):
            break
    assert got.headers.get("kcproxy-cause") == case.cause
    assert plain(got) == plain(expected)
    assert got.http_version == ("HTTP/2" if case.http2 else "HTTP/1.1")


def requests_seen(stage: Stage) -> list[str]:
    text = httpx.get(f"http://127.0.0.1:{stage.processor.admin_port}/metrics").text
    return [line for line in text.splitlines() if line.startswith("kcproxy_requests_total")]


@pytest.mark.parametrize("way", WAYS)
def test_a_success_is_untouched_and_not_reported(stage: Stage, way: str) -> None:
    body = b'{"id": 1}  '
    before = requests_seen(stage)
    got = sent(stage, way, Case(id="", sends=response(200, body, JSON, "X-Kept: a", "X-Kept: b", reason="OK"), cause=None))
    assert (got.status_code, got.content, got.headers.get_list("x-kept")) == (200, body, ["a", "b"])
    assert requests_seen(stage) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_of_more_than_a_megabyte_arrives_as_it_was_sent(stage: Stage, way: str) -> None:
    body = json.dumps({"error": "x" * (3 << 20)}).encode()
    got = sent(stage, way, Case(id="", sends=response(403, body, JSON), cause=None))
    assert (got.status_code, got.content == body, "kcproxy-cause" in got.headers) == (403, True, False)


@pytest.mark.parametrize("way", WAYS)
def test_a_request_body_of_more_than_a_megabyte_arrives_at_keycloak(stage: Stage, way: str) -> None:
    body = json.dumps([{"name": "x" * (3 << 20)}]).encode()
    case = Case(id="", method="POST", path=ROLE_MAPPING, body=body, sends=response(403, REFUSAL, JSON), cause="role-missing")
    got = sent(stage, way, case)
    explanation = got.json()["explanation"]
    assert stage.server.upstream.requests[-1].body == body
    assert explanation["confidence"] != "certain"
    assert any("the request body was not seen" in line for line in explanation["evidence"])


@pytest.mark.parametrize("way", WAYS)
def test_a_token_request_says_that_its_form_was_not_seen(stage: Stage, way: str) -> None:
    case = Case(
        id="",
        method="POST",
        path="/realms/demo/protocol/openid-connect/token",
        headers={"Content-Type": FORM, "Authorization": ""},
        body=b"grant_type=client_credentials&client_id=shop&client_secret=s3cret",
        sends=response(401, b'{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}', JSON),
        cause=None,
    )
    explanation = sent(stage, way, case).json()["explanation"]
    assert any("the request body was not seen" in line for line in explanation["evidence"])
    assert "s3cret" not in stage.processor.log.read_text(encoding="utf-8")


def logged(log: Path, ident: str, events: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The log lines of a denial, by event. They are written after the response was sent, so this waits for them."""
    deadline = time.monotonic() + 20
    while True:
        lines = [
            json.loads(line) for line in log.read_text(encoding="utf-8").splitlines(keepends=True) if line[0] == "{" and line[-1] == "\n"
        ]
        found = {line["event"]: line for line in lines if line.get("denial_id") == ident}
        if set(events) <= set(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_a_denial_is_logged_counted_and_listed(stage: Stage) -> None:
    got = sent(stage, "ext_proc", CASES[0])
    ident = got.headers["kcproxy-denial-id"]
    admin = f"http://127.0.0.1:{stage.processor.admin_port}"
    assert httpx.get(f"{admin}/api/denials/{ident}").json()["explanation"]["cause"] == "role-missing"
    assert "kcproxy_denials_total{" in httpx.get(f"{admin}/metrics").text
    mine = logged(stage.processor.log, ident, ("request", "denial"))
    assert (mine["request"]["status"], mine["request"]["peer"], mine["denial"]["cause"]) == (403, "127.0.0.1", "role-missing")


@dataclass(frozen=True, kw_only=True)
class Own:
    server: Server
    processor: Processor
    port: int


@pytest.fixture(params=WAYS)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Own]:
    """A processor that the test may end."""
    require_envoy()
    with (
        recording_server() as server,
        running_processor(f"http://localhost:{server.upstream.port}", tmp_path, settings=SETTINGS) as processor,
    ):
        addresses: dict[str, Any] = {"socket": processor.socket} if request.param == "ext_proc" else {"http_port": processor.http_port}
        with running_envoy(request.param, server.upstream.port, tmp_path, **addresses) as envoy:
            yield Own(server=server, processor=processor, port=envoy.port)


def timed(url: str) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return httpx.get(url, timeout=30), time.monotonic() - began


def test_without_the_processor_refusals_arrive_as_keycloak_sent_them(own: Own) -> None:
    own.server.react(lambda _: response(403, REFUSAL, JSON))
    url = f"http://127.0.0.1:{own.port}{USERS}"
    assert "kcproxy-cause" in httpx.get(url, timeout=30).headers

    own.processor.process.send_signal(signal.SIGSTOP)
    stopped, took = timed(url)
    own.server.react(lambda _: response(200, b"[]", JSON, reason="OK"))
    successes = [timed(url) for _ in range(5)]
    success, success_took = min(successes, key=lambda each: each[1])
    assert (stopped.status_code, stopped.content, "kcproxy-cause" in stopped.headers) == (403, REFUSAL, False)
    assert 0.2 < took < 10
    assert (success.status_code, success.content) == (200, b"[]")
    assert success_took < 0.2

    own.processor.process.kill()
    own.processor.process.wait(10)
    own.server.react(lambda _: response(403, REFUSAL, JSON))
    gone = httpx.get(url, timeout=30)
    assert (gone.status_code, gone.content, "kcproxy-cause" in gone.headers) == (403, REFUSAL, False)


def answering(sends: bytes, _: object) -> bytes:
    return sends


def test_after_the_response_no_token_is_in_the_metadata(stage: Stage, tmp_path: Path) -> None:
    """An access log that prints the script's metadata, for a refusal, a success and a call with a body."""
    log = tmp_path / "access.log"
    with running_envoy("lua", stage.server.upstream.port, tmp_path, http_port=stage.processor.http_port, access_log=log) as envoy:
        for status, method, path, body in ((403, "GET", USERS, None), (200, "GET", USERS, None), (403, "POST", ROLE_MAPPING, ADMIN_ROLE)):
            stage.server.react(partial(answering, response(status, REFUSAL, JSON)))
            httpx.request(
                method, f"http://127.0.0.1:{envoy.port}{path}", headers={"Authorization": "Bearer s3cret-s3cret"}, content=body, timeout=30
            )
        deadline = time.monotonic() + 10
        while log.read_text(encoding="utf-8").count("\n") < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in lines] == ["403", "200", "403"]
    assert all('"request":""' in line for line in lines)
    assert not any("s3cret" in line for line in lines)
