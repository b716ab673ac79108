"""``python -m bench.soak``: the soak test. Many clients, and an upstream that fails, stops and restarts. Nothing may leak, hang or happen twice."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.callers import Caller, FastCounter
from bench.faulty import FaultyKeycloak
from bench.peers import KCPROXY
from bench.processes import free_port, running, usage
from bench.slow import SlowCrowd

GROWTH_ALLOWED_MEGABYTES = 15.0
DESCRIPTORS_ALLOWED = 8
_SETTLE_SECONDS = 3.0


@dataclass(slots=True)
class Watch:
    """The proxy's process as the system sees it."""

    pid: int
    megabytes: list[float] = field(default_factory=list)

    @property
    def descriptors(self) -> int:
        """Open descriptors."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    async def look(self, every_seconds: float) -> None:
        """Record the memory at intervals."""
        while True:
            self.megabytes.append(usage(self.pid).resident_megabytes)
            await asyncio.sleep(every_seconds)

    @property
    def growth_megabytes(self) -> float:
        """Growth after the first quarter, because warming up is no leak."""
        return self.megabytes[-1] - self.megabytes[len(self.megabytes) // 4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The parameters of a run. ``restart_every_seconds`` 0: the upstream never stops."""

    seconds: float
    connections: int
    pause_seconds: float = 0.1
    restart_every_seconds: float = 20.0
    slow_connections: int = 0
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a run."""

    tally: FastCounter
    upstream: FaultyKeycloak
    watch: Watch
    descriptors_before: int
    descriptors_after: int
    slow: str
    problems: list[str]


async def soak(plan: Plan, folder: Path) -> Outcome:
    """Run the plan with a new kcproxy."""
    chance = random.Random(plan.seed)
    upstream = FaultyKeycloak(chance)
    await upstream.open()
    port = free_port()
    command = KCPROXY.prepare(folder, port, upstream.port)
    with running(command, port, core=0, folder=folder) as process:
        watch = Watch(process.pid)
        await _settled(watch, seconds=1.0)
        before = watch.descriptors
        tally, slow = await _run(plan, port, upstream, watch, chance)
        await _settled(watch, seconds=_SETTLE_SECONDS)
        watch.megabytes.append(usage(process.pid).resident_megabytes)
        after = watch.descriptors
        await upstream.die()
        problems = _problems(plan, tally, upstream, watch, before=before, after=after)
    return Outcome(
        tally=tally, upstream=upstream, watch=watch, descriptors_before=before, descriptors_after=after, slow=slow, problems=problems
    )


async def _run(plan: Plan, port: int, upstream: FaultyKeycloak, watch: Watch, chance: random.Random) -> tuple[FastCounter, str]:
    tally = FastCounter()
    numbers = count(1)
    ends_at = asyncio.get_running_loop().time() + plan.seconds
    aside = [asyncio.create_task(watch.look(max(plan.seconds / 60, 0.25)))]
    if plan.restart_every_seconds:
        aside.append(asyncio.create_task(_restarts(upstream, plan.restart_every_seconds)))
    crowd = SlowCrowd(port)
    if plan.slow_connections:
        aside.append(asyncio.create_task(crowd.gather(plan.slow_connections)))
    callers = [Caller(port, tally, random.Random(chance.random()), numbers) for _ in range(plan.connections)]
    await asyncio.gather(*[caller.work(ends_at, plan.pause_seconds) for caller in callers])
    for task in aside:
        task.cancel()
    await asyncio.gather(*aside, return_exceptions=True)
    slow = crowd.summary()
    crowd.disperse()
    return tally, slow


async def _restarts(upstream: FaultyKeycloak, every_seconds: float) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        await upstream.die()
        try:
            await asyncio.sleep(1.0)
        finally:
            await upstream.open()


async def _settled(watch: Watch, *, seconds: float) -> None:
    """Wait until requests in progress have ended."""
    ends_at = time.monotonic() + seconds
    last = -1
    while time.monotonic() < ends_at or watch.descriptors != last:
        last = watch.descriptors
        await asyncio.sleep(0.5)
        if time.monotonic() > ends_at + 10 * seconds:
            return


def _problems(plan: Plan, tally: FastCounter, upstream: FaultyKeycloak, watch: Watch, *, before: int, after: int) -> list[str]:
    found = [f"{len(tally.violations)} violations, such as: {tally.violations[:5]}"] if tally.violations else []
    if upstream.written_twice:
        found.append(f"{upstream.written_twice} writes were executed twice")
    lost = [name for name in tally.acknowledged if not upstream.written[name]]
    if lost:
        found.append(f"{len(lost)} writes were acknowledged and never executed")
    if not tally.responses["user", "200"]:
        found.append("no call at all went through")
    if after > before + DESCRIPTORS_ALLOWED + 64:  # up to max_connections idle connections to the upstream may stay for a while
        found.append(f"descriptors: {before} before, {after} after")
    if plan.seconds >= 60 and watch.growth_megabytes > GROWTH_ALLOWED_MEGABYTES:
        found.append(f"memory grew by {watch.growth_megabytes:.1f} MB")
    return found


def main() -> int:
    """Run and print. Returns 1 if there is a violation."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--pause", type=float, default=0.1, help="mean seconds between a caller's calls")
    parser.add_argument("--slow", type=int, default=0, help="so many connections that send their heads byte by byte")
    options = parser.parse_args()
    plan = Plan(seconds=options.seconds, connections=options.connections, pause_seconds=options.pause, slow_connections=options.slow)
    with tempfile.TemporaryDirectory(prefix="soak-") as name, suppress(KeyboardInterrupt):
        outcome = asyncio.run(soak(plan, Path(name)))
    for (kind, status), number in sorted(outcome.tally.responses.items()):
        print(f"{kind:12} {status:22} {number:8}")
    print(
        f"faults of the upstream: {dict(outcome.upstream.faults)}; writes: {sum(outcome.upstream.written.values())}, twice: {outcome.upstream.written_twice}"
    )
    shown = " ".join(f"{value:.0f}" for value in outcome.watch.megabytes)
    print(f"memory in MB: {shown}; growth after the first quarter: {outcome.watch.growth_megabytes:.1f}")
    print(f"descriptors: {outcome.descriptors_before} before, {outcome.descriptors_after} after{outcome.slow}")
    print("\n".join(f"PROBLEM: {problem}" for problem in outcome.problems) or "nothing leaked, hung or happened twice")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
