"""What a role can be turned into, as measured, and the order of power that follows from it. Pure; the data is ``data/powers.json``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from kcproxy.errors import CatalogError

SCHEMA = 2


class Yields(StrEnum):
    """What a way gives to the holder of a role, the strongest first."""

    BECOMES_ADMIN = "becomes-admin"
    ACTS_AS_OTHER = "acts-as-other"
    READS_SECRETS = "reads-secrets"
    DESTROYS = "destroys"
    CHANGES = "changes"
    READS = "reads"


class Ease(StrEnum):
    """What a way takes besides the role, the least first: nothing; what most realms have; what some have; an administrator's help."""

    ALWAYS = "always"
    USUAL = "usual"
    SPECIAL = "special"
    LURED = "lured"


_WRITING = frozenset({Yields.DESTROYS, Yields.CHANGES})
_STRENGTH = {yields: len(Yields) - place for place, yields in enumerate(Yields)}
_EASE = {ease: len(Ease) - place for place, ease in enumerate(Ease)}

RoleKey = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way that was tried with real calls and worked. ``says`` completes "can …", ``needs`` completes "where …" (empty: nothing)."""

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
    """The ways that are open to the holder of one role, also through the roles that it contains; the strongest and easiest first."""

    role: str
    ways: tuple[Way, ...]

    @property
    def reach(self) -> Yields | None:
        """The most that the role gives without an administrator's help; None where nothing is known to be open to it."""
        return next((way.yields for way in self.ways if way.ease is not Ease.LURED), None)

    @property
    def becomes_admin(self) -> bool:
        """Whether the holder can make themselves an administrator without an administrator's help."""
        return self.reach is Yields.BECOMES_ADMIN

    def best(self, yields: Yields) -> Way | None:
        """The easiest and shortest of the ways that give this."""
        return next((way for way in self.ways if way.yields is yields), None)

    @cached_property
    def strength(self) -> tuple[int, int, int, int]:
        """What is compared first: reach; whether it writes; how easy its strongest way is; what an administrator's help would add."""
        unaided = [way for way in self.ways if way.ease is not Ease.LURED]
        reach = max((_STRENGTH[way.yields] for way in unaided), default=0)
        ease = max((_EASE[way.ease] for way in unaided if _STRENGTH[way.yields] == reach), default=0)
        aided = max((_STRENGTH[way.yields] for way in self.ways), default=0)
        return reach, int(any(way.yields in _WRITING for way in self.ways)), ease, aided


class Powers:
    """The powers of one Keycloak version."""

    def __init__(self, works: Mapping[str, tuple[Way, ...]], *, version: str | None, basis: str, everybodys: tuple[Way, ...] = ()) -> None:
        """``works``: each role's own ways; ``everybodys``: ways that no role adds anything to. ``version``: whose measurement this is."""
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
        """By which sets of roles are compared: the most powerful role of each first, then the next. A larger set is never smaller.

        Of roles with equal power the one that opens more operations (``unlocked``) is the stronger.
        """
        return tuple(sorted(((*self.of(role, contains(role)).strength, unlocked(role)) for role in roles), reverse=True))


NO_POWERS = Powers({}, version=None, basis="unknown")


def powers_of(document: Mapping[str, Any], version: str) -> Powers:
    """The powers of one version in a parsed ``powers.json``. CatalogError where it does not follow its schema."""
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
    """Whether the way worked with every role that was tried: then it is open to any of them, and no power of one role."""
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
    """What goes with a fix that grants the role, by what it yields: the shortest way of each kind, in one sentence.

    Of a role that writes and becomes an administrator nothing else is said: the rest follows from it.
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
    return f"{power.role} {_WORDS[yields]}: {way.says}" + (f" (where {way.needs})" if way.needs else "")
