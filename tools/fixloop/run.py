"""The loop over all calls of a version on one server, with parallel workers. Each worker has its own kcproxy."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devkit.mail_sink import mail_sink
from tools.fixloop.account import SECRET
from tools.fixloop.attempt import Attempt
from tools.fixloop.kcadm import Kcadm
from tools.fixloop.needs import Case
from tools.fixloop.proxy import prepared, proxy
from tools.fixloop.results import Journal, Kind, Result
from tools.fixloop.worker import OWN_REALMS, Worker
from tools.measure.http import Server
from tools.measure.run import say, stage_on
from tools.measure.spec import Place
from tools.measure.stage import Names, Version
from tools.measure.workbench import Stage, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSetup:
    """Where the loop runs: a server, its distribution (for kcadm), and a folder for what the loop's processes need."""

    version: Version
    base_url: str
    distribution: Path
    folder: Path
    features: frozenset[str] = frozenset()


async def loop(setup: LoopSetup, cases: Sequence[Case], journal: Journal, *, workers: int, in_shell: frozenset[str]) -> None:
    """Run each case and write the results to the journal. `in_shell` are the keys whose commands kcadm.sh runs as well."""
    async with mail_sink() as mail_port, Server(setup.base_url) as server:
        await server.login("admin", "admin")
        names = Names()
        async with stage_on(server, setup.version, mail_port=mail_port, names=names, features=setup.features) as stage:
            say(f"stage built with {server.calls} calls")
            async with (
                Kcadm(distribution=setup.distribution, home=setup.folder / "kcadm", server_url=setup.base_url) as kcadm,
                _workers(setup, stage, names, workers) as ready,
            ):
                await _all(cases, journal, ready, kcadm, in_shell)


@asynccontextmanager
async def _workers(setup: LoopSetup, stage: Stage, names: Names, count: int) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        made = []
        for number in range(count):
            client_id, own_names = f"loop-{number}", [f"own-{names.next()}" for _ in range(OWN_REALMS)]
            shared = [stand.realm.name for stand in (stage.read, stage.objects, stage.alone)]
            config, ports = prepared(
                setup.folder / client_id,
                upstream=setup.base_url,
                version=setup.version.text,
                realms=[*shared, *own_names],
                client_id=client_id,
                secret=SECRET,
            )
            running = await stack.enter_async_context(proxy(config, ports))
            through, page = [await stack.enter_async_context(Server(url)) for url in (running.url, running.admin_url)]
            made.append(Worker(stage=stage, process=running, proxy=through, page=page, client_id=client_id, own_names=own_names))
        yield made


async def _all(cases: Sequence[Case], journal: Journal, workers: Sequence[Worker], kcadm: Kcadm, in_shell: frozenset[str]) -> None:
    """Objects that are unique in a realm are handled by one worker only, first. Everything else goes to the next free worker."""
    alone, others = _parted(cases)
    started, count, numbers = time.monotonic(), len(cases), itertools.count(1)

    async def work(worker: Worker, mine: list[Case]) -> None:
        while mine or others:
            case = mine.pop() if mine else others.pop()
            result = await Attempt(case=case, worker=worker, kcadm=kcadm, in_shell=case.key in in_shell).result()
            journal.add(result)
            say(f"{next(numbers)}/{count} {time.monotonic() - started:.0f}s {line_of(result)}")

    await asyncio.gather(*(work(worker, alone if worker is workers[0] else []) for worker in workers))


def _parted(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """The cases that must run one after the other, and the others. Workers take the last one first."""
    alone = [case for case in cases if place_of(case.task.operation, case.task.spec) is Place.ALONE]
    return alone[::-1], [case for case in reversed(cases) if case not in alone]


def line_of(result: Result) -> str:
    """A result in one line."""
    marks = [f"+{'+'.join(result.roles)}"] if result.roles else []
    marks += [f"without {role}: {outcome}" for role, outcome in result.without.items()]
    text = f"{'!! ' if result.kind is Kind.FAILED else ''}{result.name}: {result.kind}"
    return " | ".join([text, *marks, *([result.reason] if result.reason else [])])
