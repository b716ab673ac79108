"""Connecting to Keycloak: all addresses of the name, TLS with a private CA, and a client certificate."""

import asyncio
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devkit.certificates import Authority, Pair
from devkit.loops import on_every_loop
from devkit.raw_upstream import Visit, ok, raw_upstream, responding
from kcproxy.errors import SettingsError, UpstreamBroken, UpstreamUnreachable
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.dialer import interleaved
from kcproxy.upstream.pool import PoolUpstream

HOST = [(b"Host", b"keycloak:8080")]
FOUR, SIX = socket.AF_INET, socket.AF_INET6


def server_context(pair: Pair, *, client_authority: Authority | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority.file)
    return context


async def get(pool: PoolUpstream) -> bytes | None:
    answer = await pool.exchange("GET", "/x", HOST, None)
    return await answer.read(1 << 21)


@on_every_loop
async def test_tls_with_a_ca_of_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    large = b"x" * 1_000_000
    async with raw_upstream(responding(ok(b"safe"), ok(large)), tls=server_context(authority.sign("localhost"))) as upstream:
        pool = PoolUpstream(upstream.settings(host="localhost", ca_file=authority.file))
        assert [await get(pool), await get(pool)] == [b"safe", large]
        assert upstream.visits == 1
        await pool.close()


@on_every_loop
async def test_tls_to_an_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.sign("keycloak.example", address="127.0.0.1")
    async with raw_upstream(responding(ok(b"safe")), tls=server_context(pair)) as upstream:
        pool = PoolUpstream(upstream.settings(ca_file=authority.file))
        assert await get(pool) == b"safe"
        await pool.close()


@on_every_loop
async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with raw_upstream(responding(ok()), tls=server_context(authority.sign("elsewhere.example"))) as upstream:
        pool = PoolUpstream(upstream.settings(host="localhost", ca_file=authority.file))
        with pytest.raises(UpstreamUnreachable, match=r"certificate is not trusted .*localhost") as refused:
            await get(pool)
        assert (refused.value.sent, upstream.heads) == (False, [])
        await pool.close()


@on_every_loop
async def test_a_certificate_of_an_unknown_ca_is_refused(tmp_path: Path) -> None:
    known, unknown = Authority(tmp_path, "known"), Authority(tmp_path, "unknown")
    async with raw_upstream(responding(ok()), tls=server_context(unknown.sign("localhost"))) as upstream:
        pool = PoolUpstream(upstream.settings(host="localhost", ca_file=known.file))
        with pytest.raises(UpstreamUnreachable, match="certificate is not trusted"):
            await get(pool)
        await pool.close()


@on_every_loop
async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.sign("kcproxy")
    names: list[Any] = []

    async def script(visit: Visit) -> None:
        names.append(visit.writer.get_extra_info("peercert")["subject"])
        await responding(ok(b"mutual"))(visit)

    context = server_context(authority.sign("localhost"), client_authority=authority)
    async with raw_upstream(script, tls=context) as upstream:
        settings = upstream.settings(host="localhost", ca_file=authority.file)
        pool = PoolUpstream(replace(settings, client_certificate_file=client.certificate, client_key_file=client.key))
        assert await get(pool) == b"mutual"
        assert names == [((("commonName", "kcproxy"),),)]
        await pool.close()


