"""The inbound TLS files of a serving process: their content is taken by a reload, and a withdrawn authority opens nothing any more."""

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devkit.certificates import Authority, Pair
from devkit.servers import OK, Message, RecordingUpstream, read_response
from tests.deploy.mounted import Mounted
from tests.process.test_admission import account, authorizations, react
from tests.process.test_admission import told as outcome
from tests.process.test_serve import Served, served

USERS = "/admin/realms/demo/users"
REQUEST = f"GET {USERS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
INJECTED = b"Bearer injected"


@dataclass
class Pki:
    """Two authorities of clients and one of servers, and a folder as the kubelet mounts it with what the proxy reads of them."""

    folder: Path
    server: Authority = field(init=False)
    staying: Authority = field(init=False)
    leaving: Authority = field(init=False)
    mounted: Mounted = field(init=False)

    def __post_init__(self) -> None:
        self.server, self.staying, self.leaving = (Authority(self.folder, name) for name in ("server", "staying", "leaving"))
        self.mounted = Mounted(self.folder / "tls", self.files(self.staying, self.leaving))

    def files(self, *clients: Authority) -> dict[str, bytes]:
        """A new certificate of the proxy, and these authorities of clients."""
        own = self.server.sign("localhost", address="127.0.0.1")
        together = b"".join(authority.file.read_bytes() for authority in clients)
        return {"tls.crt": own.certificate.read_bytes(), "tls.key": own.key.read_bytes(), "ca.crt": together}

    @property
    def settings(self) -> str:
        names = {"tls_certificate_file": "tls.crt", "tls_key_file": "tls.key", "tls_client_ca_file": "ca.crt"}
        return "[inbound]\n" + "".join(f'{name} = "{self.mounted / file}"\n' for name, file in names.items())

    def client(self, pair: Pair | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.server.file))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context


@dataclass
class Connected:
    """One connection of a caller, kept."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self) -> Message:
        self.writer.write(REQUEST)
        return await asyncio.wait_for(read_response(self.reader), 10)

    async def ended(self) -> bool:
        """Whether the proxy closes it."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 5) == b""
        except OSError:
            return True

    @property
    def certificate(self) -> bytes | None:
        found: bytes | None = self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return found


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


@asynccontextmanager
async def serving(upstream: RecordingUpstream, pki: Pki, more: str = "") -> AsyncIterator[Served]:
    upstream.react = react
    async with served(upstream, pki.folder, more, tail=account(pki.folder) + pki.settings) as running:
        yield running


