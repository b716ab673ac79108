"""The forecast of an upgrade: which recorded calls another version refuses or answers otherwise, and which roles to grant before. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from kcproxy.catalog import Catalog, Entry
from kcproxy.catalog.queries import least_cover
from kcproxy.model import Requirement, RoleSet
from kcproxy.usage.audit import Audit
from kcproxy.usage.model import Outcome, Use
from kcproxy.usage.needs import entries_by_key, requirements_of

_PARAMETER = re.compile(r"\{[^{}]*\}")


class Fate(StrEnum):
    """What becomes of a call."""

    SAME = "same"
    REFUSED = "refused"
    REDUCED = "reduced"  # the response contains less than before
    FULLER = "fuller"  # the response contains more than before
    GONE = "gone"  # the new version's table does not have the operation
    UNKNOWN = "unknown"  # a table or the held roles are not known


WORSE = frozenset({Fate.REFUSED, Fate.REDUCED, Fate.GONE, Fate.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One use and what becomes of it. ``needs``: the least roles for the same kind of response on the new version; None if there are none."""

    use: Use
    fate: Fate
    needs: RoleSet | None = None
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What an upgrade changes for one caller. ``grant``: roles to add before; ``grant_after``: those that only the new version has."""

    audit: Audit
    changes: tuple[Change, ...]
    grant: RoleSet
    grant_after: RoleSet

    @property
    def is_worse(self) -> bool:
        """Whether a call works less well, or may."""
        return any(change.fate in WORSE for change in self.changes)


def forecast(old: Catalog, new: Catalog, audit: Audit) -> Forecast:
    """What becomes of the successful calls of one caller. Only changes are part of it."""
    held = None if audit.held is None else old.closure(audit.held)
    found = [_change(old, new, need.use, held) for need in audit.needs]
    changes = tuple(change for change in found if change.fate is not Fate.SAME)
    worse = [change for change in changes if change.fate in {Fate.REFUSED, Fate.REDUCED}]
    demands = [demand for change in worse for demand in _demands(new, change.use)]
    known = new.closure(audit.held or ())
    more = tuple(role for role in least_cover(new, [*demands, *_kept(new, audit)]) or () if role not in known) if worse else ()
    return Forecast(
        audit=audit,
        changes=changes,
        grant=tuple(role for role in more if role in old.roles),
        grant_after=tuple(role for role in more if role not in old.roles),
    )


def _kept(new: Catalog, audit: Audit) -> list[tuple[RoleSet, ...]]:
    """The held roles as demands, so that what is added is the least beside them."""
    return [((role,),) for role in audit.held or () if role in new.roles]


def _change(old: Catalog, new: Catalog, use: Use, held: frozenset[str] | None) -> Change:
    entry, before = entry_in(new, use.operation), entries_by_key(old).get(use.operation)
    if entry is None:
        return Change(use=use, fate=Fate.GONE, says=f"not in the table of Keycloak {new.version}")
    requirements = requirements_of(entry, use)
    if any(each.undetermined is not None for each in requirements):
        return Change(use=use, fate=Fate.UNKNOWN, says=f"not determined for Keycloak {new.version}")
    was = Outcome.FULL if use.counts.get(Outcome.FULL) else Outcome.REDUCED
    if held is None:
        return _without_roles(new, use, requirements, before)
    now = _outcome(new, requirements, held)
    fate = _FATES.get((was, now), Fate.SAME)
    return Change(use=use, fate=fate, needs=least_cover(new, _demands(new, use)))


_FATES: Mapping[tuple[Outcome, Outcome], Fate] = {
    (Outcome.FULL, Outcome.REFUSED): Fate.REFUSED,
    (Outcome.REDUCED, Outcome.REFUSED): Fate.REFUSED,
    (Outcome.FULL, Outcome.REDUCED): Fate.REDUCED,
    (Outcome.REDUCED, Outcome.FULL): Fate.FULLER,
}


def _outcome(catalog: Catalog, requirements: tuple[Requirement, ...], held: frozenset[str]) -> Outcome:
    if all(catalog.satisfies(held, each.any_of) for each in requirements):
        return Outcome.FULL
    return Outcome.REDUCED if all(catalog.satisfies(held, each.admits) for each in requirements) else Outcome.REFUSED


def _without_roles(new: Catalog, use: Use, requirements: tuple[Requirement, ...], before: Entry | None) -> Change:
    """Without the held roles, only a difference of the requirements can be seen."""
    earlier = () if before is None else requirements_of(before, use)
    pairs = [({*one.any_of}, {*one.admits}) for one in earlier], [({*one.any_of}, {*one.admits}) for one in requirements]
    if pairs[0] == pairs[1]:
        return Change(use=use, fate=Fate.SAME)
    needs = least_cover(new, _demands(new, use))
    return Change(use=use, fate=Fate.UNKNOWN, needs=needs, says="it needs other roles, and the held ones are not known; use --held")


def _demands(new: Catalog, use: Use) -> list[tuple[RoleSet, ...]]:
    """What the same kind of response takes on the new version."""
    entry = entry_in(new, use.operation)
    requirements = () if entry is None else requirements_of(entry, use)
    return [sets for each in requirements for sets in ((each.any_of if use.counts.get(Outcome.FULL) else each.admits),) if sets]


def entry_in(catalog: Catalog, key: str) -> Entry | None:
    """The entry of an operation of another version: the names of parameters may differ."""
    return entries_by_key(catalog).get(key) or _by_shape(catalog).get(_PARAMETER.sub("{}", key))


@lru_cache(maxsize=4)
def _by_shape(catalog: Catalog) -> Mapping[str, Entry]:
    return {_PARAMETER.sub("{}", entry.operation.key): entry for entry in catalog.operations}
