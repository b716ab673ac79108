"""``kcproxy wait``: returns when the proxy is ready, and names the reason if it is not in time."""

import asyncio
import time
from pathlib import Path

import pytest

from devkit.ports import free_port
from devkit.servers import RecordingUpstream
from kcproxy.cli.exit_codes import Exit
from tests.cli.running import run
from tests.process.test_serve import served


async def test_it_returns_when_the_proxy_accepts_requests(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path) as running:
        for words in (("--admin", f"127.0.0.1:{running.admin_port}"), ("--config", str(running.config))):
            result = await asyncio.to_thread(run, "wait", *words)
            assert (result.exit_code, result.output) == (Exit.OK, "")


async def test_it_waits_for_a_proxy_that_starts_later(upstream: RecordingUpstream, tmp_path: Path) -> None:
    port = free_port()
    waiting = asyncio.create_task(asyncio.to_thread(run, "wait", "--admin", f"127.0.0.1:{port}"))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    async with served(upstream, tmp_path, f'metrics_listen = "127.0.0.1:{port}"\n'):
        assert (await waiting).exit_code == Exit.OK


@pytest.mark.parametrize("timeout", ["0", "0.5"])
def test_it_gives_up_in_time_and_says_why(timeout: str) -> None:
    port, began = free_port(), time.monotonic()
    result = run("wait", "--admin", f"127.0.0.1:{port}", "--timeout", timeout)
    assert result.exit_code == Exit.FAILED
    assert f"not ready after {timeout} seconds: no response from the admin port 127.0.0.1:{port}" in result.stderr
    assert time.monotonic() - began < float(timeout) + 3


@pytest.mark.parametrize("words", [("--admin", "nonsense"), ("--timeout", "-1"), ("--timeout", "soon")])
def test_a_wrong_option_is_refused(words: tuple[str, ...]) -> None:
    assert run("wait", *words).exit_code == Exit.USAGE
