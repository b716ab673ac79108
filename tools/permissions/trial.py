"""The trial of one operation: whether permissions open it at all, which minimal sets do, and for which objects they have to be."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.measure.callers import Kind
from tools.measure.judge import Diagnosis, Outcome, Seen, judge
from tools.measure.sets import Passes, RoleSet, SetSearch, in_order
from tools.measure.spec import Place
from tools.measure.trial import Bar, Undetermined, baseline
from tools.permissions.bench import PermissionBench
from tools.permissions.objects import Place as Where
from tools.permissions.objects import types_of
from tools.permissions.terms import containment, for_objects, is_role, term_of, type_wide

EMPTY = frozenset({"no items", "no content"})
SEEING = frozenset({"view", "view-members"})
MOST_SETS = 40
"""More minimal sets than these are a sign that something else decides."""
LARGEST_SET = 6
"""No operation was seen to need more terms together."""
HINTS = 4
"""How many sets that opened earlier operations are tried first."""
ONLY_ONE = ("management",)
"""Objects of which a realm has no other one."""
SERVER_ERROR = 500
CLOSED_TO_ALL = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a version has to be tried with: resource types with their scopes, and the roles that let query."""

    types: Mapping[str, Sequence[str]]
    query_roles: Sequence[str]

    @property
    def everything(self) -> RoleSet:
        """The most that a caller can have without any role that opens something by itself."""
        return frozenset([*type_wide(self.types), *self.query_roles])


@dataclass(slots=True, kw_only=True)
class Trial:
    """One operation, called in one way."""

    bench: PermissionBench
    ground: Ground
    objects: Mapping[str, Where]
    hints: list[RoleSet]
    own_hints: Sequence[RoleSet] = ()
    """What opens this operation in another version, as far as it is known."""
    role_sets: Sequence[frozenset[str]] = ()
    """Sets of several roles that open the operation: one part of a set may be had by permissions."""
    singles: bool = False
    """Whether every single term is tried, too."""
    entry: dict[str, Any] = field(default_factory=dict)

    async def run(self) -> dict[str, Any]:
        """What was found, as a journal entry; Undetermined if it cannot be said."""
        self.entry["objects"] = {key: dict(place) for key, place in self.objects.items()}
        await self.bench.make_controls(types_of(self.objects))
        seen = await self.bench.attempt(self.ground.everything)
        extra = frozenset[str]()
        if seen.status in CLOSED_TO_ALL:
            extra = await self._roles_that_help()
            if not extra:
                return self.entry | {"closed": True, "refusals": [seen.status]}
        base = await baseline(self.bench)
        if not base.succeeded and (await self.bench.attempt(frozenset())).status == base.status:
            raise Undetermined(f"realm-admin gets {base.status} and so does everybody: the check is not reached")
        found = await self._searched(base, extra)
        if not base.succeeded:
            found["notes"].append(f"realm-admin's own answer was {base.status}, after the check")
        return found

    async def _roles_that_help(self) -> RoleSet:
        """Roles that open nothing here alone, and open it beside permissions."""
        for roles in self.role_sets:
            for left_out in sorted(roles):
                rest = roles - {left_out}
                if (await self.bench.attempt(self.ground.everything | rest)).succeeded and not (await self.bench.attempt(rest)).succeeded:
                    return rest
        return frozenset()

    async def _searched(self, base: Seen, extra: RoleSet) -> dict[str, Any]:
        types = types_of(self.objects)
        contains = containment(self.ground.types, types)
        terms = [*self._scopes(for_objects(self.ground.types, types), types), *self._scopes(type_wide(self.ground.types), types)]
        terms += [*self.ground.query_roles, *sorted(extra)]
        bar = PermissionBar(bench=self.bench, base=base, kind=Kind.SERVICE_ACCOUNT, contains=contains)
        levels, queried = {}, {}
        for level, passes in (("admits", bar.admitted), ("shows", _shows(bar)), ("anyOf", bar.satisfied)):
            search = MinimalSets(roles=terms, contains=contains, passes=passes, hints=[*self.own_hints, *self.hints[:HINTS]])
            levels[level] = in_order(await (search.with_singles() if self.singles else search.all_minimal()))
            self._remember(levels[level])
            queried[level] = await self._with_query_roles(levels[level], search)
        if any(found is not None for found in queried.values()):
            self.entry["withQueryRole"] = {level: levels[level] if found is None else found for level, found in queried.items()}
        every = [frozenset(found) for found in dict.fromkeys(tuple(found) for level in levels.values() for found in level)]
        self.entry |= levels | {
            "reduced": _reduced(bar, every),
            "refusals": sorted({judged.status for judged in bar.judged.values() if judged.outcome is Outcome.REFUSED}),
            "notes": [_backward(less, more) for less, more in bar.backward()],
            "cells": {
                "+".join(sorted(held)) or "-": [judged.outcome, judged.status, judged.missing] for held, judged in bar.judged.items()
            },
            "closed": not levels["admits"],
        }
        return self.entry | {"control": await self._controls(base, every)}

    async def _with_query_roles(self, sets: Sequence[Sequence[str]], search: SetSearch) -> list[list[str]] | None:
        """What is needed by callers who may query, if that is more: what they may not see is then hidden from them.

        None if a role that lets query takes nothing away. The sets found do not name the roles. Looked for among the scopes that open
        the call otherwise and those that let see.
        """
        roles = frozenset(self.ground.query_roles)
        less = [found for found in map(frozenset, sets) if not await search.passes(found | roles)]
        if not less:
            return None

        async def passes(terms: RoleSet) -> bool:
            return await search.passes(terms | roles)

        opening = {term_of(text).scope for found in sets for text in found if not is_role(text)}
        scopes = [text for text in search.roles if not is_role(text) and term_of(text).scope in opening | SEEING]
        return in_order(await MinimalSets(roles=scopes, contains=search.contains, passes=passes).all_minimal())

    def _scopes(self, terms: Iterable[str], types: Mapping[str, str]) -> list[str]:
        """The terms to try: what a group's scope says of its members is the same for every operation on users, and tried apart."""
        return [text for text in terms if "Groups" in types.values() or not term_of(text).scope.endswith("-members")]

    def _remember(self, sets: Iterable[list[str]]) -> None:
        for found in map(frozenset, sets):
            if found and found in self.hints:
                self.hints.remove(found)
            if found:
                self.hints.insert(0, found)

    async def _controls(self, base: Seen, sets: Iterable[RoleSet]) -> dict[str, Any]:
        """With each permission of a set for another object of the same kind, the one that is asked for stays closed."""
        checked, still_open = 0, []
        for terms in sets:
            for target in sorted({term_of(text).target for text in terms if not is_role(text)} - {"", *ONLY_ONE}):
                self.bench.elsewhere = frozenset({target})
                seen = await self.bench.attempt(terms)
                self.bench.elsewhere = frozenset()
                checked += 1
                if not await self._stays_closed(judge(base, seen), target):
                    still_open.append({"set": sorted(terms), "object": target, "status": seen.status})
        return {"checked": checked, "open": still_open}

    async def _stays_closed(self, judged: Diagnosis, target: str) -> bool:
        if judged.outcome is Outcome.REFUSED:
            return True
        if self.bench.place is not Place.READ:
            return False
        said = json.dumps(self.bench.last.body if self.bench.last else None)
        return await self.bench.stage.read.shared.get(target) not in said


