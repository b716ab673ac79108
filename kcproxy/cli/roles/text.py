"""Results of ``kcproxy roles`` as text."""

from collections.abc import Iterator, Sequence

from kcproxy.catalog import Catalog, Entry, Variant, load
from kcproxy.catalog.queries import Change, Differences, Reach
from kcproxy.cli.permissions import permissions_of
from kcproxy.cli.roles.call_plan import CallerPlan, Demand, Plan
from kcproxy.cli.terminal import bold, columns, paint
from kcproxy.explain.permission_needs import need_in_words
from kcproxy.model import Requirement, RoleSet

_NAMED = 2
"""Number of alternatives in the overview. The card of one operation has all."""
_MANY = 8
"""From this number of single roles on, the missing ones are listed instead, if they are few."""
_FEW = 3


def roles_text(roles: RoleSet | None) -> str:
    """A set of roles as text."""
    if roles is None:
        return "no role is enough"
    return " + ".join(roles) if roles else "any token"


def least_text(need: Requirement) -> str:
    """The least set of a requirement as text. If no role of realm-management allows it, the realm role of master that does."""
    if need.undetermined is not None:
        return "not determined"
    if need.least is None and need.master_realm_roles:
        return f"{roles_text(need.master_realm_roles[0])} (realm role of master)"
    return roles_text(need.least)


def full_text(need: Requirement) -> str:
    """The least set with the full response, as text."""
    return least_text(need) if need.full is None else roles_text(need.full)


def others_text(need: Requirement, *, most: int | None = None) -> str:
    """The other sets with the full response, as text; at most ``most`` by name."""
    others = [roles_text(roles) for roles in need.any_of if roles not in (need.least, need.full)]
    if most is not None and len(others) > most + 1:
        others = [*others[:most], f"{len(others) - most} more"]
    return "or " + ", ".join(others) if others else ""


def reduced_sets(need: Requirement) -> tuple[tuple[RoleSet, str], ...]:
    """Sets with a reduced response, each with what is missing."""
    sets = (roles for roles in need.admits if roles not in need.any_of)
    return tuple((roles, need.reduced.get("+".join(roles), "returns less")) for roles in sets)


def left_out(sets: Sequence[RoleSet], keycloak: str, *, other_sets: Sequence[RoleSet] = ()) -> tuple[str, ...] | None:
    """If nearly every single role is among the sets: the few roles that neither ``sets`` nor ``other_sets`` contain. Otherwise None."""
    if len(sets) < _MANY or any(len(roles) != 1 for roles in sets):
        return None
    table = load(keycloak)
    missing = [role for role in table.roles if not table.satisfies((role,), (*sets, *other_sets))]
    return tuple(missing) if len(missing) <= _FEW else None


def _reduced_text(need: Requirement) -> str:
    parts = [f"{roles_text(roles)} gets a reduced response ({says})" for roles, says in reduced_sets(need)]
    return "; ".join(parts)


def overview(entries: Sequence[Entry]) -> list[str]:
    """One line for each operation: method, path, least, others."""
    rows = [(e.operation.method, _path(e), least_text(e.requirement), others_text(e.requirement, most=_NAMED)) for e in entries]
    return columns(rows)


def _path(entry: Entry) -> str:
    return entry.operation.path + (f" ({entry.operation.body})" if entry.operation.body else "")


def card(entry: Entry) -> Iterator[str]:
    """Everything about one operation."""
    need = entry.requirement
    yield bold(f"{entry.operation.method} {_path(entry)}")
    yield from columns(list(_facts(entry, need)), indent="  ")
    for variant in entry.variants:
        yield f"  {bold(variant.says)}"
        yield from columns(list(_variant(variant)), indent="    ")


