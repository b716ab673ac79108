"""Request targets on real sockets, on both paths: which are refused, and that the judged bytes are the forwarded bytes."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from devkit.servers import ACCOUNT, OK, RecordingUpstream, Running, read_response, running_proxy
from kcproxy.proxy.admission import Admission
from kcproxy.settings.api_keys import read_keys
from tests.proxy.test_injected_tokens import forwarded, responding

pytestmark = pytest.mark.usefixtures("way")

ANY_REALM = replace(ACCOUNT, realms=("*",))
USERS = b"/admin/realms/demo/users"
ESCAPES = (  # each was answered with the users of another realm by Keycloak 24.0.5, or is a relative of one that was
    USERS + b"#/../../other/users",
    USERS + b"#/../../../realms/other/users",
    b"/admin/realms/demo#/../other/users",
    USERS + b"/#/../../../other/users",
    USERS + b"?#/../../other/users",
    USERS + b"?x=1#/../../other/users",
    USERS + b"#",
    USERS + b"%23#/../../../other/users",
    b"#/admin/realms/other/users",
    b"/#/../admin/realms/other/users",
    b"http://localhost/admin/realms/demo/users#/../../other/users",
    b"http://localhost#/admin/realms/other/users",
    USERS + b"\t/../../other/users",
    USERS + b"\x0b/../../other/users",
    USERS + b"\x0c/../../other/users",
    USERS + b"\x00/../../other/users",
    USERS + b"\x1f",
    USERS + b"\x7f/../../other/users",
    USERS + b" /../../other/users",
    USERS + b"?q=\x01",
    b"http://localhost@other/admin/realms/demo/users",
    b"http:/admin/realms/demo/users",
    b"http:///admin/realms/demo/users",
    b"ftp://localhost/admin/realms/demo/users",
    b"?x://y/admin/realms/demo/users",
    b"admin/realms/demo/users",
    b"*",
)
CALLERS = {
    "without credentials": (b"GET", ()),
    "with a token of their own": (b"GET", (b"Authorization: Bearer own",)),
    "a page": (b"POST", (b"Origin: http://evil.example.com",)),
}


@pytest.fixture
async def injecting(upstream: RecordingUpstream) -> AsyncIterator[Running]:
    responding(upstream, lambda _: OK)
    async with running_proxy(upstream.port, accounts=(ANY_REALM,)) as proxy:
        yield proxy


def request(target: bytes, *fields: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: localhost", *fields, b"", b""])


@pytest.mark.parametrize(("method", "fields"), CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("target", ESCAPES, ids=range(len(ESCAPES)))
async def test_a_target_that_http_does_not_allow_is_refused_to_every_caller(
    injecting: Running, upstream: RecordingUpstream, target: bytes, method: bytes, fields: tuple[bytes, ...]
) -> None:
    async with injecting.connect() as (reader, writer):
        writer.write(request(target, *fields, method=method))
        answer = await asyncio.wait_for(read_response(reader), 5)
        assert await asyncio.wait_for(reader.read(), 5) == b"", "what follows on the connection must not be served"
    assert (answer.status, upstream.requests) == (400, [])
    kind = (answer.value("kcproxy-error") or b"").decode()
    assert kind in {"target", "bad-request"}  # the second where aiohttp's parser refuses it before us
    record = (await injecting.settled(1))[0]
    assert (record.status, record.error_kind, record.injected_account) == (400, kind, None)
    assert (record.target.operation, record.target.realm) == (None, None), "it is refused before anything is matched"


async def test_the_refusal_of_a_number_sign_says_what_to_write(injecting: Running) -> None:
    answer = await injecting.send(request(USERS + b"#x"))
    assert answer.value("kcproxy-error") == b"target"
    assert "percent-encoded (%23" in json.loads(answer.body)["message"]


async def test_a_request_that_took_the_fast_path_does_not_let_the_next_pass(injecting: Running, upstream: RecordingUpstream) -> None:
    """The first request caches the header block."""
    async with injecting.connect() as (reader, writer):
        for _ in range(2):
            writer.write(request(USERS))
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        writer.write(request(USERS + b"#/../../other/users"))
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 400
    assert {target for target, _ in forwarded(upstream)} == {USERS}


@pytest.mark.parametrize("target", [USERS + b"#/../../other/users", USERS + b"?x#/../../other/users"])
async def test_a_limited_key_opens_no_other_realm_by_a_number_sign(upstream: RecordingUpstream, tmp_path: Path, target: bytes) -> None:
    responding(upstream, lambda _: OK)
    file = tmp_path / "keys.toml"
    digest = hashlib.sha256(b"key").hexdigest()
    file.write_text(f'[[keys]]\nname = "a"\nsha256 = "{digest}"\nrealms = ["demo"]\noperations = ["* /admin/realms/{{realm}}/users"]\n')
    async with running_proxy(upstream.port, accounts=(ANY_REALM,), admission=Admission(read_keys(file))) as proxy:
        for method in (b"GET", b"POST"):
            assert (await proxy.send(request(target, b"Kcproxy-Key: key", method=method))).status == 400
        assert (await proxy.send(request(USERS, b"Kcproxy-Key: key"))).status == 200
    assert forwarded(upstream) == [(USERS, b"Bearer t1")]


BEYOND_ASCII = (
    USERS + "?search=caf\u00e9".encode(),
    USERS + b"?search=\xff\xfe",
    "/admin/realms/demo/roles/caf\u00e9".encode(),
    USERS + b"\xff/../../../other/users",
    b"/admin/realms/demo/\xc0\xae\xc0\xae/other/users",
    USERS + b"?\x80\x85\x9f\xa0",
    b"/realms/\xf0\x9f\x92\xa9/account",
)


@pytest.mark.parametrize("target", BEYOND_ASCII, ids=range(len(BEYOND_ASCII)))
async def test_bytes_beyond_ascii_are_sent_as_they_came_and_never_with_a_token(
    injecting: Running, upstream: RecordingUpstream, target: bytes
) -> None:
    assert (await injecting.send(request(target))).status == 200
    assert (await injecting.send(request(target, b"Authorization: Bearer own"))).status == 200
    assert forwarded(upstream) == [(target, None), (target, b"Bearer own")]


@pytest.mark.parametrize("cut", [1, 20, 45, 60, 66])
async def test_a_head_in_pieces_with_bytes_beyond_ascii_is_sent_as_it_came_or_refused(
    injecting: Running, upstream: RecordingUpstream, cut: int
) -> None:
    target = USERS + b"?search=caf\xc3\xa9&max=1"
    raw = request(target) + request(USERS)
    async with injecting.connect() as (reader, writer):
        writer.write(raw[:cut])
        await asyncio.sleep(0.02)
        writer.write(raw[cut:])
        responses = [await asyncio.wait_for(read_response(reader), 5)]
        if responses[0].status == 200:
            responses.append(await asyncio.wait_for(read_response(reader), 5))
    assert [answer.status for answer in responses] in ([200, 200], [400])
    assert forwarded(upstream) == ([(target, None), (USERS, b"Bearer t1")] if len(responses) == 2 else [])


async def test_a_body_beyond_ascii_is_no_target(injecting: Running, upstream: RecordingUpstream) -> None:
    body = "POST /caf\u00e9 HTTP/1.1\r\n\r\n".encode()
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (USERS, len(body))
    async with injecting.connect() as (reader, writer):
        writer.write(head)
        await asyncio.sleep(0.02)
        writer.write(body)
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
    assert [(sent.target, sent.body) for sent in upstream.requests if sent.target == USERS] == [(USERS, body)]


@pytest.mark.parametrize(
    ("method", "target", "sent"),
    [
        (b"GET", b"HTTP://LOCALHOST:80/admin/realms/demo/users?x", USERS + b"?x"),
        (b"GET", b"http://h?/admin", b"/?/admin"),
        (b"GET", b"http://h", b"/"),
        (b"OPTIONS", b"*", b"*"),
        (b"OPTIONS", b"http://h", b"*"),
        (b"GET", b"//other/admin/realms/demo/users", b"//other/admin/realms/demo/users"),
    ],
)
async def test_other_forms_go_as_paths_and_never_with_a_token(
    injecting: Running, upstream: RecordingUpstream, method: bytes, target: bytes, sent: bytes
) -> None:
    assert (await injecting.send(request(target, method=method))).status == 200
    assert forwarded(upstream) == [(sent, None)]
