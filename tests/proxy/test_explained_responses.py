"""Refusals get an explanation. Keycloak's own response stays, and one that cannot be enriched passes unchanged."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from typing import Any
from uuid import uuid4

import jwt
import pytest

from devkit.servers import Events, Message, RecordingUpstream, Running, running_proxy
from kcproxy.catalog import default_version, load
from kcproxy.denial.evidence import decoded
from kcproxy.model import Answer, Cause, Detail, Explanation, RequestFacts
from kcproxy.observe.events import RequestRecord
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings
from tests.hostile_text import ALL_AT_ONCE, unseen

pytestmark = pytest.mark.usefixtures("way")

USERS = "/admin/realms/demo/users"
KEY = "a key that is long enough for a test of tokens"
BODY = b'{"error":"HTTP 403 Forbidden"}'


def bearer(**claims: Any) -> str:
    known = {
        "iss": "http://localhost:8080/realms/demo",
        "azp": "robot",
        "preferred_username": "service-account-robot",
        "exp": 9_999_999_999,
        "realm_access": {"roles": ["default-roles-demo"]},
        "resource_access": {"account": {"roles": ["view-profile"]}},
    }
    return "Authorization: Bearer " + jwt.encode({**known, **claims}, KEY)


def refusing(upstream: RecordingUpstream, status: int = 403, body: bytes = BODY, fields: str = "Content-Type: application/json\n") -> None:
    head = f"HTTP/1.1 {status} Refused\n{fields}Content-Length: {len(body)}\n\n".replace("\n", "\r\n").encode()
    upstream.react = lambda request: head + (b"" if request.method == b"HEAD" else body)


def explainer(events: Events, detail: Detail = Detail.FULL) -> LiveExplainer:
    return LiveExplainer(ExplainSettings(detail=detail), events, catalog=lambda: load(default_version()), version=lambda: None)


@pytest.fixture
async def explaining(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    async with running_proxy(upstream.port, explainer=explainer(Events())) as proxy:
        yield proxy


def unchanged(answer: Message, body: bytes) -> None:
    assert answer.body == body
    assert [name for name, _ in answer.fields if name.lower().startswith(b"kcproxy")] == []
    assert answer.values("content-length") == [str(len(body)).encode()]


async def test_a_403_says_which_role_is_missing(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream)
    answer = await explaining.get(USERS, bearer())
    body = json.loads(answer.body)
    assert answer.start == b"HTTP/1.1 403 Refused"
    assert answer.values("content-length") == [str(len(answer.body)).encode()]
    assert answer.values("content-type") == [b"application/json"]
    assert answer.value("kcproxy-cause") == b"role-missing"
    assert body["error"] == "HTTP 403 Forbidden"
    assert body["errorMessage"] == body["message"] == body["error_description"] == body["explanation"]["summary"]
    assert answer.value("kcproxy-denial-id") == body["explanation"]["id"].encode()
    assert (answer.value("www-authenticate") or b"").startswith(b'Bearer error="insufficient_scope"')
    explanation = explaining.events.denials[0]
    assert (await explaining.settled(1))[0].denial_id == explanation.id


async def test_a_denial_is_announced_before_the_client_has_its_id(
    explaining: Running, upstream: RecordingUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(upstream)
    announced, received = list[str](), list[bytes]()
    client = socket.create_connection(("127.0.0.1", explaining.port))
    client.setblocking(False)

    def look(_: Events, explanation: Explanation, record: RequestRecord) -> None:
        announced.append(explanation.id)
        assert record.status == 403
        with suppress(BlockingIOError):
            received.append(client.recv(1, socket.MSG_PEEK))
        raise LookupError("a bug")

    monkeypatch.setattr(Events, "announces_denials", True)
    monkeypatch.setattr(Events, "denial_announced", look)
    with closing(client):
        await asyncio.get_running_loop().sock_sendall(client, f"GET {USERS} HTTP/1.1\r\nHost: a\r\n{bearer()}\r\n\r\n".encode())
        await explaining.settled(1)
        answer = client.recv(65536)
    assert received == []
    assert b"Kcproxy-Denial-Id: " + announced[0].encode() in answer
    assert [each.id for each in explaining.events.denials] == announced


async def test_names_that_cannot_be_seen_are_escapes_in_the_body_and_exact_in_its_values(
    explaining: Running, upstream: RecordingUpstream
) -> None:
    name = ALL_AT_ONCE
    refusing(upstream, body=json.dumps({"error": "HTTP 403 Forbidden", "own": "\ud800\u202e\x9b"}).encode())
    for accept in ((), ("Accept: application/problem+json",)):
        answer = await explaining.get(USERS, bearer(azp=name, preferred_username=name), *accept)
        body = json.loads(answer.body)
        assert unseen(answer.body.decode()) == []
        assert (body["explanation"]["caller"]["clientId"], body["own"]) == (name, "\ud800\u202e\x9b")


async def test_every_header_and_field_of_keycloaks_own_stays(explaining: Running, upstream: RecordingUpstream) -> None:
    own = b'{"error":"x","errorMessage":"mine","params":[1,{"a":null}],"z":1.50}'
    fields = "Access-Control-Allow-Origin: https://app.test\nVary: Origin\nSet-Cookie: a=1\nSet-Cookie: b=2\nWWW-Authenticate: Own x\n"
    refusing(upstream, body=own, fields=fields + "Content-Type: application/json;charset=UTF-8\n")
    answer = await explaining.get(USERS, bearer())
    body = json.loads(answer.body)
    assert {name: body[name] for name in json.loads(own)} == json.loads(own)
    assert answer.values("set-cookie") == [b"a=1", b"b=2"]
    assert answer.values("www-authenticate") == [b"Own x"]
    assert answer.value("access-control-allow-origin") == b"https://app.test"
    assert answer.value("vary") == b"Origin"


async def test_a_client_that_accepts_problem_json_gets_it(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream)
    answer = await explaining.get(USERS, bearer(), "Accept: application/problem+json, */*;q=0.1")
    body = json.loads(answer.body)
    assert answer.values("content-type") == [b"application/problem+json"]
    assert (body["status"], body["error"]) == (403, "HTTP 403 Forbidden")
    assert body["explanation"]["cause"] == "role-missing"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("Accept: application/json, application/problem+json",), True),
        (("Accept: application/json", "Accept: Application/Problem+JSON"), True),
        (("Accept: application/problem+json;q=0.9, application/json",), False),
        (("Accept: application/problem+json;q=0",), False),
        (("Accept: */*",), False),
        (("Accept: application/*",), False),
        ((), False),
    ],
)
async def test_accept_is_read_with_its_weights_and_every_response_varies_by_it(
    explaining: Running, upstream: RecordingUpstream, lines: tuple[str, ...], problem: bool
) -> None:
    refusing(upstream)
    answer = await explaining.get(USERS, bearer(), *lines)
    assert answer.values("content-type") == [b"application/problem+json" if problem else b"application/json"]
    assert answer.values("vary") == [b"Accept"]


@pytest.mark.parametrize(
    ("own", "lines"),
    [
        ("Origin", [b"Origin", b"Accept"]),
        ("accept, Origin", [b"accept, Origin"]),
        ("*", [b"*"]),
        ("Accept-Encoding", [b"Accept-Encoding", b"Accept"]),
    ],
)
async def test_keycloaks_own_vary_stays(explaining: Running, upstream: RecordingUpstream, own: str, lines: list[bytes]) -> None:
    refusing(upstream, fields=f"Content-Type: application/json\nVary: {own}\n")
    answer = await explaining.get(USERS, bearer())
    assert answer.values("vary") == lines


async def test_a_refusal_that_passes_unchanged_does_not_vary(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream, body=b"<html>", fields="Content-Type: text/html\n")
    answer = await explaining.get(USERS, bearer())
    assert (answer.body, answer.values("vary")) == (b"<html>", [])


async def test_a_compressed_refusal_is_decoded_and_explained(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream, body=gzip.compress(BODY), fields="Content-Type: application/json\nContent-Encoding: gzip\nETag: x\nDigest: y\n")
    answer = await explaining.get(USERS, bearer(), "Accept-Encoding: gzip")
    assert json.loads(answer.body)["explanation"]["cause"] == "role-missing"
    assert answer.values("content-encoding") == answer.values("digest") == []


async def test_a_chunked_refusal_gets_a_length(explaining: Running, upstream: RecordingUpstream) -> None:
    head = b"HTTP/1.1 403 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    upstream.react = lambda _: head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    answer = await explaining.get(USERS, bearer())
    assert json.loads(answer.body)["explanation"]["cause"] == "role-missing"
    assert answer.value("transfer-encoding") is None


PASSED = {
    "brotli": (403, b"\x0b\x02\x80{}\x03", "Content-Type: application/json\nContent-Encoding: br\n"),
    "gzip twice": (403, gzip.compress(gzip.compress(BODY)), "Content-Type: application/json\nContent-Encoding: gzip, gzip\n"),
    "broken gzip": (403, b"\x1f\x8b\x08broken", "Content-Type: application/json\nContent-Encoding: gzip\n"),
    "a bomb": (403, gzip.compress(b" " * 10_000_000), "Content-Type: application/json\nContent-Encoding: gzip\n"),
    "large": (403, b'{"a":"' + b"x" * 70_000 + b'"}', "Content-Type: application/json\n"),
}


@pytest.mark.parametrize(("status", "body", "fields"), PASSED.values(), ids=PASSED)
async def test_what_cannot_be_read_passes_as_it_is(
    explaining: Running, upstream: RecordingUpstream, status: int, body: bytes, fields: str
) -> None:
    refusing(upstream, status, body, fields)
    answer = await explaining.get(USERS, bearer())
    assert answer.status == status
    unchanged(answer, body)


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"<html>no</html>",
    b"\xff\xfe\x00",
    b'{"error":{"a":1}}',
    b'{"a":NaN}',
]


@pytest.mark.parametrize("body", HOSTILE, ids=[repr(body[:12]) for body in HOSTILE])
@pytest.mark.parametrize("status", [401, 403])
async def test_odd_bodies_break_nothing(explaining: Running, upstream: RecordingUpstream, status: int, body: bytes) -> None:
    refusing(upstream, status, body)
    answer = await explaining.get(USERS, bearer())
    assert answer.status == status
    assert answer.values("content-length") == [str(len(answer.body)).encode()]
    if body.lstrip()[:1] not in {b"{", b""}:
        assert answer.body == body


@pytest.mark.parametrize("framing", ["Content-Length: 30", "Transfer-Encoding: chunked", "Vary: Origin"])
async def test_the_refusal_of_a_head_is_explained_by_fields_alone(explaining: Running, upstream: RecordingUpstream, framing: str) -> None:
    upstream.react = lambda _: f"HTTP/1.1 403 Refused\r\nContent-Type: application/json\r\n{framing}\r\n\r\n".encode()
    answer = await explaining.get(USERS, bearer(), method="HEAD")
    assert answer.start == b"HTTP/1.1 403 Refused"
    assert answer.body == b""
    assert answer.values("content-length") == ([b"30"] if framing.endswith("30") else [])
    assert answer.values("content-type") == [b"application/json"]
    assert answer.value("kcproxy-cause") == b"role-missing"
    assert answer.value("kcproxy-required-role") == b"view-users"
    assert (answer.value("www-authenticate") or b"").startswith(b'Bearer error="insufficient_scope"')
    assert [denial.verdict.cause for denial in explaining.events.denials] == [Cause.ROLE_MISSING]


async def test_a_head_that_finds_nothing_passes_as_it_is(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream, 404)
    answer = await explaining.get(f"{USERS}/{uuid4()}", bearer(), method="HEAD")
    assert answer.raw == b"HTTP/1.1 404 Refused\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n"


@pytest.mark.parametrize("status", [200, 201, 302, 304, 409, 429, 503])
async def test_other_responses_are_never_looked_at(explaining: Running, upstream: RecordingUpstream, status: int) -> None:
    refusing(upstream, status, b"" if status == 304 else BODY)
    answer = await explaining.get(USERS, bearer())
    unchanged(answer, b"" if status == 304 else BODY)


async def test_a_not_found_user_is_none_of_our_business(explaining: Running, upstream: RecordingUpstream) -> None:
    body = b'{"error":"User not found","error_description":"For more on this error consult the server log."}'
    refusing(upstream, 404, body)
    unchanged(await explaining.get(f"{USERS}/{uuid4()}", bearer()), body)
    assert explaining.events.denials == []


async def test_a_name_in_place_of_an_id_is_explained_in_header_fields_only(explaining: Running, upstream: RecordingUpstream) -> None:
    body = b'{"error":"User not found"}'
    refusing(upstream, 404, body)
    answer = await explaining.get(f"{USERS}/john-doe", bearer())
    assert (answer.status, answer.body, answer.value("kcproxy-cause")) == (404, body, b"name-used-as-id")


class Broken(LiveExplainer):
    """An explainer with a bug."""

    place = ""
    failures = 0

    async def explain(self, request: RequestFacts, authorization: str | None, answer: Answer, *, injected: bool) -> Explanation | None:
        if self.place == "explain":
            raise RecursionError("a bug")
        return await super().explain(request, authorization, answer, injected=injected)

    def body(self, explanation: Explanation, original: Any) -> dict[str, Any]:
        return {"not": object()} if self.place == "body" else super().body(explanation, original)

    def headers(self, explanation: Explanation) -> Any:
        return [("X", None)] if self.place == "headers" else super().headers(explanation)

    def failed(self, error: Exception) -> None:
        self.failures += 1


@pytest.mark.parametrize("place", ["explain", "body", "headers"])
async def test_a_bug_in_an_explanation_never_breaks_a_response(upstream: RecordingUpstream, place: str) -> None:
    broken = Broken(ExplainSettings(), Events(), catalog=lambda: load(default_version()), version=lambda: None)
    broken.place = place
    refusing(upstream)
    async with running_proxy(upstream.port, explainer=broken) as proxy:
        unchanged(await proxy.get(USERS, bearer()), BODY)
        assert broken.failures == 1
        assert (await proxy.settled(1))[0].status == 403
        assert proxy.events.denials == []


async def test_gocloak_gets_the_sentence_in_one_of_the_members_it_joins(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream)
    answer = await explaining.get(USERS, bearer(), "User-Agent: go-resty/2.16.5 (https://github.com/go-resty/resty)")
    body = json.loads(answer.body)
    assert body["errorMessage"] == body["message"] == body["explanation"]["summary"]
    assert "error_description" not in body
    assert answer.values("vary") == [b"Accept", b"User-Agent"]
    assert answer.values("content-length") == [str(len(answer.body)).encode()]


async def test_names_from_a_token_cannot_break_out_of_a_header(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream)
    evil = "x\r\nSet-Cookie: stolen=1\r\n\r\n<script>é"
    roles = {"realm-management": {"roles": [evil]}}
    answer = await explaining.get(USERS, bearer(azp=evil, preferred_username=f"service-account-{evil}", resource_access=roles))
    assert answer.values("set-cookie") == []
    assert answer.status == 403
    assert json.loads(answer.body)["error"] == "HTTP 403 Forbidden"


@pytest.mark.parametrize("detail", list(Detail))
async def test_the_caller_sees_as_much_as_the_settings_allow(upstream: RecordingUpstream, detail: Detail) -> None:
    refusing(upstream)
    async with running_proxy(upstream.port, explainer=explainer(Events(), detail)) as proxy:
        answer = await proxy.get(USERS, bearer())
        shown = json.loads(answer.body)["explanation"]
        assert ("fixes" in shown) == (detail is Detail.FULL)
        assert ("cause" in shown) == (detail is not Detail.REFERENCE)
        assert (answer.value("kcproxy-cause") is not None) == (detail is not Detail.REFERENCE)
        assert proxy.events.denials[0].fixes is not None


def test_decoding_is_bounded() -> None:
    assert decoded(gzip.compress(b"x" * 1000), b"gzip", 1000) == b"x" * 1000
    assert decoded(gzip.compress(b"x" * 1001), b"gzip", 1000) is None
    assert decoded(gzip.compress(b"x" * 1000)[:-4], b"gzip", 1000) is None
    assert decoded(b"x", None, 10) == b"x"


async def test_a_token_never_shows_in_a_response_or_in_what_is_observed(explaining: Running, upstream: RecordingUpstream) -> None:
    refusing(upstream)
    field = bearer()
    signature = field.rpartition(".")[2]
    answer = await explaining.get(f"{USERS}?access_token={signature}", field)
    assert signature.encode() not in answer.raw + answer.body
    explanation = explaining.events.denials[0]
    assert signature not in repr(explanation)
