"""Attacks on the sockets of a serving process: half heads, half handshakes, no descriptors left. The data port and the probes go on."""

import asyncio
import contextlib
import re
import resource
import signal
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devkit.certificates import Authority
from devkit.loops import loops
from devkit.servers import RecordingUpstream, read_response
from tests.process.test_serve import START_SECONDS, Served, configuration, served, start

HALF_HEADS = 600
SOON_SECONDS = 3.0
"""A machine that runs other tests meanwhile may take that long; without the bounds it took ten seconds or for ever."""


@pytest.fixture(params=sorted(loops()))
def loop_of_the_process(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A test that asks for it runs with each event loop in the process."""
    if request.param == "asyncio":
        folder = tmp_path / "without"
        folder.mkdir()
        (folder / "uvloop.py").write_text('raise ImportError("left out by a test")\n')
        monkeypatch.setenv("PYTHONPATH", str(folder))
    return str(request.param)


def limited(soft: int, hard: int) -> tuple[str, ...]:
    """A command that runs another with so many descriptors."""
    return ("sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$0" "$@"')


@asynccontextmanager
async def half_heads(port: int, count: int, *, sent: bytes = b"GET /healthz HTTP/1.1\r\nHost: a") -> AsyncIterator[None]:
    """So many connections that send a part of a request, and nothing more."""
    writers = []
    for _ in range(count):
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.5):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(sent)
                writers.append(writer)
    yield
    for writer in writers:
        writer.transport.abort()


async def asked(running: Served, *, tls: ssl.SSLContext | None = None) -> float:
    """Seconds that a request to the data port takes, on a connection of its own."""
    began = time.monotonic()
    async with asyncio.timeout(SOON_SECONDS):
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=tls, server_hostname=name)
        writer.write(b"GET /admin/realms/demo/users HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await read_response(reader)).status == 200
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return time.monotonic() - began


async def metric(running: Served, name: str, **labels: str) -> float:
    page = (await running.admin("/metrics"))[1]
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    found = re.search(rf"^{re.escape(f'{name}{{{inner}}}')} (\S+)$", page, re.MULTILINE)
    assert found is not None, (name, labels)
    return float(found[1])


def descriptors(running: Served) -> int:
    return len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))


async def test_half_heads_on_the_admin_port_disturb_neither_probes_nor_the_data_port(
    upstream: RecordingUpstream, tmp_path: Path, loop_of_the_process: str
) -> None:
    async with served(upstream, tmp_path, before=limited(700, 700)) as running:
        async with half_heads(running.admin_port, HALF_HEADS):
            for _ in range(5):
                async with asyncio.timeout(SOON_SECONDS):
                    assert (await running.admin("/healthz"))[0] == 200
                await asked(running)
            assert descriptors(running) < 300
            assert await metric(running, "kcproxy_connections_refused_total", listener="admin_listen", reason="displaced") > 300
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_half_heads_on_the_admin_port_are_closed_in_time(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, tail="[limits]\nhead_timeout_seconds = 1\n") as running:
        before = descriptors(running)
        body = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\nkey="
        async with half_heads(running.admin_port, 20), half_heads(running.admin_port, 20, sent=body):
            async with asyncio.timeout(SOON_SECONDS + 5):
                while await metric(running, "kcproxy_connections_refused_total", listener="admin_listen", reason="slow") < 40:  # noqa: ASYNC110 - another process, which accepts them late if the machine is busy
                    await asyncio.sleep(0.05)
            assert descriptors(running) <= before + 5


async def test_with_several_workers_the_admin_port_has_the_same_bounds(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, "workers = 2\n") as running:
        await running.logged("listening", 2)
        async with half_heads(running.admin_port, HALF_HEADS):
            async with asyncio.timeout(SOON_SECONDS):
                assert (await running.admin("/healthz"))[0] == 200
            await asked(running)
        assert await metric(running, "kcproxy_connections_refused_total", listener="admin_listen", reason="displaced") > 300
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_handshakes_that_do_not_come_hold_up_no_real_caller(
    upstream: RecordingUpstream, tmp_path: Path, loop_of_the_process: str
) -> None:
    authority = Authority(tmp_path)
    own = authority.sign("localhost", address="127.0.0.1")
    tail = f'[inbound]\ntls_certificate_file = "{own.certificate}"\ntls_key_file = "{own.key}"\n[limits]\nhead_timeout_seconds = 2\n'
    context = ssl.create_default_context(cafile=str(authority.file))
    async with served(upstream, tmp_path, tail=tail) as running:
        before = descriptors(running)
        async with half_heads(running.port, HALF_HEADS, sent=b"\x16\x03\x01"):
            for _ in range(5):
                await asked(running, tls=context)
            assert descriptors(running) < before + 300
            async with asyncio.timeout(20):
                while descriptors(running) > before + 10:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
            assert await metric(running, "kcproxy_connections_refused_total", listener="listen", reason="handshake") > 100
        assert "Traceback" not in running.log.read_text()


async def test_a_process_without_descriptors_says_so_and_recovers_at_once(
    upstream: RecordingUpstream, tmp_path: Path, loop_of_the_process: str
) -> None:
    async with served(upstream, tmp_path) as running:
        await asked(running)
        before = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (descriptors(running), before[1]))
        _, waiting = await asyncio.open_connection("127.0.0.1", running.port)  # as far as the kernel is concerned
        line = await running.logged("accept_failed")
        assert (line["level"], line["listener"], line["reason"]) == ("error", "listen", "descriptors")
        asking = asyncio.create_task(asked(running))
        await asyncio.sleep(0.5)
        assert not asking.done()
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, before)
        freed = time.monotonic()
        await asking
        assert time.monotonic() - freed < 0.9, "as long as the event loops' own listeners wait"
        await running.logged("accept_recovered")
        assert len(running.events("accept_failed")) == 1, "a line a minute, not one an attempt"
        assert await metric(running, "kcproxy_accept_failures_total", listener="listen", reason="descriptors") > 1
        waiting.close()


async def test_the_soft_limit_is_raised_as_far_as_the_settings_need(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, before=limited(256, 8000)) as running:
        soft, hard = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
        assert (hard, 4096 + 64 < soft < 5000) == (8000, True)
        assert running.events("max_connections_lowered") == []


async def test_connections_beyond_the_descriptors_are_refused_before_those_run_out(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, before=limited(420, 420)) as running:
        lowered = await running.logged("max_connections_lowered")
        assert (lowered["asked"], lowered["descriptors"]) == (4096, 420)
        most = lowered["max_connections"]
        async with half_heads(running.port, most):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            answer = await asyncio.wait_for(read_response(reader), 5)
            assert (answer.status, answer.value("kcproxy-error")) == (503, b"busy")
            writer.close()
            assert (await running.admin("/healthz"))[0] == 200
            assert await metric(running, "kcproxy_connections", listener="listen") == most
            assert await metric(running, "kcproxy_connections_refused_total", listener="listen", reason="limit") == 1
        assert running.events("accept_failed") == []


async def test_too_few_descriptors_for_anything_are_exit_code_2(upstream: RecordingUpstream, tmp_path: Path) -> None:
    config, log = tmp_path / "kcproxy.toml", tmp_path / "log"
    config.write_text(configuration(upstream.port, 1, 2))
    process = await start(config, log, *limited(200, 200))
    assert await asyncio.wait_for(process.wait(), START_SECONDS) == 2
    assert "limits.max_connections: this process may have 200 file descriptors" in log.read_text()


@asynccontextmanager
async def floods(port: int, count: int, begun: bytes, repeated: bytes) -> AsyncIterator[None]:
    """So many connections that send as fast as the proxy reads, and connect again when it closes them."""

    async def flood() -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(begun)
                    while not writer.is_closing():
                        writer.write(repeated)
                        await writer.drain()
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(flood()) for _ in range(count)]
    await asyncio.sleep(1)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


CHUNKED = b"POST /admin/realms HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET /admin/realms HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("begun", "repeated"),
    [
        (CHUNKED, b"2\r\nab\r\n" * 30_000),
        (CHUNKED + b"0\r\n", b"a:\r\n" * 30_000),
        (b"", GET + b"a:\r\n" * 30_000 + b"\r\n"),
        (b"", (GET + b"a:\r\n" * 1_000 + b"\r\n") * 50),
    ],
    ids=["chunks of two bytes", "trailers", "heads of far too many fields", "heads of many fields"],
)
async def test_floods_of_many_lines_hold_up_no_other_request(
    upstream: RecordingUpstream, tmp_path: Path, loop_of_the_process: str, begun: bytes, repeated: bytes
) -> None:
    async with served(upstream, tmp_path) as running, floods(running.port, 100, begun, repeated):
        for _ in range(5):
            await asked(running)
