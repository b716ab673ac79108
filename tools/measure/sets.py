"""Finds all minimal sets of roles with which a call succeeds, with few calls.

The order is "holds at most": a set is smaller than another if everything it holds through its composites is held by the other, too.
More roles never do less (checked apart), so QuickXplain finds one minimal set inside any passing set (U. Junker, 2004), and walking a
tree of hitting sets over the sets already found finds all others (R. Reiter, 1987).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

RoleSet = frozenset[str]
Passes = Callable[[RoleSet], Awaitable[bool]]


def closure(roles: Iterable[str], contains: Mapping[str, Iterable[str]]) -> RoleSet:
    """The roles with all that they contain."""
    held = set(roles)
    for role in tuple(held):
        held.update(contains.get(role, ()))
    return frozenset(held)


def reduced_to_tops(roles: Iterable[str], contains: Mapping[str, Iterable[str]]) -> RoleSet:
    """The roles without those that another of them contains."""
    given = frozenset(roles)
    below = {inner for role in given for inner in contains.get(role, ()) if inner != role}
    return given - below


def in_order(sets: Iterable[RoleSet]) -> list[list[str]]:
    """Sets as the data file lists them: each sorted, the list by length and names."""
    return sorted((sorted(roles) for roles in sets), key=lambda roles: (len(roles), roles))


@dataclass(slots=True, kw_only=True)
class SetSearch:
    """A search over one operation: `passes` is asked at most once for each closed set."""

    roles: Sequence[str]
    contains: Mapping[str, Iterable[str]]
    passes: Passes
    hints: Sequence[RoleSet] = ()
    _asked: dict[RoleSet, bool] = field(default_factory=dict)
    _found: list[RoleSet] = field(default_factory=list)

    async def all_minimal(self) -> list[RoleSet]:
        """Every minimal passing set; [∅] if nothing is needed, [] if not even all roles pass."""
        found = await self.singles()
        if frozenset() not in found:
            await self._walk(frozenset(), set())
        return list(self._found)

    async def singles(self) -> list[RoleSet]:
        """The minimal passing sets of at most one role; no role where the same is had with several that it contains."""
        if await self._ask(frozenset()):
            self._found.append(frozenset())
            return [frozenset()]
        for role in sorted(self.roles, key=lambda name: (len(self._closed({name})), name)):
            alone = frozenset({role})
            if not self._covered(alone) and await self._ask(alone) and not await self._ask_inside(role):
                self._found.append(alone)
        return list(self._found)

    async def _ask_inside(self, role: str) -> bool:
        """Whether what a composite contains passes without it: then several smaller roles are the minimal set."""
        inner = frozenset(self.contains.get(role, ())) & frozenset(self.roles) - {role}
        return len(inner) > 1 and await self._ask(inner)

    async def _walk(self, removed: RoleSet, visited: set[RoleSet]) -> None:
        if removed in visited:
            return
        visited.add(removed)
        universe = frozenset(role for role in self.roles if not self._closed({role}) & removed)
        minimal = next((known for known in self._found if not self._closed(known) & removed), None)
        if minimal is None:
            minimal = await self._shrunk_from(universe)
            if minimal is None:
                return
            self._found.append(minimal)
        for role in sorted(minimal):
            await self._walk(removed | {role}, visited)

    async def _shrunk_from(self, universe: RoleSet) -> RoleSet | None:
        for hint in self.hints:
            if self._closed(hint) <= self._closed(universe) and hint <= universe and await self._ask(hint):
                return await self._minimal_within(hint)
        if not universe or not await self._ask(universe):
            return None
        return await self._minimal_within(universe)

    async def _minimal_within(self, passing: RoleSet) -> RoleSet:
        """A set that passes, and no smaller one inside it does: literally first, then below its composites."""
        minimal = await self._quick(frozenset(), frozenset(), sorted(passing))
        for role in sorted(minimal):
            inner = frozenset(self.contains.get(role, ())) & frozenset(self.roles) - {role}
            lower = (minimal - {role}) | inner
            if inner and await self._ask(lower):
                return await self._minimal_within(lower)
        return reduced_to_tops(minimal, self.contains)

    async def _quick(self, background: RoleSet, added: RoleSet, candidates: Sequence[str]) -> RoleSet:
        if added and await self._ask(background):
            return frozenset()
        if len(candidates) == 1:
            return frozenset(candidates)
        half = len(candidates) // 2
        first, second = frozenset(candidates[:half]), frozenset(candidates[half:])
        from_second = await self._quick(background | first, first, sorted(second))
        from_first = await self._quick(background | from_second, from_second, sorted(first))
        return from_first | from_second

    async def _ask(self, roles: RoleSet) -> bool:
        key = self._closed(roles)
        if key not in self._asked:
            self._asked[key] = await self.passes(reduced_to_tops(roles, self.contains))
        return self._asked[key]

    def _covered(self, roles: RoleSet) -> bool:
        """Whether a known minimal set is held by these roles: the larger is not listed beside the smaller."""
        held = self._closed(roles)
        return any(self._closed(known) <= held for known in self._found)

    def _closed(self, roles: Iterable[str]) -> RoleSet:
        return closure(roles, self.contains)
