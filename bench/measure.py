"""Measurements: CPU time at saturation, latency below it, memory, and start time."""

import itertools
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Caller, saturate
from bench.peers import Peer
from bench.processes import usage
from bench.scenarios import SMALL, Scenario

LATENCY_CALLS_PER_SECOND = 200
_numbers = itertools.count(1)


@dataclass(slots=True)
class Samples:
    """The measurements of one peer: by scenario, with one value for each round. Latencies are in seconds."""

    cpu_microseconds: dict[str, list[float]] = field(default_factory=dict)
    per_second: dict[str, list[float]] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    idle_megabytes: float = 0.0
    loaded_megabytes: float = 0.0
    start_seconds: list[float] = field(default_factory=list)
    start_cpu_seconds: list[float] = field(default_factory=list)

    def cpu(self, scenario: Scenario) -> float:
        """CPU microseconds for each request, the median of all rounds."""
        return statistics.median(self.cpu_microseconds[scenario.name])

    def rate(self, scenario: Scenario) -> float:
        """Requests per second, the median of all rounds."""
        return statistics.median(self.per_second[scenario.name])

    def latency(self, share: float) -> float:
        """A quantile of the latencies, in microseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e6


@dataclass(frozen=True, slots=True)
class Subject:
    """A running peer. ``peer`` is None for the upstream itself."""

    peer: Peer | None
    process: subprocess.Popen[bytes]
    port: int

    @property
    def name(self) -> str:
        """The name in the table."""
        return self.peer.name if self.peer else "direct"

    def token(self, token: str) -> str | None:
        """The token that clients send. None if the proxy adds it."""
        return None if self.peer is not None and self.peer.injects else token


def load_once(subject: Subject, scenario: Scenario, samples: Samples, *, seconds: float, token: str, folder: Path) -> None:
    """One run at saturation: CPU time for each request, and requests per second."""
    before = usage(subject.process.pid)
    load = saturate(subject.port, scenario, seconds=seconds, token=subject.token(token), folder=folder)
    after = usage(subject.process.pid)
    cost = (after.cpu_microseconds - before.cpu_microseconds) / load.requests
    samples.cpu_microseconds.setdefault(scenario.name, []).append(cost)
    samples.per_second.setdefault(scenario.name, []).append(load.per_second)
    samples.loaded_megabytes = max(samples.loaded_megabytes, after.resident_megabytes)


def latencies(subjects: Sequence[Subject], found: Mapping[str, Samples], *, seconds: float, token: str) -> None:
    """Single requests below saturation, to each subject in turn, so that all are measured at the same time."""
    callers = [(Caller(subject.port, token=subject.token(token)), found[subject.name].latencies) for subject in subjects]
    pause = 1 / (LATENCY_CALLS_PER_SECOND * len(callers))
    ends_at = next_at = time.perf_counter()
    ends_at += seconds
    try:
        while next_at < ends_at:
            for caller, kept in callers:
                wait = next_at - time.perf_counter()
                if wait > 0:
                    time.sleep(wait)
                kept.append(caller.ask(SMALL.path % next(_numbers), status=SMALL.status))
                next_at = max(next_at + pause, time.perf_counter())
    finally:
        for caller, _ in callers:
            caller.close()
