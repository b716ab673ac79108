"""The dashboard *Proxy and upstream health* against the count by hand."""

import platform
from collections import Counter
from collections.abc import Iterator

import kcproxy
from kcproxy import catalog
from kcproxy.observe.metric_specs import LATENCY_BUCKETS_SECONDS
from tools.dashboards.day.expected_denials import SCRAPE
from tools.dashboards.day.expected_tokens import repeated
from tools.dashboards.day.seen import RATE_SHARE, Number, Seen, about, amounts, between, exactly

SURGE_SECONDS = 0.04
NEVER = ("Slow clients", "Refused", "Failed accepts", "Dropped")
"""Panels of what does not happen on the day."""


def numbers(seen: Seen) -> Iterator[Number]:
    """Each number of the dashboard."""
    ledger = seen.day.ledger
    for title, counted in (("Ready", 1), ("Requests", 0), ("In flight", 0), ("Own errors", 0), ("Own time, 95 %", None), ("Settings", 1)):
        yield exactly(title, "after the traffic", counted, seen.stat(title))
    yield from amounts(seen, "Requests by status code", Counter(str(call.status) for call in ledger.calls))
    yield from amounts(seen, "Requests by operation", Counter(call.operation for call in ledger.calls))
    yield from _in_flight(seen)
    bodies = {"received": sum(call.received_bytes for call in ledger.calls), "sent": sum(call.sent_bytes for call in ledger.calls)}
    yield from amounts(seen, "Bytes", bodies)
    yield from _latency(seen)
    yield from _errors(seen)
    for title in NEVER:
        yield exactly(title, "lines", 0, len(seen.lines(title)))
    yield from _connections(seen)
    yield from _process(seen)


def _in_flight(seen: Seen) -> Iterator[Number]:
    """Three calls with slow bodies, beside the regular ones."""
    moments, name = seen.day.ledger.moments, seen.day.instances[0].name
    line = seen.lines("In flight by instance")[name]
    within = [value for at, value in line.points if moments["unfinished"] + SCRAPE <= at <= moments["finished"] - 1]
    yield between("In flight by instance", "unfinished requests of one instance", 3, 10, min(within))


def _latency(seen: Seen) -> Iterator[Number]:
    ledger, title = seen.day.ledger, "Whole request"
    slowest = max(call.ended - call.began for call in ledger.calls)
    yield between(title, "seconds, highest 99 % (three bodies took 4 s)", 2.5, max(5.0, slowest), _highest(seen, title, "99%"))
    part = _highest(seen, "Keycloak's part", "50%")
    yield between("Keycloak's part", "seconds, highest 50 % (40 ms more in the surge)", _bound_below(SURGE_SECONDS), 1, part)
    whole = seen.lines(title)["50%"].mean
    yield between(
        "The proxy's own part",
        "seconds, mean of 50 %: less than that of the whole request",
        0,
        whole,
        seen.lines("The proxy's own part")["50%"].mean,
    )
    for name in seen.lines("Slowest operations"):
        seconds = max(call.ended - call.began for call in ledger.calls if call.operation == name)
        yield between("Slowest operations", f"seconds, highest mean, {name}", 0, seconds, _highest(seen, "Slowest operations", name))
    surge = _highest(seen, "Slowest operations", "POST /admin/realms/{realm}/users")
    yield between("Slowest operations", "seconds in the surge, POST", SURGE_SECONDS, 1, surge)


def _bound_below(seconds: float) -> float:
    """The lower bound of the bucket: a quantile of a histogram is known no better."""
    return max(bound for bound in LATENCY_BUCKETS_SECONDS if bound < seconds)


def _highest(seen: Seen, title: str, name: str) -> float:
    return max(value for _, value in seen.lines(title)[name].points)


def _errors(seen: Seen) -> Iterator[Number]:
    ledger = seen.day.ledger
    own = Counter(call.error or "" for call in ledger.calls if call.error)
    yield from amounts(seen, "Errors of the proxy itself", own)
    failed, shown = own["connect"] + own["broken"], sum(seen.amounts("Upstream errors").values())
    fetches = 40  # token requests that failed in the outage, too, of which Keycloak knows nothing
    yield between("Upstream errors", "attempts, all kinds", (1 - RATE_SHARE) * failed - 2, (1 + RATE_SHARE) * failed + fetches, shown)
    sent_again = {"retries": float(sum(repeated(seen, account) for account in ("shop/billing", "crm/billing")))}
    yield from amounts(seen, "Retries", sent_again)


def _connections(seen: Seen) -> Iterator[Number]:
    """The program opens as many connections as it makes calls at once: seven, and ten in the surge, three of them slow."""
    for name, line in seen.lines("Open").items():
        most = 25 if name.startswith("listen ") else 3
        yield between("Open", f"highest, {name}", 1, most, max(value for _, value in line.points))


def _process(seen: Seen) -> Iterator[Number]:
    day = seen.day
    for name, (memory, files) in day.measured.items():
        yield about("Memory", f"bytes at the end, {name}", memory, seen.lines("Memory")[name].last, and_=2_000_000)
        yield about("Open files", f"at the end, {name}", files, seen.lines("Open files")[name].last, share=0, and_=3)
        yield between("CPU cores", f"cores, highest, {name}", 0.001, 1.1, max(value for _, value in seen.lines("CPU cores")[name].points))
    yield exactly("Collector runs", "generations", 3, len(seen.lines("Collector runs")))
    yield from _versions(seen)
    last = max(instance.started_at for instance in day.instances)
    for title in ("Up since", "Settings read"):
        shown = seen.stat(title)
        ago = None if shown is None else day.ended - shown / 1000
        yield between(title, "seconds ago, at most since the last start", day.ended - last - 10, day.ended - last + 1, ago)
    kept = sum(min(20, len(list(calls))) for calls in _groups(seen))
    yield exactly("Denials stored", "at most twenty of each kind and instance", kept, seen.stat("Denials stored"))
    yield exactly("Page open", "browsers", 0, seen.stat("Page open"))
    yield about("Reloads refused", "count", 1, seen.stat("Reloads refused"), share=0, and_=0.1)
    yield exactly("Histories away", "instances", 0, seen.stat("Histories away"))
    for name, line in seen.lines("History behind").items():
        yield between("History behind", f"seconds, highest, {name}", 0, 5, max(value for _, value in line.points))


def _groups(seen: Seen) -> list[list[object]]:
    found: dict[tuple[str, ...], list[object]] = {}
    for call in seen.day.ledger.denials():
        found.setdefault((call.instance, *call.kind), []).append(call)
    return list(found.values())


def _versions(seen: Seen) -> Iterator[Number]:
    wanted = (kcproxy.__version__, platform.python_version(), catalog.default_version())
    rows = [row for row in seen.table("What runs").records() if (row["kcproxy"], row["Python"], row["Keycloak"]) == wanted]
    yield exactly(
        "What runs", f"instances with kcproxy {wanted[0]}, Python {wanted[1]}, Keycloak {wanted[2]}", len(seen.day.instances), len(rows)
    )
