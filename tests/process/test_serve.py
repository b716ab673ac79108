"""The life of a real process: ready, reloaded, drained; what it refuses to start with; nothing lost on the way."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from devkit.certificates import Authority, Pair
from devkit.ports import free_port
from devkit.servers import OK, Message, RecordingUpstream, read_head, read_response
from kcproxy.observe.observer import LiveObserver
from kcproxy.process.serve import Process
from kcproxy.settings import Settings, UpstreamSettings

START_SECONDS = 20


@dataclass
class Served:
    """A ``kcproxy serve`` of its own."""

    process: asyncio.subprocess.Process
    port: int
    admin_port: int
    config: Path
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == name]

    async def logged(self, name: str, count: int = 1) -> dict[str, Any]:
        """The event's line, once it is there that often."""
        async with asyncio.timeout(START_SECONDS):
            while len(self.events(name)) < count:
                assert self.process.returncode is None or name in {"drained", "draining"}, self.log.read_text()
                await asyncio.sleep(0.02)
        return self.events(name)[-1]

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), START_SECONDS)

    async def admin(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{self.admin_port}{path}") as answer:
            return answer.status, await answer.text()


def configuration(upstream_port: int, port: int, admin_port: int, more: str = "") -> str:
    return (
        f'listen = "127.0.0.1:{port}"\nadmin_listen = "127.0.0.1:{admin_port}"\ndrain_seconds = 3\n{more}\n'
        f'[upstream]\nurl = "http://127.0.0.1:{upstream_port}"\n[explain]\nkeycloak_version = "26.7.4"\n'
    )


async def start(config: Path, log: Path, *before: str) -> asyncio.subprocess.Process:
    """``before``: a command that runs this one."""
    with log.open("wb") as file:
        command = (*before, sys.executable, "-m", "kcproxy", "serve", "--config", str(config))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
        return await asyncio.create_subprocess_exec(*command, stdout=file, stderr=file, env=environment)


@asynccontextmanager
async def served(
    upstream: RecordingUpstream,
    folder: Path,
    more: str = "",
    *,
    tail: str = "",
    https: str = "",
    before: Sequence[str] = (),
) -> AsyncIterator[Served]:
    """``https``: settings of an upstream with TLS on the same port."""
    port, admin_port = free_port(), free_port()
    config, log = folder / "kcproxy.toml", folder / "log"
    document = configuration(upstream.port, port, admin_port, more) + tail
    if https:
        document = document.replace(f"http://127.0.0.1:{upstream.port}", f"https://127.0.0.1:{upstream.port}")
    config.write_text(document.replace("[upstream]\n", f"[upstream]\n{https}"))
    process = await start(config, log, *before)
    running = Served(process, port, admin_port, config, log)
    try:
        await running.logged("listening")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_ready_then_drained_with_exit_code_0(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:
        assert await running.admin("/readyz") == (200, "ready\n")
        assert (await running.admin("/healthz"))[0] == 200
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert (await running.logged("drained"))["cut_off"] == 0


async def test_a_drain_finishes_what_is_under_way_and_takes_nothing_new(upstream: RecordingUpstream, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def held(_: Message) -> bytes:
        await go_on.wait()
        return OK

    upstream.react = held
    async with served(upstream, tmp_path) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST /admin/realms HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        async with asyncio.timeout(5):
            while not upstream.requests:  # noqa: ASYNC110 - the recorder tells nobody
                await asyncio.sleep(0.01)
        running.process.send_signal(signal.SIGTERM)
        await running.logged("draining")
        assert await running.admin("/readyz") == (503, "draining\n")
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", running.port)
        go_on.set()
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        writer.close()
        assert await running.ended() == 0


async def test_a_drain_waits_for_a_body_that_is_still_coming(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"POST /admin/realms HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf ")
        await asyncio.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        assert (await running.logged("draining"))["in_flight"] == 1
        await asyncio.sleep(1)
        writer.write(b"whole")
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        writer.close()
        assert await running.ended() == 0
    assert [request.body for request in upstream.requests] == [b"half whole"]


async def test_a_drain_comes_to_an_end_when_keycloak_does_not(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async def never(_: Message) -> bytes:
        await asyncio.sleep(60)
        return OK

    upstream.react = never
    async with served(upstream, tmp_path) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /admin/realms HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(5):
            while not upstream.requests:  # noqa: ASYNC110 - the recorder tells nobody
                await asyncio.sleep(0.01)
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert (await running.logged("drained"))["cut_off"] == 1
        writer.close()


@dataclass
class FastCounter:
    """What came of many requests."""

    good: int = 0
    refused: int = 0
    lost: int = 0


async def keep_asking(port: int, tally: FastCounter, stop: asyncio.Event, number: int) -> None:
    """Writes on kept connections, each with a name of its own; a connection that was announced to close is opened again."""
    count = 0
    while not stop.is_set():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            tally.refused += 1
            await asyncio.sleep(0.01)
            continue
        with contextlib.closing(writer):
            while not stop.is_set():
                count += 1
                writer.write(f"POST /{number}/{count} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}".encode())
                head = await _head(reader)
                if head is None:
                    tally.lost += 1
                    break
                await reader.readexactly(int(head.value("content-length") or 0))
                tally.good += head.status == 200
                tally.refused += head.status == 503
                if head.value("connection") == b"close":
                    break


async def _head(reader: asyncio.StreamReader) -> Message | None:
    try:
        return await asyncio.wait_for(read_head(reader), 10)
    except ConnectionError:
        return None


async def under_load(running: Served, upstream: RecordingUpstream, action: Callable[[], Any]) -> FastCounter:
    tally, stop = FastCounter(), asyncio.Event()
    askers = [asyncio.create_task(keep_asking(running.port, tally, stop, number)) for number in range(16)]
    async with asyncio.timeout(START_SECONDS):
        while tally.good < 150:  # noqa: ASYNC110 - however long that takes on a busy machine
            await asyncio.sleep(0.02)
    await action()
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*askers)
    targets = [request.target for request in upstream.requests]
    assert len(targets) == len(set(targets)), "a write was executed twice"
    return tally


async def test_sigterm_under_load_loses_no_request(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:

        async def terminate() -> None:
            running.process.send_signal(signal.SIGTERM)
            assert await running.ended() == 0

        tally = await under_load(running, upstream, terminate)
    assert tally.lost == 0
    assert tally.good == len(upstream.requests) > 100
    assert tally.refused > 0


async def test_reloads_under_load_lose_no_request(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:

        async def reload() -> None:
            for number in range(5):
                running.process.send_signal(signal.SIGHUP)
                await running.logged("reloaded", number + 1)

        tally = await under_load(running, upstream, reload)
        assert (tally.lost, tally.refused) == (0, 0)
        assert tally.good == len(upstream.requests) > 100


async def test_a_reload_ends_no_request_however_long_it_takes(upstream: RecordingUpstream, tmp_path: Path) -> None:
    """Longer than ``drain_seconds``, which limits only the end of the process."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def held(_: Message) -> bytes:
        arrived.set()
        await go_on.wait()
        return OK

    upstream.react = held
    async with served(upstream, tmp_path) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        with contextlib.closing(writer):
            writer.write(b"POST /admin/realms HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            await asyncio.wait_for(arrived.wait(), 5)
            running.process.send_signal(signal.SIGHUP)
            await running.logged("reloaded")
            await asyncio.sleep(4)
            go_on.set()
            assert (await asyncio.wait_for(read_response(reader), 5)).status == 200


async def test_a_changed_file_is_taken_and_a_bad_one_refused(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:
        running.config.write_text(running.config.read_text() + "[limits]\nmax_concurrent_requests = 100\n")
        await running.logged("reloaded")
        bad = running.config.with_suffix(".new")
        bad.write_text("listen = 7\nnonsense = true\n")
        bad.replace(running.config)  # in one step, so that no half of it is read
        refused = await running.logged("reload_refused")
        assert any("nonsense" in problem for problem in refused["problems"])
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        writer.close()
        metrics = (await running.admin("/metrics"))[1]
        assert "kcproxy_config_last_reload_successful 0.0" in metrics


async def test_one_edit_is_one_refusal_even_with_a_signal(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:
        before = running.config.read_text()
        for number, with_signal in enumerate((False, True), start=1):
            running.config.write_text(before + f"nonsense{number} = true\n")
            if with_signal:
                running.process.send_signal(signal.SIGHUP)
            await running.logged("reload_refused", number)
            await asyncio.sleep(2.5)
            assert len(running.events("reload_refused")) == number
        assert 'kcproxy_config_reloads_total{outcome="refused"} 2.0' in (await running.admin("/metrics"))[1]


def test_a_bug_in_reading_is_a_refusal_that_ends_nothing_and_quotes_nothing() -> None:
    def broken() -> Settings:
        raise ValueError("s3cret-s3cret")

    events: list[Any] = []
    process = Process(Settings(upstream=UpstreamSettings(scheme="http", host="localhost", port=8080)), reload=broken)
    log = SimpleNamespace(error=lambda event, problems: events.append((event, problems)))
    process.observer = cast("LiveObserver", SimpleNamespace(log=log, settings_reloaded=lambda *, successful: events.append(successful)))
    process.reload()
    outcome, (event, (problem,)) = events
    assert (outcome, event) == (False, "reload_refused")
    assert problem.startswith("the settings could not be read again: ValueError at test_serve.py:")
    assert "s3cret" not in problem


async def test_a_reload_lists_changed_settings_that_need_a_restart(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:
        before = running.config.read_text()
        changes = (
            '[log]\nlevel = "warning"\n[history]\nmax_denials = 5\n[limits]\nmax_concurrent_requests = 100\nhead_timeout_seconds = 3\n'
        )
        running.config.write_text(before + changes)
        assert (await running.logged("reloaded", 1))["needs_restart"] == ["log.level", "history.max_denials", "limits.head_timeout_seconds"]
        running.config.write_text(before + changes.replace("100", "101"))
        assert (await running.logged("reloaded", 2))["needs_restart"] == ["log.level", "history.max_denials", "limits.head_timeout_seconds"]
        running.config.write_text(before)
        assert (await running.logged("reloaded", 3))["needs_restart"] == []


async def test_files_that_others_can_change_are_logged_and_own_ones_tightened(upstream: RecordingUpstream, tmp_path: Path) -> None:
    secret, history = tmp_path / "secret", tmp_path / "history"
    for file, mode in ((secret, 0o602), (history, 0o644)):
        file.write_text("s3cret" if file is secret else "")
        file.chmod(mode)
    tail = f'[[accounts]]\nrealms = ["demo"]\nclient_id = "a"\nclient_secret_file = "{secret}"\n[history]\npath = "{history}"\n'
    async with served(upstream, tmp_path, tail=tail) as running:
        await running.logged("settings_note", 2)
        notes = [event["note"] for event in running.events("settings_note")]
        assert [f"can write to {secret} (mode 0602); chmod go-w" in notes[0], f"others can read {history}" in notes[1]] == [True, True]
        assert (await running.logged("history_tightened"))["files"] == [str(history)]
        assert [file.stat().st_mode & 0o777 for file in (history, tmp_path / "history-wal")] == [0o600] * 2
        running.process.send_signal(signal.SIGHUP)
        await running.logged("reloaded")
        secret.chmod(0o622)
        running.process.send_signal(signal.SIGHUP)
        await running.logged("reloaded", 2)
        await running.logged("settings_note", 3)
        assert len(running.events("settings_note")) == 3, "a note is logged once"


@pytest.mark.parametrize("where", ["history", "listen"])
async def test_a_link_in_place_of_a_file_of_its_own_is_exit_code_2(upstream: RecordingUpstream, tmp_path: Path, where: str) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("precious")
    link.symlink_to(target)
    config, log = tmp_path / "kcproxy.toml", tmp_path / "log"
    document = configuration(upstream.port, free_port(), free_port()) + (f'[history]\npath = "{link}"\n' if where == "history" else "")
    config.write_text(re.sub('listen = "[^"]*"', f'listen = "unix:{link}"', document, count=1) if where == "listen" else document)
    process = await start(config, log)
    assert await asyncio.wait_for(process.wait(), START_SECONDS) == 2
    assert f"{link} is a symbolic link" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert target.read_text() == "precious"


async def test_a_unix_socket_serves_and_is_removed_at_the_end(upstream: RecordingUpstream, tmp_path: Path) -> None:
    path = tmp_path / "kcproxy.sock"
    config, log = tmp_path / "kcproxy.toml", tmp_path / "log"
    config.write_text(configuration(upstream.port, 1, free_port()).replace("127.0.0.1:1", f"unix:{path}", 1))
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))  # left behind by a process that was killed
    process = await start(config, log)
    running = Served(process, 0, 0, config, log)
    try:
        await running.logged("listening")
        assert path.stat().st_mode & 0o777 == 0o660
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await asyncio.wait_for(read_response(reader), 5)).status == 200
        writer.close()
        process.send_signal(signal.SIGINT)
        assert await running.ended() == 0
        assert not path.exists()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_port_in_use_is_exit_code_2_and_says_what_to_do(upstream: RecordingUpstream, tmp_path: Path) -> None:
    config, log = tmp_path / "kcproxy.toml", tmp_path / "log"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config.write_text(configuration(upstream.port, port, free_port()))
        process = await start(config, log)
        assert await asyncio.wait_for(process.wait(), START_SECONDS) == 2
    said = log.read_text()
    assert f"127.0.0.1:{port}" in said
    assert "in use" in said
    assert "Traceback" not in said


async def test_files_that_a_reload_names_are_watched_from_then_on(upstream: RecordingUpstream, tmp_path: Path) -> None:
    keys = f'[[keys]]\nname = "shop"\nsha256 = "{"0" * 64}"\n'
    (tmp_path / "keys.toml").write_text(keys)
    async with served(upstream, tmp_path) as running:
        running.config.write_text(running.config.read_text() + f'[inbound]\napi_keys_file = "{tmp_path}/keys.toml"\n')
        await running.logged("reloaded")
        (tmp_path / "keys.toml").write_text(keys + keys.replace("0", "1"))
        await running.logged("reloaded", 2)


async def test_api_keys_are_read_again_when_their_file_changes(upstream: RecordingUpstream, tmp_path: Path) -> None:
    def keys(*known: str) -> str:
        return "".join(f'[[keys]]\nname = "{key}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n' for key in known)

    def react(request: Message) -> bytes:
        body = b'{"access_token":"t","expires_in":300}' if request.target.endswith(b"/token") else b"[]"
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async def status_with(running: Served, key: str) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(f"GET /admin/realms/demo/users HTTP/1.1\r\nHost: localhost\r\nKcproxy-Key: {key}\r\n\r\n".encode())
        answer = await asyncio.wait_for(read_response(reader), 5)
        writer.close()
        return answer.status

    upstream.react = react
    file = tmp_path / "keys.toml"
    file.write_text(keys("one"))
    account = '[[accounts]]\nrealms = ["demo"]\nclient_id = "robot"\nclient_secret_file = "{}"\n[inbound]\napi_keys_file = "{}"\n'
    (tmp_path / "secret").write_text("s3cret-s3cret")
    async with served(upstream, tmp_path, tail=account.format(tmp_path / "secret", file)) as running:
        assert [await status_with(running, key) for key in ("one", "two")] == [200, 401]
        file.write_text(keys("two"))
        await running.logged("reloaded")
        assert [await status_with(running, key) for key in ("one", "two")] == [401, 200]
        file.write_text("nonsense")
        await running.logged("reload_refused")
        assert [await status_with(running, key) for key in ("one", "two")] == [401, 200]
        assert "s3cret" not in running.log.read_text()


async def test_tls_with_client_certificates_on_the_way_in(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: f"HTTP/1.1 201 Created\r\nLocation: http://127.0.0.1:{upstream.port}/x\r\nContent-Length: 0\r\n\r\n".encode()
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    own, client, other = authority.sign("localhost", address="127.0.0.1"), authority.sign("client"), stranger.sign("other")
    tail = f'[inbound]\ntls_certificate_file = "{own.certificate}"\ntls_key_file = "{own.key}"\ntls_client_ca_file = "{authority.file}"\n'

    async def status_as(running: Served, pair: Pair | None) -> Message:
        context = ssl.create_default_context(cafile=str(authority.file))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context, server_hostname="localhost")
        try:
            writer.write(b"POST /admin/realms HTTP/1.1\r\nHost: localhost:1\r\nContent-Length: 2\r\n\r\n{}")
            return await asyncio.wait_for(read_response(reader), 5)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async with served(upstream, tmp_path, tail=tail) as running:
        answer = await status_as(running, client)
        assert (answer.status, answer.value("location")) == (201, b"https://localhost:1/x")
        for pair in (None, other):
            with pytest.raises((OSError, AssertionError)):
                await status_as(running, pair)
        assert len(upstream.requests) == 1
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert "Traceback" not in running.log.read_text()
