"""CPU cost of the first explanation of a refusal, without look-ups: claims, decision, fixes, rendering. Target: 300 µs.

Each call has another client and account than the calls before it, so that no cache by name helps.

python -m bench.explain_cost
"""

import sys
import time
from collections.abc import Callable
from itertools import cycle
from typing import Any

from devkit.explain.stage import BARE_401, BARE_403, NOW, USER_ID, claims_of, jwt_of
from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.explain import render
from kcproxy.explain.api import explain
from kcproxy.explain.claims import read_caller
from kcproxy.explain.inputs import Inputs
from kcproxy.explain.notices.notice import notice
from kcproxy.model import Answer, RequestFacts

SERIES, ROUNDS = 200, 20
CALLERS = 600
"""More than the caches of quoted names hold (512), so that none of them has seen a name before."""
LIMIT_MICROSECONDS = 300
LARGE_LIMIT_MICROSECONDS = 1200
"""For a token of 150 realms, which has 20 KB."""


def cpu_microseconds(work: Callable[[], object]) -> float:
    """CPU time of one call: the best of many short series, so that other load does not count."""
    series = []
    for _ in range(SERIES):
        began = time.process_time_ns()
        for _ in range(ROUNDS):
            work()
        series.append((time.process_time_ns() - began) / ROUNDS / 1000)
    return min(series)


def explained(table: Catalog, status: int, body: dict[str, str], authorization: str, path: str) -> object:
    """One explanation, with its JSON body and its fields as they are sent."""
    inputs = Inputs(
        request=RequestFacts(target=table.target("GET", path), public_url="http://localhost:8080"),
        caller=read_caller(authorization),
        answer=Answer(status=status, json=body),
        catalog=table,
        now_epoch_seconds=NOW,
    )
    explanation = explain("0", inputs)
    assert explanation is not None
    return render.body_json(explanation, body), render.headers(explanation)


def tokens_of(claims: dict[str, Any]) -> list[str]:
    """The values of the field Authorization for many service accounts with the same claims otherwise."""
    names = [f"{claims['azp']}-{number}" for number in range(CALLERS)]
    more = ({"azp": name, "preferred_username": f"service-account-{name}", "sub": f"sub-of-{name}"} for name in names)
    return ["Bearer " + jwt_of({**claims, **own}) for own in more]


def cost_of(table: Catalog, status: int, body: dict[str, str], claims: dict[str, Any], path: str) -> float:
    """Microseconds for the explanation of a refusal, each time of another caller."""
    tokens = cycle(tokens_of(claims))
    return cpu_microseconds(lambda: explained(table, status, body, next(tokens), path))


def main() -> int:
    """Print one line for each situation; exit code 1 if one costs more than its limit."""
    table = catalogs.load(catalogs.default_version())
    many = {f"realm-{number}-realm": ["view-users", "view-realm", "manage-users", "query-users"] for number in range(150)}
    users, clients = "/admin/realms/demo/users", "/admin/realms/demo/clients"
    situations: tuple[tuple[str, int, int, dict[str, str], dict[str, Any], str], ...] = (
        ("403, service account without roles", LIMIT_MICROSECONDS, 403, BARE_403, claims_of(), f"{users}/{USER_ID}"),
        ("403, other roles", LIMIT_MICROSECONDS, 403, BARE_403, claims_of(roles={"realm-management": ["view-realm"]}), clients),
        ("403, master token of 150 realms", LARGE_LIMIT_MICROSECONDS, 403, BARE_403, claims_of(realm="master", roles=many), users),
        ("401, expired", LIMIT_MICROSECONDS, 401, BARE_401, claims_of(exp=NOW - 412), users),
    )
    exceeded = False
    for name, limit, status, body, claims, path in situations:
        cost = cost_of(table, status, body, claims, path)
        exceeded |= cost > limit
        print(f"{cost:8.0f} µs  {name} (limit {limit} µs)")
    request = RequestFacts(target=table.target("GET", users))
    caller = read_caller("Bearer " + jwt_of(claims_of(roles={"realm-management": ["query-users"]})))
    print(f"{cpu_microseconds(lambda: notice(request, caller, table)):8.1f} µs  notice on a success, claims read before")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
