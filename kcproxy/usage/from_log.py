"""Makes a record of use from the lines of a log. A log has no bodies and no roles, so less is known than from the record."""

from dataclasses import dataclass, field
from datetime import datetime

from kcproxy.catalog import Catalog
from kcproxy.catalog.calls import Call, each_call
from kcproxy.model import CallerKind, Target
from kcproxy.usage.model import Outcome, Use, UseCaller, UseRecord, outcome_of

UNNAMED = "unnamed"
"""The client of lines that name no caller."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReading:
    """The record, the numbers of lines without a call, and the numbers of lines with admin calls that are not in the table."""

    record: UseRecord
    unreadable: tuple[int, ...]
    unknown: tuple[int, ...]


@dataclass(slots=True)
class _Counted:
    counts: dict[Outcome, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome, at: float | None) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        if at is not None:
            self.times = [min([at, *self.times]), max([at, *self.times])]


def record_of_log(catalog: Catalog, text: str, *, since_epoch_seconds: float = 0.0) -> LogReading:
    """The record of a log, without lines that are older. Lines without a time always count."""
    counted: dict[tuple[UseCaller, str | None, str, str], _Counted] = {}
    unreadable, unknown, days = [], [], set()
    for number, call in each_call(text):
        if call is None:
            unreadable.append(number)
            continue
        at = _seconds(call.at)
        if at is not None and at < since_epoch_seconds:
            continue
        target = catalog.target(call.method, call.path)
        if target.operation is None:
            unknown += [number] if target.kind.value == "admin-unknown" else []
            continue
        key = (_caller(call, target), target.realm, target.operation.key, _variant(catalog, call, target))
        counted.setdefault(key, _Counted()).add(outcome_of(call.status or 200, reduced=call.reduced), at)
        days |= set() if at is None else {int(at // _DAY_SECONDS)}
    uses = tuple(_use(key, found) for key, found in counted.items())
    record = UseRecord(uses=uses, roles={}, days=frozenset(days))
    return LogReading(record=record, unreadable=tuple(unreadable), unknown=tuple(unknown))


def _use(key: tuple[UseCaller, str | None, str, str], found: _Counted) -> Use:
    caller, realm, operation, variant = key
    first_at, last_at = (found.times[0], found.times[-1]) if found.times else (0.0, 0.0)
    return Use(caller=caller, realm=realm, operation=operation, variant=variant, counts=found.counts, first_at=first_at, last_at=last_at)


def _caller(call: Call, target: Target) -> UseCaller:
    """The caller of a line. Without a realm of the token, that of the target is assumed: tokens of a realm are for this realm."""
    kind = CallerKind.SERVICE_ACCOUNT if call.injected else CallerKind.UNKNOWN
    realm = call.token_realm or target.realm or "master"
    return UseCaller(client=call.client or UNNAMED, token_realm=realm, kind=kind, injected=call.injected)


def _variant(catalog: Catalog, call: Call, target: Target) -> str:
    entry = catalog.entry(target)
    if entry is None or not entry.variants:
        return ""
    found = entry.shown(query=call.parameters, body=None, parameters=target.parameters)
    return "+".join(variant.id for variant in found)


def _seconds(iso: str | None) -> float | None:
    try:
        return None if iso is None else datetime.fromisoformat(iso).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
