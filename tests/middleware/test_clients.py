"""Every client library: a refusal is explained, everything else is what the bare client gets."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import requests

from devkit.explain.stage import claims_of, jwt_of
from kcproxy.middleware import RefusalExplainer, ServiceAccount
from kcproxy.model import Cause
from kcproxy.testing import Simulator
from tests.middleware.clients import CLIENTS, Call, Got, Send
from tests.middleware.server import Server, response

pytestmark = pytest.mark.parametrize("kind", list(CLIENTS))
Explainers = Callable[..., RefusalExplainer]

USERS = "/admin/realms/demo/users"
BODY = b'{"error":"HTTP 403 Forbidden"}'
JSON = "Content-Type: application/json"
LARGE = b"x" * 200_000


def bearer(**claims: Any) -> dict[str, str]:
    return {"Authorization": "Bearer " + jwt_of(claims_of(exp=9_999_999_999, **claims))}


def chunked(status: int, *pieces: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_403_says_which_role_is_missing(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON, "Set-Cookie: a=1", "Set-Cookie: b=2"))
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="GET", url=server.url + USERS, headers=bearer()))

    body = json.loads(got.body)
    assert (got.status, body["error"]) == (403, "HTTP 403 Forbidden")
    assert body["errorMessage"] == body["message"] == body["error_description"] == body["explanation"]["summary"]
    assert got.values("kcproxy-required-role") == ["view-users"]
    assert got.values("content-length") == [str(len(got.body))]
    assert got.values("set-cookie") == ["a=1", "b=2"]
    assert got.explanation is not None
    assert (got.explanation.verdict.cause, [got.explanation.id]) == (Cause.ROLE_MISSING, got.values("kcproxy-denial-id"))


UNTOUCHED = {
    "a success": response(200, b'{"a":1}', JSON),
    "a success without a body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a created object": response(201, b"", "Location: http://elsewhere.test/1"),
    "a conflict": response(409, b'{"errorMessage":"exists"}', JSON),
    "an object that does not exist": response(404, b'{"error":"Could not find group by id"}', JSON),
    "a refusal that is too large": response(403, LARGE, "Content-Type: text/html"),
    "a refusal that is too large, in chunks": chunked(403, LARGE[:100_000], LARGE[100_000:]),
}


@pytest.mark.parametrize("what", list(UNTOUCHED))
def test_any_other_response_is_that_of_the_bare_client(kind: str, what: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: UNTOUCHED[what])
    call = Call(method="GET", url=f"{server.url}/admin/realms/demo/groups", headers=bearer())
    with CLIENTS[kind](None, None) as bare, CLIENTS[kind](explainers(base_url=server.url), None) as explaining:
        assert explaining(call) == bare(call)


@pytest.mark.parametrize(("coding", "body"), [("unknown", b"abc"), ("gzip, unknown", gzip.compress(b"abc", mtime=0))])
def test_a_refusal_in_an_unknown_coding_is_left_alone(kind: str, coding: str, body: bytes, server: Server, explainers: Explainers) -> None:
    """Its body cannot show whether it is Keycloak's."""
    server.react(lambda _: response(403, body, JSON, f"Content-Encoding: {coding}"))
    call = Call(method="GET", url=server.url + USERS, headers=bearer())
    with CLIENTS[kind](None, None) as bare, CLIENTS[kind](explainers(base_url=server.url), None) as explaining:
        assert outcome(explaining, call) == outcome(bare, call)


def outcome(send: Send, call: Call) -> Got | str:
    """requests fails to read a body in a coding that urllib3 does not know, if another one is beside it."""
    try:
        return send(call)
    except requests.exceptions.ContentDecodingError as error:
        return str(error)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("x-gzip", gzip.compress)])
def test_a_compressed_refusal_is_explained_without_coding(
    kind: str, coding: str, pack: Callable[[bytes], bytes], server: Server, explainers: Explainers
) -> None:
    server.react(lambda _: response(403, pack(BODY), JSON, f"Content-Encoding: {coding}"))
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="GET", url=server.url + USERS, headers=bearer()))

    assert json.loads(got.body)["explanation"]["cause"] == "role-missing"
    assert got.values("content-encoding") == []


@pytest.mark.parametrize(("coding", "pack"), [("br", brotli.compress), ("gzip, br", lambda body: brotli.compress(gzip.compress(body)))])
def test_a_refusal_in_a_coding_that_the_library_knows_is_explained(
    kind: str, coding: str, pack: Callable[[bytes], bytes], server: Server, explainers: Explainers
) -> None:
    """A cache or load balancer before Keycloak may use them, because the clients accept them."""
    server.react(lambda _: response(403, pack(BODY), JSON, f"Content-Encoding: {coding}"))
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="GET", url=server.url + USERS, headers=bearer()))

    if kind == "aiohttp" and coding != "br":  # reads one coding only, without the middleware too
        assert (got.explanation, got.values("content-encoding")) == (None, [coding])
        return
    assert json.loads(got.body)["explanation"]["cause"] == "role-missing"
    assert got.values("content-encoding") == []


