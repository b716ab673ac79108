"""One operation's turn: refused and explained, cured by the first fix, asked again at once, and refused with any role less."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.fixloop.kcadm import CommandFailed, Kcadm
from tools.fixloop.lane import Lane
from tools.fixloop.needs import Case
from tools.fixloop.offline import NoFix, fix_offline
from tools.fixloop.results import Kind, Result
from tools.fixloop.told import complaints, explanation_of, first_fix
from tools.measure.http import Unexpected
from tools.measure.judge import Judgement, Outcome, Seen, canonical, judge
from tools.measure.sets import reduced_to_tops
from tools.measure.spec import Place
from tools.measure.trial import READINGS, REALM_ADMIN, Undetermined, baseline
from tools.measure.workbench import Sender, Workbench

ROLE_CAUSES = ("role-missing",)
GUARD_CAUSES = ("escalation-guard", "protected-object", "operation-impossible", "known-defect")
CLOSED_CAUSES = ("server-wide-operation", "operation-impossible", "protected-object")


class Wrong(Exception):
    """The loop does not close; the message says where."""


@dataclass(slots=True, kw_only=True)
class Turn:
    """The turn of one case on one lane. `in_shell`: kcadm.sh itself carries the commands out first, and both results are compared."""

    case: Case
    lane: Lane
    kcadm: Kcadm
    in_shell: bool = False
    _bench: Workbench = field(init=False)
    _base: Seen = field(init=False)
    _found: dict[str, Any] = field(default_factory=dict)

    async def result(self) -> Result:
        """What became of it; never raises for what the loop is there to find."""
        case = self.case
        self._bench = Workbench(operation=case.task.operation, spec=case.task.spec, stage=self.lane.stage)
        try:
            kind, reason = await self._closed_loop()
        except (Wrong, CommandFailed, NoFix, Undetermined) as error:
            kind, reason = Kind.FAILED, str(error)
        except (Unexpected, KeyError, ValueError, TimeoutError) as error:
            kind, reason = Kind.FAILED, f"{type(error).__name__}: {error}"
        finally:
            await self.lane.clear()
        return Result(key=case.key, name=case.name, kind=kind, reason=reason, in_shell=self.in_shell, **self._found)

    async def _closed_loop(self) -> tuple[Kind, str]:
        if self.case.need.undetermined:
            return Kind.UNDETERMINED, self.case.need.undetermined
        self._base = await baseline(self._bench)
        first = await self._judged(self.lane.bare)
        if first.outcome is not Outcome.REFUSED:
            return await self._let_in(first)
        if first.status != 403:
            return await self._refused_otherwise(first)
        return await self._refused()

    async def _let_in(self, first: Judgement) -> tuple[Kind, str]:
        """A caller without roles gets an answer: all of it, or a thinner one whose header names the roles for the rest."""
        need = self.case.need
        if not need.lets_all_in:
            raise Wrong(f"let in without any role ({first.outcome} {first.status})")
        if first.outcome is Outcome.FULL:
            if not need.open_to_all:
                raise Wrong("the full answer without any role")
            return Kind.OPEN, ""
        answer = self._answer
        notice = answer.headers.get("kcproxy-notice", "")
        fix = await fix_offline(self.case.task.operation.method, self.lane)
        roles = frozenset(fix["roles"])
        if not all(role in notice for role in roles):
            raise Wrong(f"the thinner answer's notice does not name {sorted(roles)}: {notice or 'none'}")
        self._found["explained"] = True
        await self._carry_out(fix)
        await self._must_be_full()
        await self._without_each(roles)
        return Kind.COMPLETED, ""

    async def _refused_otherwise(self, first: Judgement) -> tuple[Kind, str]:
        """A refusal with another status than 403 cannot be explained as one; that the table's set opens it is tried all the same."""
        if first.status != self.case.need.refusal:
            raise Wrong(f"refused with {first.status}, the table says {self.case.need.refusal}")
        await self._opened_by_table()
        return Kind.OTHER, f"Keycloak answers {first.status} instead of 403; the table's roles open it"

    async def _refused(self) -> tuple[Kind, str]:
        need, operation = self.case.need.shown, self.case.task.operation
        answer = self._answer
        if self.case.need.shown.closed:
            return await self._nothing_opens_it(complaints(answer, operation, need, CLOSED_CAUSES))
        wrong = complaints(answer, operation, need, ROLE_CAUSES)
        if wrong:
            raise Wrong("explanation: " + "; ".join(wrong))
        self._found["explained"] = True
        fix = first_fix(answer)
        await self._carry_out(fix)
        again = await self._judged(self.lane.bare)
        if again.outcome is Outcome.FULL:
            await self._without_each(fix["roles"])
            return Kind.CURED, ""
        if self.case.need.hidden:
            return await self._guarded(again)
        raise Wrong(f"after the first fix ({', '.join(fix['roles'])}): {again.outcome} {again.status} {again.missing}")

    async def _nothing_opens_it(self, wrong: list[str]) -> tuple[Kind, str]:
        """No role of a realm opens it: the explanation says so, offers no command, and all roles together are refused."""
        fix = first_fix(self._answer)
        if fix.get("kcadm"):
            wrong.append("a command for what no role opens")
        if wrong:
            raise Wrong("explanation: " + "; ".join(wrong))
        self._found["explained"] = True
        cause = explanation_of(self._answer)["cause"]
        all_roles = await self._judged(self.lane.holding(self._all_roles()))
        if all_roles.outcome is not Outcome.REFUSED:
            raise Wrong(f"said to be closed, but all roles together get {all_roles.outcome} {all_roles.status}")
        return Kind.CLOSED, f"{cause}: {fix.get('summary', '')}"

    async def _guarded(self, again: Judgement) -> tuple[Kind, str]:
        """What is special about the target shows only now: the second answer has to say so, and the table's set to open it."""
        cause = explanation_of(self._answer).get("cause")
        if again.outcome is Outcome.REFUSED and cause not in GUARD_CAUSES:
            raise Wrong(f"refused again after the first fix, and explained as {cause}")
        if self.case.need.closed:
            all_roles = await self._judged(self.lane.holding(self._all_roles()))
            if all_roles.outcome is not Outcome.REFUSED:
                raise Wrong(f"said to be closed, but all roles together get {all_roles.outcome} {all_roles.status}")
            return Kind.BY_TARGET, f"{cause}; no role opens it"
        roles = await self._opened_by_table()
        return Kind.BY_TARGET, f"{cause or 'a thinner answer'}; opened by {' and '.join(sorted(roles))}"

    async def _opened_by_table(self) -> frozenset[str]:
        need = self.case.need
        roles = min(need.any_of or need.admits, key=lambda found: (len(found), sorted(found)))
        got = await self._judged(self.lane.holding(roles))
        wanted = Outcome.FULL if need.any_of else Outcome.REDUCED
        if got.outcome.rank < wanted.rank:
            raise Wrong(f"with {sorted(roles)}, which the table has: {got.outcome} {got.status} {got.missing}")
        return roles

    async def _must_be_full(self) -> None:
        again = await self._judged(self.lane.bare)
        if again.outcome is not Outcome.FULL:
            raise Wrong(f"after the fix: {again.outcome} {again.status} {again.missing}")

    async def _without_each(self, roles: Iterable[str]) -> None:
        """Take each role away, but leave what it contains: the call has to be refused, or thinner."""
        contains = self.lane.stage.read.realm.contains
        without: dict[str, str] = {}
        for role in sorted(roles):
            less = (frozenset(roles) - {role}) | contains.get(role, frozenset())
            got = await self._judged(self.lane.holding(reduced_to_tops(less, contains)))
            if got.outcome is Outcome.FULL:
                raise Wrong(f"not least: without {role} ({', '.join(sorted(less)) or 'no role'}) still the full answer")
            without[role] = str(got.outcome)
        self._found["without"] = without

    async def _carry_out(self, fix: Mapping[str, Any]) -> None:
        """The fix's commands, word for word; afterwards the account has to hold exactly what the fix said it would."""
        commands, roles = tuple(fix.get("kcadm", ())), tuple(fix.get("roles", ()))
        if not commands:
            raise Wrong(f"the first fix has no command: {fix.get('summary')}")
        self._found |= {"commands": commands, "roles": roles}
        (account,) = self.lane.accounts.values()
        if account.realm.name in self.lane.own_names:
            await self.kcadm.log_in()  # older versions read the administrator's rights on a new realm from the token
        outcomes = []
        for run in (self.kcadm.run_in_shell, self.kcadm.run) if self.in_shell else (self.kcadm.run,):
            await account.hold(())
            ended = [await run(command) for command in commands]
            for command, done in zip(commands, ended, strict=True):
                if done.code != 0:
                    raise CommandFailed(f"{command}: {done.code} {done.err or done.out}")
            held = await account.held()
            if held != frozenset(roles):
                raise Wrong(f"after {commands}: the account holds {sorted(held)} instead of {sorted(roles)}")
            outcomes.append([(done.code, done.out, done.err) for done in ended])
        if outcomes[0] != outcomes[-1]:
            raise Wrong(f"kcadm.sh and its main class differ: {outcomes[0]}, {outcomes[-1]}")

    async def _judged(self, send: Sender) -> Judgement:
        """The judgement of one call through the proxy. A plain 403 and a full answer are believed at once, anything odd is tried again."""
        if self._bench.place is Place.READ:
            return await self._between_equal_readings(send)
        got = judge(self._base, await self._bench.attempt_by(send))
        if got.outcome is Outcome.FULL or got.status == 403:
            return got
        return judge(self._base, await self._bench.attempt_by(send))

    async def _between_equal_readings(self, send: Sender) -> Judgement:
        await self.lane.account(self.lane.stage.read.realm)
        async with self.lane.stage.read.realm.still:
            for _ in range(READINGS):
                before, got = self._base, await self._bench.attempt_by(send)
                if got.status == 403 and before.succeeded:
                    return judge(before, got)
                self._base = await self._bench.attempt(frozenset({REALM_ADMIN}))
                if canonical([before.status, before.body]) == canonical([self._base.status, self._base.body]):
                    return judge(self._base, got)
                await asyncio.sleep(0)
        raise Undetermined("what is read does not stand still")

    def _all_roles(self) -> frozenset[str]:
        return frozenset(self.lane.stage.read.realm.roles)

    @property
    def _answer(self) -> Any:
        answer = self.lane.last
        if answer is None:
            raise RuntimeError("nothing was asked yet")
        return answer
