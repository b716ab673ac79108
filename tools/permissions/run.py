"""One measurement: realms with permissions switched on, all operations, a journal."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from devkit.realserver.distribution import version_numbers
from kcproxy import catalog
from kcproxy.model import Requirement
from tools.measure import run as roles_run
from tools.measure.callers import Callers
from tools.measure.http import Server, Unexpected
from tools.measure.run import Journal, Task, enrich, say, swept, why
from tools.measure.sets import RoleSet
from tools.measure.spec import Operation
from tools.measure.stage import Names, Scope, Version, new_realm
from tools.measure.trial import Undetermined
from tools.measure.variants import ADMIN_ROLE_VARIANT
from tools.measure.workbench import Stage, Stand
from tools.permissions.bench import PermissionBench
from tools.permissions.granted import TokenResponse
from tools.permissions.members import tasks_on_members
from tools.permissions.objects import TYPES, objects_of
from tools.permissions.terms import QUERY
from tools.permissions.trial import Ground, Trial

WORKERS = 2
TRIAL_SECONDS = 2400.0
REPRESENTATIVE = f"{ADMIN_ROLE_VARIANT}view-users"
"""Of the variants that map one role of realm-management each, only this one is tried."""

FILTERS = frozenset({"username", "email", "q", "exact-true", "briefrepresentation-true", "briefrepresentation-false"})
"""Of the ways to filter the list of users only a search is tried: each response takes seconds, for what may be done with every user is evaluated."""


def tasks_of(version: Version) -> list[Task]:
    """The trials: every operation that needs no feature switched on, plainly and in its variants."""
    tried = [task for task in roles_run.tasks_of(version) if not task.spec.features and _is_tried(task)]
    return [*tried, *tasks_on_members(tried)]


def _is_tried(task: Task) -> bool:
    variant = task.spec.variant
    if variant.startswith(ADMIN_ROLE_VARIANT):
        return variant == REPRESENTATIVE
    return not (task.operation.short == "~/users" and task.operation.method == "GET" and variant in FILTERS)


@dataclass(slots=True, kw_only=True)
class Worker:
    """Two realms of its own, in which one trial is done after the other."""

    stage: Stage
    ground: Ground
    granted: dict[str, TokenResponse] = field(default_factory=dict)


@asynccontextmanager
async def worker_on(server: Server, version: Version, *, mail_port: int, names: Names) -> AsyncIterator[Worker]:
    """Build a worker's realms."""

    async def stand(kind: str) -> Stand:
        realm = await new_realm(server, version, f"{kind}-{names.next()}", mail_port=mail_port, names=names, features=frozenset())
        return Stand(realm=realm, callers=Callers(realm=realm), shared=Scope(realm=realm, suffix=names.next()))

    async def own() -> Stand:
        return await stand("own")

    read, objects = await stand("read"), await stand("objects")
    await enrich(read.shared, version, frozenset())
    await _control_objects(read)
    granted = {}
    for each in (read, objects):
        granted[each.realm.name] = TokenResponse(stand=each)
        await granted[each.realm.name].switch_on()
    ground = Ground(types=granted[read.realm.name].types, query_roles=sorted(role for role in read.realm.roles if role.startswith(QUERY)))
    yield Worker(stage=Stage(read=read, objects=objects, alone=objects, realm_maker=own), ground=ground, granted=granted)


async def _control_objects(read: Stand) -> None:
    """Make the shared fixtures that trials ask for, so that lists do not grow between two readings."""
    for key in TYPES:
        try:
            await read.shared.get(key)
        except (Unexpected, KeyError) as error:
            say(f"fixture {key} cannot be had: {error}")


