"""One running Keycloak in its own home."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from devkit.realserver.distribution import STORE, RealServerError, fetch_distribution, locked, require_java, say, version_numbers
from devkit.realserver.home import clone, is_first_use, new_run_folder, prepared_home
from devkit.realserver.ports import held_port

_SUPERVISOR = Path(__file__).with_name("supervise.py")
_BOOT_SECONDS = 600.0
_STOP_SECONDS = 40.0
_SHOW_EVERY_SECONDS = 4.0
QUICK_START = "-Xms128m -Xmx700m -XX:TieredStopAtLevel=1"
"""JVM options of a server that runs for minutes. Without the optimizing compiler it needs half the CPU time to start."""
LONG_RUN = "-Xms256m -Xmx1200m"
"""JVM options of a server that gets many thousands of requests."""
_ADMIN = "admin"


class RealServer:
    """A Keycloak of `version` in `start-dev` on loopback, from entering the context to leaving it.

    `features` are switched on (`--features=`), `options` are more options of `kc.sh start-dev`. With `prepared` the second use of a
    version with the same features and options first stores a built home with an empty database, from which it and later ones start in half
    the time. The first use starts at once, because many servers are started only once, as in CI. Give False for options that do not recur. The server dies with this process, however that ends.
    """

    def __init__(
        self,
        version: str,
        *,
        features: tuple[str, ...] = (),
        port: int | None = None,
        options: tuple[str, ...] = (),
        prepared: bool = True,
        jvm_options: str = QUICK_START,
    ) -> None:
        self.version = version
        self.features = features
        self.admin_username = _ADMIN
        self.admin_password = _ADMIN
        self._port = port
        self._options = options
        self._prepared = prepared
        self._jvm_options = jvm_options
        self._keep = False
        self._lease: int | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self.base_url = ""

    @property
    def folder(self) -> Path:
        """The run folder: home, log, lease."""
        if self._folder is None:
            raise RealServerError("the server is not started")
        return self._folder

    @property
    def home(self) -> Path:
        """The server's home: `bin/kcadm.sh` in it is Keycloak's own client."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        """What the server writes to its console."""
        return self.folder / "keycloak.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @classmethod
    def shared(cls, version: str, *, meeting: Path, features: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Self:
        """The one server of this kind for all processes that name the same `meeting` folder: started by the first, joined by the others.

        It runs until the last of them calls `stop` or dies.
        """
        server = cls(version, features=features, options=options)
        key = hashlib.sha256(repr((sorted(features), options)).encode()).hexdigest()[:12]
        note = meeting / f"keycloak-{version}-{key}.json"
        with locked(note.with_suffix(".lock")):
            if not (note.exists() and server._join(json.loads(note.read_text()))):
                server.start()
                note.write_text(json.dumps({"folder": str(server.folder), "base_url": server.base_url}))
        return server

    def _join(self, note: Mapping[str, str]) -> bool:
        """Take part in the lease of a running server; False when nobody keeps that server any more."""
        folder = Path(note["folder"])
        with suppress(OSError):  # no such FIFO, or no reader: it is stopped
            self._lease = os.open(folder / "lease", os.O_WRONLY | os.O_NONBLOCK)
            self._folder, self.base_url = folder, note["base_url"]
            return _answers(f"{self.base_url}/realms/master")
        return False

    def start(self) -> None:
        """Start and wait until the server responds; progress on stderr. Raises RealServerError with the log's end when it dies."""
        source = self._source()
        require_java()  # a distribution of an earlier day is no sign of it
        self._folder = new_run_folder(self.version)
        try:
            clone(source, self.home)
            with held_port(self._port) as port, held_port() as management_port:
                self._launch(port, management_port)
                self._wait_until_ready()
        except BaseException:
            folder = self._folder
            self.stop()
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def stop(self) -> None:
        """Give the server up: it is stopped and its folder removed, unless others share it. Harmless when it is not running."""
        if self._lease is not None:
            os.close(self._lease)
            self._lease = None
        folder, self._folder = self._folder, None
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            _wait_for(supervisor)
        elif folder is not None and not (folder / "lease").exists():  # never launched, so nobody else removes it
            shutil.rmtree(folder)

    def environment(self) -> dict[str, str]:
        """The environment of a command that uses this server: its address and the login."""
        return {
            "KEYCLOAK_URL": self.base_url,
            "KEYCLOAK_HOME": str(self.home),
            "KEYCLOAK_ADMIN_USERNAME": self.admin_username,
            "KEYCLOAK_ADMIN_PASSWORD": self.admin_password,
            "KEYCLOAK_VERSION": self.version,
        }

    def _source(self) -> Path:
        """The home to copy: pristine, or prepared by one earlier boot that nobody used."""
        distribution = fetch_distribution(self.version)
        if not self._prepared:
            return distribution
        target = prepared_home(self.version, (*sorted(self.features), "|", *self._options))
        with locked(STORE / "locks" / target.name):
            if not target.is_dir():
                if is_first_use(target):
                    return distribution
                say(f"keycloak {self.version}: storing a built home with an empty database, for faster starts")
                self._prepare(target)
        return target

    def _prepare(self, target: Path) -> None:
        first = RealServer(self.version, features=self.features, options=self._options, prepared=False, jvm_options=self._jvm_options)
        first._keep = True
        first.start()
        folder = first.folder
        first.stop()  # before the copy: only a closed database is complete
        (folder / "home").rename(target)
        shutil.rmtree(folder)

    def _launch(self, port: int, management_port: int) -> None:
        self.base_url = f"http://localhost:{port}{_relative_path(self._options)}"
        features = [f"--features={','.join(self.features)}"] if self.features else []
        command = [str(self.home / "bin" / "kc.sh"), "start-dev", f"--http-port={port}", *features, *self._options]
        remove = "" if self._keep else str(self.folder)
        lease = self.folder / "lease"
        os.mkfifo(lease)
        # Opened for reading too, so that opening does not wait for the supervisor.
        self._lease = os.open(lease, os.O_RDWR | os.O_NONBLOCK)
        self._supervisor = subprocess.Popen(
            [sys.executable, str(_SUPERVISOR), str(lease), str(self.log), remove, "--", *command],
            env=server_environment(self.version, os.environ, management_port=management_port, jvm_options=self._jvm_options),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _wait_until_ready(self) -> None:
        begin = shown = time.monotonic()
        while not _answers(f"{self.base_url}/realms/master"):
            now = time.monotonic()
            if self._supervisor is None or self._supervisor.poll() is not None:
                raise RealServerError(f"keycloak {self.version} ended while starting; the end of its log:\n{self._log_end(20)}")
            if now - begin > _BOOT_SECONDS:
                raise RealServerError(f"keycloak {self.version} is not ready after {_BOOT_SECONDS:.0f} s:\n{self._log_end(20)}")
            if now - shown >= _SHOW_EVERY_SECONDS:
                shown = now
                say(f"keycloak {self.version}: {now - begin:.0f} s: {self._log_end(1)[:150]}")
            time.sleep(0.2)
        say(f"keycloak {self.version}: ready at {self.base_url} after {time.monotonic() - begin:.0f} s")

    def _log_end(self, lines: int) -> str:
        if not self.log.exists():
            return "(no log yet)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def server_environment(version: str, parent: Mapping[str, str], *, management_port: int, jvm_options: str = QUICK_START) -> dict[str, str]:
    """The environment of a server: the parent's without anything that configures Keycloak or its JVM, plus what `version` needs."""
    kept = {name: value for name, value in parent.items() if not name.startswith(("KC_", "KEYCLOAK", "QUARKUS_", "JAVA_OPTS"))}
    prefix = (
        "KC_BOOTSTRAP_ADMIN_USERNAME KC_BOOTSTRAP_ADMIN_PASSWORD"
        if version_numbers(version) >= (26,)
        else "KEYCLOAK_ADMIN KEYCLOAK_ADMIN_PASSWORD"
    )
    username, password = prefix.split()
    return kept | {
        username: _ADMIN,
        password: _ADMIN,
        "KC_HTTP_HOST": "127.0.0.1",
        # As a variable, not as an option: the option is refused while nothing uses that port.
        "KC_HTTP_MANAGEMENT_PORT": str(management_port),
        "JAVA_OPTS_APPEND": jvm_options,
    }


def _wait_for(supervisor: subprocess.Popen[bytes]) -> None:
    try:
        supervisor.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:  # others go on using the server: it is stopped after them
        threading.Thread(target=supervisor.wait, daemon=True).start()


def _relative_path(options: tuple[str, ...]) -> str:
    values = [option.partition("=")[2] for option in options if option.startswith("--http-relative-path=")]
    return values[-1].rstrip("/") if values else ""


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return "realm" in json.load(answer)
    except (OSError, ValueError):
        return False
