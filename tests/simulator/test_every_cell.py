"""The simulator walked along the measured table: each operation on users, groups, roles, clients and the realm, as each single role."""

import re
from collections import Counter

import pytest

from kcproxy import catalog
from kcproxy.catalog import Entry
from tests.simulator.stage import REALM, Stage, stage

_AREAS = re.compile(r"^/admin/realms/\{realm\}($|/(users|groups|group-by-path|roles|roles-by-id|clients)(/|$))")
_DESTROYS_THE_STAGE = "DELETE /admin/realms/{realm}"
_NOWHERE = "00000000-0000-4000-8000-000000000000"


def _walked(version: str) -> list[Entry]:
    found = [entry for entry in catalog.load(version).operations if _AREAS.search(entry.operation.path)]
    return [entry for entry in found if f"{entry.operation.method} {entry.operation.path}" != _DESTROYS_THE_STAGE]


def _path(entry: Entry, on: Stage, *, let_in: bool) -> str:
    """Who is let in asks for what does not exist, so that nothing is destroyed; who is refused asks for what does."""
    there = {"user-id": on.user_id, "client-uuid": on.client["id"]} if not let_in else {}
    path = entry.operation.path.replace("{realm}", REALM)
    return re.sub(r"\{([^}]+)\}", lambda match: there.get(match[1], _NOWHERE), path)


@pytest.mark.parametrize("version", ["24.0.5", "26.7.4"])
async def test_every_role_is_let_in_or_refused_as_the_table_says_and_what_is_not_played_says_so(version: str) -> None:
    table = catalog.load(version)
    statuses: Counter[str] = Counter()
    async with stage(table) as on:
        for role in sorted(table.roles):
            await on.grant(role)
            token = await on.token()
            for entry in _walked(version):
                let_in = table.satisfies((role,), entry.requirement.admits)
                answer = await on.server.send(entry.operation.method, _path(entry, on, let_in=let_in), bearer=token)
                where = (role, entry.operation.method, entry.operation.path, answer.status, answer.body)
                if not let_in:
                    assert answer.status in {entry.requirement.refusal_status, 404}, where
                    assert answer.status != 404 or not entry.operation.path.endswith(
                        ("{user-id}", "{client-uuid}", "/users", "/clients")
                    ), where
                elif answer.status == 501:
                    assert answer.body["error"] == "not_simulated", where
                    assert answer.body["error_description"].startswith(f"The simulator does not play {entry.operation.method} "), where
                else:
                    assert answer.status not in {401, 403}, where
                statuses["refused" if not let_in else "not played" if answer.status == 501 else "played"] += 1
            await on.revoke(role)
    assert statuses["refused"] > statuses["played"] > 100
    assert statuses["not played"] > 100