@pytest.mark.parametrize("status", [404, 403])
def test_a_coded_response_whose_body_stays_keeps_its_coding(kind: str, status: int, server: Server, explainers: Explainers) -> None:
    """With ``reference``, and for status codes that are no refusals, only fields are added."""
    server.react(lambda _: response(status, brotli.compress(b'{"error":"HTTP 404 Not Found"}'), JSON, "Content-Encoding: br"))
    target = "/auth/admin/realms/demo/users"
    with CLIENTS[kind](explainers(base_url=server.url, detail="reference"), None) as send:
        got = send(Call(method="GET", url=server.url + (target if status == 404 else USERS), headers=bearer()))

    assert got.explanation is not None
    assert json.loads(got.body)["error"] == "HTTP 404 Not Found"


@pytest.mark.parametrize("size", [200_000, 50_000_000])
def test_a_coded_refusal_that_unfolds_to_too_much_is_passed_on(kind: str, size: int, server: Server, explainers: Explainers) -> None:
    packed = brotli.compress(b" " * size)
    assert len(packed) < 65536
    server.react(lambda _: response(403, packed, JSON, "Content-Encoding: br"))
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="GET", url=server.url + USERS, headers=bearer()))

    assert (len(got.body), got.explanation) == (size, None)


def test_head_gets_fields_and_no_body(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n")
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="HEAD", url=server.url + USERS, headers=bearer()))

    assert (got.body, got.values("kcproxy-cause"), got.values("content-length")) == (b"", ["role-missing"], ["30"])


def test_a_refusal_of_another_server_is_left_alone(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON))
    with CLIENTS[kind](explainers(base_url="https://login.example.com"), None) as send:
        got = send(Call(method="GET", url=server.url + USERS, headers=bearer()))

    assert (got.body, got.explanation) == (BODY, None)


def test_without_an_address_only_paths_of_keycloak_are_explained(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON))
    with CLIENTS[kind](explainers(), None) as send:
        found = [send(Call(method="GET", url=server.url + path, headers=bearer())) for path in (f"/auth{USERS}", "/api/orders")]

    assert [got.explanation is not None for got in found] == [True, False]


def test_the_body_of_a_request_selects_the_required_roles(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON))
    path = "/admin/realms/demo/users/42/role-mappings/clients/c1"
    headers = bearer(roles={"realm-management": ["manage-users"]}) | {"Content-Type": "application/json"}
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="POST", url=server.url + path, headers=headers, body=b'[{"name":"realm-admin"}]'))

    assert got.explanation is not None
    assert got.explanation.verdict.cause is Cause.ESCALATION_GUARD


def test_problem_json_is_sent_to_those_who_prefer_it(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(403, BODY, JSON))
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="GET", url=server.url + USERS, headers=bearer() | {"Accept": "application/problem+json"}))

    assert got.values("content-type") == ["application/problem+json"]
    assert json.loads(got.body)["explanation"]["cause"] == "role-missing"


def test_a_failure_inside_leaves_the_response_as_it_was(
    kind: str, server: Server, explainers: Explainers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    server.react(lambda _: response(403, BODY, JSON))
    monkeypatch.setattr("kcproxy.middleware.engine.Engine.explained", broken)
    with CLIENTS[kind](explainers(base_url=server.url), None) as send:
        got = send(Call(method="GET", url=server.url + USERS, headers=bearer()))

    assert (got.status, got.body, got.explanation) == (403, BODY, None)
    assert "a refusal could not be explained" in caplog.text


def test_a_token_is_fetched_once_and_a_grant_works_at_once(
    kind: str, keycloak: Simulator, explainers: Explainers, caplog: pytest.LogCaptureFixture
) -> None:
    account = keycloak.service_account(f"shop-{kind}", "backend")
    call = Call(method="GET", url=f"{keycloak.url}/admin/realms/shop-{kind}/users")
    with CLIENTS[kind](explainers(base_url=keycloak.url), (account, keycloak.url)) as send:
        before = send(call)
        keycloak.grant(account, "view-users")
        after = send(call)

    assert (before.status, after.status, json.loads(after.body)) == (403, 200, [])
    assert before.explanation is not None
    assert before.explanation.caller.injected
    assert len([record for record in caplog.records if record.name == "kcproxy.middleware"]) == 1


def test_an_authorization_of_the_programs_own_is_kept(kind: str, server: Server, explainers: Explainers) -> None:
    server.react(lambda _: response(200, b"[]", JSON))
    account = ServiceAccount(realm="demo", client_id="robot", client_secret="s3cret")
    with CLIENTS[kind](explainers(base_url=server.url), (account, server.url)) as send:
        send(Call(method="GET", url=server.url + USERS, headers={"Authorization": "Bearer own"}))

    assert [request.value("authorization") for request in server.upstream.requests] == [b"Bearer own"]
