"""Tries one operation: which sets of roles are allowed, which get the full response, and which are minimal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.measure.callers import Kind
from tools.measure.judge import Diagnosis, Outcome, Seen, canonical, difference, judge
from tools.measure.sets import RoleSet, SetSearch, closure, in_order, reduced_to_tops
from tools.measure.spec import Place
from tools.measure.workbench import Workbench

REALM_ADMIN = "realm-admin"
READINGS = 6


class Undetermined(Exception):
    """The trial cannot say; the message is the reason."""


@dataclass(slots=True, kw_only=True)
class Bar:
    """Judgements of one kind of caller, each set asked once."""

    bench: Workbench
    base: Seen
    kind: Kind
    contains: Mapping[str, frozenset[str]]
    reference: tuple[RoleSet, Kind | None] = (frozenset({REALM_ADMIN}), None)
    """Whose answer the base is."""
    judged: dict[RoleSet, Diagnosis] = field(default_factory=dict)

    async def of(self, roles: Iterable[str]) -> Diagnosis:
        """What the caller with these roles gets."""
        tops = reduced_to_tops(roles, self.contains)
        if tops not in self.judged:
            self.judged[tops] = await self._sure(tops)
        return self.judged[tops]

    async def _sure(self, roles: RoleSet) -> Diagnosis:
        """A plain 403 and a full response are believed at once; anything odd has to come twice."""
        first = await self._ask(roles)
        if first.outcome is Outcome.FULL or first.status == 403:
            return first
        if self.bench.place is Place.READ:
            return await self._between_equal_readings(roles)
        second = await self._ask(roles)
        if second == first:
            return first
        third, fourth = await self._ask(roles), await self._ask(roles)
        if third != fourth:
            raise Undetermined(f"answers to {'+'.join(sorted(roles)) or 'no role'} vary: {first}, {second}, {third}, {fourth}")
        return third

    async def _between_equal_readings(self, roles: RoleSet) -> Diagnosis:
        """What it gets between two equal answers to realm-admin: nothing was made or taken away meanwhile."""
        async with self.bench.stage.read.realm.still:
            for _ in range(READINGS):
                before = self.base
                got = await self.bench.attempt(roles, self.kind)
                self.base = await self.bench.attempt(*self.reference)
                if (before.status, canonical(before.body)) == (self.base.status, canonical(self.base.body)):
                    return judge(self.base, got)
        raise Undetermined("what is read does not stand still")

    async def _ask(self, roles: RoleSet) -> Diagnosis:
        return judge(self.base, await self.bench.attempt(roles, self.kind))

    async def admitted(self, roles: RoleSet) -> bool:
        """Whether it is allowed at all."""
        return (await self.of(roles)).outcome is not Outcome.REFUSED

    async def useful(self, roles: RoleSet) -> bool:
        """Whether it gets the full response, or one that lacks only fields that can be named."""
        return (await self.of(roles)).useful

    async def satisfied(self, roles: RoleSet) -> bool:
        """Whether it gets the full response."""
        return (await self.of(roles)).outcome is Outcome.FULL

    def backward(self) -> list[tuple[RoleSet, RoleSet]]:
        """Pairs where more roles got less."""
        closed = {roles: closure(roles, self.contains) for roles in self.judged}
        return [
            (less, more)
            for less in self.judged
            for more in self.judged
            if closed[less] < closed[more] and self.judged[less].outcome.rank > self.judged[more].outcome.rank
        ]


@dataclass(slots=True, kw_only=True)
class Finding:
    """What one trial found; fields as in the data file."""

    any_of: list[list[str]] = field(default_factory=list)
    admits: list[list[str]] = field(default_factory=list)
    reduced: dict[str, str] = field(default_factory=dict)
    useful: list[list[str]] = field(default_factory=list)
    lacks: dict[str, list[str]] = field(default_factory=dict)
    refusal: int = 403
    notes: list[str] = field(default_factory=list)


async def find(bar: Bar, roles: list[str], hints: list[RoleSet], *, sets: bool = True) -> Finding:
    """All minimal sets for one kind of caller."""
    admits = SetSearch(roles=roles, contains=bar.contains, passes=bar.admitted, hints=hints)
    full = SetSearch(roles=roles, contains=bar.contains, passes=bar.satisfied, hints=hints)
    found_admits = await admits.all_minimal() if sets else await admits.singles()
    found_full = await full.all_minimal() if sets else await full.singles()
    found_useful = await _useful(bar, roles, hints, found_full, sets=sets)
    finding = Finding(any_of=in_order(found_full), admits=in_order(found_admits), useful=in_order(found_useful))
    finding.reduced = _reduced(bar, roles, [*found_admits, *found_useful])
    finding.lacks = {"+".join(sorted(found)): list(bar.judged[found].lacks) for found in found_useful if _lacks(bar, found)}
    refusals = {judged.status for judged in bar.judged.values() if judged.outcome is Outcome.REFUSED}
    if refusals and 403 not in refusals:
        finding.refusal = min(refusals)
    elif len(refusals) > 1:
        finding.notes.append(f"refusals answer {', '.join(str(status) for status in sorted(refusals))}")
    for less, more in bar.backward():
        finding.notes.append(f"more roles did less: {'+'.join(sorted(less)) or 'none'} got more than {'+'.join(sorted(more))}")
    return finding


async def _useful(bar: Bar, roles: list[str], hints: list[RoleSet], full: list[RoleSet], *, sets: bool) -> list[RoleSet]:
    """Minimal sets with a useful response; searched only if some set met so far got one that is useful and not full."""
    if not any(judged.lacks for judged in bar.judged.values()):
        return full
    search = SetSearch(roles=roles, contains=bar.contains, passes=bar.useful, hints=hints)
    return await search.all_minimal() if sets else await search.singles()


def _lacks(bar: Bar, roles: RoleSet) -> bool:
    return roles in bar.judged and bool(bar.judged[roles].lacks)


def _reduced(bar: Bar, roles: list[str], admits: list[RoleSet]) -> dict[str, str]:
    """What is missing for the minimal admitted sets, and for single roles that see another part than what they contain."""
    texts = {"+".join(sorted(found)): bar.judged[found].missing for found in admits if found in bar.judged and bar.judged[found].missing}
    for role in roles:
        judged = bar.judged.get(frozenset({role}))
        if judged and judged.outcome is Outcome.REDUCED and judged.missing != texts.get(role):
            inner = {bar.judged[frozenset({name})].missing for name in bar.contains.get(role, ()) if frozenset({name}) in bar.judged}
            if judged.missing not in inner:
                texts[role] = judged.missing
    return dict(sorted(texts.items()))


async def baseline(bench: Workbench) -> Seen:
    """Realm-admin's answer, twice: what differs between two equal states cannot be judged."""
    if bench.place is Place.READ:
        await bench.stage.read.callers.token(frozenset({REALM_ADMIN}), bench.kind)
        async with bench.stage.read.realm.still:
            return await _baseline(bench)
    return await _baseline(bench)


async def _baseline(bench: Workbench) -> Seen:
    first = await bench.attempt(frozenset({REALM_ADMIN}))
    second = await bench.attempt(frozenset({REALM_ADMIN}))
    if first.status != second.status:
        raise Undetermined(f"realm-admin's own answers vary: {first.status}, {second.status}")
    if canonical([first.body, first.after]) != canonical([second.body, second.after]):
        third = await bench.attempt(frozenset({REALM_ADMIN}))
        if canonical([second.body, second.after]) != canonical([third.body, third.after]):
            raise Undetermined(f"realm-admin's own answers vary: {difference(second.body, third.body)}{_vary(second.after, third.after)}")
        return third
    return second


def _vary(first: Any, second: Any) -> str:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return "; ".join(
            f"{key}: {difference(first[key], second.get(key))}" for key in first if canonical(first[key]) != canonical(second.get(key))
        )
    return ""
