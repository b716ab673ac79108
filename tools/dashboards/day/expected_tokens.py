"""The dashboard *Service tokens* against the count by hand."""

from collections import Counter
from collections.abc import Iterator

from tools.dashboards.day.expected_denials import SCRAPE
from tools.dashboards.day.script import TOKEN_SECONDS
from tools.dashboards.day.seen import RATE_SHARE, Number, Seen, about, amounts, between, exactly

ACCOUNTS = ("shop/billing", "crm/billing", "shop/inspector")


def numbers(seen: Seen) -> Iterator[Number]:
    """Each number of the dashboard."""
    ok, refused = fetches(seen)
    yield exactly("Next expiry", "no account in use after the traffic", None, seen.stat("Next expiry"))
    yield between("Failed fetches", "count", *failures(seen, sum(refused.values())), seen.stat("Failed fetches"))
    yield exactly("Cache hits", "share, after the traffic", 1, seen.stat("Cache hits"))
    yield from _accounts(seen, ok, refused)
    yield from _time_left(seen)
    shown = seen.amounts("Fetches by outcome")
    for account in ACCOUNTS:
        yield about("Fetches by outcome", f"count, {account}: ok", ok[account], shown.get(f"{account}: ok"), share=RATE_SHARE, and_=2)
        name = f"{account}: unauthorized_client"
        yield about("Fetches by outcome", f"count, {name}", refused[account], shown.get(name, 0.0), share=RATE_SHARE, and_=2)
    slowest = max(value for _, value in seen.lines("Time of a fetch")["95 %"].points)
    yield between("Time of a fetch", "seconds, highest 95 % (Keycloak took 40 ms more in the surge)", 0.04, 5, slowest)
    yield from _reads(seen)
    replaced = {account: float(repeated(seen, account)) for account in ACCOUNTS[:2]}
    yield from amounts(seen, "Replaced after a refusal", replaced)


def fetches(seen: Seen) -> tuple[Counter[str], Counter[str]]:
    """Token requests that Keycloak granted, and refused, by account. A fetch with a refused secret is two requests: the proxy reads the file again."""
    made = [fetch for fetch in seen.day.ledger.fetches if fetch.client in ACCOUNTS]
    ok = Counter(fetch.client for fetch in made if fetch.status == 200)
    refused = Counter(fetch.client for fetch in made if fetch.status != 200)
    return ok, Counter({account: count // 2 for account, count in refused.items()})


def failures(seen: Seen, refused: int) -> tuple[float, float]:
    """At least those that Keycloak refused; at most also one a second, account and instance in the outage, which it did not see."""
    moments = seen.day.ledger.moments
    seconds = moments["outage over"] - moments["outage"] + SCRAPE
    return refused, refused + seconds * len(ACCOUNTS) * len(seen.day.instances)


def _accounts(seen: Seen, ok: Counter[str], refused: Counter[str]) -> Iterator[Number]:
    title = "Accounts"
    rows = seen.table(title).records()
    yield exactly(title, "rows", len(ACCOUNTS) * len(seen.day.instances), len(rows))
    ages = []
    for account in ACCOUNTS:
        mine = [row for row in rows if row["Account"] == account]
        total, failed = (sum(value for row in mine if isinstance(value := row[name], float)) for name in ("Fetches", "Failures"))
        yield exactly(title, f"fetches without failures, {account}", ok[account], total - failed)
        yield between(title, f"failures, {account}", *failures(seen, refused[account]), failed)
        known = [(row["Age"], row["Time left"]) for row in mine if isinstance(row["Age"], float)]
        for age, left in known:
            yield about(title, f"age and time left together, {account}", TOKEN_SECONDS, _sum(age, left), share=0, and_=SCRAPE)
        newest = max(fetch.at for fetch in seen.day.ledger.fetches if fetch.client == account and fetch.status == 200)
        youngest = min(age for age, _ in known if isinstance(age, float))
        yield about(title, f"age of the newest token, {account}", seen.day.ended - newest, youngest, share=0, and_=SCRAPE)
        ages += [age for age, _ in known if isinstance(age, float)]
    yield exactly("Oldest token", "the highest age of the table", max(ages), seen.stat("Oldest token"))


def _sum(*values: object) -> float:
    return sum(value for value in values if isinstance(value, float))


def _time_left(seen: Seen) -> Iterator[Number]:
    title, moments = "Time left", seen.day.ledger.moments
    for name, line in seen.lines(title).items():
        yield between(title, f"highest, {name}", TOKEN_SECONDS - 6, TOKEN_SECONDS, max(value for _, value in line.points))
    waited = moments["delivered"] - moments["rotated"] - TOKEN_SECONDS
    lowest = min(value for _, value in seen.lines(title)["crm/billing"].points)
    yield between(title, "lowest, crm/billing: seconds since its token expired", -waited - TOKEN_SECONDS, -waited + SCRAPE, lowest)


def _reads(seen: Seen) -> Iterator[Number]:
    """Each call with an account and each look-up needs a token. Look-ups that were late are read, too, and need no request."""
    ledger = seen.day.ledger
    needed = sum(1 for call in ledger.calls if call.account) + len(ledger.looked_up)
    yield between(
        "Cache reads",
        "reads, hits and misses",
        (1 - RATE_SHARE) * needed,
        (1 + RATE_SHARE) * needed + 20,
        sum(seen.amounts("Cache reads").values()),
    )


def repeated(seen: Seen, account: str) -> int:
    """Requests that Keycloak received for the account's calls beyond the calls themselves."""
    ledger = seen.day.ledger
    calls = sum(1 for call in ledger.calls if call.account == account and call.error is None)
    return sum(ledger.forwarded[account, f"GET {name}"] for name in ("users", "clients")) - calls
