"""Sets of roles as bits of an integer, and operations on them: composites, number of allowed operations, order of power."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kcproxy.catalog.power import NO_POWERS, Powers, RoleKey
from kcproxy.model import RoleSet

SetKey = tuple[tuple[RoleKey, ...], int, int, int, RoleSet]
"""The sort key of sets of roles: the power of their roles, the number of allowed operations, their number, how many write, their names."""

_MAX_CLOSURES = 1024
_MAX_KEPT_ROLES = 64
"""A token with more roles of one client than any version of Keycloak has is not worth a cache entry."""


class RoleAlgebra:
    """The roles of one Keycloak version with their composites (transitive), and the requirements of the table, as bit masks."""

    def __init__(self, composites: Mapping[str, Sequence[str]], powers: Powers = NO_POWERS) -> None:
        """``composites``: each role of realm-management and every role that it contains; ``powers``: what each can be turned into."""
        self._powers = powers
        self._keys: dict[RoleSet, SetKey] = {}
        self.names = tuple(sorted(composites))
        self._bits = {role: 1 << place for place, role in enumerate(sorted(composites))}
        self._closure = {role: self._mask((role, *contained)) for role, contained in composites.items()}
        self._contained = {role: frozenset((role, *contained)) for role, contained in composites.items()}
        self._closures: dict[RoleSet | frozenset[str], frozenset[str]] = {}
        self._unlocked: dict[RoleSet, int] = {}
        self._sufficient: dict[tuple[RoleSet, ...], frozenset[str]] = {}
        self._demands: tuple[tuple[tuple[int, ...], int], ...] = ()  # each distinct demand, and how many operations have it

    def _mask(self, roles: Iterable[str]) -> int:
        mask = 0
        for role in roles:
            mask |= self._bits.setdefault(role, 1 << len(self._bits))
        return mask

    def contains(self, role: str) -> frozenset[str]:
        """The role and every role that its composites reach; only itself where the version has no such role."""
        return self._contained.get(role, frozenset({role}))

    def closure(self, roles: Iterable[str]) -> frozenset[str]:
        """The given roles and all roles that they contain."""
        key = roles if isinstance(roles, tuple | frozenset) else tuple(roles)
        known = self._closures.get(key)
        if known is None:
            known = frozenset().union(*(self.contains(role) for role in key))
            if len(key) <= _MAX_KEPT_ROLES:
                if len(self._closures) >= _MAX_CLOSURES:
                    self._closures.clear()  # tokens of callers can contain any name
                self._closures[key] = known
        return known

    def sufficient(self, sets: tuple[RoleSet, ...]) -> frozenset[str]:
        """The roles that contain one of the sets, each by itself, including composites."""
        known = self._sufficient.get(sets)
        if known is None:
            if len(self._sufficient) >= _MAX_CLOSURES:
                self._sufficient.clear()
            found = (role for role in self.names if any(self.contains(role).issuperset(roles) for roles in sets))
            known = self._sufficient[sets] = frozenset(found)
        return known

    def learn(self, demands: Iterable[tuple[RoleSet, ...]]) -> None:
        """Set the sets that ``unlocked`` counts: one tuple for each operation of the table."""
        self._demands = tuple(Counter(tuple(self._mask(roles) for roles in sets) for sets in demands).items())
        self._unlocked.clear()
        self._keys.clear()

    def unlocked(self, roles: RoleSet) -> int:
        """How many operations of the table these roles allow; any-token operations count for everyone."""
        count = self._unlocked.get(roles)
        if count is None:
            held = 0
            for role in roles:
                held |= self._closure.get(role) or self._mask((role,))
            count = sum(times for sets, times in self._demands if any(need & held == need for need in sets))
            self._unlocked[roles] = count
        return count

    def least(self, sets: Sequence[RoleSet]) -> RoleSet | None:
        """The set with the least power, as ``power`` orders them."""
        return min(sets, key=self.power, default=None)

    def ranked(self, sets: Sequence[RoleSet]) -> tuple[RoleSet, ...]:
        """The sets by their power, the least first."""
        return tuple(sorted(sets, key=self.power)) if len(sets) > 1 else tuple(sets)

    def power(self, roles: RoleSet) -> SetKey:
        """The sort key of sets: the most powerful role first, then the next, then the number of allowed operations."""
        key = self._keys.get(roles)
        if key is None:
            by_role = self._powers.key(roles, self.contains, lambda role: self.unlocked((role,)))
            writing = sum(not role.startswith(("view-", "query-")) for role in roles)
            key = by_role, self.unlocked(roles), len(roles), writing, roles
            if len(roles) <= _MAX_KEPT_ROLES:
                if len(self._keys) >= _MAX_CLOSURES:
                    self._keys.clear()
                self._keys[roles] = key
        return key
