"""What a call gets after a fix, if the least powerful roles give a useful answer that lacks some fields."""

from kcproxy.explain.context import Context, roles_to_add
from kcproxy.explain.text import list_of
from kcproxy.model import RoleSet

FULL = "full"


def additions_for_everything(context: Context, roles: RoleSet) -> RoleSet:
    """The roles to grant for the full answer if ``roles`` do not give it; empty if they do, or if nothing gives more."""
    requirement = context.requirement
    if requirement is None or not requirement.any_of or _satisfies(context, roles, requirement.any_of):
        return ()
    if not _satisfies(context, roles, requirement.useful):
        return ()  # they are not the roles that open the call
    everything = roles_to_add(context.catalog, requirement, _known(context), everything=True)
    return () if set(everything) == set(roles) else everything


def gives_after(context: Context, roles: RoleSet) -> str | None:
    """``all but systemInfo``, or None if it is not known what the answer lacks."""
    requirement = context.requirement
    for names, fields in (requirement.lacks if requirement else {}).items():
        if fields and _satisfies(context, roles, (tuple(names.split("+")),)):
            return f"all but {list_of(fields)}"
    return None


def _satisfies(context: Context, roles: RoleSet, sets: tuple[RoleSet, ...]) -> bool:
    return context.catalog.satisfies(context.catalog.closure((*_known(context), *roles)), sets)


def _known(context: Context) -> frozenset[str]:
    granted = context.facts.granted
    return context.held if granted is None else context.catalog.closure(granted)
