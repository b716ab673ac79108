"""Run the first fix of every refusal that permissions end, on a real server.

`python -m tools.permissions.loop VERSION [--only PATTERN] [--write]`. Exit code 1 if a call failed.
"""

import argparse
import asyncio
import datetime as dt
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devkit.lab import Lab, laboratory
from devkit.mail_sink import mail_sink
from devkit.realserver import LONG_RUN, RealServer, fetch_distribution
from kcproxy.catalog.permissions import PermissionTable, load_permissions
from tests.live.conftest import Keycloak
from tools.measure.http import Server
from tools.measure.run import Task, say, swept
from tools.measure.stage import Names, Version
from tools.permissions.loop.attempt import Attempt, name_of
from tools.permissions.loop.bench import LoopBench
from tools.permissions.loop.results import Kind, Result, keep, keep_again
from tools.permissions.run import WORKERS, Worker, tasks_of, worker_on


def main() -> int:
    """Run, print a line for each call, and keep the results with ``--write``."""
    given = _parser().parse_args()
    tasks = [task for task in cases_of(given.version) if re.search(given.only, name_of(task))][: given.first]
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        folders = [Path(folder) / str(number) for number in range(WORKERS)]
        for each in folders:
            each.mkdir()
        if given.url:
            asyncio.run(looped(_keycloak(given.version, given.url, fetch_distribution(given.version)), folders, tasks, results))
        else:
            with RealServer(given.version, jvm_options=LONG_RUN) as server:
                asyncio.run(looped(_keycloak(given.version, server.base_url, server.home), folders, tasks, results))
    if given.write and given.only:
        keep_again(given.version, results)
    elif given.write:
        keep(given.version, date=dt.datetime.now(tz=dt.UTC).date().isoformat(), results=sorted(results, key=lambda result: result.name))
    for kind in Kind:
        say(f"{kind}: {sum(result.kind is kind for result in results)}")
    return 1 if any(result.kind is Kind.FAILED for result in results) else 0


def _keycloak(version: str, url: str, home: Path) -> Keycloak:
    return Keycloak(version=version, base_url=url, admin_username="admin", admin_password="admin", home=home)


def cases_of(version: str) -> list[Task]:
    """The calls that permissions allow according to the table."""
    table = load_permissions(version)
    return [task for task in tasks_of(Version(text=version)) if _is_opened(table, task)]


def _is_opened(table: PermissionTable, task: Task) -> bool:
    entry = table.find(task.operation.method, task.operation.path, task.operation.body or None)
    if entry is None:
        return False
    variant = next((each for each in entry.variants if each.id == task.spec.variant), None)
    return bool((variant or entry).need.opening)


@dataclass(slots=True, kw_only=True)
class Loop:
    """One run: what is to be done, and what was found. ``lab`` has the inspector."""

    keycloak: Keycloak
    lab: Lab
    waiting: list[Task]
    results: list[Result]
    count: int
    started: float = field(default_factory=time.monotonic)

    async def work(self, worker: Worker, folder: Path) -> None:
        """Calls on one worker, with a proxy of its own."""
        inspector, own = self.lab.inspector, Lab(self.keycloak, self.lab.http, folder)
        if inspector is None:
            raise RuntimeError("the lab has no inspector")

        async def on_realm(realm: str) -> None:
            await self.lab.allow_inspector(inspector, realm)

        async with own.proxy(inspector) as url, Server(url) as proxy:
            events = own.events
            while self.waiting:
                task = self.waiting.pop()
                bench = LoopBench(
                    operation=task.operation, spec=task.spec, stage=worker.stage, granted=worker.granted, proxy=proxy, on_realm=on_realm
                )
                self._note(await Attempt(task=task, bench=bench, lab=own, events=events).result())
                events.denials.clear()

    def _note(self, result: Result) -> None:
        self.results.append(result)
        mark = "!! " if result.kind is Kind.FAILED else ""
        line = f"{mark}{result.name}: {result.kind} {result.confidence} {result.reason}"
        say(f"{len(self.results)}/{self.count} {time.monotonic() - self.started:.0f}s {line}")


async def looped(keycloak: Keycloak, folders: Sequence[Path], tasks: Sequence[Task], results: list[Result]) -> None:
    """All calls on a running server, by workers with realms of their own."""
    async with mail_sink() as mail_port, Server(keycloak.base_url) as server, laboratory(keycloak, folders[0]) as lab:
        await server.login("admin", "admin")
        await swept(server)
        lab.inspector = await lab.make_inspector()
        names = Names()
        loop = Loop(keycloak=keycloak, lab=lab, waiting=list(reversed(tasks)), results=results, count=len(tasks))

        async def work(folder: Path) -> None:
            async with worker_on(server, Version(text=keycloak.version), mail_port=mail_port, names=names) as worker:
                await loop.work(worker, folder)

        await asyncio.gather(*(work(folder) for folder in folders[: len(tasks)]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.permissions.loop", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version")
    parser.add_argument("--only", default="", help="only calls whose name (method, path, variant) this expression finds")
    parser.add_argument("--first", type=int, help="only so many calls")
    parser.add_argument("--url", help="run on this server (admin/admin) instead of a new one")
    parser.add_argument(
        "--write",
        action="store_true",
        help="keep the results, from which `make docs` writes docs/permission-loop.md; with --only those of exceptions of the kept run",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