def _facts(entry: Entry, need: Requirement) -> Iterator[tuple[str, str]]:
    yield "least", paint(least_text(need), "green")
    yield from _sets(need)
    permissions = permissions_of(entry)
    if permissions is not None:
        yield "or permissions", need_in_words(permissions)
    if need.undetermined:
        yield "reason", need.undetermined
    if need.master_realm_roles and need.least is not None:
        yield "realm roles of master", ", ".join(roles_text(roles) for roles in need.master_realm_roles)
    if entry.master is not None:
        yield "callers of master", least_text(entry.master)
    if entry.operation.features:
        yield "features", ", ".join(entry.operation.features)
    if need.refusal_status != 403:
        yield "refused with", str(need.refusal_status)
    yield from (("note", note) for note in need.notes)
    if entry.operation.handler:
        yield "in Keycloak", entry.operation.handler
    yield "source", f"{need.basis.value}, Keycloak {need.keycloak}"


def _sets(need: Requirement) -> Iterator[tuple[str, str]]:
    if need.full is not None and need.least is not None:
        yield (
            "full response",
            f"{roles_text(need.full)} (with the least set it lacks {', '.join(need.lacks['+'.join(sorted(need.least))])})",
        )
    if others_text(need):
        yield "also", others_text(need).removeprefix("or ")
    if _reduced_text(need):
        yield "reduced", _reduced_text(need)


def _variant(variant: Variant) -> Iterator[tuple[str, str]]:
    yield "least", paint(least_text(variant.requirement), "green")
    yield from _sets(variant.requirement)


def reach_text(catalog: Catalog, roles: RoleSet, reach: Reach) -> Iterator[str]:
    """What roles allow."""
    contained = sorted(catalog.closure(roles) - set(roles))
    yield bold(roles_text(roles)) + (f" (contains {', '.join(contained)})" if contained else "")
    yield from _powers(catalog, roles)
    yield from _part("Full response", [(e.operation.method, _path(e)) for e in reach.full])
    thin = [(e.operation.method, _path(e), f"full response: {full_text(e.requirement)}") for e in reach.reduced]
    yield from _part("Reduced response", thin)
    together = [(e.operation.method, _path(e), "with " + roles_text(more)) for e, more in reach.together]
    yield from _part("Only together with other roles", together)


def _powers(catalog: Catalog, roles: RoleSet) -> Iterator[str]:
    """What these roles can do beyond their names."""
    for role in roles:
        yield from (paint(f"  warning: {power.says}", "yellow") for power in catalog.powers(role))


