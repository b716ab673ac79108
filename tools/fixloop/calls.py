"""One call through the proxy, repeated on equal state and compared with the response that realm-admin gets."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from tools.fixloop.needs import Case
from tools.fixloop.worker import Worker
from tools.measure.http import Answer
from tools.measure.judge import Diagnosis, Outcome, Seen, canonical, judge
from tools.measure.spec import PARAMETER, Place
from tools.measure.trial import READINGS, REALM_ADMIN, Undetermined, baseline
from tools.measure.workbench import Request, Sender, Stand, Workbench

BELIEVED_AT_ONCE = frozenset({401, 403})


@dataclass(slots=True, kw_only=True)
class Calls:
    """Makes the call of one case on one worker."""

    case: Case
    worker: Worker
    _bench: Workbench = field(init=False)
    _base: Seen = field(init=False)

    def __post_init__(self) -> None:
        """Fixtures are made by the measurement's own workbench."""
        self._bench = Workbench(operation=self.case.task.operation, spec=self.case.task.spec, stage=self.worker.stage)

    async def prepare(self) -> None:
        """Get the response of realm-admin, for comparison. Exports of the realm contain the worker's own account, so that is made before."""
        if self._bench.place is Place.ALONE:
            await self.worker.account(self.worker.stage.alone.realm)
        self._base = await baseline(self._bench)

    async def again(self) -> Diagnosis:
        """The call itself: by injection, and with a token of the account's own where the path names no realm."""
        return await self._judged(self._call)

    async def holding(self, roles: Iterable[str]) -> Diagnosis:
        """The call by the account with exactly these roles and a new token."""
        return await self._judged(self.worker.holding(roles))

    @property
    def answer(self) -> Answer:
        """The last response."""
        if self.worker.last is None:
            raise RuntimeError("nothing was asked yet")
        return self.worker.last

    async def _call(self, stand: Stand, request: Request) -> Answer:
        if PARAMETER.search(self.case.task.operation.path):
            return await self.worker.injected(stand, request)
        return await self.worker.brought(stand, request)

    async def _judged(self, send: Sender) -> Diagnosis:
        """A refusal and a full response are believed at once; anything odd is tried again, as the measurement does."""
        if self._bench.place is Place.READ:
            return await self._between_equal_readings(send)
        got = judged(self._base, await self._bench.attempt_by(send))
        if got.outcome is Outcome.FULL or got.status in BELIEVED_AT_ONCE:
            return got
        return judged(self._base, await self._bench.attempt_by(send))

    async def _between_equal_readings(self, send: Sender) -> Diagnosis:
        """What all readings share must be the same before and after: nobody's account was made or taken away meanwhile."""
        await self.worker.account(self.worker.stage.read.realm)
        async with self.worker.stage.read.realm.still:
            for _ in range(READINGS):
                before, got = self._base, await self._bench.attempt_by(send)
                if got.status in BELIEVED_AT_ONCE:
                    return judged(before, got)
                self._base = await self._bench.attempt(frozenset({REALM_ADMIN}))
                if canonical([before.status, before.body]) == canonical([self._base.status, self._base.body]):
                    return judged(self._base, got)
                await asyncio.sleep(0)
        raise Undetermined("what is read does not stand still")


def judged(base: Seen, got: Seen) -> Diagnosis:
    """Like the judgement of the measurement, but a 403 is always a refusal: here it matters whether a caller is allowed."""
    return Diagnosis(outcome=Outcome.REFUSED, status=403) if got.status == 403 else judge(base, got)
