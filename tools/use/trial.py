"""One use of a tool, recorded as realm-admin, and repeated with exactly the roles that the recording gives."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kcproxy.testing import Recording, recording
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.model import NamedRoles, Outcome, UseRecord
from kcproxy.usage.needs import Need
from tools.use.realm import CALLER
from tools.use.stage import Made, Stage

ADMINISTRATOR = ("realm-admin",)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EPOCH = re.compile(r"\b1[0-9]{9}(?:[0-9]{3})?\b")
_OF_THE_CALLER = frozenset({"access"})
"""The member of users, groups and clients with the caller's own rights on them: it changes with every role, and is no content."""


class UseFailed(Exception):
    """The tool reported an error. The message is what it said, on one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a tool is used: the address to call, the ids that Keycloak chose, and its version."""

    url: str
    made: Made
    keycloak: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One use of a tool. ``run`` gives what the tool gave, as JSON or text, or raises UseFailed.

    ``hidden``: members of the result that differ from run to run. ``in_parts``: it makes several calls that change something. Then it is not tried
    without one of its roles, because the calls before the refusal would have an effect on the trial after it. ``target``: the variant of the table that
    its calls are, because of a target that the record does not show.
    """

    name: str
    run: Callable[[Target], Any]
    hidden: frozenset[str] = frozenset()
    in_parts: bool = False
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a trial.

    ``least``: roles of realm-management; None if no set is known, and ``problem`` says why. ``operations``: the successful calls. ``reports``: the
    error that the tool reports although Keycloak did what was asked. ``differs``: where the repetition differed from the recording; "" if it was
    equal. ``needless``: roles of the set without which it was equal, too.
    """

    name: str
    least: tuple[str, ...] | None
    operations: tuple[str, ...] = ()
    problem: str = ""
    reports: str = ""
    differs: str = ""
    needless: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """JSON, without empty members."""
        found = {"name": self.name, "least": None if self.least is None else list(self.least), "operations": list(self.operations)}
        more = {"problem": self.problem, "reports": self.reports, "differs": self.differs, "needless": list(self.needless)}
        return found | {name: value for name, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class _Recorded:
    trial: Trial
    result: Result
    outcome: Any


def tried(
    open_stage: Callable[[], Stage], trials: Sequence[Trial], *, version: str, say: Callable[[str], None] = lambda _: None
) -> list[Result]:
    """Run all trials in their order as realm-admin, then again in a new realm, each with exactly its least set."""
    with open_stage() as stage:
        recorded = [_record(stage, trial, version, say) for trial in trials]
    with open_stage() as stage:
        return [_repeat(stage, each, version, say) for each in recorded]


def _record(stage: Stage, trial: Trial, version: str, say: Callable[[str], None]) -> _Recorded:
    stage.hold(ADMINISTRATOR)
    with recording(stage.url, keycloak_version=version) as recorded:
        outcome = _outcome(trial, Target(url=recorded.url, made=stage.made, keycloak=version))
    result = _result(trial, recorded, outcome)
    say(f"{trial.name}: {result.problem or ', '.join(result.least or ()) or 'no role'}")
    return _Recorded(trial, result, outcome)


def _outcome(trial: Trial, target: Target) -> dict[str, Any]:
    """What the tool gave, or what it reported as an error."""
    try:
        return {"result": comparable(trial.run(target), trial.hidden)}
    except UseFailed as failure:
        return {"reports": plain(str(failure))}


def _result(trial: Trial, recorded: Recording, outcome: dict[str, Any]) -> Result:
    audit, reports = _audit(recorded, trial.target), outcome.get("reports", "")
    needs = audit.needs if audit is not None else ()
    wrong = any(use.counts.get(Outcome.ERROR) for use in audit.not_used) if audit is not None else False
    problems = [f"{_named(need)}: {need.problem}" for need in needs if need.problem is not None]
    if recorded.refusals:
        problems.append(f"realm-admin is refused: {recorded.refusals[0]}")
    elif reports and (wrong or not needs):
        problems.append(f"it fails as realm-admin: {reports}")
    elif not needs:
        problems.append("it calls nothing of the Admin REST API")
    return Result(
        name=trial.name,
        least=audit.least if audit is not None and not problems else None,
        operations=tuple(sorted(_named(need) for need in needs)),
        problem="; ".join(problems),
        reports="" if problems else reports,
    )


def _audit(recorded: Recording, target: str) -> Audit | None:
    """The audit of the tool's client; None if no call of it succeeded."""
    try:
        (audit,) = recorded.audits(CALLER)
    except AssertionError:
        return None
    if not target:
        return audit
    uses = tuple(replace(need.use, variant=target) for need in audit.needs)
    held = {audit.caller: NamedRoles(by_owner={audit.owner.client: ADMINISTRATOR})}
    (of_target,) = audits(recorded.catalog, UseRecord(uses=uses, roles=held, days=frozenset()))
    return of_target


def _named(need: Need) -> str:
    return need.use.operation + (f" [{need.use.variant}]" if need.use.variant else "")


def _repeat(stage: Stage, each: _Recorded, version: str, say: Callable[[str], None]) -> Result:
    """The same again. A trial without a set is repeated as realm-admin, because later ones depend on its effect."""
    target, least = Target(url=stage.url, made=stage.made, keycloak=version), each.result.least
    if least is None:
        stage.hold(ADMINISTRATOR)
        _outcome(each.trial, target)
        return each.result
    needless = []
    for role in () if each.trial.in_parts else least:
        stage.hold(other for other in least if other != role)
        if _outcome(each.trial, target) == each.outcome:
            needless.append(role)
    stage.hold(least)
    outcome = _outcome(each.trial, target)
    differs = "" if outcome == each.outcome else place_of_difference(each.outcome, outcome)
    if differs or needless:
        say(f"{each.trial.name} with {', '.join(least) or 'no role'}: {differs or 'equal'}; needless: {', '.join(needless) or 'none'}")
    return replace(each.result, differs=differs, needless=tuple(needless))


def comparable(value: Any, hidden: frozenset[str] = frozenset()) -> Any:
    """A result without ids, times, orders and the caller's own rights."""
    if isinstance(value, dict):
        return {name: comparable(inner, hidden) for name, inner in value.items() if name not in _OF_THE_CALLER | hidden}
    if isinstance(value, list | tuple):
        return sorted((comparable(each, hidden) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return plain(value) if isinstance(value, str) else plain(json.dumps(value))


def plain(text: str) -> str:
    """Text without ids and times, on one line."""
    return " ".join(_EPOCH.sub("TIME", _ID.sub("ID", text)).split())[:2000]


def place_of_difference(one: Any, other: Any, path: str = "") -> str:
    """Where two comparable values differ first. Of the values only an error's text, because others can be secrets."""
    if isinstance(one, dict) and isinstance(other, dict):
        if "reports" in other and "reports" not in one:
            return str(other["reports"])
        name = next(name for name in sorted({*one, *other}) if one.get(name) != other.get(name))
        return place_of_difference(one.get(name), other.get(name), f"{path}.{name}" if path else name)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        number = next(number for number, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1])
        return place_of_difference(one[number], other[number], f"{path}[{number}]")
    return path
