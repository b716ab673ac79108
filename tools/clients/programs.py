"""The client programs: what each needs, how it is prepared once, how it is run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).with_name("programs")
WORK = Path(__file__).resolve().parents[2] / ".work" / "clients"
"""Where libraries are fetched to and programs are built (ignored by git)."""
_PREPARE_SECONDS = 600
_RUN_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One client. ``where`` is the place at which it shows the proxy's sentence; ``needs`` are programs that must be on PATH; ``prepare`` are commands run once in its folder."""

    name: str
    library: str
    where: str
    version: str
    needs: tuple[str, ...] = ()
    sources: str | None = None
    prepare: tuple[tuple[str, ...], ...] = ()
    command: Callable[["Target"], Sequence[str]]

    @property
    def folder(self) -> Path:
        """Its own folder below the work folder."""
        return WORK / self.name

    @property
    def missing(self) -> tuple[str, ...]:
        """The needed programs that are not installed."""
        return tuple(tool for tool in self.needs if shutil.which(tool) is None)

    def ready(self) -> None:
        """Copy the sources and prepare them, if that has not been done since they changed. Raises CalledProcessError if it fails."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = self.folder / ".ready"
        sources = sorted((SOURCES / self.sources).iterdir()) if self.sources else []
        content = "".join(path.read_text() for path in sources)
        if stamp.exists() and stamp.read_text() == content:
            return
        for path in sources:
            shutil.copy2(path, self.folder / path.name)
        for command in self.prepare:
            subprocess.run(command, cwd=self.folder, check=True, timeout=_PREPARE_SECONDS, stdout=subprocess.DEVNULL)
        stamp.write_text(content)

    def output(self, target: "Target") -> str:
        """What the program prints when it reads the user, errors included."""
        done = subprocess.run(
            self.command(target),
            cwd=self.folder,
            env=os.environ | target.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_RUN_SECONDS,
            text=True,
            check=False,
        )
        return done.stdout.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which user is read, as which client, at which address. ``home`` is the distribution that kcadm.sh comes from."""

    url: str
    realm: str
    client_id: str
    client_secret: str
    user_id: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The input of every program."""
        return {
            "TARGET_URL": self.url,
            "REALM": self.realm,
            "CLIENT_ID": self.client_id,
            "CLIENT_SECRET": self.client_secret,
            "KC_CLI_CLIENT_SECRET": self.client_secret,
            "USER_ID": self.user_id,
            "KCADM": str(self.home / "bin" / "kcadm.sh"),
        }


_KCADM = """
"$KCADM" config credentials --server "$TARGET_URL" --realm "$REALM" --client "$CLIENT_ID" --config kcadm.config >login.txt 2>&1 || cat login.txt
"$KCADM" get "users/$USER_ID" -r "$REALM" --config kcadm.config
"""

PROGRAMS: tuple[Program, ...] = (
    Program(
        name="kcadm",
        library="kcadm.sh (Keycloak's command line)",
        where="is all that it prints",
        version="26.7.4",
        needs=("java",),
        command=lambda _: ("sh", "-c", _KCADM),
    ),
    Program(
        name="python",
        library="python-keycloak",
        where="is the text of the exception",
        version="7.1.1",
        command=lambda _: (sys.executable, str(SOURCES / "python" / "users.py")),
    ),
    Program(
        name="javascript",
        library="@keycloak/keycloak-admin-client (JavaScript)",
        where="in `error.responseData`, which `console.error(error)` prints; `error.message` alone stays as it was",
        version="26.7.4",
        needs=("node", "npm"),
        sources="javascript",
        prepare=(("npm", "install", "--no-audit", "--no-fund", "--silent"),),
        command=lambda _: ("node", "users.js"),
    ),
    Program(
        name="go",
        library="gocloak (Go)",
        where="in the text of the error",
        version="14.0.4",
        needs=("go",),
        sources="go",
        prepare=(("go", "build", "-o", "users", "."),),
        command=lambda _: ("./users",),
    ),
    Program(
        name="java",
        library="org.keycloak:keycloak-admin-client (Java)",
        where="in the error that the exception carries, `readEntity(ErrorRepresentation.class).getErrorMessage()`; its own text stays as it was",
        version="26.0.9",
        needs=("java", "javac", "mvn"),
        sources="java",
        prepare=(
            ("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"),
            ("javac", "-cp", "lib/*", "Users.java"),
        ),
        command=lambda _: ("java", "-cp", "lib/*:.", "Users"),
    ),
)
