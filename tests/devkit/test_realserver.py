"""The server tool without any server: environments, homes, and the supervisor with plain programs in Keycloak's place."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devkit.realserver import MissingToolError, RealServerError, fetch_distribution, missing_tools
from devkit.realserver.__main__ import main
from devkit.realserver.distribution import require_java, version_numbers
from devkit.realserver.home import clone, is_first_use, prepared_home
from devkit.realserver.ports import held_port
from devkit.realserver.server import server_environment

SUPERVISOR = Path(__file__).parents[2] / "devkit" / "realserver" / "supervise.py"


def environment(version: str, **parent: str) -> dict[str, str]:
    return server_environment(version, parent, management_port=9123)


@pytest.mark.parametrize(
    ("version", "name"), [("24.0.5", "KEYCLOAK_ADMIN"), ("25.0.6", "KEYCLOAK_ADMIN"), ("26.0.8", "KC_BOOTSTRAP_ADMIN_USERNAME")]
)
def test_the_admin_is_named_by_the_variable_of_the_version(version: str, name: str) -> None:
    names = {"KEYCLOAK_ADMIN", "KC_BOOTSTRAP_ADMIN_USERNAME"}
    assert {name: "admin"} == {key: value for key, value in environment(version).items() if key in names}


def test_settings_of_the_callers_environment_do_not_reach_the_server() -> None:
    parent = {"PATH": "/bin", "KC_DB": "postgres", "KEYCLOAK_URL": "http://other", "JAVA_OPTS": "-Xmx9g", "QUARKUS_LOG_LEVEL": "ALL"}
    kept = environment("26.7.4", **parent)
    assert kept["PATH"] == "/bin"
    assert not {"KC_DB", "KEYCLOAK_URL", "JAVA_OPTS", "QUARKUS_LOG_LEVEL"} & set(kept)


def test_a_server_listens_on_loopback_only_and_has_a_management_port_of_its_own() -> None:
    given = environment("26.7.4")
    assert (given["KC_HTTP_HOST"], given["KC_HTTP_MANAGEMENT_PORT"]) == ("127.0.0.1", "9123")


def test_versions_compare_as_numbers() -> None:
    assert version_numbers("26.10.1") > version_numbers("26.9.3")


def test_missing_tools_are_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [advice.split()[0] for advice in missing_tools()] == ["Java", "Maven"]
    with pytest.raises(MissingToolError, match=r"needs Java .* and Maven"):
        fetch_distribution("0.0.0")


def test_java_is_asked_for_where_the_distribution_is_there_already(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="needs Java 17"):
        require_java()


def test_the_command_line_says_what_is_missing_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    previous = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["run", "0.0.0", "--", "true"]) == 1
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert "realserver: a real Keycloak needs Java" in capfd.readouterr().err


def test_a_home_shares_the_jars_and_copies_the_rest(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("lib/lib/main/a.jar", "lib/quarkus/build.dat", "data/h2/db"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("old")
    clone(source, tmp_path / "home")
    assert (tmp_path / "home/lib/lib/main/a.jar").samefile(source / "lib/lib/main/a.jar")
    (tmp_path / "home/data/h2/db").write_text("new")
    (tmp_path / "home/lib/quarkus/build.dat").write_text("new")
    assert (source / "data/h2/db").read_text() == (source / "lib/quarkus/build.dat").read_text() == "old"


def test_only_the_first_use_of_a_home_is_the_first(tmp_path: Path) -> None:
    first, other = tmp_path / "prepared-1", tmp_path / "prepared-2"
    assert [is_first_use(first), is_first_use(first), is_first_use(other)] == [True, False, True]


def test_homes_are_prepared_for_each_version_and_set_of_options() -> None:
    kinds = [("26.7.4", ()), ("26.7.4", ("scripts",)), ("24.0.5", ())]
    assert len({prepared_home(version, build) for version, build in kinds}) == 3


def test_a_port_that_is_held_for_a_server_is_nobody_elses_and_the_server_can_listen_on_it() -> None:
    with held_port() as port:
        with socket.socket() as another, pytest.raises(OSError, match="in use"):
            another.bind(("127.0.0.1", port))
        with socket.socket() as caller:
            assert caller.connect_ex(("127.0.0.1", port)) != 0
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass


def test_a_wanted_port_in_use_is_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(RealServerError, match=f"port {port} of loopback cannot be had"), held_port(port):
            pytest.fail("a server would have been started")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    process: subprocess.Popen[bytes]
    folder: Path
    lease: int
    log: Path

    def first_log_line(self) -> str:
        return within(10, lambda: self.log.exists() and self.log.read_text().splitlines()[:1])[0]


def within(seconds: float, find: object) -> list[str]:
    assert callable(find)
    deadline = time.monotonic() + seconds
    while not (found := find()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found, "nothing came in time"
    return list(found)


@pytest.fixture
def supervised(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Supervised]:
    """The supervisor with the program `request.param` (Python code) in the server's place."""
    folder = tmp_path / "run"
    folder.mkdir()
    os.mkfifo(folder / "lease")
    lease = os.open(folder / "lease", os.O_RDWR | os.O_NONBLOCK)
    log = tmp_path / "log"
    command = [
        sys.executable,
        str(SUPERVISOR),
        str(folder / "lease"),
        str(log),
        str(folder),
        "--",
        sys.executable,
        "-u",
        "-c",
        request.param,
    ]
    with subprocess.Popen(command, start_new_session=True) as process:
        yield Supervised(process=process, folder=folder, lease=lease, log=log)
        process.terminate()


FOREVER = "import os, time; print(os.getpid()); time.sleep(600)"
WITH_A_CHILD = "import subprocess, sys; c = subprocess.Popen(['sleep', '600']); print(c.pid); c.wait()"


@pytest.mark.parametrize("supervised", [FOREVER, WITH_A_CHILD], indirect=True, ids=["one process", "a process with a child"])
def test_giving_up_the_lease_ends_the_whole_group_and_removes_the_folder(supervised: Supervised) -> None:
    pid = int(supervised.first_log_line())
    os.close(supervised.lease)
    supervised.process.wait(10)
    assert not supervised.folder.exists()
    assert not is_running(pid)


@pytest.mark.parametrize("supervised", [FOREVER], indirect=True)
def test_a_second_holder_of_the_lease_keeps_the_server(supervised: Supervised) -> None:
    pid = int(supervised.first_log_line())
    second = os.open(supervised.folder / "lease", os.O_WRONLY | os.O_NONBLOCK)
    os.close(supervised.lease)
    with pytest.raises(subprocess.TimeoutExpired):
        supervised.process.wait(1)
    assert is_running(pid)
    os.close(second)
    supervised.process.wait(10)
    assert not is_running(pid)


@pytest.mark.parametrize("supervised", ["print('boot failed'); raise SystemExit(3)"], indirect=True)
def test_a_server_that_ends_by_itself_ends_the_supervisor_with_its_code(supervised: Supervised) -> None:
    assert supervised.process.wait(10) == 3
    assert supervised.log.read_text() == "boot failed\n"
    os.close(supervised.lease)


@pytest.mark.parametrize("supervised", [FOREVER], indirect=True)
def test_a_terminated_supervisor_takes_the_server_along(supervised: Supervised) -> None:
    pid = int(supervised.first_log_line())
    supervised.process.terminate()
    supervised.process.wait(10)
    assert not is_running(pid)
    os.close(supervised.lease)


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().split()[2] != "Z"
