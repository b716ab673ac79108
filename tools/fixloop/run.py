"""The loop over all calls of a version on one server: lanes side by side, each with a kcproxy of its own."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devkit.mail_sink import mail_sink
from tools.fixloop.account import SECRET
from tools.fixloop.kcadm import Kcadm
from tools.fixloop.lane import OWN_REALMS, Lane
from tools.fixloop.needs import Case
from tools.fixloop.proxy import prepared, proxy
from tools.fixloop.results import Journal, Kind, Result
from tools.fixloop.turn import Turn
from tools.measure.http import Server
from tools.measure.run import say, stage_on
from tools.measure.spec import Place
from tools.measure.stage import Names, Version
from tools.measure.workbench import Stage, place_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the loop runs: a server, its distribution (for kcadm), and a folder for what the loop's processes need."""

    version: Version
    base_url: str
    distribution: Path
    folder: Path
    features: frozenset[str] = frozenset()


async def loop(site: Site, cases: Sequence[Case], journal: Journal, *, lanes: int, in_shell: frozenset[str]) -> None:
    """Give each case its turn; the journal gets the results. `in_shell` are the keys whose commands kcadm.sh carries out, too."""
    async with mail_sink() as mail_port, Server(site.base_url) as server:
        await server.login("admin", "admin")
        names = Names()
        async with stage_on(server, site.version, mail_port=mail_port, names=names, features=site.features) as stage:
            say(f"stage built with {server.calls} calls")
            async with (
                Kcadm(distribution=site.distribution, home=site.folder / "kcadm", server_url=site.base_url) as kcadm,
                _lanes(site, stage, names, lanes) as ready,
            ):
                await _all(cases, journal, ready, kcadm, in_shell)


@asynccontextmanager
async def _lanes(site: Site, stage: Stage, names: Names, count: int) -> AsyncIterator[list[Lane]]:
    async with AsyncExitStack() as stack:
        made = []
        for number in range(count):
            client_id, own_names = f"loop-{number}", [f"own-{names.next()}" for _ in range(OWN_REALMS)]
            shared = [stand.realm.name for stand in (stage.read, stage.objects, stage.alone)]
            config, ports = prepared(
                site.folder / client_id,
                upstream=site.base_url,
                version=site.version.text,
                realms=[*shared, *own_names],
                client_id=client_id,
                secret=SECRET,
            )
            running = await stack.enter_async_context(proxy(config, ports))
            through, page = [await stack.enter_async_context(Server(url)) for url in (running.url, running.admin_url)]
            made.append(Lane(stage=stage, process=running, proxy=through, page=page, client_id=client_id, own_names=own_names))
        yield made


async def _all(cases: Sequence[Case], journal: Journal, lanes: Sequence[Lane], kcadm: Kcadm, in_shell: frozenset[str]) -> None:
    """What a realm has only one of is one lane's work alone, and its first; any lane takes the rest."""
    alone, others = _parted(cases)
    started, count, numbers = time.monotonic(), len(cases), itertools.count(1)

    async def work(lane: Lane, mine: list[Case]) -> None:
        while mine or others:
            case = mine.pop() if mine else others.pop()
            result = await Turn(case=case, lane=lane, kcadm=kcadm, in_shell=case.key in in_shell).result()
            journal.add(result)
            say(f"{next(numbers)}/{count} {time.monotonic() - started:.0f}s {line_of(result)}")

    await asyncio.gather(*(work(lane, alone if lane is lanes[0] else []) for lane in lanes))


def _parted(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Those that take turns, and the others; the last is taken first."""
    alone = [case for case in cases if place_of(case.task.operation, case.task.spec) is Place.ALONE]
    return alone[::-1], [case for case in reversed(cases) if case not in alone]


def line_of(result: Result) -> str:
    """A result in one line for who watches."""
    marks = [f"+{'+'.join(result.roles)}"] if result.roles else []
    marks += [f"without {role}: {outcome}" for role, outcome in result.without.items()]
    text = f"{'!! ' if result.kind is Kind.FAILED else ''}{result.name}: {result.kind}"
    return " | ".join([text, *marks, *([result.reason] if result.reason else [])])
