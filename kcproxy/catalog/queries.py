"""Queries of the table: operations below a path, what a role allows, what a list of calls needs, differences between versions."""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from kcproxy.catalog.catalog import Catalog
from kcproxy.catalog.entry import Entry
from kcproxy.model import RoleSet, Target, TargetKind

_PARAMETER = re.compile(r"\{[^{}]*\}")


class Reach(Struct, frozen=True, kw_only=True):
    """What roles allow: with a ``full`` response, with a ``reduced`` one, and only ``together`` with other roles."""

    full: tuple[Entry, ...]
    reduced: tuple[Entry, ...]
    together: tuple[tuple[Entry, RoleSet], ...]


class Change(Struct, frozen=True, kw_only=True):
    """One operation in two versions. ``old`` is None if it was added, ``new`` if it was removed."""

    old: Entry | None
    new: Entry | None

    @property
    def entry(self) -> Entry:
        """The newer entry if it exists, otherwise the older one."""
        entry = self.new or self.old
        if entry is None:
            raise LookupError("a change without any side")
        return entry


class Differences(Struct, frozen=True, kw_only=True):
    """What changed from one version to another."""

    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    changed: tuple[Change, ...]
    new_roles: RoleSet
    gone_roles: RoleSet


def operations_at(catalog: Catalog, method: str, path: str) -> tuple[Entry, ...]:
    """The entries of a path template or of a concrete path (``/admin/realms/shop/users/42``), one for each body; () where unknown."""
    method = "GET" if method == "HEAD" else method
    template = path.partition("?")[0]
    if catalog.find(method, template) is None:
        target: Target = catalog.target(method, path)
        if target.kind is not TargetKind.ADMIN or target.operation is None:
            return ()
        template = target.operation.path
    return tuple(e for e in catalog.operations if e.operation.method == method and e.operation.path == template)


def operations_below(catalog: Catalog, prefix: str, method: str | None = None) -> tuple[Entry, ...]:
    """The entries on a path and below it, segment by segment. A parameter in the table matches any segment of the prefix."""
    wanted = [part for part in prefix.rstrip("*").strip("/").split("/") if part]
    found = (entry for entry in catalog.operations if method in {None, entry.operation.method})
    return tuple(entry for entry in found if _starts_with(entry.operation.path.strip("/").split("/"), wanted))


def _starts_with(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if len(wanted) > len(parts):
        return False
    pairs = zip(parts, wanted, strict=False)
    return all(part == want or part.startswith("{") for part, want in pairs)


def reach(catalog: Catalog, roles: RoleSet, entries: Iterable[Entry]) -> Reach:
    """What a caller with these roles may do, without operations that any token allows."""
    full, reduced, together = [], [], []
    held = catalog.closure(roles)
    for entry in entries:
        need = entry.requirement
        if need.undetermined is not None or () in need.any_of:
            continue
        if catalog.satisfies(roles, need.any_of):
            full.append(entry)
        elif catalog.satisfies(roles, need.admits):
            reduced.append(entry)
        elif more := _missing(catalog, held, need.any_of):
            together.append((entry, more))
    return Reach(full=tuple(full), reduced=tuple(reduced), together=tuple(together))


def _missing(catalog: Catalog, held: frozenset[str], sets: tuple[RoleSet, ...]) -> RoleSet | None:
    """The roles to add if a part of a set is held already."""
    parts = [tuple(role for role in roles if role not in held) for roles in sets if held & set(roles)]
    return catalog.least(parts)


def least_cover(catalog: Catalog, demands: Sequence[tuple[RoleSet, ...]]) -> RoleSet | None:
    """The combination of roles with the least power that satisfies every demand; None if one cannot be satisfied.

    The result is exact: branch and bound, which works because a superset never ranks lower.
    """
    distinct = sorted({tuple(sorted(sets)) for sets in demands if () not in sets}, key=len)
    if any(not sets for sets in distinct):
        return None
    return _Search(catalog, distinct).best()


class _Search:
    """One search for the least cover."""

    def __init__(self, catalog: Catalog, demands: Sequence[tuple[RoleSet, ...]]) -> None:
        self._catalog, self._demands = catalog, demands
        self._best: RoleSet | None = None
        self._seen: set[tuple[int, RoleSet]] = set()

    def best(self) -> RoleSet | None:
        self._descend(0, ())
        return self._best

    def _descend(self, position: int, held: RoleSet) -> None:
        while position < len(self._demands) and self._catalog.satisfies(held, self._demands[position]):
            position += 1
        if (position, held) in self._seen or self._is_worse(held):
            return
        self._seen.add((position, held))
        if position == len(self._demands):
            trimmed = self._trimmed(held)
            self._best = trimmed if self._is_better(trimmed) else self._best
            return
        for roles in sorted(self._demands[position], key=lambda extra: self._catalog.rank(_union(held, extra))):
            self._descend(position + 1, _union(held, roles))

    def _is_worse(self, roles: RoleSet) -> bool:
        """Whether these roles cannot lead to a better result. Roles that another one contains do not count, because they are removed at the end."""
        if self._best is None:
            return False
        tops = tuple(role for role in roles if not any(role in self._catalog.contains(other) for other in roles if other != role))
        return self._catalog.rank(tops)[0] > self._catalog.rank(self._best)[0]

    def _is_better(self, roles: RoleSet) -> bool:
        return self._best is None or self._catalog.rank(roles) < self._catalog.rank(self._best)

    def _trimmed(self, held: RoleSet) -> RoleSet:
        """Remove the roles that are not needed in addition to the others."""
        for role in held:
            rest = tuple(other for other in held if other != role)
            if all(self._catalog.satisfies(rest, sets) for sets in self._demands):
                return self._trimmed(rest)
        return held


def _union(held: RoleSet, more: RoleSet) -> RoleSet:
    return tuple(sorted({*held, *more}))


def differences(old: Catalog, new: Catalog) -> Differences:
    """What was added, removed, or needs other roles. Paths are equal if only their parameter names differ."""
    before, after = _by_shape(old), _by_shape(new)
    added = (Change(old=None, new=after[key]) for key in after if key not in before)
    removed = (Change(old=before[key], new=None) for key in before if key not in after)
    pairs = (Change(old=before[key], new=after[key]) for key in after if key in before)
    return Differences(
        added=tuple(added),
        removed=tuple(removed),
        changed=tuple(pair for pair in pairs if pair.old and pair.new and _needs(pair.old) != _needs(pair.new)),
        new_roles=tuple(role for role in new.roles if role not in old.roles),
        gone_roles=tuple(role for role in old.roles if role not in new.roles),
    )


def _by_shape(catalog: Catalog) -> dict[tuple[str, str, str | None], Entry]:
    return {(e.operation.method, _PARAMETER.sub("{}", e.operation.path), e.operation.body): e for e in catalog.operations}


def _needs(entry: Entry) -> tuple[object, ...]:
    need = entry.requirement
    variants = tuple((v.id, frozenset(v.requirement.any_of), frozenset(v.requirement.admits)) for v in entry.variants)
    return frozenset(need.any_of), frozenset(need.admits), entry.operation.features, need.undetermined is None, variants