class PermissionBar(Bar):
    """Refusals are believed at once; a server error has to come twice, for some refusals are one."""

    async def _sure(self, roles: RoleSet) -> Diagnosis:
        first = await self._ask(roles)
        if first.outcome is Outcome.FULL or (first.outcome is Outcome.REFUSED and first.status < SERVER_ERROR):
            return first
        if first.outcome is Outcome.REFUSED:
            return await self._ask(roles)
        return await Bar._sure(self, roles)  # noqa: SLF001 - the base class's step: a reduced response has to come twice


class MinimalSets(SetSearch):
    """All minimal sets by refused and passed large sets alone: where a set is refused, so is each part of it.

    That more permissions never do less is what this rests on; `with_singles` also asks every single term, and shows if it fails.
    """

    async def all_minimal(self) -> list[RoleSet]:
        """Every minimal passing set; [∅] if nothing is needed, [] if not even all terms pass."""
        if await self._ask(frozenset()):
            return [frozenset()]
        await self._walk(frozenset(), set())
        return list(self._found)

    async def _walk(self, removed: RoleSet, visited: set[RoleSet]) -> None:
        if len(self._found) > MOST_SETS:
            raise Undetermined(f"more than {MOST_SETS} minimal sets")
        await SetSearch._walk(self, removed, visited)  # noqa: SLF001 - the base class's step

    async def _minimal_within(self, passing: RoleSet) -> RoleSet:
        minimal = await SetSearch._minimal_within(self, passing)  # noqa: SLF001 - the base class's step
        if len(minimal) > LARGEST_SET:
            raise Undetermined(f"answers contradict each other: {len(minimal)} terms open it together and no part of them does")
        return minimal

    async def with_singles(self) -> list[RoleSet]:
        """The same, after every single term was tried."""
        return await SetSearch.all_minimal(self)


def _shows(bar: Bar) -> Passes:
    """Whether a set gets more than an empty list."""

    async def passes(terms: RoleSet) -> bool:
        judged = await bar.of(terms)
        return judged.outcome is not Outcome.REFUSED and judged.missing not in EMPTY

    return passes


def _backward(less: RoleSet, more: RoleSet) -> str:
    return f"more did less: {'+'.join(sorted(less)) or 'none'} got more than {'+'.join(sorted(more))}"


def _reduced(bar: Bar, sets: Iterable[RoleSet]) -> dict[str, str]:
    """What is missing, for the minimal sets that get less than all."""
    return {"+".join(sorted(terms)): bar.judged[terms].missing for terms in sets if terms in bar.judged and bar.judged[terms].missing}
