"""The ports for Envoy: who gets in, and what a client gets that is not Envoy."""

import asyncio
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc

from devkit.certificates import Authority, Pair
from devkit.ports import free_port
from kcproxy.catalog import default_version, load
from kcproxy.errors import SettingsError
from kcproxy.observe.observer import LiveObserver
from kcproxy.observe.setup import live_observer
from kcproxy.process.envoy_front import EnvoyAddresses, EnvoyFront
from kcproxy.process.wiring import dismantle, runtime_of
from kcproxy.settings import AddressSettings, ExplainSettings, InboundSettings, Settings, UpstreamSettings
from tests.envoy.test_messages import attributes_of_request, headers

UPSTREAM = UpstreamSettings(scheme="http", host="127.0.0.1", port=9)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def inbound(authority: Authority) -> InboundSettings:
    own = authority.sign("localhost", address="127.0.0.1")
    return InboundSettings(tls_certificate_file=own.certificate, tls_key_file=own.key, tls_client_ca_file=authority.file)


@asynccontextmanager
async def running(addresses: EnvoyAddresses, inbound: InboundSettings | None = None) -> AsyncIterator[tuple[EnvoyFront, LiveObserver]]:
    explain = ExplainSettings(keycloak_version=default_version())
    settings = Settings(upstream=UPSTREAM, explain=explain, inbound=inbound or InboundSettings())
    observer = live_observer(settings, load(default_version()))
    runtime = runtime_of(settings, observer)
    front = EnvoyFront(settings, addresses)
    try:
        front.bind()
        await front.open(runtime, observer)
        await front.start()
        yield front, observer
    finally:
        await front.close()
        await dismantle(runtime, patience_seconds=0)
        observer.close()


def tcp() -> AddressSettings:
    return AddressSettings(host="127.0.0.1", port=free_port())


def messages() -> list[Any]:
    """A refusal without a body, as the filter sends it."""
    line = headers((":status", "403"), ("content-type", "application/json"), end=True)
    return [ext_proc.ProcessingRequest(response_headers=line, attributes=attributes_of_request("HEAD", host="keycloak.test"))]


async def processed(channel: Any, sent: list[Any]) -> list[Any]:
    stub = external_processor_pb2_grpc.ExternalProcessorStub(channel)
    return [answer async for answer in stub.Process(iter(sent), timeout=10)]


def fields(answer: Any) -> dict[str, bytes]:
    return {line.header.key: line.header.raw_value for line in answer.response_headers.response.header_mutation.set_headers}


async def test_a_unix_socket_is_for_its_owner_and_group(tmp_path: Path) -> None:
    address = AddressSettings(unix_path=tmp_path / "s")
    async with running(EnvoyAddresses(grpc=address)) as (_, observer), grpc.aio.insecure_channel(str(address)) as channel:
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660
        (answer,) = await processed(channel, messages())
        assert fields(answer)["kcproxy-cause"]
        assert len(observer.denials) == 1
    assert not (tmp_path / "s").exists()


async def test_a_stream_that_is_none_of_ours_is_answered_and_changes_nothing() -> None:
    address = tcp()
    async with running(EnvoyAddresses(grpc=address)) as (_, observer), grpc.aio.insecure_channel(str(address)) as channel:
        odd = [
            ext_proc.ProcessingRequest(),
            ext_proc.ProcessingRequest(response_headers=headers((":status", "403"))),
            ext_proc.ProcessingRequest(response_body=ext_proc.HttpBody(body=b"x", end_of_stream=True)),
            ext_proc.ProcessingRequest(request_body=ext_proc.HttpBody(body=b"x", end_of_stream=True)),
        ]
        answers = await processed(channel, odd)
        assert [answer.WhichOneof("response") for answer in answers] == ["response_headers", "response_body", "request_body"]
        assert not any(answer.response_headers.response.header_mutation.set_headers for answer in answers)
        assert len(observer.denials) == 0


async def grpc_call(address: AddressSettings, authority: Authority, own: Pair | None) -> None:
    credentials = grpc.ssl_channel_credentials(
        authority.file.read_bytes(), own.key.read_bytes() if own else None, own.certificate.read_bytes() if own else None
    )
    async with grpc.aio.secure_channel(str(address), credentials, options=(("grpc.ssl_target_name_override", "localhost"),)) as channel:
        assert await processed(channel, messages())


async def http_call(address: AddressSettings, authority: Authority, own: Pair | None) -> None:
    context = ssl.create_default_context(cafile=str(authority.file))
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    async with httpx.AsyncClient(verify=context) as client:
        line = {"kcproxy-method": "GET", "kcproxy-target": "/admin/realms/demo/users", "kcproxy-status": "403"}
        got = await client.post(f"https://localhost:{address.port}/explain", headers=line, content=b"{}")
    assert "kcproxy-set-kcproxy-cause" in got.headers


