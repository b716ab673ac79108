"""On macOS and Windows: the commands and a proxy of one process need nothing that only Linux has."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devkit.ports import free_port
from devkit.servers import FORBIDDEN, RecordingUpstream, read_response
from tests.process import elsewhere

PROGRAM = [sys.executable, "-m", "tests.process.elsewhere"]
ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("KCPROXY_", "KEYCLOAK_"))}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *words], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("demo",), 0, "view-users"),
        (("roles", "--role", "view-users"), 0, "/admin/realms/{realm}/users"),
        (("explain", "GET", "/admin/realms/shop/users/42"), 0, "view-users"),
        (("check", "--offline", "--upstream", "http://localhost:8080"), 0, ""),
        (("--version",), 0, "kcproxy, version"),
    ],
)
def test_commands_run_without_what_only_linux_has(words: tuple[str, ...], code: int, says: str) -> None:
    done = run(*words)
    assert done.returncode == code, done.stderr
    assert says in done.stdout
    assert "Traceback" not in done.stderr


def test_nothing_of_it_is_there() -> None:
    lines = [f"try:\n    import {name}\nexcept ImportError:\n    print({name!r})" for name in sorted(elsewhere.MISSING)]
    script = "\n".join(
        [
            "import sys, tests.process.elsewhere as e, kcproxy.cli.main as m",
            "def program(**_):",
            *("    " + part for line in lines for part in line.splitlines()),
            "    try: open('/proc/self/status')",
            "    except FileNotFoundError: print('/proc')",
            "m.main = program",
            "e.main()",
        ]
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert set(done.stdout.split()) == elsewhere.MISSING | {"/proc"}


async def test_a_proxy_of_one_process_serves_explains_and_ends(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: FORBIDDEN
    port, admin_port = free_port(), free_port()
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    config = tmp_path / "kcproxy.toml"
    config.write_text(
        f'listen = "127.0.0.1:{port}"\nadmin_listen = "127.0.0.1:{admin_port}"\n[upstream]\nurl = "http://127.0.0.1:{upstream.port}"\n'
        f'[explain]\nkeycloak_version = "26.7.5"\n[history]\npath = "{tmp_path}/denials.sqlite"\n'
    )
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "serve", "--config", str(config), cwd=ROOT, env=environment(), stdout=file, stderr=file
        )
    try:
        async with asyncio.timeout(30):
            while b'"listening"' not in log.read_bytes():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /admin/realms/demo/users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x.y.z\r\nConnection: close\r\n\r\n"
        )
        answer = await asyncio.wait_for(read_response(reader), 10)
        assert answer.status == 403
        assert "explanation" in json.loads(answer.body)
        writer.close()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert "drained" in log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
