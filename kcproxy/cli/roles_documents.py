"""Results of ``kcproxy roles`` as JSON-ready documents."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from kcproxy.catalog import Catalog, Entry
from kcproxy.catalog.calls import Call, CallList
from kcproxy.catalog.documents import entry_document, table_head
from kcproxy.catalog.queries import Change, Differences, Reach, least_cover
from kcproxy.cli.permissions import permissions_document
from kcproxy.model import Basis, Requirement, RoleSet, TargetKind


def operations_document(catalog: Catalog, entries: Sequence[Entry]) -> dict[str, Any]:
    """Operations of the table. ``count`` is their number, ``total`` the number of operations in the table.

    ``counts`` has the numbers of measured, documented and undetermined operations. ``undetermined`` lists the last, each with its reason.
    """
    head = table_head(catalog) | {"count": len(entries), "total": len(catalog.operations)}
    bases = Counter(entry.requirement.basis for entry in entries)
    counts = {"measured": bases[Basis.MEASURED], "documented": bases[Basis.DOCUMENTED], "undetermined": bases[Basis.UNKNOWN]}
    undetermined = [_undetermined(entry) for entry in entries if entry.requirement.undetermined is not None]
    return head | {
        "counts": counts,
        "undetermined": undetermined,
        "operations": [entry_document(entry) | permissions_document(entry) for entry in entries],
    }


def _undetermined(entry: Entry) -> dict[str, str | None]:
    operation = entry.operation
    return {"method": operation.method, "path": operation.path, "reason": entry.requirement.undetermined}


def reach_document(catalog: Catalog, roles: RoleSet, reach: Reach) -> dict[str, Any]:
    """What roles allow: each operation with ``answer`` full, reduced or together, the last with the roles to add (``with``)."""
    operations = [
        *(entry_document(entry) | {"answer": "full"} for entry in reach.full),
        *(entry_document(entry) | {"answer": "reduced"} for entry in reach.reduced),
        *(entry_document(entry) | {"answer": "together", "with": list(more)} for entry, more in reach.together),
    ]
    head = table_head(catalog) | {"count": len(operations), "total": len(catalog.operations)}
    contains = sorted(catalog.closure(roles) - set(roles))
    counts = {"full": len(reach.full), "reduced": len(reach.reduced), "together": len(reach.together)}
    return head | {
        "roles": list(roles),
        "contains": contains,
        "powers": _powers(catalog, roles),
        "counts": counts,
        "operations": operations,
    }


def _powers(catalog: Catalog, roles: RoleSet) -> list[dict[str, str]]:
    """What these roles can do beyond their names."""
    return [{"role": role, "power": power.power, "says": power.says} for role in roles for power in catalog.powers(role)]


class Demand(Struct, frozen=True, kw_only=True):
    """One call of a list and what it needs. ``requirement`` is None if the table does not have it."""

    call: Call
    entry: Entry | None
    requirement: Requirement | None
    elsewhere: bool  # not a call of the Admin REST API


class Plan(Struct, frozen=True, kw_only=True):
    """What a list of calls needs together."""

    demands: tuple[Demand, ...]
    least: RoleSet | None
    unreadable: tuple[int, ...]

    @property
    def known(self) -> tuple[Demand, ...]:
        """Calls in the table whose roles are known."""
        return tuple(d for d in self.demands if d.requirement is not None and d.requirement.undetermined is None)

    @property
    def unknown(self) -> tuple[Demand, ...]:
        """Admin calls that are not in the table, or whose roles could not be determined."""
        return tuple(d for d in self.demands if not d.elsewhere and d not in self.known)

    @property
    def impossible(self) -> tuple[Demand, ...]:
        """Calls that no role allows."""
        return tuple(d for d in self.known if d.requirement is not None and not d.requirement.any_of)


def plan(catalog: Catalog, calls: CallList) -> Plan:
    """Find the roles for each call, and the least combination for all of them. Calls that no role allows are not part of it."""
    demands = tuple(_demand(catalog, call) for call in calls.calls)
    found = Plan(demands=demands, least=None, unreadable=calls.unreadable)
    sets = [demand.requirement.useful for demand in found.known if demand.requirement is not None and demand.requirement.useful]
    return Plan(demands=demands, least=least_cover(catalog, sets), unreadable=calls.unreadable)


def _demand(catalog: Catalog, call: Call) -> Demand:
    target = catalog.target(call.method, call.path)
    elsewhere = target.kind not in {TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN}
    requirement = catalog.requirement(target, query=call.parameters)
    return Demand(call=call, entry=catalog.entry(target), requirement=requirement, elsewhere=elsewhere)


def plan_document(catalog: Catalog, found: Plan) -> dict[str, Any]:
    """``least`` for all calls together, then each call with its own roles. Unknown calls are separate."""
    head = table_head(catalog)
    least = list(found.least) if found.least is not None else None
    unlocked = catalog.unlocked(found.least) if found.least is not None else None
    return head | {
        "count": len(found.known),
        "total": len(catalog.operations),
        "least": least,
        "unlocks": unlocked,
        "powers": _powers(catalog, found.least or ()),
        "calls": [_call(demand) for demand in found.known],
        "unknown": [_where(demand) for demand in found.unknown],
        "impossible": [_where(demand) for demand in found.impossible],
        "elsewhere": [_where(demand) for demand in found.demands if demand.elsewhere],
        "unreadable": list(found.unreadable),
    }


def _where(demand: Demand) -> dict[str, Any]:
    return {"method": demand.call.method, "path": demand.call.path, "line": demand.call.line}


def _call(demand: Demand) -> dict[str, Any]:
    if demand.entry is None or demand.requirement is None:
        raise LookupError("a known call has an entry")
    need = demand.requirement
    return _where(demand) | {
        "operation": demand.entry.operation.path,
        "least": list(need.least) if need.least is not None else None,
        "anyOf": [list(roles) for roles in need.any_of],
        "variant": need.variant,
        "basis": need.basis.value,
    }


def differences_document(old: Catalog, new: Catalog, found: Differences) -> dict[str, Any]:
    """What was added, removed and changed between two tables."""
    return {
        "schema": table_head(new)["schema"],
        "from": old.version,
        "to": new.version,
        "counts": {"added": len(found.added), "removed": len(found.removed), "changed": len(found.changed)},
        "newRoles": list(found.new_roles),
        "goneRoles": list(found.gone_roles),
        "added": _entries(found.added),
        "removed": _entries(found.removed),
        "changed": [_change(change) for change in found.changed],
    }


def _entries(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [entry_document(change.entry) for change in changes]


def _change(change: Change) -> dict[str, Any]:
    operation = change.entry.operation
    sides = {"from": change.old, "to": change.new}
    body = {"body": operation.body} if operation.body else {}
    documents = {name: entry_document(entry) for name, entry in sides.items() if entry is not None}
    return {"method": operation.method, "path": operation.path} | body | documents
