"""The opposite test: the call succeeds with each minimal set and fails with any one role less, for human users who log in with a password."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.measure.callers import Kind
from tools.measure.http import Unexpected
from tools.measure.judge import Outcome
from tools.measure.run import AT_ONCE, CLOSED, Journal, Task, say
from tools.measure.spec import Place
from tools.measure.trial import REALM_ADMIN, Bar, Undetermined, baseline
from tools.measure.workbench import Stage, Workbench, place_of


@dataclass(slots=True, kw_only=True)
class Check:
    """The test of everything that a journal holds."""

    stage: Stage
    journal: Journal
    asked: int = 0
    complaints: list[str] = field(default_factory=list)

    async def all(self, tasks: Sequence[Task]) -> None:
        """Test all trials that have a finding."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(task: Task) -> None:
            entry = self.journal.done.get(task.key)
            if entry is None or "undetermined" in entry or entry["status"] in CLOSED:
                return
            if place_of(task.operation, task.spec) is Place.ALONE:
                async with self.stage.alone.realm.turn, gate:
                    await self._test(task, entry)
            else:
                async with gate:
                    await self._test(task, entry)

        await asyncio.gather(*(one(task) for task in tasks))
        self.complaints.sort()

    async def _test(self, task: Task, entry: Mapping[str, Any]) -> None:
        bench = Workbench(operation=task.operation, spec=task.spec, stage=self.stage)
        try:
            bar = Bar(
                bench=bench,
                base=await baseline(bench),
                kind=Kind.CONSOLE if task.spec.console else Kind.HUMAN,
                contains=self.stage.read.realm.contains,
            )
            for wanted, sets in ((Outcome.FULL, entry["anyOf"]), (Outcome.REDUCED, entry["admits"])):
                for roles in sets:
                    await self._set(task, bar, roles, wanted)
        except (Undetermined, Unexpected) as error:
            self.complaints.append(f"{task.key}: {error}")
        say(f"{self.asked} asked, {len(self.complaints)} complaints, {task.key}")

    async def _set(self, task: Task, bar: Bar, roles: Sequence[str], wanted: Outcome) -> None:
        self.asked += 1
        got = (await bar.of(roles)).outcome
        if got.rank < wanted.rank:
            self.complaints.append(f"{task.key}: {'+'.join(roles) or 'no role'} got {got} instead of {wanted}")
        for role in roles:
            inner = bar.contains.get(role, frozenset()) if role != REALM_ADMIN else bar.contains[REALM_ADMIN]
            fewer = (set(roles) - {role}) | inner
            less = (await bar.of(fewer)).outcome
            if less.rank >= wanted.rank:
                self.complaints.append(f"{task.key}: without {role} {'+'.join(sorted(fewer)) or 'no role'} still got {less}")
