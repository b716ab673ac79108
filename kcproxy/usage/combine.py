"""Adds up several records of use (those of several proxies, or of several log files), and takes the part of one that concerns some callers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord


def combined(records: Iterable[UseRecord]) -> UseRecord:
    """One record. Of the roles that tokens named, the newest count."""
    uses: dict[tuple[object, ...], Use] = {}
    roles: dict[UseCaller, NamedRoles] = {}
    days: set[int] = set()
    for record in records:
        days |= record.days
        for use in record.uses:
            key = (use.caller, use.realm, use.operation, use.variant)
            known = uses.get(key)
            uses[key] = use if known is None else _sum(known, use)
        _merge(roles, record.roles)
    return UseRecord(uses=tuple(uses.values()), roles=roles, days=frozenset(days))


def restricted(record: UseRecord, callers: Collection[UseCaller]) -> UseRecord:
    """The part of a record that concerns these callers. The days stay."""
    return UseRecord(
        uses=tuple(use for use in record.uses if use.caller in callers),
        roles={caller: named for caller, named in record.roles.items() if caller in callers},
        days=record.days,
    )


def _merge(into: dict[UseCaller, NamedRoles], roles: Mapping[UseCaller, NamedRoles]) -> None:
    for caller, named in roles.items():
        if caller not in into or into[caller].seen_at < named.seen_at:
            into[caller] = named


def _sum(one: Use, other: Use) -> Use:
    counts = {outcome: one.counts.get(outcome, 0) + other.counts.get(outcome, 0) for outcome in Outcome}
    times = [at for at in (one.first_at, other.first_at) if at]
    return replace(
        one,
        counts={outcome: number for outcome, number in counts.items() if number},
        first_at=min(times, default=0.0),
        last_at=max(one.last_at, other.last_at),
    )
