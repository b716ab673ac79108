"""Printed kcadm commands carried out word for word: by kcadm's own main class in one JVM, and, for a sample, by kcadm.sh in a shell.

Both read the login that `kcadm.sh config credentials` left in a configuration of their own: they are given a home directory, so that not
one word has to be added to what was printed.
"""

import asyncio
import base64
import contextlib
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from devkit.kcadm import QUICK_JVM_OPTIONS

JAVA_SOURCE = Path(__file__).with_name("KcadmLines.java")
PROGRAM = "kcadm.sh"
ANSWER_LIMIT_BYTES = 1 << 22
COMMAND_SECONDS = 180.0


class CommandFailed(Exception):
    """A command ended with another code than 0; the message has the command and what it said."""


class JvmEnded(Exception):
    """There is no JVM to carry commands out; the message says where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def words_of(printed: str) -> list[str]:
    """The words after `kcadm.sh` of a printed command, split as a POSIX shell would. Raises ValueError if it is not one plain command."""
    lexer = shlex.shlex(printed, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    substituted = any(mark in printed for mark in ("$(", "`", "${"))
    if words[:1] != [PROGRAM] or substituted or any(set(word) <= set("();<>|&") for word in words if word):
        raise ValueError(f"not one plain command of {PROGRAM}: {printed}")
    return words[1:]


@dataclass(slots=True, kw_only=True)
class Kcadm:
    """kcadm of one distribution. An async context: it ends the JVM that it keeps."""

    distribution: Path
    home: Path
    server_url: str
    commands: int = 0
    _jvm: asyncio.subprocess.Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._jvm = await asyncio.create_subprocess_exec(
                *self._command_line(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=ANSWER_LIMIT_BYTES,
            )
        try:
            await self.log_in()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _end(self) -> None:
        if self._jvm is not None and self._jvm.stdin is not None:
            self._jvm.stdin.close()
            try:
                await asyncio.wait_for(self._jvm.wait(), 10)
            except TimeoutError:
                self._jvm.kill()
                await self._jvm.wait()

    @property
    def log(self) -> Path:
        """What the JVM itself has to say: the words of commands are not in it."""
        return self.home / "jvm.log"

    def _command_line(self) -> list[str]:
        """What `kcadm.sh` starts, with a home of its own and the class that feeds it."""
        client = self.distribution / "bin" / "client"
        (jar,) = client.glob("keycloak-admin-cli-*.jar")
        options = ["-Xmx256m", "-Djava.security.manager=allow", f"-Duser.home={self.home}", f"-Dkc.lib.dir={client / 'lib'}"]
        return ["java", *options, "--add-opens=java.base/java.security=ALL-UNNAMED", "-cp", str(jar), str(JAVA_SOURCE)]

    async def log_in(self) -> None:
        """The administrator's login, which the printed text leaves to its reader."""
        login = ["config", "credentials", "--server", self.server_url, "--realm", "master", "--user", "admin", "--password", "admin"]
        done = await self.run_words(login)
        if done.code != 0:
            raise CommandFailed(f"kcadm cannot log in: {done.err}")

    async def run(self, printed: str) -> Done:
        """One printed command, by kcadm's main class."""
        return await self.run_words(words_of(printed))

    async def run_words(self, words: list[str]) -> Done:
        """One command by its words after `kcadm.sh`."""
        if self._jvm is None:
            raise RuntimeError("kcadm is used outside of its context")
        line = " ".join(base64.b64encode(word.encode()).decode() or "-" for word in words)
        async with self._turn:
            self.commands += 1
            answer = await asyncio.wait_for(_responded(self._jvm, line), COMMAND_SECONDS)
        if not answer:
            raise JvmEnded(f"kcadm's JVM has ended, see {self.log}; it takes a JDK from 17 to 23, which still has a security manager")
        code, out, err = answer.decode().split()
        return Done(code=int(code), out=_decoded(out), err=_decoded(err))

    async def run_in_shell(self, printed: str) -> Done:
        """One printed command as it would be pasted: `bash -c`, with `kcadm.sh` on the PATH."""
        path = f"{self.distribution / 'bin'}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "KC_OPTS": f"{QUICK_JVM_OPTIONS} -Duser.home={self.home}"}
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *("bash", "-c", printed),
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
        return Done(code=process.returncode or 0, out=out.decode(), err=err.decode())


async def _responded(jvm: asyncio.subprocess.Process, line: str) -> bytes:
    """The response to one line; nothing if the JVM has ended."""
    if jvm.stdin is None or jvm.stdout is None:
        return b""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        jvm.stdin.write(line.encode() + b"\n")
        await jvm.stdin.drain()
    return await jvm.stdout.readline()


def _decoded(text: str) -> str:
    return "" if text == "-" else base64.b64decode(text).decode()
