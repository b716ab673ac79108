"""A kcproxy process for each worker of the loop: `kcproxy serve` with an account whose token it injects."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 60.0
LOOK_SECONDS = 0.01
STOP_SECONDS = 15.0
ABSENT = "-absent-"
"""Between the name of a realm and a number: the name of a realm that does not exist."""


class ProxyFailed(Exception):
    """The proxy did not start; the message names its log."""


def free_port() -> int:
    """A free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_text(*, upstream: str, version: str, ports: tuple[int, int], realms: Sequence[str], client_id: str, secret_file: Path) -> str:
    """The configuration file: in each realm the client of that realm. Operations of the whole server use the account of the first realm.

    Each account also serves a realm that does not exist. A reload with another name of it drops the token of the account.
    """
    served = [f"{json.dumps(realm)}, {json.dumps(f'{realm}{ABSENT}0')}" for realm in realms]
    accounts = [f'realms = [{served[0]}, "master"]', *(f"realms = [{realm}]" for realm in served[1:])]
    account = f"client_id = {json.dumps(client_id)}\nclient_secret_file = {json.dumps(str(secret_file))}"
    head = f'listen = "127.0.0.1:{ports[0]}"\nadmin_listen = "127.0.0.1:{ports[1]}"\nupstream = {json.dumps(upstream)}'
    explain = f"[explain]\nkeycloak_version = {json.dumps(version)}"
    return "\n\n".join([head, explain, *(f"[[accounts]]\n{realms_line}\n{account}" for realms_line in accounts)]) + "\n"


def prepared(
    folder: Path, *, upstream: str, version: str, realms: Sequence[str], client_id: str, secret: str
) -> tuple[Path, tuple[int, int]]:
    """Write the configuration and the file of its secret. Returns the configuration's path, and its data port and admin port."""
    folder.mkdir(parents=True, exist_ok=True)
    secret_file, config, ports = folder / "secret", folder / "kcproxy.toml", (free_port(), free_port())
    secret_file.touch(mode=0o600)
    secret_file.write_text(secret)
    config.write_text(
        settings_text(upstream=upstream, version=version, ports=ports, realms=realms, client_id=client_id, secret_file=secret_file)
    )
    return config, ports


@dataclass(slots=True, kw_only=True)
class Proxy:
    """A running proxy: its addresses, and its log, which says when the settings have been reloaded."""

    process: asyncio.subprocess.Process
    config: Path
    url: str
    admin_url: str
    log: Path
    reloads: int = 0

    async def reload(self) -> None:
        """Reload the settings with other accounts, which drops all tokens. Keycloak before 26.7 accepts a token after its account was deleted."""
        self.reloads += 1
        already = self.log.stat().st_size
        self._write(re.sub(f"{ABSENT}[0-9]+", f"{ABSENT}{self.reloads}", self.config.read_text()))
        self.process.send_signal(signal.SIGHUP)
        if not await _logged(self.process, self.log, "reloaded", already):
            raise ProxyFailed(f"kcproxy did not reload its settings; {self.log} has the reason")

    def _write(self, text: str) -> None:
        """Replace the file in one step: the proxy watches it."""
        new = self.config.with_suffix(".new")
        new.write_text(text)
        new.replace(self.config)


@asynccontextmanager
async def proxy(config: Path, ports: tuple[int, int]) -> AsyncIterator[Proxy]:
    """A running proxy. It is stopped with SIGTERM."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    log = config.with_name("kcproxy.log")
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kcproxy", "serve", "--config", str(config)), env=environment, stdout=sink, stderr=sink
        )
    try:
        if not await _logged(process, log, "listening"):
            raise ProxyFailed(f"kcproxy does not listen; {log} has the reason")
        yield Proxy(process=process, config=config, url=f"http://127.0.0.1:{ports[0]}", admin_url=f"http://127.0.0.1:{ports[1]}", log=log)
    finally:
        await _stopped(process)


async def _logged(process: asyncio.subprocess.Process, log: Path, event: str, already: int = 0) -> bool:
    """Wait for an event after the first `already` bytes of the log. False if the process ends, refuses the settings or takes too long.

    The port is no evidence: another process may have taken it in the meantime.
    """
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.returncode is None:
        said = _behind(log, already)
        if f'"event":"{event}"'.encode() in said:
            return True
        if b'"event":"reload_refused"' in said:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return False


def _behind(log: Path, already: int) -> bytes:
    with log.open("rb") as source:
        source.seek(already)
        return source.read()


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