def _part(title: str, rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if rows:
        yield ""
        yield bold(f"{title} ({len(rows)})")
        yield from columns(rows, indent="  ")


def plan_text(catalog: Catalog, plan: Plan) -> Iterator[str]:
    """What the calls of each caller need together, then for each call. Calls that do not count come last."""
    for caller in plan.callers:
        yield from _caller_text(catalog, caller, named=len(plan.callers) > 1 or caller.client is not None)
    if plan.known and not plan.used:
        yield "No call counts: all were refused or failed."
    yield from _part("Refused calls, which do not count", [_with_status(demand) for demand in plan.refused])
    yield from _part("Failed calls, which do not count", [_with_status(demand) for demand in plan.failed])
    yield from _part("Not allowed by any role", _calls(plan.impossible))
    yield from _part("Unknown: not in the table, or not determined", _calls(plan.unknown))
    yield from _part("Not calls of the Admin REST API", _calls([d for d in plan.demands if d.elsewhere]))


def _caller_text(catalog: Catalog, caller: CallerPlan, *, named: bool) -> Iterator[str]:
    if named:
        yield bold(caller.name)
    yield bold("Least combination: ") + paint(roles_text(caller.least), "green")
    if caller.full != caller.least:
        yield f"Some responses are reduced, or lack fields. With full responses: {roles_text(caller.full)}"
    if caller.least:
        yield f"It allows {catalog.unlocked(caller.least)} of {len(catalog.operations)} operations."
        yield from _powers(catalog, caller.least)
    rows = [(d.call.method, d.call.path, _answered_text(catalog, d)) for d in caller.demands]
    yield from _part("Least role of each call", rows)
    if named:
        yield ""


def _answered_text(catalog: Catalog, demand: Demand) -> str:
    need = demand.requirement
    if need is None or not demand.as_answered:
        return "not known" if need is None else least_text(need)
    return roles_text(catalog.least(demand.as_answered)) + (" (reduced response)" if demand.call.reduced else "")


def _with_status(demand: Demand) -> tuple[str, ...]:
    call = demand.call
    need = "" if demand.requirement is None else f"would need {least_text(demand.requirement)}"
    return (call.method, call.path, str(call.status), need, call.client or "")


def _calls(demands: Sequence[Demand]) -> list[tuple[str, ...]]:
    return [(demand.call.method, demand.call.path) for demand in demands]


def differences_text(old: Catalog, new: Catalog, found: Differences) -> Iterator[str]:
    """What changed from one version to the other."""
    yield bold(f"From Keycloak {old.version} to {new.version}")
    for title, roles in (("New roles", found.new_roles), ("Removed roles", found.gone_roles)):
        if roles:
            yield f"{title}: {', '.join(roles)}"
    yield from _part("Other roles required", [(c.entry.operation.method, _path(c.entry), change_text(c)) for c in found.changed])
    yield from _part("Added", [(c.entry.operation.method, _path(c.entry), least_text(c.entry.requirement)) for c in found.added])
    yield from _part("Removed", [(c.entry.operation.method, _path(c.entry)) for c in found.removed])


def change_text(change: Change) -> str:
    """What changed about one operation."""
    if change.old is None or change.new is None:
        return ""
    before, after = change.old.requirement, change.new.requirement
    if before.undetermined != after.undetermined and (before.undetermined is None or after.undetermined is None):
        return f"{least_text(before)} → {least_text(after)}"
    for label, one, other in (("", before.any_of, after.any_of), ("allowed: ", before.admits, after.admits)):
        if set(one) != set(other):
            return f"{label}{_any_text(one, before.keycloak)} → {_any_text(other, after.keycloak)}"
    if change.old.operation.features != change.new.operation.features:
        return f"features: {_names(change.old)} → {_names(change.new)}"
    return _cases_text(change.old, change.new)


def _cases_text(old: Entry, new: Entry) -> str:
    """Special cases that need other roles than before. If a version does not have a case, it needs what the plain call needs."""
    before, after = _cases_of(old), _cases_of(new)
    gone = set(load(old.requirement.keycloak).roles) ^ set(load(new.requirement.keycloak).roles)
    parts: dict[str, list[str]] = {}
    for case in sorted(before.keys() | after.keys()):
        one, other = before.get(case, old.requirement), after.get(case, new.requirement)
        if set(one.any_of) != set(other.any_of) and case not in gone:
            parts.setdefault(f"{_any_text(one.any_of, one.keycloak)} → {_any_text(other.any_of, other.keycloak)}", []).append(case)
    texts = [f"{_cases(cases)}: {text}" for text, cases in parts.items()]
    return "; ".join(texts) if texts else "special cases differ in what is allowed"


def _cases_of(entry: Entry) -> dict[str, Requirement]:
    """Special cases by their text; cases about a mapped role by the name of that role."""
    found: dict[str, Requirement] = {}
    for variant in entry.variants:
        names = variant.when.get("bodyHasAny", {}).get("name", ())
        found |= dict.fromkeys(names or (variant.says,), variant.requirement)
    return found


def _cases(cases: Sequence[str]) -> str:
    """The text of one special case, or the names of the first few mapped roles."""
    named = [case if " " in case else f"with {case} mapped" for case in cases]
    return ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")


def _names(entry: Entry) -> str:
    return ", ".join(entry.operation.features) or "none"


def _any_text(sets: Sequence[RoleSet], keycloak: str) -> str:
    missing = left_out(sets, keycloak)
    if missing is not None:
        return f"any role of {keycloak}" + (f" but {', '.join(missing)}" if missing else "")
    return " or ".join(roles_text(roles) for roles in sets) or "no role is enough"
