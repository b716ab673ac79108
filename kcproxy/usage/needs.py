"""What recorded calls need: the alternatives of roles for the same responses as before, and for full ones."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from kcproxy.catalog import Catalog, Entry, Variant
from kcproxy.model import Requirement, RoleSet
from kcproxy.usage.model import Outcome, Use

MASTER = "master"
Alternatives = tuple[RoleSet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What the successful calls of one use need. Each member of ``as_answered`` and ``full`` is a demand: alternatives, one of which is enough.

    ``problem`` says why the need is not known; then there are no demands. ``realm_roles``: sets of realm roles of master, one of which is
    needed because no role of a client gets the same responses. ``by_target``: cases that only the server knows and that need other roles.
    """

    use: Use
    as_answered: tuple[Alternatives, ...] = ()
    full: tuple[Alternatives, ...] = ()
    realm_roles: Alternatives = ()
    problem: str | None = None
    by_target: tuple["TargetCase", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCase:
    """What a call needs if its target is of this kind. ``says``: for example ``when the role belongs to a client``."""

    says: str
    sets: Alternatives


def need_of(catalog: Catalog, use: Use, held: frozenset[str] | None) -> Need:
    """The need of one use. ``held``: the roles that the caller's token named, of the owner that counts for this use; None if unknown."""
    entry = entries_by_key(catalog).get(use.operation)
    if entry is None:
        return Need(use=use, problem=f"not in the table of Keycloak {catalog.version}")
    requirements = requirements_of(entry, use)
    undetermined = next((each.undetermined for each in requirements if each.undetermined is not None), None)
    if undetermined is not None:
        return Need(use=use, problem=f"not determined: {undetermined}")
    return Need(
        use=use,
        as_answered=tuple(demand for each in requirements for demand in _as_answered(catalog, each, use, held)),
        full=tuple(each.any_of for each in requirements if each.any_of),
        realm_roles=next((each.master_realm_roles for each in requirements if _needs_realm_roles(each, use, held)), ()),
        problem="no role is enough" if any(_is_impossible(each) for each in requirements) else None,
        by_target=tuple(_cases(entry, use)),
    )


def _cases(entry: Entry, use: Use) -> Iterator[TargetCase]:
    """Variants that the request does not show. None if the use already is of a variant."""
    for variant in () if use.variant else entry.variants:
        requirement = _of_caller(variant, use)
        if not variant.visible and requirement.any_of:
            yield TargetCase(says=variant.says, sets=requirement.any_of)


def _needs_realm_roles(requirement: Requirement, use: Use, held: frozenset[str] | None) -> bool:
    """Whether no role of a client gets the same responses as before. Some are let in to reduced ones (``GET /admin/serverinfo``)."""
    return not requirement.any_of and (not requirement.admits or (held is not None and _was_full(use)))


def _was_full(use: Use) -> bool:
    return bool(use.counts.get(Outcome.FULL) or not use.counts.get(Outcome.REDUCED))


def _is_impossible(requirement: Requirement) -> bool:
    return not requirement.admits and not requirement.any_of and not requirement.master_realm_roles


def requirements_of(entry: Entry, use: Use) -> tuple[Requirement, ...]:
    """The requirements of a use: those of its variants, all of which must be met, or the plain one."""
    wanted = set(use.variant.split("+")) - {""}
    shown: list[Entry | Variant] = [variant for variant in entry.variants if variant.id in wanted]
    return tuple(_of_caller(each, use) for each in shown or [entry])


def _of_caller(line: Entry | Variant, use: Use) -> Requirement:
    return line.master if use.caller.token_realm == MASTER and line.master is not None else line.requirement


@lru_cache(maxsize=8)
def entries_by_key(catalog: Catalog) -> Mapping[str, Entry]:
    """The entries of a table by the key of their operation."""
    return {entry.operation.key: entry for entry in catalog.operations}


def _as_answered(catalog: Catalog, need: Requirement, use: Use, held: frozenset[str] | None) -> Iterable[Alternatives]:
    """The demands for the same responses as before."""
    if _was_full(use):
        # Of a token that names no roles, it is not known how full its responses were.
        return [sets for sets in (need.any_of if held is not None or not need.useful else need.useful,) if sets]
    return _as_reduced(catalog, need, held)


def _as_reduced(catalog: Catalog, need: Requirement, held: frozenset[str] | None) -> Iterable[Alternatives]:
    """The demands for responses that lack no more than before: a set for each way in which the held roles were let in."""
    if not need.admits:
        return []
    admitting = [] if held is None else [roles for roles in need.admits if catalog.satisfies(held, (roles,))]
    lacking = {_lacks(need, roles) for roles in admitting}
    if not lacking:
        return [need.admits]
    return [tuple(roles for roles in need.admits if _lacks(need, roles) == lack or roles in need.any_of) for lack in sorted(lacking)]


def _lacks(need: Requirement, roles: RoleSet) -> str:
    key = "+".join(sorted(roles))
    return f"{need.reduced.get(key, '')}|{','.join(need.lacks.get(key, ()))}"
