"""Every setting that names a file: its content takes effect as its declaration says, in a folder as Kubernetes mounts it."""

import asyncio
import hashlib
import json
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from devkit.certificates import Authority, Pair
from devkit.explain.stage import jwt_of
from devkit.servers import FORBIDDEN, Message, RecordingUpstream
from kcproxy.settings.declaration import Content
from kcproxy.settings.schema import FILES
from tests.deploy.mounted import Mounted
from tests.process.test_admission import ask_port
from tests.process.test_serve import Served, served

TOKEN_SECONDS = 1
Files = Mapping[str, str | bytes]


@dataclass
class Stage:
    """A serving process whose settings name files of a mounted folder, and the upstream that it speaks to."""

    running: Served
    upstream: RecordingUpstream
    authorities: Mapping[str, Authority]
    shown_certificates: list[str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files before and after, the settings that name them, and what can be seen of them from outside: first and then."""

    before: Files
    after: Files
    probe: Callable[[Stage], Awaitable[object]]
    seen: tuple[object, object]
    top: str = ""
    tail: str = ""
    https: str = ""


def grants(request: Message) -> bytes:
    """Tokens for all, and for callers with one of their own a refusal, so that the inspector has something to look at."""
    if request.target.endswith(b"/token"):
        body = b'{"access_token":"injected","expires_in":%d}' % TOKEN_SECONDS
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    own = (request.value("authorization") or b"").startswith(b"Bearer ey")
    return FORBIDDEN if own else b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


# what can be seen from outside


async def admin_status(stage: Stage) -> int:
    """Of the second key."""
    headers = {"Authorization": "Bearer key-two"}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{stage.running.admin_port}/api/denials", headers=headers) as got,
    ):
        return got.status


async def status(stage: Stage) -> int:
    return (await ask_port(stage.running)).status


async def status_with_the_second_key(stage: Stage) -> int:
    return (await ask_port(stage.running, "Kcproxy-Key: two")).status


async def shown_upstream(stage: Stage) -> str:
    """The name in the certificate by which the proxy shows itself to Keycloak."""
    await ask_port(stage.running)
    return stage.shown_certificates[-1]


async def shown_inbound(stage: Stage) -> str:
    """The authority of the proxy's own certificate."""
    for name, authority in stage.authorities.items():
        try:
            await ask_port(stage.running, tls=ssl.create_default_context(cafile=str(authority.file)))
        except ssl.SSLCertVerificationError:
            continue
        return name
    return "none"


async def accepted_inbound(stage: Stage) -> list[str]:
    """The authorities whose client certificates open the port."""
    names = []
    for name, authority in stage.authorities.items():
        context = ssl.create_default_context(cafile=str(stage.authorities["one"].file))
        client = authority.sign(f"client-of-{name}")
        context.load_cert_chain(client.certificate, client.key)
        try:
            await ask_port(stage.running, tls=context)
        except (OSError, AssertionError):
            continue
        names.append(name)
    return names


async def proof(stage: Stage) -> str:
    """What the next token request proves the client with, once the token of before has expired."""
    await asyncio.sleep(TOKEN_SECONDS)
    count = len(stage.upstream.requests)
    own = jwt_of({"iss": f"http://127.0.0.1:{stage.upstream.port}/realms/demo", "azp": "shop", "sub": "1", "typ": "Bearer"})
    await ask_port(stage.running)
    await ask_port(stage.running, f"Authorization: Bearer {own}")
    async with asyncio.timeout(10):
        while not (found := [each for each in stage.upstream.requests[count:] if each.target.endswith(b"/token")]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    form = {name: values[0] for name, values in parse_qs(found[-1].body.decode()).items()}
    assertion = form.get("client_assertion", "")
    if "client_secret" in form:
        return form["client_secret"]
    return str(jwt.get_unverified_header(assertion)["kid"])


# the cases


def account_case(section: str, name: str, first: str, second: str) -> Case:
    head = "[[accounts]]\nrealms" if section == "accounts" else "[inspector]\nrealms"
    return Case(
        before={"proof": first},
        after={"proof": second},
        tail=f'{head} = ["demo"]\nclient_id = "robot"\n{name} = "{{folder}}/proof"\n',
        probe=proof,
        seen=("one", "two"),
    )


def private_key(key_id: str) -> str:
    document: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
    return json.dumps(document | {"kid": key_id, "alg": "ES256"})


def keys(key: str) -> str:
    return f'[[keys]]\nname = "shop"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n'


def pem(pair: Pair, authority: Authority | None = None) -> Files:
    files: Files = {"tls.crt": pair.certificate.read_bytes(), "tls.key": pair.key.read_bytes()}
    return files if authority is None else {**files, "ca.crt": authority.file.read_bytes()}


_INBOUND = '[inbound]\ntls_certificate_file = "{folder}/tls.crt"\ntls_key_file = "{folder}/tls.key"\n'
_UPSTREAM = 'client_certificate_file = "{folder}/tls.crt"\nclient_key_file = "{folder}/tls.key"\nca_file = "{folder}/ca.crt"\n'
_ACCOUNT = '[[accounts]]\nrealms = ["demo"]\nclient_id = "robot"\nclient_secret_file = "{folder}/secret"\n'


def admin_key(_: Authority, __: Authority) -> Case:
    top = 'admin_key_file = "{folder}/key"\n'
    return Case(before={"key": "key-one"}, after={"key": "key-two"}, top=top, probe=admin_status, seen=(401, 200))


def api_keys(_: Authority, __: Authority) -> Case:
    before, after = ({"keys": keys(key), "secret": "s3cret"} for key in ("one", "two"))
    tail = _ACCOUNT + '[inbound]\napi_keys_file = "{folder}/keys"\n'
    return Case(before=before, after=after, tail=tail, probe=status_with_the_second_key, seen=(401, 200))


def own_certificate(one: Authority, two: Authority) -> Case:
    before, after = (pem(authority.sign("localhost", address="127.0.0.1")) for authority in (one, two))
    return Case(before=before, after=after, tail=_INBOUND, probe=shown_inbound, seen=("one", "two"))


def client_authority(one: Authority, two: Authority) -> Case:
    own = one.sign("localhost", address="127.0.0.1")
    tail = _INBOUND + 'tls_client_ca_file = "{folder}/ca.crt"\n'
    return Case(before=pem(own, one), after=pem(own, two), tail=tail, probe=accepted_inbound, seen=(["one"], ["two"]))


def upstream_authority(one: Authority, two: Authority) -> Case:
    own = one.sign("proxy")
    return Case(before=pem(own, two), after=pem(own, one), https=_UPSTREAM, probe=status, seen=(502, 200))


def upstream_certificate(one: Authority, _: Authority) -> Case:
    first, second = (pem(one.sign(name), one) for name in ("first", "second"))
    return Case(before=first, after=second, https=_UPSTREAM, probe=shown_upstream, seen=("first", "second"))


PROOFS: Mapping[str, Callable[[str], str]] = {
    "client_secret_file": str,
    "private_key_file": private_key,
    "assertion_file": lambda key_id: jwt_of({"sub": "1"}, kid=key_id),
}
CASES: Mapping[str, Callable[[Authority, Authority], Case]] = {
    "admin_key_file": admin_key,
    "inbound.api_keys_file": api_keys,
    "inbound.tls_certificate_file": own_certificate,
    "inbound.tls_key_file": own_certificate,
    "inbound.tls_client_ca_file": client_authority,
    "upstream.ca_file": upstream_authority,
    "upstream.client_certificate_file": upstream_certificate,
    "upstream.client_key_file": upstream_certificate,
}


def case_of(key: str, one: Authority, two: Authority) -> Case:
    section, _, name = key.rpartition(".")
    return CASES[key](one, two) if key in CASES else account_case(section, name, *map(PROOFS[name], ("one", "two")))


@asynccontextmanager
async def speaking_tls(upstream: RecordingUpstream, authority: Authority, shown: list[str]) -> AsyncIterator[None]:
    """The upstream once more, on a port with TLS that asks for certificates."""
    own = authority.sign("keycloak", address="127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(own.certificate, own.key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(dict(part[0] for part in writer.get_extra_info("peercert")["subject"])["commonName"])
        await upstream.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    plain, upstream.port = upstream.port, server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        upstream.port = plain


SECOND_OF_TWO = "client_secret_previous_file"
"""Used only if the first is refused: tests/keycloak/test_two_secrets.py and tests/deploy/test_pod.py change it."""
OF_THE_DATABASE = "history.password_file"
"""Read at each connection to the database: tests/observe/shared/test_shared_connection.py changes it."""
WATCHED_OR_READ = [
    key for key, use in FILES.items() if use.content is not Content.AT_START and not key.endswith(SECOND_OF_TWO) and key != OF_THE_DATABASE
]


@pytest.mark.parametrize("key", WATCHED_OR_READ)
async def test_another_content_takes_effect_without_a_restart(key: str, upstream: RecordingUpstream, tmp_path: Path) -> None:
    authorities = {name: Authority(tmp_path, name) for name in ("one", "two")}
    case, shown = case_of(key, *authorities.values()), list[str]()
    mounted = Mounted(tmp_path / "mounted", case.before)
    top, tail, https = (text.replace("{folder}", str(mounted.folder)) for text in (case.top, case.tail, case.https))
    upstream.react = grants
    async with AsyncExitStack() as stack:
        if https:
            await stack.enter_async_context(speaking_tls(upstream, authorities["one"], shown))
        running = await stack.enter_async_context(served(upstream, tmp_path, top, tail=tail, https=https))
        stage = Stage(running, upstream, authorities, shown)
        assert await case.probe(stage) == case.seen[0]
        mounted.swap(case.after)
        if FILES[key].content is Content.WATCHED:
            assert (await running.logged("reloaded"))["needs_restart"] == []
        assert await case.probe(stage) == case.seen[1]
        assert len(running.events("reloaded")) == (FILES[key].content is Content.WATCHED)
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert "Traceback" not in running.log.read_text()


def test_only_the_proxys_own_files_are_read_at_start_and_documented() -> None:
    documented = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert {key for key, use in FILES.items() if use.content is Content.AT_START} == {"history.path", "use.path"}
    for key, use in FILES.items():
        assert f"| `{key}` | {use.content.value} |" in documented
