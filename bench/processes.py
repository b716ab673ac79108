"""Processes to be measured: start on one core, read CPU time and memory from the kernel, terminate."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE = CORES[0]
OTHER_CORE = CORES[-1]
"""The core of load generator and upstream. The proxy has the other one."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time in microseconds and memory in megabytes, of a process and its children."""

    cpu_microseconds: float
    resident_megabytes: float
    peak_megabytes: float


def free_port() -> int:
    """A free loopback port whose successor is free too (for the admin port)."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listener, suppress(OSError):
            port = int(listener.getsockname()[1])
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """The command on one core. Unchanged without taskset or with one core only."""
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") and len(CORES) > 1 else list(command)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without kcproxy's variables, which would override the configuration file, and with bytecode.

    An installed package has bytecode. With PYTHONDONTWRITEBYTECODE, an editable one would be compiled at each start.
    """
    return {name: value for name, value in environ.items() if not name.startswith("KCPROXY_") and name != "PYTHONDONTWRITEBYTECODE"}


@contextmanager
def running(
    command: Sequence[str], port: int, *, core: int, folder: Path, patience_seconds: float = 15.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, wait until it listens on ``port``, and terminate it at the end. Its output is written to files in ``folder``."""
    name = f"{Path(command[0]).name}-{port}"
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        process = subprocess.Popen(
            pinned(core, command), stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=folder, env=_environment(os.environ)
        )
        try:
            wait_until_listening(process, port, patience_seconds, folder / f"{name}.err")
            yield process
        finally:
            end(process)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, patience_seconds: float, errors: Path) -> float:
    """Seconds until the first connection succeeds. Raises RuntimeError, with the end of its output, if none does."""
    began = time.monotonic()
    while time.monotonic() - began < patience_seconds and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return time.monotonic() - began
        time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} does not listen on {port}: {errors.read_text(errors='replace')[-2000:]}")


def wait_until_ready(port: int, path: str, patience_seconds: float = 15.0) -> float:
    """Seconds until a GET of ``path`` gets 200."""
    began = time.monotonic()
    while time.monotonic() - began < patience_seconds:
        with (
            closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)) as connection,
            suppress(OSError, http.client.HTTPException),
        ):
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.monotonic() - began
        time.sleep(0.005)
    raise RuntimeError(f"nothing ready at {path} on {port}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process; kill it if it does not exit."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def usage(root: int) -> Usage:
    """CPU time and memory of a process and its children (workers), as counted by the kernel."""
    cpu = resident = peak = 0.0
    for pid in family(root):
        with suppress(OSError):
            cpu += _cpu_nanoseconds(pid) / 1000
            status = _status(pid)
            resident += status.get("VmRSS", 0.0)
            peak += status.get("VmHWM", 0.0)
    return Usage(cpu, resident, peak)


def family(root: int) -> list[int]:
    """The process and all its descendants."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in children.read_text().split()]
    return found


def _cpu_nanoseconds(pid: int) -> int:
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def _status(pid: int) -> dict[str, float]:
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {parts[0].rstrip(":"): int(parts[1]) / 1024 for parts in lines if len(parts) == 3 and parts[2] == "kB"}