@pytest.mark.parametrize(("name", "call"), [("grpc", grpc_call), ("http", http_call)])
async def test_with_an_authority_only_its_client_certificates_get_in(
    name: str, call: Callable[..., Any], authority: Authority, tmp_path: Path
) -> None:
    address = tcp()
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "other").sign("stranger")
    async with running(EnvoyAddresses(**{name: address}), inbound(authority)) as (_, observer):
        for wrong in (None, stranger):
            with pytest.raises((grpc.aio.AioRpcError, httpx.HTTPError)):
                await call(address, authority, wrong)
        assert len(observer.denials) == 0
        await call(address, authority, authority.sign("envoy"))


@pytest.mark.parametrize("unix", [True, False])
async def test_the_http_port_has_one_thing_only(tmp_path: Path, *, unix: bool) -> None:
    address = AddressSettings(unix_path=tmp_path / "h") if unix else tcp()
    transport = httpx.AsyncHTTPTransport(uds=str(address.unix_path) if unix else None)
    async with running(EnvoyAddresses(http=address)), httpx.AsyncClient(transport=transport) as client:
        base = f"http://localhost:{address.port or 80}"
        assert (await client.get(f"{base}/metrics")).status_code == 404
        assert (await client.get(f"{base}/explain")).status_code == 405
        wrong = await client.post(f"{base}/explain", content=b"{}")
        assert (wrong.status_code, wrong.text) == (
            400,
            "This is not a message of kcproxy's Lua script: kcproxy-method and kcproxy-target are needed.\n",
        )
        fine = {"kcproxy-method": "GET", "kcproxy-target": "/admin/realms/demo#x", "kcproxy-status": "403"}
        assert (await client.post(f"{base}/explain", headers=fine)).status_code == 204
        too_large = await client.post(f"{base}/explain", headers=fine, content=b"x" * 300_000)
        assert too_large.status_code == 413


async def test_a_token_of_a_hundred_kilobytes_reaches_the_http_port() -> None:
    address = tcp()
    async with running(EnvoyAddresses(http=address)), httpx.AsyncClient() as client:
        line = {
            "kcproxy-method": "GET",
            "kcproxy-target": "/admin/realms/demo/users",
            "kcproxy-status": "403",
            "kcproxy-request-authorization": "Bearer " + "x" * 100_000,
        }
        got = await client.post(f"http://127.0.0.1:{address.port}/explain", headers=line, content=b'{"error":"HTTP 403 Forbidden"}')
    assert got.status_code == 200


async def test_an_address_in_use_is_refused_before_anything_starts() -> None:
    address = tcp()
    async with running(EnvoyAddresses(grpc=address)):
        for addresses in (EnvoyAddresses(grpc=address), EnvoyAddresses(http=address)):
            with pytest.raises(SettingsError, match="cannot listen on 127"):
                EnvoyFront(Settings(upstream=UPSTREAM), addresses).bind()


async def test_a_reload_uses_the_new_settings_for_the_next_refusal() -> None:
    address = tcp()
    async with running(EnvoyAddresses(grpc=address)) as (front, observer), grpc.aio.insecure_channel(str(address)) as channel:
        explain = ExplainSettings(keycloak_version=default_version(), docs_url="https://docs.example")
        settings = Settings(upstream=UPSTREAM, explain=explain)
        runtime = runtime_of(settings, observer)
        front.reading(settings)(runtime)
        (answer,) = await processed(channel, messages())
        stored = observer.denials.find(fields(answer)["kcproxy-denial-id"].decode())
        await asyncio.wait_for(runtime.unused(), 5)
        await dismantle(runtime, patience_seconds=0)
    assert stored is not None
    assert stored["explanation"]["docs"] == "https://docs.example/role-missing"


async def test_a_denial_is_announced_before_it_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    address, seen = tcp(), list[tuple[str, str]]()
    monkeypatch.setattr(LiveObserver, "announces_denials", True)
    monkeypatch.setattr(LiveObserver, "denial_announced", lambda _, explanation, __: seen.append(("announced", explanation.id)))
    monkeypatch.setattr(LiveObserver, "denied", lambda _, explanation, __: seen.append(("denied", explanation.id)))
    async with running(EnvoyAddresses(grpc=address)), grpc.aio.insecure_channel(str(address)) as channel:
        (answer,) = await processed(channel, messages())
    denial_id = fields(answer)["kcproxy-denial-id"].decode()
    assert seen == [("announced", denial_id), ("denied", denial_id)]
