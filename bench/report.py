"""The report: tables, ratios and targets."""

import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Samples
from bench.peers import BEFORE
from bench.scenarios import LARGE, REFUSED, SMALL

KEYCLOAK_GET_MICROSECONDS = 1340.0
"""CPU time of Keycloak 26.7.4 for the same GET of a user, warm, measured on a machine of this kind; ``--keycloak-cpu`` replaces it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target: a measured value, its limit, and its goal."""

    name: str
    value: float
    must: float
    aim: float
    unit: str

    @property
    def verdict(self) -> str:
        """The verdict."""
        if self.value <= self.aim:
            return "aim reached"
        return "reached" if self.value <= self.must else "MISSED"


def targets(found: Mapping[str, Samples], *, keycloak_microseconds: float) -> list[Target]:
    """All targets for which there are samples."""
    own = found["kcproxy"]
    small = own.cpu(SMALL)
    listed = [
        Target(name="CPU of a small GET, of Keycloak's own for it", value=small / keycloak_microseconds, must=0.12, aim=0.06, unit=""),
        Target(name="CPU of an explained 403, without look-ups", value=own.cpu(REFUSED), must=1000, aim=300, unit="µs"),
        Target(name="memory, idle", value=own.idle_megabytes, must=70, aim=50, unit="MB"),
        Target(name="memory, after the load of this run", value=own.loaded_megabytes, must=100, aim=70, unit="MB"),
        Target(name="start to ready", value=statistics.median(own.start_seconds), must=1.0, aim=0.5, unit="s"),
        Target(name="start to ready, CPU time", value=statistics.median(own.start_cpu_seconds), must=1.0, aim=0.5, unit="s"),
    ]
    if "nginx" in found:
        listed.insert(0, Target(name="CPU of a small GET, of nginx's", value=small / found["nginx"].cpu(SMALL), must=3.3, aim=2.0, unit=""))
    if "naive" in found:
        listed.insert(
            0,
            Target(name="CPU of a small GET, of the naive proxy's", value=small / found["naive"].cpu(SMALL), must=1 / 3, aim=0.25, unit=""),
        )
    return listed


def machine() -> str:
    """The processor and how many cores this run may use."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, Linux"


def table(found: Mapping[str, Samples]) -> list[str]:
    """The table of peers, in Markdown."""
    direct = found["direct"]
    lines = [
        "| proxy | CPU µs: user / 403 / 1 MB list | cap, requests/s | of nginx | of naive | measured, requests/s | added p50 / p90 µs | MB idle / loaded |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, samples in found.items():
        if name == "direct":
            continue
        cap = 1e6 / samples.cpu(SMALL)
        lines.append(
            f"| {name} | {samples.cpu(SMALL):.0f} / {samples.cpu(REFUSED):.0f} / {samples.cpu(LARGE):.0f} | {cap:.0f} | {_of(cap, found, 'nginx')}"
            f" | {_of(cap, found, 'naive')} | {samples.rate(SMALL):.0f}"
            f" | {samples.latency(0.5) - direct.latency(0.5):.0f} / {samples.latency(0.9) - direct.latency(0.9):.0f}"
            f" | {samples.idle_megabytes:.0f} / {samples.loaded_megabytes:.0f} |"
        )
    return lines


def target_table(listed: list[Target]) -> list[str]:
    """The table of targets, in Markdown."""
    lines = ["| target | measured | must | aim | |", "|---|---|---|---|---|"]
    for target in listed:
        shown = (f"{number:.3g}{' ' + target.unit if target.unit else ''}" for number in (target.value, target.must, target.aim))
        lines.append(f"| {target.name} | {' | '.join(shown)} | {target.verdict} |")
    return lines


def comparison(found: Mapping[str, Samples]) -> list[str]:
    """Compare kcproxy with another installation, by pairs of consecutive runs, in Markdown."""
    own, before = found["kcproxy"], found.get(BEFORE)
    if before is None:
        return []
    lines = ["", "| call | CPU µs before | CPU µs now | now / before, median | of all pairs |", "|---|---|---|---|---|"]
    for scenario in (SMALL, REFUSED, LARGE):
        pairs = zip(own.cpu_microseconds[scenario.name], before.cpu_microseconds[scenario.name], strict=True)
        ratios = sorted(now / then for now, then in pairs)
        lines.append(
            f"| {scenario.name} | {before.cpu(scenario):.0f} | {own.cpu(scenario):.0f} | {statistics.median(ratios):.3f}"
            f" | {ratios[0]:.3f} to {ratios[-1]:.3f} |"
        )
    return lines


def document(found: Mapping[str, Samples], listed: list[Target], *, rounds: int, seconds: float) -> str:
    """The whole result, in Markdown."""
    direct = found["direct"]
    lines = [
        f"{machine()}. {rounds} alternating rounds of {seconds:g} s for each proxy and kind of call, medians.",
        f"Asked directly in the same seconds, the upstream took {direct.latency(0.5):.0f} µs (p50) and {direct.latency(0.9):.0f} µs (p90) a call.",
        "",
        *table(found),
        "",
        *target_table(listed),
        *comparison(found),
    ]
    return "\n".join(lines) + "\n"


def _of(cap: float, found: Mapping[str, Samples], name: str) -> str:
    return f"{cap * found[name].cpu(SMALL) / 1e6:.2f}" if name in found else "-"
