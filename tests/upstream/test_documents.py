"""JSON documents at absolute URLs: over the pool for look-ups if they are Keycloak's, over a separate connection otherwise."""

import asyncio
import ssl
from pathlib import Path

import pytest

from devkit.certificates import Authority
from devkit.raw_upstream import RawUpstream, Script, Visit, ok, raw_upstream, responding
from kcproxy.errors import UpstreamError, UpstreamUnreachable
from kcproxy.settings import UpstreamSettings
from kcproxy.upstream.documents import MAX_DOCUMENT_BYTES, DocumentClient
from kcproxy.upstream.pool import side_upstream
from tests.upstream.test_dialer import server_context

JSON = ok(b'{"a": 1}')


def url(upstream: RawUpstream, rest: str = "/keys", scheme: str = "http") -> str:
    return f"{scheme}://localhost:{upstream.port}{rest}"


def until_the_client_leaves(*responses: bytes) -> Script:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.say(*responses)
        await visit.reader.read()

    return script


async def left(upstream: RawUpstream) -> None:
    async with asyncio.timeout(5):
        while upstream.open_visits:  # noqa: ASYNC110 - the server's end of the connection has no event
            await asyncio.sleep(0.01)


async def test_a_document_of_another_server_is_read_and_its_connection_closed() -> None:
    async with raw_upstream(until_the_client_leaves(JSON)) as upstream:
        assert await DocumentClient().get(url(upstream, "/a b/ü?x=1&y=%20")) == {"a": 1}
        head = upstream.heads[0]
        assert head.startswith(b"GET /a%20b/%C3%BC?x=1&y=%20 HTTP/1.1\r\n")
        assert f"Host: localhost:{upstream.port}\r\n".encode() in head
        assert b"authorization" not in head.lower()
        await left(upstream)


async def test_documents_of_keycloak_come_over_its_pool_with_its_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = server_context(authority.sign("localhost"))
    async with raw_upstream(responding(JSON, JSON), tls=tls) as upstream:
        settings = upstream.settings(host="localhost", ca_file=authority.file)
        side = side_upstream(settings)
        client = DocumentClient(settings, side)
        for _ in range(2):
            assert await client.get(url(upstream, scheme="https")) == {"a": 1}
        assert (upstream.visits, side.idle_connections) == (1, 1)
        with pytest.raises(UpstreamUnreachable, match="not trusted"):
            await DocumentClient().get(url(upstream, scheme="https"))
        await side.close()


async def test_a_server_that_is_not_keycloak_is_not_trusted_by_its_ca_and_shown_no_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with raw_upstream(responding(JSON), tls=server_context(authority.sign("localhost"))) as other, raw_upstream(responding()) as own:
        settings = own.settings(host="localhost", ca_file=authority.file)
        side = side_upstream(settings)
        with pytest.raises(UpstreamUnreachable, match="not trusted"):
            await DocumentClient(settings, side).get(url(other, scheme="https"))
        await side.close()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n", "status code 302"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", "status code 404"),
        (ok(b"<html>"), "it is not JSON"),
        (ok(b""), "it is not JSON"),
        (ok(b" " * MAX_DOCUMENT_BYTES + b"{}"), "at most"),
        (ok(b"[" * 100_000), "it is not JSON"),
    ],
)
async def test_what_is_no_document_is_refused(sent: bytes, said: str) -> None:
    async with raw_upstream(responding(sent)) as upstream:
        with pytest.raises(ValueError, match=said):
            await DocumentClient().get(url(upstream))


@pytest.mark.parametrize(
    "bad",
    [
        *("", "keys", "//host/keys", "ftp://localhost/keys", "file:///etc/passwd", "https:///keys", "http://user@localhost/keys"),
        *("http://user:secret@localhost/keys", "http://localhost:99999/keys", "http://[::1/keys", "http://" + "a" * 64 + ".example/keys"),
    ],
)
async def test_a_url_that_cannot_be_used_is_refused_and_not_quoted(bad: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the messages are the standard library's, in part
        await DocumentClient().get(bad)
    assert "secret" not in str(caught.value)


async def test_a_server_that_hangs_costs_the_time_limit_and_its_connection_is_closed() -> None:
    async with raw_upstream(until_the_client_leaves()) as upstream:
        with pytest.raises((TimeoutError, UpstreamError)):
            await DocumentClient(timeout_seconds=0.1).get(url(upstream))
        await left(upstream)


async def test_the_systems_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()

    def tls_context(_: UpstreamSettings) -> ssl.SSLContext:
        read.append("read")
        return ssl.create_default_context()

    monkeypatch.setattr("kcproxy.upstream.documents.tls_context", tls_context)
    client = DocumentClient()
    for _ in range(2):
        with pytest.raises(UpstreamUnreachable):
            await client.get("https://127.0.0.1:1/keys")
    assert read == ["read"]
