"""CPU time of explaining one refusal without look-ups: claims, decision, fixes, rendering. Target: under 1 ms.

python -m bench.explain_cost
"""

import json
import sys
import time
from collections.abc import Callable

from devkit.explain.stage import BARE_401, BARE_403, NOW, USER_ID, claims_of, jwt_of
from kcproxy import catalog as catalogs
from kcproxy.explain import render
from kcproxy.explain.api import explain
from kcproxy.explain.claims import read_caller
from kcproxy.explain.notice import notice
from kcproxy.model import Answer, RequestFacts

ROUNDS = 2000
LIMIT_SECONDS = 0.001


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call: the best of five series, to exclude other load."""
    series = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(ROUNDS // 5):
            work()
        series.append((time.process_time() - began) / (ROUNDS // 5))
    return min(series)


def main() -> int:
    """Print one line for each situation. Returns 1 if one costs more than the limit."""
    table = catalogs.load(catalogs.default_version())
    many = {f"realm-{number}-realm": ["view-users", "view-realm", "manage-users", "query-users"] for number in range(150)}
    situations = {
        "403, service account without roles": (403, BARE_403, claims_of(), f"/admin/realms/demo/users/{USER_ID}"),
        "403, roles of other things": (403, BARE_403, claims_of(roles={"realm-management": ["view-realm"]}), "/admin/realms/demo/clients"),
        "403, master token of 150 realms": (403, BARE_403, claims_of(realm="master", roles=many), "/admin/realms/demo/users"),
        "401, expired": (401, BARE_401, claims_of(exp=NOW - 412), "/admin/realms/demo/users"),
    }
    worst = 0.0
    for name, (status, body, claims, path) in situations.items():
        authorization = "Bearer " + jwt_of(claims)

        def work(status: int = status, body: dict[str, str] = body, authorization: str = authorization, path: str = path) -> object:
            explanation = explain(
                explanation_id="0",
                request=RequestFacts(target=table.target("GET", path), public_url="http://localhost:8080"),
                caller=read_caller(authorization),
                answer=Answer(status=status, json=body),
                catalog=table,
                facts=None,
                now_epoch_seconds=NOW,
            )
            assert explanation is not None
            return json.dumps(render.body(explanation, body)), render.headers(explanation)

        seconds = cpu_seconds(work)
        worst = max(worst, seconds)
        print(f"{seconds * 1e6:8.0f} µs  {name}")
    request = RequestFacts(target=table.target("GET", "/admin/realms/demo/users"))
    caller = read_caller("Bearer " + jwt_of(claims_of(roles={"realm-management": ["query-users"]})))
    print(f"{cpu_seconds(lambda: notice(request, caller, table)) * 1e6:8.1f} µs  notice on a success, claims read before")
    return 1 if worst > LIMIT_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
