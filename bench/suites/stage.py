"""The environment of a run: a kcproxy process or Envoy, a mail sink."""

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import end, free_port, wait_until_listening, wait_until_ready
from devkit.envoy import running_envoy, running_processor
from devkit.mail_sink import mail_sink

FEATURES = ("admin-fine-grained-authz:v1", "token-exchange:v1")
"""The features that the tests of python-keycloak and gocloak need."""
_PATIENCE_SECONDS = 60.0


@contextmanager
def proxy(keycloak_url: str, folder: Path, *, preserve_host: bool = False, use: Path | None = None) -> Iterator[str]:
    """A process `kcproxy serve` with addresses as its only settings, and with a record of use if a file is given for it.

    Gives its URL. It has to exit with code 0.
    """
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    environment |= {
        "KCPROXY_UPSTREAM": keycloak_url,
        "KCPROXY_LISTEN": f"127.0.0.1:{port}",
        "KCPROXY_ADMIN_LISTEN": f"127.0.0.1:{port + 1}",
    }
    if preserve_host:
        environment["KCPROXY_UPSTREAM__PRESERVE_HOST"] = "true"
    if use is not None:
        environment["KCPROXY_USE__PATH"] = str(use)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "kcproxy.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kcproxy", "serve"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_until_listening(process, port, _PATIENCE_SECONDS, folder / "kcproxy.log")
            wait_until_ready(port + 1, "/readyz", _PATIENCE_SECONDS)
            yield f"http://localhost:{port}"
        finally:
            end(process)
    if process.returncode:
        raise RuntimeError(f"kcproxy ended with {process.returncode}: {(folder / 'kcproxy.log').read_text(errors='replace')[-1500:]}")


@contextmanager
def envoy(keycloak_url: str, folder: Path) -> Iterator[str]:
    """Envoy with the shipped configuration, and `kcproxy ext-proc` with an address as its only setting. Gives Envoy's URL."""
    folder.mkdir(parents=True, exist_ok=True)
    port = urllib.parse.urlsplit(keycloak_url).port or 80
    with (
        tempfile.TemporaryDirectory() as short,  # the path of a socket has at most 107 bytes
        running_processor(keycloak_url, Path(short)) as processor,
        running_envoy("ext_proc", port, folder, socket=processor.socket) as own,
    ):
        yield f"http://localhost:{own.port}"


@contextmanager
def mail_taken() -> Iterator[int]:
    """A mail sink in a thread. Gives its port."""
    ready, done = threading.Event(), threading.Event()
    port: list[int] = []

    async def serve() -> None:
        async with mail_sink() as number:
            port.append(number)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        ready.wait(10)
        yield port[0]
    finally:
        done.set()
        thread.join()
