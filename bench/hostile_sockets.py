"""Attacks on the sockets of a kcproxy on loopback. Measures a legitimate client with a valid key, and the memory of the process.

    python -m bench.hostile_sockets                     this checkout
    python -m bench.hostile_sockets --before PATH       an older checkout first, by the same attacks
    python -m bench.hostile_sockets --quick             each attack for a few seconds

Each attack has a new process, with a soft limit of 1,024 file descriptors, the default of most systems. Disconnected attackers connect again after half
a second. The legitimate client sends twenty requests per second, half of them on new connections. A request of more than ten seconds is an error.
"""

import argparse
import asyncio
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.attackers import (
    Crowd,
    Idle,
    far_too_many_fields,
    half_head,
    large_field,
    many_fields,
    slow_reader,
    small_chunks,
    small_pieces,
    stalled_upload,
    trickling_upload,
)
from bench.processes import OTHER_CORE, PROXY_CORE, free_port, pinned, running, usage, wait_until_ready
from bench.real_caller import asked, connected

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 128
"""Twice the default of ``upstream.max_connections``."""
HALF_HEADS = 1200
FLOODS = 200
"""Connections that send as fast as the proxy reads."""
SOFT_LIMIT = 1024
ENOUGH_DESCRIPTORS = 9000
IDLE_BEFORE = 512
"""An older checkout may need half a megabyte for each idle connection."""
KEY = "bench-key"
_PATIENCE_SECONDS = 10.0
_IDLE_HEADS = (many_fields, large_field)


