"""What a list of calls needs: for each caller the least set of roles for what succeeded, as values and as a JSON-ready document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kcproxy.catalog import Catalog, Entry
from kcproxy.catalog.calls import Call, CallList, CallOutcome
from kcproxy.catalog.documents import table_head
from kcproxy.catalog.queries import least_cover
from kcproxy.cli.roles.documents import powers_documents
from kcproxy.model import Requirement, RoleSet, TargetKind

_MASTER = "master"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One call of a list and what it needs. ``requirement`` is None if the table does not have it."""

    call: Call
    entry: Entry | None
    requirement: Requirement | None
    elsewhere: bool  # not a call of the Admin REST API

    @property
    def as_answered(self) -> tuple[RoleSet, ...]:
        """The sets that get such a response again: a reduced one stays reduced. Unless the line says more, a useful response is enough."""
        if self.requirement is None:
            return ()
        if self.call.reduced is None:
            return self.requirement.useful
        return self.requirement.admits if self.call.reduced else self.requirement.any_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerPlan:
    """What the successful calls of one caller need together: ``least`` for the same responses, ``full`` for full ones. None: nothing is enough."""

    client: str | None
    token_realm: str | None
    demands: tuple[Demand, ...]
    least: RoleSet | None
    full: RoleSet | None

    @property
    def name(self) -> str:
        """The caller in words."""
        if self.client is None:
            return "unnamed caller"
        return self.client if self.token_realm is None else f"{self.client} (realm {self.token_realm})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a list of calls needs, for each caller."""

    demands: tuple[Demand, ...]
    callers: tuple[CallerPlan, ...]
    unreadable: tuple[int, ...]

    @property
    def least(self) -> RoleSet | None:
        """The least set if there is one caller; None if there are several, because roles are granted to each."""
        if not self.callers:
            return ()
        return self.callers[0].least if len(self.callers) == 1 else None

    @property
    def known(self) -> tuple[Demand, ...]:
        """Calls in the table whose roles are known."""
        return tuple(d for d in self.demands if d.requirement is not None and d.requirement.undetermined is None)

    @property
    def used(self) -> tuple[Demand, ...]:
        """Known calls that count."""
        return self._known_with(CallOutcome.USED)

    @property
    def refused(self) -> tuple[Demand, ...]:
        """Known calls that were refused. They do not count."""
        return self._known_with(CallOutcome.REFUSED)

    @property
    def failed(self) -> tuple[Demand, ...]:
        """Known calls that failed. They do not count."""
        return self._known_with(CallOutcome.FAILED)

    def _known_with(self, outcome: CallOutcome) -> tuple[Demand, ...]:
        return tuple(d for d in self.known if d.call.outcome is outcome)

    @property
    def unknown(self) -> tuple[Demand, ...]:
        """Admin calls that are not in the table, or whose roles could not be determined."""
        return tuple(d for d in self.demands if not d.elsewhere and d not in self.known)

    @property
    def impossible(self) -> tuple[Demand, ...]:
        """Calls that count, and that no role allows."""
        return tuple(d for d in self.used if d.requirement is not None and not d.requirement.any_of)


def plan(catalog: Catalog, calls: CallList) -> Plan:
    """Find the roles for each call, and for each caller the least set. Calls that no role allows are not part of it."""
    found = Plan(demands=tuple(_demand(catalog, call) for call in calls.calls), callers=(), unreadable=calls.unreadable)
    by_caller: dict[tuple[str | None, str | None], list[Demand]] = {}
    for demand in found.used:
        by_caller.setdefault(demand.call.caller, []).append(demand)
    callers = tuple(_caller_plan(catalog, *caller, demands) for caller, demands in by_caller.items())
    return Plan(demands=found.demands, callers=callers, unreadable=calls.unreadable)


def _caller_plan(catalog: Catalog, client: str | None, token_realm: str | None, demands: Sequence[Demand]) -> CallerPlan:
    answered = [demand.as_answered for demand in demands if demand.as_answered]
    full = [demand.requirement.any_of for demand in demands if demand.requirement is not None and demand.requirement.any_of]
    return CallerPlan(
        client=client,
        token_realm=token_realm,
        demands=tuple(demands),
        least=least_cover(catalog, answered),
        full=least_cover(catalog, full),
    )


def _demand(catalog: Catalog, call: Call) -> Demand:
    target = catalog.target(call.method, call.path)
    elsewhere = target.kind not in {TargetKind.ADMIN, TargetKind.ADMIN_UNKNOWN}
    requirement = catalog.requirement(target, query=call.parameters, master=call.token_realm == _MASTER)
    return Demand(call=call, entry=catalog.entry(target), requirement=requirement, elsewhere=elsewhere)


def plan_document(catalog: Catalog, found: Plan) -> dict[str, Any]:
    """``callers``: the least set of each, and the calls that count. ``least`` is that of the only caller. What does not count is separate."""
    head = table_head(catalog)
    return head | {
        "count": len(found.known),
        "total": len(catalog.operations),
        **_least(catalog, found.least),
        "callers": [_caller(catalog, caller) for caller in found.callers],
        "calls": [_call(catalog, demand) for demand in found.used],
        "refused": [_call(catalog, demand) for demand in found.refused],
        "failed": [_call(catalog, demand) for demand in found.failed],
        "unknown": [_where(demand) for demand in found.unknown],
        "impossible": [_where(demand) for demand in found.impossible],
        "elsewhere": [_where(demand) for demand in found.demands if demand.elsewhere],
        "unreadable": list(found.unreadable),
    }


def _least(catalog: Catalog, least: RoleSet | None) -> dict[str, Any]:
    unlocked = catalog.unlocked(least) if least is not None else None
    return {"least": _list(least), "unlocks": unlocked, "powers": powers_documents(catalog, least or ())}


def _list(roles: RoleSet | None) -> list[str] | None:
    return None if roles is None else list(roles)


def _caller(catalog: Catalog, caller: CallerPlan) -> dict[str, Any]:
    who = {"client": caller.client, "tokenRealm": caller.token_realm}
    return who | _least(catalog, caller.least) | {"full": _list(caller.full), "count": len(caller.demands)}


def _where(demand: Demand) -> dict[str, Any]:
    return {"method": demand.call.method, "path": demand.call.path, "line": demand.call.line}


def _call(catalog: Catalog, demand: Demand) -> dict[str, Any]:
    if demand.entry is None or demand.requirement is None:
        raise LookupError("a known call has an entry")
    call, need = demand.call, demand.requirement
    return _where(demand) | {
        "client": call.client,
        "tokenRealm": call.token_realm,
        "status": call.status,
        "reduced": call.reduced,
        "operation": demand.entry.operation.path,
        "least": _list(catalog.least(demand.as_answered)),
        "anyOf": [list(roles) for roles in need.any_of],
        "variant": need.variant,
        "basis": need.basis.value,
    }
