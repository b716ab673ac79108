"""What a role can be turned into, as measured, and the resulting order of power. Pure; the data is ``data/powers.json``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from msgspec import Struct

from kcproxy.errors import CatalogError

SCHEMA = 2


class Yields(StrEnum):
    """What a way yields, the strongest first."""

    BECOMES_ADMIN = "becomes-admin"
    ACTS_AS_OTHER = "acts-as-other"
    READS_SECRETS = "reads-secrets"
    DESTROYS = "destroys"
    CHANGES = "changes"
    READS = "reads"


class Ease(StrEnum):
    """What a way needs in addition to the role, the least first: nothing, something that most realms have, something that some have, an administrator's help."""

    ALWAYS = "always"
    USUAL = "usual"
    SPECIAL = "special"
    LURED = "lured"


_WRITING = frozenset({Yields.DESTROYS, Yields.CHANGES})
_STRENGTH = {yields: len(Yields) - place for place, yields in enumerate(Yields)}
_EASE = {ease: len(Ease) - place for place, ease in enumerate(Ease)}

RoleKey = tuple[int, int, int, int, int]


class Way(Struct, frozen=True, kw_only=True):
    """A way that worked with real calls. ``says`` completes "can …", ``needs`` completes "if …" (empty: nothing)."""

    id: str
    yields: Yields
    ease: Ease
    says: str
    needs: str
    calls: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, int, int]:
        """Larger is stronger, then easier, then shorter."""
        return _STRENGTH[self.yields], _EASE[self.ease], -len(self.calls)


@dataclass(frozen=True)
class RolePower:
    """The ways for the holder of one role, including those of contained roles; the strongest and easiest first."""

    role: str
    ways: tuple[Way, ...]

    @property
    def reach(self) -> Yields | None:
        """The strongest yield without an administrator's help; None if no way is known."""
        return next((way.yields for way in self.ways if way.ease is not Ease.LURED), None)

    @property
    def becomes_admin(self) -> bool:
        """Whether the holder can make themselves an administrator without an administrator's help."""
        return self.reach is Yields.BECOMES_ADMIN

    def best(self, yields: Yields) -> Way | None:
        """The easiest and shortest way with this yield."""
        return next((way for way in self.ways if way.yields is yields), None)

    @cached_property
    def strength(self) -> tuple[int, int, int, int]:
        """The first part of the sort key: yield, whether it writes, the ease of its strongest way, and what an administrator's help adds."""
        unaided = [way for way in self.ways if way.ease is not Ease.LURED]
        reach = max((_STRENGTH[way.yields] for way in unaided), default=0)
        ease = max((_EASE[way.ease] for way in unaided if _STRENGTH[way.yields] == reach), default=0)
        aided = max((_STRENGTH[way.yields] for way in self.ways), default=0)
        return reach, int(any(way.yields in _WRITING for way in self.ways)), ease, aided


class Powers:
    """The powers of one Keycloak version."""

    def __init__(self, works: Mapping[str, tuple[Way, ...]], *, version: str | None, basis: str, everybodys: tuple[Way, ...] = ()) -> None:
        """``works``: the ways of each role; ``everybodys``: ways that work with every role. ``version``: the measured version."""
        self.version, self.basis, self.everybodys = version, basis, everybodys
        self._works = works
        self._known: dict[str, RolePower] = {}

    def of(self, role: str, contains: Iterable[str] = ()) -> RolePower:
        """The power of a role that contains these others."""
        if role not in self._known:
            held = dict.fromkeys(way for name in (role, *contains) for way in self._works.get(name, ()))
            ways = sorted(held, key=lambda way: (*(-part for part in way.rank), way.id))
            self._known[role] = RolePower(role, tuple(ways))
        return self._known[role]

    def has(self, role: str, way: str) -> bool:
        """Whether the way works with this role by itself."""
        return any(each.id == way for each in self._works.get(role, ()))

    def key(self, roles: Iterable[str], contains: Callable[[str], Iterable[str]], unlocked: Callable[[str], int]) -> tuple[RoleKey, ...]:
        """The sort key of sets of roles: the most powerful role first, then the next. A superset never ranks lower.

        Of roles with equal power, the one that allows more operations (``unlocked``) is stronger.
        """
        return tuple(sorted(((*self.of(role, contains(role)).strength, unlocked(role)) for role in roles), reverse=True))


NO_POWERS = Powers({}, version=None, basis="unknown")


def powers_of(document: Mapping[str, Any], version: str) -> Powers:
    """The powers of one version in a parsed ``powers.json``. Raises CatalogError if it does not follow its schema."""
    if document.get("schema") != SCHEMA:
        raise CatalogError(f"powers with schema {document.get('schema')!r}: this program reads {SCHEMA}")
    held = document["versions"].get(version)
    if held is None:
        return NO_POWERS
    works: dict[str, list[Way]] = {}
    everybodys: list[Way] = []
    for name, outcome in held["outcomes"].items():
        way = _way(name, document["ways"][name])
        if _is_everybodys(outcome):
            everybodys.append(way)
            continue
        for role in outcome["works"]:
            works.setdefault(role, []).append(way)
    own = {role: tuple(ways) for role, ways in works.items()}
    return Powers(own, version=version, basis=held["basis"], everybodys=tuple(everybodys))


def _is_everybodys(outcome: Mapping[str, Any]) -> bool:
    """Whether the way worked with every tried role, so that it is not the power of a single one."""
    return bool(outcome["works"]) and not outcome.get("fails") and not outcome.get("rest")


def _way(name: str, item: Mapping[str, Any]) -> Way:
    return Way(
        id=name,
        yields=Yields(item["yields"]),
        ease=Ease(item["ease"]),
        says=item["says"],
        needs=item.get("needs", ""),
        calls=tuple(item["calls"]),
    )


def warnings(power: RolePower) -> tuple[tuple[Yields, str], ...]:
    """The warnings for a fix that grants the role: the shortest way of each kind, in one sentence each.

    If the role writes and leads to an administrator, only that is said: the rest follows from it.
    """
    if power.becomes_admin and power.strength[1]:
        return ((Yields.BECOMES_ADMIN, _sentence(power, Yields.BECOMES_ADMIN)),)
    return tuple((yields, _sentence(power, yields)) for yields in _WORDS if power.best(yields) is not None)


_WORDS = {
    Yields.BECOMES_ADMIN: "can be turned into realm-admin",
    Yields.ACTS_AS_OTHER: "can act as others",
    Yields.READS_SECRETS: "reveals secrets",
    Yields.DESTROYS: "can destroy",
}


def _sentence(power: RolePower, yields: Yields) -> str:
    way = power.best(yields)
    if way is None:
        raise LookupError(f"{power.role} does not yield {yields}")
    return f"{power.role} {_WORDS[yields]}: {way.says}" + (f" (if {way.needs})" if way.needs else "")
