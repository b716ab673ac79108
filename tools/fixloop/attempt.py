"""One call of the loop: refused and explained, allowed after the first fix, refused again with any role removed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcproxy import catalog
from tools.fixloop.apply_fix import Wrong, apply_fix
from tools.fixloop.calls import Calls
from tools.fixloop.explained import complaints, explanation_of, first_fix
from tools.fixloop.kcadm import CommandFailed, Kcadm
from tools.fixloop.needs import Case
from tools.fixloop.offline import NoFix, fix_offline
from tools.fixloop.results import Kind, Result
from tools.fixloop.worker import Worker
from tools.measure.http import Answer, Unexpected
from tools.measure.judge import Diagnosis, Outcome
from tools.measure.sets import RoleSet, reduced_to_tops
from tools.measure.trial import Undetermined

ROLE_CAUSES = ("role-missing",)
GUARD_CAUSES = ("escalation-guard", "protected-object", "operation-impossible", "known-defect")
STAGE_ERRORS = (Unexpected, KeyError, ValueError, TimeoutError)
CONSOLE_CAUSE = "other-endpoint"
CLOSED_CAUSES = ("server-wide-operation", "operation-impossible", "protected-object")


@dataclass(slots=True, kw_only=True)
class Attempt:
    """Runs one case on one worker. With `in_shell`, kcadm.sh also runs the commands in a shell, and the results are compared."""

    case: Case
    worker: Worker
    kcadm: Kcadm
    in_shell: bool = False
    _calls: Calls = field(init=False)
    _found: dict[str, Any] = field(default_factory=dict)

    async def result(self) -> Result:
        """The result. What the loop looks for is a result, not an exception. If the fixtures could not be created, they are created once more."""
        try:
            kind, reason = await self._ended()
        except STAGE_ERRORS:
            try:
                kind, reason = await self._ended()
            except STAGE_ERRORS as error:
                kind, reason = Kind.FAILED, f"{type(error).__name__}: {error}"
        return Result(key=self.case.key, name=self.case.name, kind=kind, reason=reason, in_shell=self.in_shell, **self._found)

    async def _ended(self) -> tuple[Kind, str]:
        self._found = {}
        self._calls = Calls(case=self.case, worker=self.worker)
        try:
            return await self._closed_loop()
        except (Wrong, CommandFailed, NoFix, Undetermined) as error:
            return Kind.FAILED, str(error)
        finally:
            await self.worker.clear()

    async def _closed_loop(self) -> tuple[Kind, str]:
        if self.case.need.undetermined:
            return Kind.UNDETERMINED, self.case.need.undetermined
        await self._calls.prepare()
        first = await self._calls.again()
        if first.outcome is not Outcome.REFUSED:
            return await self._let_in(first)
        if first.status != 403:
            return await self._refused_otherwise(first)
        return await self._refused()

    async def _let_in(self, first: Diagnosis) -> tuple[Kind, str]:
        """A caller without roles gets a response: all of it, or a reduced one whose header names the roles for the rest."""
        need = self.case.need
        if not need.lets_all_in:
            raise Wrong(f"let in without any role ({first.outcome} {first.status})")
        if first.outcome is Outcome.FULL:
            if not need.open_to_all:
                raise Wrong("the full answer without any role")
            return Kind.OPEN, ""
        answer = self._calls.answer
        notice = answer.headers.get("kcproxy-notice", "")
        fix = await fix_offline(self.case.task.operation.method, self.worker)
        roles = frozenset(fix["roles"])
        if not all(role in notice for role in roles):
            raise Wrong(f"the notice of the reduced response does not name {sorted(roles)}: {notice or 'none'}")
        self._found["explained"] = True
        await self._apply(fix)
        # Nothing was refused, so the proxy has no reason to renew its token: where roles are read from it, the fix asks for a new one.
        renewed = "new token" in str(fix["summary"])
        _must_be_full(await (self._calls.holding(roles) if renewed else self._calls.again()))
        await self._without_each(roles)
        return Kind.COMPLETED, "with a new token, as the fix says" if renewed else ""

    async def _refused_otherwise(self, first: Diagnosis) -> tuple[Kind, str]:
        """A refusal with another status than 403 keeps its body: headers name cause and roles, the page of denials has the fix.

        The proxy does not repeat such a call with another token, so the second call uses a new token.
        """
        if first.status != self.case.need.refusal:
            raise Wrong(f"refused with {first.status}, the table says {self.case.need.refusal}")
        headers, explanation = self._calls.answer.headers, await self.worker.denial()
        fix: Mapping[str, Any] = next(iter(explanation.get("fixes", ())), {})
        notice, roles = headers.get("kcproxy-notice", ""), frozenset(fix.get("roles", ()))
        if (
            headers.get("kcproxy-cause") not in ROLE_CAUSES
            or roles not in self.case.need.any_of
            or not all(role in notice for role in roles)
        ):
            raise Wrong(f"the {first.status} is not explained: {headers.get('kcproxy-cause')}, {notice}, {sorted(roles)}")
        self._found["explained"] = True
        await self._apply(fix)
        _must_be_full(await self._calls.holding(roles))
        await self._without_each(roles)
        return (
            Kind.OTHER,
            f"Keycloak answers {first.status} instead of 403; named in headers and on the page of denials, and its fix opens it",
        )

    async def _refused(self) -> tuple[Kind, str]:
        need, operation = self.case.need.shown, self.case.task.operation
        answer = self._calls.answer
        if self.case.task.spec.console:
            return self._of_the_console(answer)
        if need.closed:
            return await self._nothing_opens_it(complaints(answer, operation, need, CLOSED_CAUSES))
        wrong = complaints(answer, operation, need, ROLE_CAUSES)
        if wrong:
            raise Wrong("explanation: " + "; ".join(wrong))
        self._found["explained"] = True
        fix = first_fix(answer)
        await self._apply(fix)
        again = await self._calls.again()
        if self.case.need.hidden:
            return await self._by_target(answer, again, frozenset(fix["roles"]))
        if again.outcome is Outcome.REDUCED and str(fix.get("gives")).startswith("all but "):
            return await self._completed_by_the_second(answer, frozenset(fix["roles"]))
        if again.outcome is not Outcome.FULL:
            raise Wrong(f"after the first fix ({', '.join(fix['roles'])}): {again.outcome} {again.status} {again.missing}")
        await self._without_each(fix["roles"])
        return Kind.FIXED, ""

    async def _completed_by_the_second(self, first: Answer, granted: RoleSet) -> tuple[Kind, str]:
        """The first fix gives a useful answer that lacks named fields; the second one gives the full answer."""
        second = next((fix for fix in explanation_of(first).get("fixes", ()) if fix.get("gives") == "full"), None)
        if second is None:
            raise Wrong(f"after the first fix ({', '.join(sorted(granted))}) the answer is reduced, and no fix gives the full one")
        await self._apply(second, held=granted)
        again = await self._calls.again()
        _must_be_full(again)
        await self._without_each(second["roles"])
        return Kind.FIXED, ""

    def _of_the_console(self, answer: Answer) -> tuple[Kind, str]:
        """A response that Keycloak gives only to its own console, regardless of the roles of other accounts."""
        cause, fix = explanation_of(answer).get("cause"), first_fix(answer)
        if cause != CONSOLE_CAUSE or fix.get("kcadm") or not fix:
            raise Wrong(f"only tokens of the Admin console are taken, but it is explained as {cause}")
        self._found["explained"] = True
        return Kind.OTHER, "takes tokens of the Admin console's own client only; explained so, and no role is named"

    async def _nothing_opens_it(self, wrong: list[str]) -> tuple[Kind, str]:
        """No role of a realm opens it: the explanation says so, offers no command, and all roles together are refused."""
        fix = first_fix(self._calls.answer)
        if fix.get("kcadm"):
            wrong.append("a command for what no role opens")
        if wrong:
            raise Wrong("explanation: " + "; ".join(wrong))
        self._found["explained"] = True
        cause = explanation_of(self._calls.answer)["cause"]
        all_roles = await self._calls.holding(self.worker.stage.read.realm.roles)
        if all_roles.outcome is not Outcome.REFUSED:
            raise Wrong(f"said to be closed, but all roles together get {all_roles.outcome} {all_roles.status}")
        return Kind.CLOSED, f"{cause}: {fix.get('summary', '')}"

    async def _by_target(self, first: Answer, again: Diagnosis, granted: RoleSet) -> tuple[Kind, str]:
        """What is special about the target does not show in the request: the first response says what it would take, the second one names it."""
        need, hints = self.case.need, " ".join(explanation_of(first).get("hints", ()))
        cause = explanation_of(self._calls.answer).get("cause")
        if again.outcome is Outcome.REFUSED and cause in GUARD_CAUSES:
            return await self._guarded(str(cause))
        if again.outcome is Outcome.FULL and granted in need.any_of:
            await self._without_each(granted)
            return Kind.FIXED, ""
        if again.outcome is Outcome.FULL:
            enough = " or ".join(sorted(" and ".join(sorted(found)) or "no role" for found in need.any_of))
            return Kind.BY_TARGET, f"opened by the first fix; for this target {enough} is enough"
        if self.case.task.spec.says.casefold() not in hints.casefold():
            raise Wrong(f"the first answer does not say what it takes {self.case.task.spec.says}: {hints}")
        if again.outcome is Outcome.REFUSED:
            if cause not in ROLE_CAUSES:
                raise Wrong(f"refused again after the first fix, and explained as {cause}")
            fix = first_fix(self._calls.answer)
            await self._apply(fix, held=granted)
            _must_be_full(await self._calls.again())
            return Kind.BY_TARGET, f"the second answer names {' and '.join(fix['roles'])}, and its fix opens it"
        roles = await self._opened_by_table()
        return (
            Kind.BY_TARGET,
            f"{again.outcome} answer after the first fix; its hint names what gives the full one: {' and '.join(sorted(roles))}",
        )

    async def _guarded(self, cause: str) -> tuple[Kind, str]:
        """No more power is recommended for what a guard protects; what the table says of it is tried all the same."""
        if not self.case.need.closed:
            return Kind.BY_TARGET, f"{cause}; opened by {' and '.join(sorted(await self._opened_by_table()))}"
        all_roles = await self._calls.holding(self.worker.stage.read.realm.roles)
        if all_roles.outcome is not Outcome.REFUSED:
            raise Wrong(f"said to be closed, but all roles together get {all_roles.outcome} {all_roles.status}")
        return Kind.BY_TARGET, f"{cause}; no role opens it"

    async def _opened_by_table(self) -> RoleSet:
        need = self.case.need
        sets = tuple(tuple(sorted(found)) for found in need.any_of or need.admits)
        roles = frozenset(catalog.load(self.worker.stage.read.realm.version.text).least(sets) or ())
        got = await self._calls.holding(roles)
        wanted = Outcome.FULL if need.any_of else Outcome.REDUCED
        if got.outcome.rank < wanted.rank:
            raise Wrong(f"with {sorted(roles)}, which the table has: {got.outcome} {got.status} {got.missing}")
        return roles

    async def _without_each(self, roles: Iterable[str]) -> None:
        """Take each role away, but leave what it contains: the call has to be refused, or reduced."""
        contains = self.worker.stage.read.realm.contains
        without: dict[str, str] = {}
        for role in sorted(roles):
            less = (frozenset(roles) - {role}) | contains.get(role, frozenset())
            got = await self._calls.holding(reduced_to_tops(less, contains))
            if got.outcome is Outcome.FULL:
                raise Wrong(f"not least: without {role} ({', '.join(sorted(less)) or 'no role'}) still the full answer")
            without[role] = str(got.outcome)
        self._found["without"] = without

    async def _apply(self, fix: Mapping[str, Any], *, held: RoleSet = frozenset()) -> None:
        """Run the commands of a fix, for an account that already holds some roles."""
        if not fix.get("kcadm"):
            raise Wrong(f"the fix has no command: {fix.get('summary')}")
        self._found |= {"commands": tuple(fix["kcadm"]), "roles": tuple(fix["roles"])}
        await apply_fix(self.kcadm, self.worker, fix, held=held, in_shell=self.in_shell)


def _must_be_full(again: Diagnosis) -> None:
    if again.outcome is not Outcome.FULL:
        raise Wrong(f"after the fix: {again.outcome} {again.status} {again.missing}")
