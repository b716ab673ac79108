"""``kcproxy serve`` as a process: what keeps it from starting, that it starts, and how it ends."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.ports import free_ports
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.serve import command
from kcproxy.errors import SettingsError
from kcproxy.process.reload import acceptable
from kcproxy.settings.load import load
from kcproxy.settings.schema import BY_KEY
from tests.cli.running import clean_environ, process

ACCOUNT = {"KCPROXY_ACCOUNT__REALM": "a", "KCPROXY_ACCOUNT__CLIENT_ID": "b", "KCPROXY_ACCOUNT__CLIENT_SECRET": "s3cr3t-s3cr3t"}
KEYS = {"KCPROXY_INBOUND__API_KEYS_FILE": "keys.toml"}
UPSTREAM = ("--upstream", "http://127.0.0.1:9")


def test_a_missing_upstream_ends_with_2_and_says_what_to_do() -> None:
    result = process("serve")
    assert (result.returncode, result.stdout) == (Exit.USAGE, "")
    assert "upstream.url: is missing; give the address of Keycloak: --upstream URL" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unreadable_secret_ends_with_2() -> None:
    account = {"KCPROXY_ACCOUNT__REALM": "a", "KCPROXY_ACCOUNT__CLIENT_ID": "b", "KCPROXY_ACCOUNT__CLIENT_SECRET_FILE": "/no/such/file"}
    result = process("serve", *UPSTREAM, environ=account)
    assert result.returncode == Exit.USAGE
    assert "/no/such/file cannot be read" in result.stderr


def test_injection_on_a_public_address_ends_with_2() -> None:
    result = process("serve", *UPSTREAM, "--listen", "0.0.0.0:0", environ=ACCOUNT)
    assert result.returncode == Exit.USAGE
    assert "listen on 127.0.0.1 or unix:PATH" in result.stderr
    assert "s3cr3t" not in result.stderr


@pytest.mark.parametrize("flag", ["--listen", "--admin-listen"])
def test_a_port_in_use_ends_with_2_and_says_what_to_do(flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        others = {"--listen": "127.0.0.1:0", "--admin-listen": "127.0.0.1:0"} | {flag: place}
        result = process("serve", *UPSTREAM, *(word for pair in others.items() for word in pair))
    assert result.returncode == Exit.USAGE
    assert place in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_of_keys_that_protects_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("key", encoding="utf-8")
    result = process(
        "serve",
        *UPSTREAM,
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        environ={"KCPROXY_INBOUND__API_KEYS_FILE": str(tmp_path / "keys")},
    )
    assert result.returncode == Exit.USAGE
    assert "inbound.api_keys_file" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("started", "read", "taken"),
    [
        ({}, {"KCPROXY_DRAIN_SECONDS": "1"}, True),
        ({"KCPROXY_LISTEN": "0.0.0.0:8180"}, {}, True),
        ({"KCPROXY_LISTEN": "0.0.0.0:8180"}, ACCOUNT, False),
        (ACCOUNT, ACCOUNT | {"KCPROXY_LISTEN": "127.0.0.1:8181"}, False),
        (ACCOUNT, ACCOUNT | {"KCPROXY_ACCOUNT__REALM": "b"}, True),
        ({}, KEYS, True),
        (ACCOUNT, ACCOUNT | KEYS, False),
    ],
)
def test_a_reload_accepts_accounts_only_if_the_open_listener_allows_them(
    started: dict[str, str], read: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, taken: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys.toml").write_text(f'[[keys]]\nname = "shop"\nsha256 = "{"0" * 64}"\n', encoding="utf-8")
    upstream = {"KCPROXY_UPSTREAM": "http://127.0.0.1:9"}
    old, new = (load(None, upstream | environ, {}) for environ in (started, read))
    if taken:
        assert acceptable(old, new) is new
        return
    with pytest.raises(SettingsError, match=r"restart it|protect nothing"):
        acceptable(old, new)


def test_every_flag_is_a_setting_s_flag() -> None:
    flags = {option for parameter in command.params for option in parameter.opts if option not in {"--config", "-c"}}
    assert flags == {field.flag for field in BY_KEY.values() if field.flag}


@pytest.fixture
def serving() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A proxy that serves, and its admin port."""
    port, admin = free_ports(2)
    words = [sys.executable, "-m", "kcproxy", "serve", *UPSTREAM, "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin}"]
    with subprocess.Popen(words, env=clean_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            _wait_until_ready(admin)
            yield running, admin
        finally:
            running.kill()


def _wait_until_ready(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise TimeoutError("the proxy did not become ready")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_ready_and_ends_with_0_on_a_signal(serving: tuple[subprocess.Popen[str], int], number: signal.Signals) -> None:
    running, admin = serving
    probe = process("check", "--ready", environ={"KCPROXY_ADMIN_LISTEN": f"127.0.0.1:{admin}"})
    assert (probe.returncode, probe.stdout) == (Exit.OK, "ready\n")
    running.send_signal(number)
    assert running.wait(timeout=30) == Exit.OK


def test_flags_are_read_like_any_setting(tmp_path: Path) -> None:
    result = process("serve", "--upstream", "nowhere", "--workers", "many", "--log-format", "xml", "--config", str(tmp_path / "none.toml"))
    assert result.returncode == Exit.USAGE
    for place in ("--upstream", "--workers", "--log-format", f"{tmp_path}/none.toml"):
        assert f"  {place}: " in result.stderr
