"""Processes that are measured: started on a core of their own, asked for the CPU time and memory that the kernel counted, ended again."""

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
"""Load generator and upstream share the other core, so that the proxy has one to itself."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time so far, in microseconds, and memory, in megabytes, of a process and its children."""

    cpu_microseconds: float
    resident_megabytes: float
    peak_megabytes: float


def free_port() -> int:
    """A loopback port that nobody uses at the moment, nor the one after it (for an admin port)."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listener, suppress(OSError):
            port = int(listener.getsockname()[1])
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """The command on one core; as it is where there is no taskset or only one core."""
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") and len(CORES) > 1 else list(command)


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without kcproxy's variables: what is measured is what the run's own files set."""
    return {name: value for name, value in environ.items() if not name.startswith("KCPROXY_")}


@contextmanager
def running(
    command: Sequence[str], port: int, *, core: int, folder: Path, patience_seconds: float = 15.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Start, wait until it listens on ``port``, and end it at the end. What it prints goes to files in ``folder``."""
    name = f"{Path(command[0]).name}-{port}"
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        process = subprocess.Popen(
            pinned(core, command), stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=folder, env=_without_settings(os.environ)
        )
        try:
            wait_until_listening(process, port, patience_seconds, folder / f"{name}.err")
            yield process
        finally:
            end(process)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, patience_seconds: float, errors: Path) -> float:
    """Seconds until the first connection succeeds. RuntimeError, with the end of what it said, where none does."""
    began = time.monotonic()
    while time.monotonic() - began < patience_seconds and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return time.monotonic() - began
        time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} does not listen on {port}: {errors.read_text(errors='replace')[-2000:]}")


def wait_until_ready(port: int, path: str, patience_seconds: float = 15.0) -> float:
    """Seconds until ``path`` answers 200."""
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
    """Ask it to end; make it, where it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def usage(root: int) -> Usage:
    """What a process and its children (workers) have used, by the kernel's own accounting."""
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