@asynccontextmanager
async def connected(running: Served, context: ssl.SSLContext) -> AsyncIterator[Connected]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context, server_hostname="localhost")
    try:
        yield Connected(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def renewed(request: Message) -> bytes:
    """As ``react``, with another token."""
    return react(request).replace(b"injected", b"replaced")


async def refused(running: Served, context: ssl.SSLContext) -> bool:
    """Whether a new connection is refused; with TLS 1.3 a client hears so after its handshake."""
    try:
        async with connected(running, context) as connection:
            return (await connection.ask()).status == 0
    except (OSError, AssertionError):
        return True


async def test_a_withdrawn_authority_opens_neither_a_new_connection_nor_an_old_one(upstream: RecordingUpstream, pki: Pki) -> None:
    leaving, staying = pki.client(pki.leaving.sign("leaving-client")), pki.client(pki.staying.sign("staying-client"))
    async with serving(upstream, pki) as running, connected(running, leaving) as old:
        assert outcome(await old.ask()) == (200, None)
        pki.mounted.swap(pki.files(pki.staying))
        assert (await running.logged("reloaded"))["needs_restart"] == []
        assert await old.ended()
        assert await refused(running, leaving)
        async with connected(running, staying) as new:
            assert outcome(await new.ask()) == (200, None)
        assert running.events("reload_refused") == []
    assert authorizations(upstream) == [INJECTED] * 2


async def test_a_session_ticket_of_a_withdrawn_authority_opens_nothing(upstream: RecordingUpstream, pki: Pki) -> None:
    """TLS resumes a session without looking at the certificate again, so no ticket may outlive the trust in it."""
    leaving = pki.client(pki.leaving.sign("leaving-client"))
    async with serving(upstream, pki) as running:
        session, _ = await asyncio.to_thread(resumed, running.port, leaving, None)
        assert await asyncio.to_thread(resumed, running.port, leaving, session) == (session, True), "the test itself resumes no session"
        pki.mounted.swap(pki.files(pki.staying))
        await running.logged("reloaded")
        with pytest.raises(OSError, match=r"alert|reset|EOF|closed"):
            await asyncio.to_thread(resumed, running.port, leaving, session)


def resumed(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool]:
    """One request; the session to resume next time, and whether this one was resumed."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
        secure.sendall(REQUEST)
        if not secure.recv(65536).startswith(b"HTTP/1.1 200"):
            raise ConnectionError("closed without an answer")
        return session or secure.session, bool(secure.session_reused)


async def test_a_request_in_progress_is_answered_and_then_its_connection_ends(upstream: RecordingUpstream, pki: Pki) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def held(_: Message) -> bytes:
        arrived.set()
        await go_on.wait()
        return OK

    async with serving(upstream, pki) as running, connected(running, pki.client(pki.leaving.sign("leaving-client"))) as old:
        assert outcome(await old.ask()) == (200, None)
        upstream.react = lambda request: react(request) if request.target.endswith(b"/token") else held(request)
        old.writer.write(REQUEST)
        await asyncio.wait_for(arrived.wait(), 10)
        pki.mounted.swap(pki.files(pki.staying))
        await running.logged("reloaded")
        old.writer.write(REQUEST)
        await asyncio.sleep(0.2)
        go_on.set()
        answer = await asyncio.wait_for(read_response(old.reader), 10)
        assert (answer.status, answer.value("connection")) == (200, b"close")
        assert await old.ended()
    assert authorizations(upstream) == [INJECTED] * 2


async def test_a_request_that_takes_longer_than_a_drain_is_answered_too(upstream: RecordingUpstream, pki: Pki) -> None:
    """``drain_seconds`` (3 here) limits the end of the process, not a reload: it ended such requests with 502."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def held(_: Message) -> bytes:
        arrived.set()
        await go_on.wait()
        return OK

    async with serving(upstream, pki) as running, connected(running, pki.client(pki.leaving.sign("leaving-client"))) as old:
        assert outcome(await old.ask()) == (200, None)
        upstream.react = lambda request: react(request) if request.target.endswith(b"/token") else held(request)
        old.writer.write(REQUEST)
        await asyncio.wait_for(arrived.wait(), 10)
        pki.mounted.swap(pki.files(pki.staying))
        await running.logged("reloaded")
        await asyncio.sleep(4)
        go_on.set()
        answer = await asyncio.wait_for(read_response(old.reader), 10)
        assert (answer.status, answer.value("connection")) == (200, b"close")
        assert await old.ended()
    assert authorizations(upstream) == [INJECTED] * 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_request_is_not_sent_again_with_a_token(upstream: RecordingUpstream, pki: Pki, status: int) -> None:
    """A refusal makes the proxy try a newer token once, but not for a client whose certificate was withdrawn meanwhile."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def held(_: Message) -> bytes:
        arrived.set()
        await go_on.wait()
        return b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n" % status

    async with serving(upstream, pki) as running, connected(running, pki.client(pki.leaving.sign("leaving-client"))) as old:
        assert outcome(await old.ask()) == (200, None)
        upstream.react = lambda request: renewed(request) if request.target.endswith(b"/token") else held(request)
        old.writer.write(REQUEST)
        await asyncio.wait_for(arrived.wait(), 10)
        pki.mounted.swap(pki.files(pki.staying))
        await running.logged("reloaded")
        go_on.set()
        assert (await asyncio.wait_for(read_response(old.reader), 10)).status == status
        assert await old.ended()
    assert authorizations(upstream) == [INJECTED] * 2


async def test_a_request_whose_body_is_still_coming_gets_no_token_any_more(upstream: RecordingUpstream, pki: Pki) -> None:
    async with serving(upstream, pki) as running, connected(running, pki.client(pki.leaving.sign("leaving-client"))) as old:
        old.writer.write(f"POST {USERS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{".encode())
        await asyncio.sleep(0.3)
        pki.mounted.swap(pki.files(pki.staying))
        await running.logged("reloaded")
        old.writer.write(b"}")
        assert outcome(await asyncio.wait_for(read_response(old.reader), 10)) == (401, b"certificate-withdrawn")
        assert await old.ended()
    assert authorizations(upstream) == []


async def test_a_renewed_certificate_is_shown_to_new_connections_and_the_old_ones_stay(upstream: RecordingUpstream, pki: Pki) -> None:
    client = pki.client(pki.staying.sign("staying-client"))
    async with serving(upstream, pki) as running, connected(running, client) as old:
        assert outcome(await old.ask()) == (200, None)
        first = old.certificate
        pki.mounted.swap(pki.files(pki.leaving, pki.staying))
        await running.logged("reloaded")
        running.process.send_signal(signal.SIGHUP)
        await running.logged("reloaded", 2)
        async with connected(running, client) as new:
            assert outcome(await new.ask()) == (200, None)
            assert new.certificate != first
        assert outcome(await old.ask()) == (200, None)


async def test_an_added_authority_opens_the_port_and_closes_no_connection(upstream: RecordingUpstream, pki: Pki) -> None:
    added = Authority(pki.folder, "added")
    async with serving(upstream, pki) as running, connected(running, pki.client(pki.staying.sign("staying-client"))) as old:
        newcomer = pki.client(added.sign("newcomer"))
        assert outcome(await old.ask()) == (200, None)
        assert await refused(running, newcomer)
        pki.mounted.swap(pki.files(pki.staying, pki.leaving, added))
        await running.logged("reloaded")
        async with connected(running, newcomer) as new:
            assert outcome(await new.ask()) == (200, None)
        assert outcome(await old.ask()) == (200, None)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"tls.key": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}, "do not belong together"),
        ({"tls.crt": b"nonsense"}, "has no PEM block with CERTIFICATE"),
        ({"ca.crt": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "inbound.tls_client_ca_file: {} cannot be used"),
        ({"ca.crt": b""}, "ca.crt is empty"),
    ],
)
async def test_a_broken_file_is_refused_with_the_reason_and_the_old_one_stays(
    upstream: RecordingUpstream, pki: Pki, broken: dict[str, bytes], said: str
) -> None:
    client = pki.client(pki.leaving.sign("leaving-client"))
    async with serving(upstream, pki) as running, connected(running, client) as old:
        assert outcome(await old.ask()) == (200, None)
        pki.mounted.swap(pki.files(pki.staying) | broken)
        problems = (await running.logged("reload_refused"))["problems"]
        assert any(said.format(pki.mounted / "ca.crt") in problem for problem in problems), problems
        async with connected(running, client) as new:
            assert outcome(await new.ask()) == (200, None)
        assert outcome(await old.ask()) == (200, None)
        pki.mounted.swap(pki.files(pki.staying))
        await running.logged("reloaded")
        assert await refused(running, client)


async def test_several_workers_all_take_it(upstream: RecordingUpstream, pki: Pki) -> None:
    leaving = pki.client(pki.leaving.sign("leaving-client"))
    async with serving(upstream, pki, "workers = 2\n") as running:
        await running.logged("listening", 2)
        assert not await refused(running, leaving)
        pki.mounted.swap(pki.files(pki.staying))
        await running.logged("reloaded", 2)
        assert [await refused(running, leaving) for _ in range(12)] == [True] * 12


async def test_other_files_are_accepted_and_switching_tls_off_needs_a_restart(upstream: RecordingUpstream, pki: Pki) -> None:
    """Without accounts: with them, a change of these settings is refused as a whole."""
    staying, leaving = (pki.client(authority.sign(f"client-{number}")) for number, authority in enumerate((pki.staying, pki.leaving)))
    upstream.react = react
    async with served(upstream, pki.folder, tail=pki.settings) as running, connected(running, leaving) as old:
        document = running.config.read_text()
        other = Mounted(pki.folder / "other", pki.files(pki.staying))
        running.config.write_text(document.replace(str(pki.mounted.folder), str(other.folder)))
        assert (await running.logged("reloaded"))["needs_restart"] == []
        assert await old.ended()
        assert [await refused(running, staying), await refused(running, leaving)] == [False, True]
        other.swap(pki.files(pki.staying, pki.leaving))
        await running.logged("reloaded", 2)
        assert not await refused(running, leaving)
        running.config.write_text(document.replace(pki.settings, ""))
        names = ["tls_certificate_file", "tls_key_file", "tls_client_ca_file"]
        assert (await running.logged("reloaded", 3))["needs_restart"] == [f"inbound.{name}" for name in names]
        assert not await refused(running, staying)
