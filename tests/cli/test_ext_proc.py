"""``kcproxy ext-proc`` as a command: what keeps it from starting, and what it says about settings that only the proxy uses."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devkit.certificates import Authority
from devkit.envoy import running_processor
from devkit.ports import free_port
from kcproxy.cli.exit_codes import Exit
from tests.cli.running import clean_environ, process, run

UPSTREAM = ("--upstream", "http://127.0.0.1:9")


def test_a_missing_upstream_ends_with_2_and_says_what_to_do() -> None:
    result = process("ext-proc")
    assert (result.returncode, result.stdout) == (Exit.USAGE, "")
    assert "upstream.url: is missing; give the address of Keycloak: --upstream URL" in result.stderr


@pytest.mark.parametrize("option", ["--listen", "--http"])
def test_an_address_that_other_machines_reach_is_refused_without_client_certificates(option: str) -> None:
    result = process("ext-proc", *UPSTREAM, option, "0.0.0.0:9182")
    assert result.returncode == Exit.USAGE
    assert f"{option} 0.0.0.0:9182: it can be reached from other machines" in result.stderr
    assert "inbound.tls_client_ca_file" in " ".join(result.stderr.split()) or "tls_client_ca_file" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_certificate_of_the_server_alone_protects_nothing(tmp_path: Path) -> None:
    own = Authority(tmp_path).sign("kcproxy.test")
    environ = {"KCPROXY_INBOUND__TLS_CERTIFICATE_FILE": str(own.certificate), "KCPROXY_INBOUND__TLS_KEY_FILE": str(own.key)}
    result = process("ext-proc", *UPSTREAM, "--listen", "0.0.0.0:9182", environ=environ)
    assert result.returncode == Exit.USAGE
    assert "it can be reached from other machines" in result.stderr


@pytest.mark.parametrize("wrong", ["9182", "unix:", "a:b:c", "127.0.0.1:99999"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    result = run("ext-proc", *UPSTREAM, "--listen", wrong)
    assert result.exit_code == Exit.USAGE
    assert "is not HOST:PORT or unix:PATH" in result.stderr


@pytest.mark.parametrize("option", ["--listen", "--http"])
def test_a_port_in_use_ends_with_2_and_says_what_to_do(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        result = process("ext-proc", *UPSTREAM, option, place, "--admin-listen", "127.0.0.1:0")
    assert result.returncode == Exit.USAGE
    assert f"{option}: cannot listen on {place}" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_the_extra_it_says_how_to_install_it_and_what_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kcproxy.cli.ext_proc._EXTRA", ("no_such_package.module",))
    result = run("ext-proc", *UPSTREAM)
    assert result.exit_code == Exit.USAGE
    assert "there is no module no_such_package.module; pip install '.[envoy]' in a checkout of kcproxy, or use --http" in result.stderr


def test_with_http_only_no_package_of_the_extra_is_imported(tmp_path: Path) -> None:
    absent = "import sys; sys.modules.update({'grpc': None, 'envoy': None, 'google': None}); from kcproxy.cli.main import main; main()"
    words = ["ext-proc", *UPSTREAM, "--http", f"127.0.0.1:{free_port()}", "--admin-listen", f"127.0.0.1:{free_port()}"]
    with subprocess.Popen([sys.executable, "-c", absent, *words], stdout=subprocess.PIPE, text=True, env=clean_environ()) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        running.terminate()
        assert running.wait(20) == Exit.OK
    assert '"event":"listening"' in line
    assert "lua_listen" in line


def test_settings_that_only_the_proxy_uses_are_noted(tmp_path: Path) -> None:
    accounts = '[[accounts]]\nrealm = "demo"\nclient_id = "robot"\nclient_secret_file = "secret"\n'
    (tmp_path / "secret").write_text("s3cr3t-s3cr3t", encoding="utf-8")
    (tmp_path / "secret").chmod(0o600)
    settings = "workers = 2\n" + accounts.replace('"secret"', f'"{tmp_path / "secret"}"')
    with running_processor("http://127.0.0.1:9", tmp_path, settings=settings) as processor:
        processor.process.terminate()
        assert processor.process.wait(20) == Exit.OK
        text = processor.log.read_text(encoding="utf-8")
        assert not processor.socket.exists()
    assert "note: accounts: ext-proc adds no tokens" in text
    assert "note: workers: ext-proc is one process" in text
    assert "s3cr3t-s3cr3t" not in text