@on_every_loop
async def test_without_the_client_certificate_that_is_asked_for_nothing_comes_back(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = server_context(authority.sign("localhost"), client_authority=authority)
    async with raw_upstream(responding(ok()), tls=context) as upstream:
        pool = PoolUpstream(upstream.settings(host="localhost", ca_file=authority.file))
        with pytest.raises((UpstreamUnreachable, UpstreamBroken)):  # TLS 1.3 refuses only after the client's handshake is done
            await get(pool)
        await pool.close()


@on_every_loop
async def test_plain_http_where_tls_is_spoken_and_the_reverse(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with raw_upstream(responding(ok()), tls=server_context(authority.sign("localhost"))) as upstream:
        pool = PoolUpstream(upstream.settings(scheme="http"))
        with pytest.raises(UpstreamBroken):
            await get(pool)
        await pool.close()
    async with raw_upstream(responding(ok())) as upstream:
        pool = PoolUpstream(upstream.settings(scheme="https", host="localhost", connect_timeout_seconds=0.5))
        with pytest.raises(UpstreamUnreachable):
            await get(pool)
        await pool.close()


@on_every_loop
async def test_a_handshake_that_never_ends_is_cut_off() -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read()

    async with raw_upstream(script) as upstream:
        pool = PoolUpstream(upstream.settings(scheme="https", connect_timeout_seconds=0.2))
        begun = time.monotonic()
        with pytest.raises(UpstreamUnreachable, match=r"no connection within 0\.2 s"):
            await get(pool)
        assert time.monotonic() - begun < 1
        await asyncio.sleep(0.05)
        assert upstream.open_visits == 0
        await pool.close()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ca_file": Path("absent.pem")}, "upstream.ca_file absent.pem"),
        ({"client_certificate_file": Path("absent.pem")}, "upstream.client_certificate_file absent.pem"),
    ],
)
def test_a_certificate_file_that_cannot_be_read_is_the_operators_problem(changes: dict[str, Path], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        PoolUpstream(UpstreamSettings(scheme="https", host="localhost", port=1, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "preferred", "expected"),
    [
        ([(FOUR, "a")], None, ("a",)),
        ([(FOUR, "a"), (FOUR, "a")], None, ("a",)),
        ([(SIX, "s1"), (SIX, "s2"), (FOUR, "f1")], None, ("s1", "f1", "s2")),
        ([(FOUR, "f1"), (FOUR, "f2"), (SIX, "s1"), (SIX, "s2")], None, ("f1", "s1", "f2", "s2")),
        ([(FOUR, "f1"), (FOUR, "f2"), (SIX, "s1")], "f2", ("f2", "f1", "s1")),
        ([(FOUR, "f1")], "gone", ("f1",)),
    ],
)
def test_addresses_come_with_families_in_turn_and_the_one_that_worked_last_first(
    found: list[tuple[int, str]], preferred: str | None, expected: tuple[str, ...]
) -> None:
    assert interleaved(found, preferred) == expected


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Make the name "keycloak.test" have these addresses; gives the names that were asked for."""
    asked: list[str] = []
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def getaddrinfo(host: str, port: int, **how: Any) -> Any:
        if host != "keycloak.test":
            return await real(host, port, **how)
        asked.append(host)
        return [(FOUR, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return asked


async def test_an_address_that_refuses_is_passed_over_and_the_one_that_works_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_upstream(responding(ok(b"{}", b"Connection: close"))) as upstream:
        asked = resolving_to(monkeypatch, "127.0.0.3", "127.0.0.2", "127.0.0.1")
        pool = PoolUpstream(upstream.settings(host="keycloak.test"))
        tried: list[str] = []
        dialer = pool._dialer
        real = dialer._dial_one

        async def dial_one(address: str, *rest: Any) -> Any:
            tried.append(address)
            return await real(address, *rest)

        monkeypatch.setattr(dialer, "_dial_one", dial_one)
        assert await get(pool) == b"{}"
        assert await get(pool) == b"{}"
        assert tried == ["127.0.0.3", "127.0.0.2", "127.0.0.1", "127.0.0.1"]
        assert len(asked) == 2, "the name is looked up for every new connection, so that a changed address is seen"
        await pool.close()


async def test_an_address_that_does_not_react_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full:  # a backlog of nothing that nobody accepts from: further connections hang
        full.bind(("127.0.0.9", 0))
        port = full.getsockname()[1]
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.9", port))
        async with raw_upstream(responding(ok()), port=port) as upstream:
            resolving_to(monkeypatch, "127.0.0.9", "127.0.0.1")
            pool = PoolUpstream(upstream.settings(host="keycloak.test", connect_timeout_seconds=1.0))
            begun = time.monotonic()
            assert await get(pool) == b"{}"
            assert 0.4 < time.monotonic() - begun < 0.9
            await pool.close()
        for filler in fillers:
            filler.close()


async def test_when_no_address_works_each_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    resolving_to(monkeypatch, "127.0.0.3", "127.0.0.2")
    pool = PoolUpstream(UpstreamSettings(scheme="http", host="keycloak.test", port=port))
    with pytest.raises(
        UpstreamUnreachable, match=r"keycloak\.test:\d+: 127\.0\.0\.3: connection refused; 127\.0\.0\.2: connection refused"
    ):
        await get(pool)
    await pool.close()
