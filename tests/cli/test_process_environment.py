"""A container's health check finds the admin port of the running serve, whether a file, a variable or a flag configures it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from devkit.ports import free_port
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.process_environment import started
from tests.cli.running import clean_environ, process, run
from tests.cli.test_serve import UPSTREAM, _wait_until_ready

WAYS = ("flag", "variable", "file by flag", "file by variable")


def given(way: str, folder: Path, admin: int) -> tuple[list[str], dict[str, str]]:
    """Words and variables that put the admin port there."""
    address, file = f"127.0.0.1:{admin}", folder / "kcproxy.toml"
    file.write_text(f'admin_listen = "{address}"\n', encoding="utf-8")
    return {
        "flag": (["--admin-listen", address], {}),
        "variable": ([], {"KCPROXY_ADMIN_LISTEN": address}),
        "file by flag": (["--config", str(file)], {}),
        "file by variable": ([], {"KCPROXY_CONFIG": str(file)}),
    }[way]


@contextmanager
def serving(words: list[str], environ: dict[str, str], admin: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "kcproxy", "serve", *UPSTREAM, "--listen", "127.0.0.1:0", *words]
    with subprocess.Popen(command, env=clean_environ(environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            _wait_until_ready(admin)
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(20)


@pytest.mark.parametrize("way", WAYS)
def test_the_probe_asks_the_admin_port_that_the_process_uses(way: str, tmp_path: Path) -> None:
    admin = free_port()
    words, environ = given(way, tmp_path, admin)
    with serving(words, environ, admin) as running:
        probe = process("check", "--ready", "--of-process", str(running.pid))
        assert (probe.returncode, probe.stdout) == (Exit.OK, "ready\n")
        assert process("check", "--ready", environ={"KCPROXY_ADMIN_LISTEN": f"127.0.0.1:{free_port()}"}).returncode == Exit.FAILED


def test_another_process_is_a_usage_error() -> None:
    result = run("check", "--ready", "--of-process", str(os.getpid()))
    assert result.exit_code == Exit.USAGE
    assert "is not a kcproxy serve" in result.stderr


def test_a_process_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="cannot be read"):
        started(1, proc=tmp_path)


def test_a_supervisor_in_front_does_not_matter_and_no_value_of_the_environment_is_printed(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cmdline").write_bytes(b"/sbin/init\0--\0kcproxy\0serve\0--admin-listen=127.0.0.1:9999\0--no-such\0")
    (tmp_path / "1" / "environ").write_bytes(b"KCPROXY_ACCOUNT__CLIENT_SECRET=s3cr3t-s3cr3t\0")
    found = started(1, proc=tmp_path)
    assert found.flags["admin_listen"] == "127.0.0.1:9999"
    assert "s3cr3t" not in repr(found)


def test_it_goes_with_ready_only() -> None:
    result = run("check", "--offline", "--of-process", "1", *UPSTREAM)
    assert result.exit_code == Exit.USAGE
    assert "requires --ready" in result.stderr
