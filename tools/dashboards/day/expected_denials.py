"""The dashboard *Denials* against the count by hand."""

from collections import Counter
from collections.abc import Iterator

from tools.dashboards.day.ledger import Call
from tools.dashboards.day.seen import RATE_SHARE, Number, Seen, about, amounts, between, exactly, unclear_after_grant

SCRAPE = 2.0
"""Seconds by which a time may be seen later: a scrape and its evaluation."""


def numbers(seen: Seen) -> Iterator[Number]:
    """Each number of the dashboard."""
    yield from _stats(seen)
    yield from _kinds(seen)
    ledger = seen.day.ledger
    yield from amounts(seen, "By missing role", Counter(call.role for call in ledger.denials()))
    yield from amounts(seen, "By cause", Counter(call.cause or "" for call in ledger.denials()))
    yield from amounts(seen, "By realm", Counter(call.realm for call in ledger.denials()))
    yield from amounts(seen, "By operation", Counter(call.operation for call in ledger.denials()))
    yield from _timeline(seen)
    yield from amounts(seen, "By confidence", Counter(call.confidence or "" for call in ledger.denials()))
    yield from _lookups(seen)
    yield from _reduced(seen)


def _stats(seen: Seen) -> Iterator[Number]:
    kinds, end = seen.day.ledger.kinds(), seen.day.ended
    newest = max(calls[0].ended for calls in kinds.values())
    yield exactly("Denials", "count", sum(map(len, kinds.values())), seen.stat("Denials"))
    yield exactly("Current rate", "after the traffic", 0, seen.stat("Current rate"))
    yield exactly("Share, all realms", "after the traffic", 0, seen.stat("Share, all realms"))
    yield exactly("Kinds in the last hour", "count", len(kinds), seen.stat("Kinds in the last hour"))
    yield exactly("Fixed", "kinds", sum(1 for calls in kinds.values() if fixed_at(seen, calls)), seen.stat("Fixed"))
    yield between("Newest kind", "seconds", end - newest - SCRAPE, end - newest + SCRAPE, seen.stat("Newest kind"))


def fixed_at(seen: Seen, calls: list[Call]) -> float | None:
    """When the caller of these denials first succeeded with the operation after the last of them; None if they did not."""
    last = calls[-1]
    later = (call.ended for call in seen.day.ledger.calls if _same(call, last) and call.status < 300 and call.ended > last.ended)
    return min(later, default=None)


def _same(call: Call, other: Call) -> bool:
    return (call.caller, call.operation, call.realm) == (other.caller, other.operation, other.realm)


def _kinds(seen: Seen) -> Iterator[Number]:
    title = "Kinds of denial"
    labels = ("Operation", "Realm", "Cause", "Missing role", "Client")
    rows = {tuple(str(row[label]) for label in labels): row for row in seen.table(title).records()}
    kinds = seen.day.ledger.kinds()
    yield exactly(title, "rows", len(kinds), len(rows))
    for kind, calls in kinds.items():
        row, name = rows.get(kind, {}), f"{kind[4]}, {kind[0]}"
        yield exactly(title, f"denials, {name}", len(calls), _number(row.get("Denials")))
        for heading, call in (("First seen", calls[0]), ("Last seen", calls[-1])):
            shown = _number(row.get(heading))
            age = None if shown is None else seen.day.ended - shown / 1000
            yield about(title, f"{heading.lower()}, seconds ago, {name}", seen.day.ended - call.ended, age, share=0, and_=SCRAPE)
        yield about(title, f"fixed, {name}", 1 if fixed_at(seen, calls) else 0, _number(row.get("Fixed")), share=0, and_=0.2)


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _timeline(seen: Seen) -> Iterator[Number]:
    title = "Did the fix work?"
    lines = seen.lines(title)
    kinds = seen.day.ledger.kinds()
    yield exactly(title, "rows", len(kinds), len(lines))
    for kind, calls in kinds.items():
        operation, realm, cause, role, client = kind
        line = lines[f"{client}, {cause} {role}: {operation} in {realm}"]
        fails = [at for at, value in line.points if value == 1]
        yield about(
            title, f"fails from, second, {client}", calls[0].ended - seen.day.began, fails[0] - seen.day.began, share=0, and_=SCRAPE
        )
        fixed, last = fixed_at(seen, calls), fails[-1] - seen.day.began
        until = seen.day.ended if fixed is None else fixed
        yield about(title, f"fails until, second, {client}", until - seen.day.began, last, share=0, and_=SCRAPE)
        yield exactly(title, f"at the end (1: fails), {client}", 0 if fixed else 1, line.last)


def _lookups(seen: Seen) -> Iterator[Number]:
    asked = Counter(path.rpartition("/")[2] for path, _ in seen.day.ledger.looked_up)
    counted = {
        "client ok": asked["clients"],
        "realm ok": asked["shop"],
        "grants ok": asked["composite"] + asked["role-mappings"],
        "service account ok": asked["service-account-user"],
        "scope refused": asked["granted"],
        "mappers refused": asked["protocol-mappers"],
    }
    shown = {name: amount for name, amount in seen.amounts("Look-ups").items() if name in counted}
    for name, count in counted.items():
        yield about("Look-ups", f"requests that Keycloak received, {name}", count, shown.get(name, 0.0), share=RATE_SHARE, and_=4)
    delayed = max(value for _, value in seen.lines("Look-up time, 95 %")["grants"].points)
    yield between("Look-up time, 95 %", "seconds in the surge, grants (Keycloak took 40 ms more)", 0.04, 0.5, delayed)


def _reduced(seen: Seen) -> Iterator[Number]:
    empty = sum(1 for call in seen.day.ledger.calls if call.status == 200 and call.is_empty)
    shown = sum(seen.amounts("Reduced responses").values())
    yield between(
        "Reduced responses",
        "responses, all operations",
        (1 - RATE_SHARE) * empty,
        (1 + RATE_SHARE) * (empty + unclear_after_grant(seen)),
        shown,
    )
