"""The dashboard *Least privilege* against the count by hand."""

from collections import Counter
from collections.abc import Iterator

from tools.dashboards.day.script import CLIENTS, USERS
from tools.dashboards.day.seen import RATE_SHARE, Number, Seen, between, exactly, unclear_after_grant

SHOP, CRM = "shop/billing", "crm/billing"
LEAST = {USERS: "view-users", CLIENTS: "view-clients"}
OUTCOMES = {200: "full", 403: "refused", 502: "error"}


def numbers(seen: Seen) -> Iterator[Number]:
    """Each number of the dashboard. shop/billing has view-users and manage-events, crm/billing view-users and view-clients."""
    yield exactly("Roles held", "count", 4, seen.stat("Roles held"))
    yield exactly("Roles needed", "count", 3, seen.stat("Roles needed"))
    yield exactly("Held, never needed", "count", 1, seen.stat("Held, never needed"))
    yield exactly("Accounts", "count", 2, seen.stat("Accounts"))
    yield from _never_needed(seen)
    yield from _needed(seen)
    yield from _held(seen)
    yield from _callers(seen)
    beyond = {(row["Limit"], row["Operation"]): row["Requests"] for row in seen.table("Beyond observed limits").records()}
    sent = sum(1 for call in seen.day.ledger.calls if call.account == CRM and call.operation == CLIENTS and call.error != "token")
    yield exactly("Beyond observed limits", "rows", 1, len(beyond))
    shown = beyond.get((f"account {CRM}", CLIENTS))
    yield exactly("Beyond observed limits", f"requests, {CRM}, {CLIENTS}", sent, shown if isinstance(shown, float) else None)


def _never_needed(seen: Seen) -> Iterator[Number]:
    rows = [(row["Account"], row["Role"]) for row in seen.table("Roles never needed").records()]
    yield exactly("Roles never needed", f"rows: {SHOP}, manage-events", 1, len(rows) if rows == [(SHOP, "manage-events")] else None)


def _needed(seen: Seen) -> Iterator[Number]:
    """Successes by account and operation. In the seconds after a grant, the token does not yet have the role that was let in."""
    ledger = seen.day.ledger
    uses = Counter((call.account or "", LEAST[call.operation]) for call in ledger.calls if call.account and call.status == 200)
    unclear = unclear_after_grant(seen)
    rows = {(str(row["Account"]), str(row["Least role"])): row["Requests"] for row in seen.table("Needed").records()}
    yield exactly("Needed", "rows", len(uses), len(rows))
    amounts = seen.amounts("Use by least role")
    for (account, role), count in uses.items():
        shown, lower = rows.get((account, role)), count - (unclear if account == SHOP else 0)
        yield between("Needed", f"requests, {account}, {role}", lower, count, shown if isinstance(shown, float) else None)
        yield between(
            "Use by least role",
            f"requests, {account}, {role}",
            (1 - RATE_SHARE) * lower - 1,
            (1 + RATE_SHARE) * count + 1,
            amounts.get(f"{account}: {role}"),
        )


def _held(seen: Seen) -> Iterator[Number]:
    lines = seen.lines("Roles held over time")
    for account, least in ((SHOP, 1), (CRM, 2)):
        points = [value for _, value in lines[account].points]
        yield exactly("Roles held over time", f"lowest, {account}", least, min(points))
        yield exactly("Roles held over time", f"at the end, {account}", 2, points[-1])


def _callers(seen: Seen) -> Iterator[Number]:
    """By caller, operation and outcome. Refusals and errors count if the same token had a success before, so there may be fewer of them."""
    title, ledger = "Operations by caller", seen.day.ledger
    rows = {(row["Caller"], row["Operation"], row["Outcome"]): row["Calls"] for row in seen.table(title).records()}
    counted = Counter(
        (call.caller, call.operation, "reduced" if call.status == 200 and call.is_empty else OUTCOMES[call.status])
        for call in ledger.calls
        if call.status in OUTCOMES
    )
    accepted = {call.caller for call in ledger.calls if call.status == 200}
    unclear = unclear_after_grant(seen)
    for (caller, operation, outcome), count in sorted(counted.items()):
        shown = rows.get((caller, operation, outcome), 0.0)
        least = count - (unclear if (caller, outcome) == (SHOP, "full") else 0) if outcome in {"full", "reduced"} else 0
        if caller in accepted:
            yield between(title, f"calls, {caller}, {operation}: {outcome}", least, count, shown if isinstance(shown, float) else None)
    yield exactly(title, "callers", len(accepted), len({caller for caller, _, _ in rows}))
