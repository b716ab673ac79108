"""Who may have a token injected, asked of a serving process with settings from its file, over each kind of listener."""

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devkit.certificates import Authority
from devkit.ports import free_port
from devkit.servers import Message, RecordingUpstream, read_response
from tests.process.test_serve import Served, configuration, served, start
from tests.proxy.test_admission import Issuer, issuer  # noqa: F401 - a fixture

USERS = "/admin/realms/demo/users"


def react(request: Message) -> bytes:
    body = b'{"access_token":"injected","expires_in":300}' if request.target.endswith(b"/token") else b"[]"
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def account(folder: Path) -> str:
    (folder / "secret").write_text("s3cret-s3cret")
    return f'[[accounts]]\nrealms = ["demo"]\nclient_id = "robot"\nclient_secret_file = "{folder}/secret"\n'


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *fields: str, method: str = "GET") -> Message:
    try:
        writer.write("\r\n".join([f"{method} {USERS} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode())
        return await asyncio.wait_for(read_response(reader), 10)
    finally:
        writer.close()


async def ask_port(running: Served, *fields: str, method: str = "GET", tls: ssl.SSLContext | None = None) -> Message:
    name = "localhost" if tls else None
    return await ask(*await asyncio.open_connection("127.0.0.1", running.port, ssl=tls, server_hostname=name), *fields, method=method)


def told(answer: Message) -> tuple[int, bytes | None]:
    if answer.status >= 400:
        assert "The proxy, not Keycloak, refused" in json.loads(answer.body)["message"]
    return answer.status, answer.value("kcproxy-error")


def authorizations(upstream: RecordingUpstream) -> list[bytes | None]:
    return [request.value("authorization") for request in upstream.requests if request.target == USERS.encode()]


async def test_on_loopback_every_client_gets_an_injected_token(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = react
    async with served(upstream, tmp_path, tail=account(tmp_path)) as running:
        assert told(await ask_port(running)) == (200, None)
        assert told(await ask_port(running, "Authorization: Bearer own")) == (200, None)
    assert authorizations(upstream) == [b"Bearer injected", b"Bearer own"]


@asynccontextmanager
async def on_a_unix_socket(upstream: RecordingUpstream, folder: Path, path: Path) -> AsyncIterator[None]:
    config, log = folder / "kcproxy.toml", folder / "log"
    config.write_text(configuration(upstream.port, 1, free_port()).replace("127.0.0.1:1", f"unix:{path}", 1) + account(folder))
    process = await start(config, log)
    try:
        await Served(process, 0, 0, config, log).logged("listening")
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_on_a_unix_socket_every_client_that_may_open_it_gets_a_token(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = react
    path = tmp_path / "s"
    async with on_a_unix_socket(upstream, tmp_path, path):
        assert path.stat().st_mode & 0o007 == 0  # owner and group
        assert told(await ask(*await asyncio.open_unix_connection(str(path)))) == (200, None)
    assert authorizations(upstream) == [b"Bearer injected"]


async def test_with_keys_each_opens_its_realms_operations_and_methods(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = react
    limits = {
        "all": "",
        "reading": 'methods = ["GET"]',
        "clients": 'operations = ["* /admin/realms/{realm}/clients*"]',
        "other": 'realms = ["x"]',
    }
    keys = [f'[[keys]]\nname = "{key}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n{limit}\n' for key, limit in limits.items()]
    (tmp_path / "keys.toml").write_text("".join(keys))
    tail = f'{account(tmp_path)}[inbound]\napi_keys_file = "{tmp_path}/keys.toml"\n'
    expected = {
        ("all", "GET"): (200, None),
        ("all", "POST"): (200, None),
        ("reading", "GET"): (200, None),
        ("reading", "POST"): (403, b"key-insufficient"),
        ("clients", "GET"): (403, b"key-insufficient"),
        ("other", "GET"): (403, b"key-insufficient"),
        ("unknown", "GET"): (401, b"key-unknown"),
    }
    async with served(upstream, tmp_path, tail=tail) as running:
        found = {(key, method): told(await ask_port(running, f"Kcproxy-Key: {key}", method=method)) for key, method in expected}
        assert told(await ask_port(running)) == (401, b"key-required")
        assert found == expected
        await running.logged("request", len(expected) + 1)
        admitted = {event.get("admitted") for event in running.events("request")}
    assert authorizations(upstream) == [b"Bearer injected"] * 3
    assert admitted == {"all", "reading", None}


async def test_with_issuers_a_verified_token_opens_and_another_does_not(
    upstream: RecordingUpstream,
    issuer: Issuer,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    upstream.react = react
    tail = f'{account(tmp_path)}[inbound]\njwt_issuers = ["{issuer.url}"]\njwt_audience = "kcproxy"\n'
    async with served(upstream, tmp_path, tail=tail) as running:
        assert told(await ask_port(running, f"Kcproxy-Key: Bearer {issuer.token()}")) == (200, None)
        for wrong in (issuer.token(exp=1), issuer.token(aud="other"), issuer.token(iss="http://localhost:1"), "a.b.c"):
            assert told(await ask_port(running, f"Kcproxy-Key: Bearer {wrong}")) == (401, b"key-unknown")
        assert told(await ask_port(running)) == (401, b"key-required")
    assert authorizations(upstream) == [b"Bearer injected"]


async def test_with_client_certificates_only_who_shows_one_has_a_token_injected(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = react
    authority = Authority(tmp_path)
    own, client = authority.sign("localhost", address="127.0.0.1"), authority.sign("client")
    inbound = f'tls_certificate_file = "{own.certificate}"\ntls_key_file = "{own.key}"\ntls_client_ca_file = "{authority.file}"\n'
    async with served(upstream, tmp_path, tail=f"{account(tmp_path)}[inbound]\n{inbound}") as running:
        stranger, known = (ssl.create_default_context(cafile=str(authority.file)) for _ in range(2))
        known.load_cert_chain(client.certificate, client.key)
        assert told(await ask_port(running, tls=known)) == (200, None)
        with pytest.raises((OSError, AssertionError)):
            await ask_port(running, tls=stranger)
    assert authorizations(upstream) == [b"Bearer injected"]