@dataclass(slots=True, kw_only=True)
class Run:
    """A measurement on one server."""

    server: Server
    version: Version
    mail_port: int
    journal: Journal
    hints: list[RoleSet] = field(default_factory=list)
    singles: bool = False
    elsewhere: Mapping[str, Sequence[RoleSet]] = field(default_factory=dict)
    """What opened the operations of another version: tried first."""
    started: float = field(default_factory=time.monotonic)
    done: int = 0

    async def all(self, tasks: Sequence[Task]) -> None:
        """Do all trials that the journal lacks."""
        await swept(self.server)
        waiting = [task for task in tasks if task.key not in self.journal.done]
        queue: asyncio.Queue[Task] = asyncio.Queue()
        for task in waiting:
            queue.put_nowait(task)
        names = Names()
        await asyncio.gather(*(self._worker(queue, names, len(waiting)) for _ in range(min(WORKERS, len(waiting)))))

    async def _worker(self, queue: "asyncio.Queue[Task]", names: Names, total: int) -> None:
        async with worker_on(self.server, self.version, mail_port=self.mail_port, names=names) as worker:
            self._note(worker)
            while not queue.empty():
                entry = await self.trial(queue.get_nowait(), worker)
                self.journal.add(entry)
                self.done += 1
                say(f"{self.done}/{total} {time.monotonic() - self.started:.0f}s {line_of(entry)}")

    def _note(self, worker: Worker) -> None:
        self.journal.note("types", {name: list(scopes) for name, scopes in worker.ground.types.items()})
        self.journal.note("queryRoles", list(worker.ground.query_roles))

    async def trial(self, task: Task, worker: Worker) -> dict[str, Any]:
        """One trial as a journal entry."""
        bench = PermissionBench(operation=task.operation, spec=task.spec, stage=worker.stage, granted=worker.granted)
        objects = {key: place for key, place in objects_of(task.operation, task.spec).items() if await _exists(worker, key)}
        trial = Trial(
            bench=bench,
            ground=worker.ground,
            objects=objects,
            hints=self.hints,
            own_hints=self.elsewhere.get(_name_of(task), ()),
            role_sets=role_sets(self.version.text, task.operation),
            singles=self.singles,
        )
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                found = await trial.run()
        except (Undetermined, Unexpected, KeyError, TimeoutError) as error:
            found = {"undetermined": why(error, bench.last)}
        return {"key": task.key, **found, "attempts": bench.attempts}


def _name_of(task: Task) -> str:
    """What names a trial in every version."""
    return f"{task.operation.method} {task.operation.path} {task.operation.body} #{task.spec.variant}"


def opened(version: Version, journal: Journal) -> dict[str, list[RoleSet]]:
    """The sets that opened the operations of a version, from its journal."""
    return {
        _name_of(task): [frozenset(terms) for level in ("admits", "shows", "anyOf") for terms in journal.done[task.key][level]]
        for task in tasks_of(version)
        if not journal.done.get(task.key, {"closed": True}).get("closed", True)
    }


async def _exists(worker: Worker, key: str) -> bool:
    """Whether this version has such an object: no version has all kinds of fixtures."""
    try:
        await worker.stage.read.shared.get(key)
    except (Unexpected, KeyError):
        return False
    return True


@cache
def _roles(version: str) -> catalog.Catalog:
    known = [each for each in catalog.versions() if each.count(".") == 2]
    line = [each for each in known if version_numbers(each)[:2] == version_numbers(version)[:2]]
    return catalog.load(version if version in known else (line or known)[-1])


def role_sets(version: str, operation: Operation) -> list[frozenset[str]]:
    """The sets of several roles that the role table says are allowed."""
    entry = _roles(version).find(operation.method, operation.path, operation.body or None)
    if entry is None:
        return []
    need: Requirement = entry.requirement
    return [frozenset(roles) for roles in dict.fromkeys([*need.admits, *need.any_of]) if len(roles) > 1]


def line_of(entry: dict[str, Any]) -> str:
    """An entry in one line for the terminal."""
    if "undetermined" in entry:
        return f"?? {entry['key']}: {entry['undetermined'][:300]}"
    if entry["closed"]:
        return f"-- {entry['key']}: closed, {entry['refusals']}"
    control = entry["control"]
    marks = [f"CONTROL OPEN {json.dumps(control['open'])}"] if control["open"] else []
    levels = f"full {entry['anyOf']} shows {entry['shows']} admits {entry['admits']}"
    return " | ".join([f"ok {entry['key']}: {levels}", f"{entry['attempts']} attempts", *marks, *entry["notes"]])[:1500]
