"""The first hour: README's block is pasted as a whole into a shell, in a copy of the checkout, before the simulator; and no page names a package that is not there."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.ports import free_port
from devkit.servers import RecordingUpstream

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
UNPUBLISHED = re.compile(
    r"(?:pipx? (?:install|run)|uvx|uv (?:pip install|tool install|tool run|add|run --with))(?: --?\S+)* ['\"]?kcproxy(?![\w./-])"
)


def block(heading: str) -> str:
    found = re.search(r"```sh\n(.*?)```", README.partition(f"## {heading}")[2], re.DOTALL)
    assert found, heading
    return found[1]


def texts() -> Iterator[tuple[Path, str]]:
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/*.md", "kcproxy/**/*.py", "Makefile"):
        for path in ROOT.glob(pattern):
            yield path, path.read_text(encoding="utf-8")


def test_no_text_tells_people_to_install_a_name_that_anyone_could_register() -> None:
    """kcproxy is not on a package index. Until it is, every command installs from a checkout or a file."""
    assert [(str(path), found[0]) for path, text in texts() for found in [UNPUBLISHED.search(text)] if found] == []


@pytest.mark.parametrize(
    "text",
    [
        "pip install kcproxy",
        "pip install 'kcproxy[httpx]'",
        "pipx run kcproxy demo",
        "uvx kcproxy",
        "uv tool install kcproxy",
        "pip install --user kcproxy",
    ],
)
def test_the_check_finds_such_commands(text: str) -> None:
    assert UNPUBLISHED.search(text)


@pytest.mark.parametrize(
    "text", ["pip install '.[httpx]'", "pipx install ./kcproxy-0.1.0-py3-none-any.whl", "uvx --from ./kcproxy-0.1.0.whl kcproxy demo"]
)
def test_commands_for_a_checkout_or_a_file_are_fine(text: str) -> None:
    assert not UNPUBLISHED.search(text)


def test_every_command_of_readme_uses_the_same_environment() -> None:
    commands = [line for found in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in found.splitlines()]
    assert [line for line in commands if re.match(r"(kcproxy|pip|python -m)\b", line)] == []


def test_readme_and_makefile_name_the_same_keycloak() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (version,) = set(re.findall(r"KEYCLOAK=([\d.]+)", README))
    assert f"(KEYCLOAK={version})" in makefile


async def test_the_block_to_paste_ends_with_an_explained_refusal(upstream: RecordingUpstream, tmp_path: Path) -> None:
    """As it stands, except for the address of Keycloak and the ports, and with the packages of this environment instead of a download."""
    upstream.react = lambda _: (
        b'HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n{"error":"HTTP 401 Unauthorized"}'
    )
    port, admin_port = free_port(), free_port()
    (tmp_path / "kcproxy").symlink_to(ROOT / "kcproxy")
    binaries = tmp_path / ".venv" / "bin"
    script = (
        block("Your own Keycloak: one block to paste")
        .replace("http://localhost:8080", f"http://127.0.0.1:{upstream.port}")
        .replace(":8180", f":{port}")
    )
    assert script.startswith("KEYCLOAK=")
    assert (
        "python3 -m venv .venv\n.venv/bin/pip install --quiet '.[fast]'\n" in script
    )  # those of an installation, which tests/deploy/test_image.py runs
    script = script.replace("python3 -m venv .venv\n.venv/bin/pip install --quiet '.[fast]'\n", "")
    binaries.mkdir(parents=True)
    (binaries / "kcproxy").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kcproxy "$@"\n')
    (binaries / "kcproxy").chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    clean |= {"KCPROXY_LISTEN": f"127.0.0.1:{port}", "KCPROXY_ADMIN_LISTEN": f"127.0.0.1:{admin_port}"}
    program = shutil.which("bash")
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program,
        "-c",
        script + "\nkill %1\nwait",
        cwd=tmp_path,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 90)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert '"cause":"token-missing"' in said.decode().replace(" ", ""), said.decode()
    assert f"http://localhost:{admin_port}/docs/causes/token-missing" in said.decode()