@dataclass(slots=True)
class Felt:
    """What the legitimate client experienced: seconds of successful requests, and the number of failed ones."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0

    def quantile(self, share: float) -> float:
        """A quantile in milliseconds. Failed requests count as infinite."""
        ordered = sorted(self.seconds) + [float("inf")] * self.errors
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3 if ordered else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one attack on one checkout."""

    attack: str
    felt: Felt
    megabytes: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A kcproxy under attack."""

    pid: int
    port: int

    @property
    def admin_port(self) -> int:
        """Its admin port."""
        return self.port + 1


class RealCaller:
    """Sends requests with a valid key, in a separate process."""

    def __init__(self, port: int) -> None:
        """Start the process."""
        command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "bench.real_caller", str(port), KEY]
        self._process = subprocess.Popen(pinned(OTHER_CORE, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(self) -> Felt:
        """Stop the process. Returns its results."""
        said, _ = self._process.communicate(timeout=4 * _PATIENCE_SECONDS)
        found = json.loads(said)
        return Felt(found["seconds"], found["errors"])


@contextmanager
def attacked(checkout: Path, folder: Path, *, soft_limit: int) -> Iterator[Subject]:
    """A kcproxy of a checkout, with an account and a key, and a stand-in for Keycloak."""
    upstream, port = free_port(), free_port()
    folder.mkdir(parents=True)
    environment = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "bench.patient", str(upstream)]
    with running(environment, upstream, core=OTHER_CORE, folder=folder):
        command = _command(checkout, folder, port, upstream, soft_limit)
        with running(command, port, core=PROXY_CORE, folder=folder) as process:
            wait_until_ready(port + 1, "/readyz")
            with closing(connected(port, KEY)) as first:
                asked(first, 0)
            yield Subject(process.pid, port)


def _command(checkout: Path, folder: Path, port: int, upstream: int, soft_limit: int) -> list[str]:
    (folder / "secret").write_text("bench")
    (folder / "keys.toml").write_text(f'[[keys]]\nname = "bench"\nsha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"\n')
    for name in ("secret", "keys.toml"):
        (folder / name).chmod(0o600)
    (folder / "kcproxy.toml").write_text(f"""
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{port + 1}"
[upstream]
url = "http://127.0.0.1:{upstream}"
[explain]
keycloak_version = "26.7.4"
[log]
level = "warning"
[inbound]
api_keys_file = "{folder}/keys.toml"
[[accounts]]
realm = "bench"
client_id = "bench-backend"
client_secret_file = "{folder}/secret"
""")
    serve = f'ulimit -Sn {soft_limit}; exec env PYTHONPATH="{checkout}" "$0" -m kcproxy serve --config "{folder}/kcproxy.toml"'
    return ["sh", "-c", serve, sys.executable]


async def crowds(subject: Subject, seconds: float, made: list[Crowd]) -> tuple[Felt, float, str]:
    """Measure the legitimate client and the maximum memory during these attacks."""
    for crowd in made:
        await crowd.gather()
    caller = RealCaller(subject.port)
    ends_at, most = time.monotonic() + seconds, 0.0
    while time.monotonic() < ends_at:
        await asyncio.sleep(0.25)
        most = max(most, usage(subject.pid).resident_megabytes)
    felt = await asyncio.to_thread(caller.end)
    for crowd in made:
        await crowd.disperse()
    return felt, most, ""


def _attack(name: str, *kinds: Callable[[Subject], Crowd]) -> Callable[[Path, Path, float], Result]:
    def run(checkout: Path, folder: Path, seconds: float) -> Result:
        with attacked(checkout, folder, soft_limit=SOFT_LIMIT) as subject:
            felt, most, note = asyncio.run(crowds(subject, seconds, [kind(subject) for kind in kinds]))
        return Result(attack=name, felt=felt, megabytes=most, note=note)

    return run


def _idle(checkout: Path, folder: Path, count: int) -> Result:
    """Measure the memory of many idle connections after hostile heads."""
    with attacked(checkout, folder, soft_limit=ENOUGH_DESCRIPTORS) as subject:
        idle_megabytes = usage(subject.pid).resident_megabytes
        idle = Idle(subject.port)
        for share, head in enumerate(_IDLE_HEADS):
            idle.open(count // len(_IDLE_HEADS) - (share == 0) * 32, head)  # reserve for the legitimate client
        time.sleep(1.0)
        caller = RealCaller(subject.port)
        time.sleep(3.0)
        felt = caller.end()
        grown = usage(subject.pid).resident_megabytes - idle_megabytes
        idle.close()
    note = f"{count:,} connections: {grown:.0f} MB above idle, {grown * 1024 / count:.0f} kB each" + (
        f"; {idle.failed} refused" if idle.failed else ""
    )
    return Result(attack="idle connections after hostile heads", felt=felt, megabytes=idle_megabytes + grown, note=note)


def _uploads(subject: Subject) -> Crowd:
    return Crowd(stalled_upload, subject.port, WIDTH)


def _trickles(subject: Subject) -> Crowd:
    return Crowd(trickling_upload, subject.port, WIDTH)


def _readers(subject: Subject) -> Crowd:
    return Crowd(slow_reader, subject.port, WIDTH)


def _half_heads(subject: Subject) -> Crowd:
    return Crowd(half_head, subject.admin_port, HALF_HEADS)


def _small_chunks(subject: Subject) -> Crowd:
    return Crowd(small_chunks, subject.port, FLOODS)


def _small_pieces(subject: Subject) -> Crowd:
    return Crowd(small_pieces, subject.port, FLOODS)


def _fields(subject: Subject) -> Crowd:
    return Crowd(far_too_many_fields, subject.port, FLOODS)


ATTACKS = (
    _attack("no attack"),
    _attack(f"{WIDTH} stalled uploads", _uploads),
    _attack(f"{WIDTH} uploads, a byte every 20 s", _trickles),
    _attack(f"{WIDTH} slow readers of 4 MB", _readers),
    _attack(f"{HALF_HEADS:,} half heads on the admin port", _half_heads),
    _attack("these four together", _uploads, _trickles, _readers, _half_heads),
    _attack(f"{FLOODS} bodies in chunks of two bytes", _small_chunks),
    _attack(f"{FLOODS} requests in packets of two bytes", _small_pieces),
    _attack(f"{FLOODS} heads of 30,000 fields", _fields),
)


def measure(checkout: Path, folder: Path, *, seconds: float, idle: int) -> list[Result]:
    """Run every attack on one checkout."""
    found = []
    for number, attack in enumerate(ATTACKS):
        found.append(attack(checkout, folder / str(number), seconds))
        _say(found[-1])
    found.append(_idle(checkout, folder / "idle", idle))
    _say(found[-1])
    return found


def _say(result: Result) -> None:
    felt = result.felt
    print(
        f"{result.attack}: p50 {felt.quantile(0.5):.1f} ms, p99 {felt.quantile(0.99):.1f} ms, {felt.errors} of {len(felt.seconds) + felt.errors} failed",
        file=sys.stderr,
    )


def table(found: dict[str, list[Result]]) -> str:
    """The results side by side, as Markdown."""
    columns = [f"{name}: p50 / p99 / longest (ms) | {name}: failed | {name}: memory (MB)" for name in found]
    lines = ["| attack | " + " | ".join(columns) + " |", "| --- |" + " --- | ---: | ---: |" * len(found)]
    rows = zip(*found.values(), strict=True)
    lines += [f"| {row[0].attack} | " + " | ".join(_cells(result) for result in row) + " |" for row in rows]
    notes = [f"{name}: {result.note}." for name, results in found.items() for result in results if result.note]
    return "\n".join([*lines, "", *notes])


def _cells(result: Result) -> str:
    felt = result.felt
    quantiles = " / ".join("-" if value == float("inf") else f"{value:.0f}" for value in map(felt.quantile, (0.5, 0.99, 1.0)))
    return f"{quantiles} | {felt.errors} of {len(felt.seconds) + felt.errors} | {result.megabytes:.0f}"


def main() -> int:
    """Run and print. Returns 1 if a legitimate request failed on this checkout."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.hostile_sockets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, metavar="PATH", help="an older checkout, measured first")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each attack")
    parser.add_argument("--idle", type=int, default=4096, help="idle connections on this checkout; at most 512 on the older one")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    seconds, idle = (4.0, 256) if options.quick else (options.seconds, options.idle)
    found: dict[str, list[Result]] = {}
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        if options.before is not None:
            found["before"] = measure(options.before.resolve(), Path(name) / "before", seconds=seconds, idle=min(idle, IDLE_BEFORE))
        found["now"] = measure(ROOT, Path(name) / "now", seconds=seconds, idle=idle)
    print(f"{os.uname().machine}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {seconds:g} s an attack\n")
    print(table(found))
    worst = max(result.felt.errors for result in found["now"])
    median = statistics.median(result.felt.quantile(0.5) for result in found["now"])
    print(f"\nnow: at most {worst} failed calls in an attack, median of the medians {median:.1f} ms")
    return 1 if worst else 0


if __name__ == "__main__":
    sys.exit(main())
