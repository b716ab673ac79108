"""A PostgreSQL server of our own: a fresh cluster in a temporary folder, on a loopback port and a Unix socket, that can be stopped and killed.

PostgreSQL refuses to run as root. Then it runs as the user postgres, or nobody.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from devkit.certificates import Pair
from devkit.ports import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_SECONDS = 30.0
SUPERUSER = "owner"
_SETTINGS = (
    "fsync=off",  # a lost machine is not what the tests are about; synchronous_commit=off would lose commits when the server is killed
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=60",
    "password_encryption=scram-sha-256",
)


def programs() -> Path | None:
    """The folder of the newest installed server; None if there is none."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class Postgres:
    """One cluster. It asks for a password over TCP, and for none on its Unix socket."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        """Create the cluster in an empty folder."""
        self.folder, self._binaries = folder, binaries
        self.data = folder / "data"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _user()
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", SUPERUSER, "--auth-local=trust", "--auth-host=scram-sha-256", "-N", "-E", "UTF8")

    def start(self, *settings: str) -> None:
        """Start the server, with some settings of its own, and wait until it accepts connections."""
        given = [word for each in (*_SETTINGS, *settings) for word in ("-c", each)]
        command = [*self._as_user(), str(self._binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.folder)]
        log = (self.folder / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [*command, "-c", "listen_addresses=127.0.0.1", *given], stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        ends_at = time.monotonic() + _SECONDS
        while self._run_code("pg_isready", "-q", "-h", str(self.folder), "-p", str(self.port)):
            if time.monotonic() > ends_at or self._process.poll() is not None:
                raise RuntimeError((self.folder / "server.log").read_text())
            time.sleep(0.05)

    def tls(self, pair: Pair) -> tuple[str, ...]:
        """The settings for TLS with this certificate, of which the server gets a copy: it refuses keys that others can read."""
        for name, source in (("server.crt", pair.certificate), ("server.key", pair.key)):
            copy = self.data / name
            shutil.copyfile(source, copy)
            copy.chmod(0o600)
            if self._user is not None:
                os.chown(copy, self._user.pw_uid, self._user.pw_gid)
        return ("ssl=on",)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends all connections, SIGQUIT is a crash."""
        if self._process is not None and self._process.poll() is None:
            self._signal(how)
            self._process.wait(_SECONDS)
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """For the duration of a block, every process of the server stands still: connections stay open, and nothing responds."""
        self._signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal_all(signal.SIGCONT)

    def sql(self, statement: str, *, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Run SQL, over the Unix socket. Returns the rows, without titles."""
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p", str(self.port), "-U", user,
                         "-d", database, "-c", statement)  # fmt: skip

    def create_database(self, name: str, *, user: str = "kcproxy", password: str | None = None) -> str:
        """A new database that belongs to a user, who is created if necessary. Returns its URL over TCP, with the password if there is one."""
        if not self.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{user}'"):
            self.sql(f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{password or 'secret'}'")
        self.sql(f'CREATE DATABASE "{name}" OWNER "{user}"')
        credentials = user if password is None else f"{user}:{password}"
        return f"postgresql://{credentials}@127.0.0.1:{self.port}/{name}"

    def socket_url(self, name: str, *, user: str = "kcproxy") -> str:
        """The URL of a database over the Unix socket, which needs no password."""
        return f"postgresql://{user}@/{name}?host={self.folder}&port={self.port}"

    def _signal(self, how: signal.Signals) -> None:
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, how)

    def _signal_all(self, how: signal.Signals) -> None:
        """Signal the postmaster and its children (Linux). Each backend is a process of its own."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, how)

    def _as_user(self) -> Sequence[str]:
        if self._user is None:
            return ()
        return ("setpriv", f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups")

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [*self._as_user(), str(self._binaries / program), *words], capture_output=True, text=True, cwd="/", timeout=60, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}")
        return done.stdout.strip()

    def _run_code(self, program: str, *words: str) -> int:
        return subprocess.run([*self._as_user(), str(self._binaries / program), *words], cwd="/", timeout=60, check=False).returncode


def _user() -> pwd.struct_passwd | None:
    """The user as whom the server runs; None for the user of this process."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


@contextmanager
def running_postgres(*settings: str, certificate: Pair | None = None) -> Iterator[Postgres]:
    """A server for the duration of a block, with TLS if it has a certificate. Raises RuntimeError if none is installed."""
    binaries = programs()
    if binaries is None:
        raise RuntimeError("PostgreSQL is not installed (Debian package postgresql)")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:  # a short path: a socket's is limited
        server = Postgres(Path(folder), binaries)
        server.start(*settings, *(() if certificate is None else server.tls(certificate)))
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)  # without a checkpoint
