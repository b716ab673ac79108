"""The simulator over the measured tables: what the table's least set opens is open, and shut to who holds nothing."""

from collections import defaultdict

import pytest

from kcproxy import catalog
from kcproxy.catalog import Entry
from kcproxy.model import RoleSet
from tests.simulator.stage import REALM, stage

_SERVER_WIDE = ("/admin/realms", "/admin/serverinfo")


def _path(entry: Entry) -> str:
    parts = entry.operation.path.replace("{realm}", REALM).replace("{realmName}", REALM).split("/")
    return "/".join("x" if part.startswith("{") else part for part in parts)


@pytest.mark.parametrize("version", catalog.versions())
async def test_the_least_set_is_let_in_and_nobody_else(version: str) -> None:
    table = catalog.load(version)
    by_set: dict[RoleSet, list[Entry]] = defaultdict(list)
    for entry in table.operations:
        open_to_all = table.satisfies((), entry.requirement.admits)
        if entry.requirement.least and not open_to_all and entry.operation.path not in _SERVER_WIDE and not _destroys_the_stage(entry):
            by_set[entry.requirement.least].append(entry)
    async with stage(table) as on:
        for roles, entries in by_set.items():
            await on.grant(*roles)
            token = await on.token()
            for entry in entries:
                answer = await on.server.send(entry.operation.method, _path(entry), bearer=token)
                assert answer.status not in {401, 403}, (entry.operation.key, roles, answer.body)
            await on.revoke(*roles)
            token = await on.token()
            for entry in entries:
                answer = await on.server.send(entry.operation.method, _path(entry), bearer=token)
                assert answer.status == entry.requirement.refusal_status, (entry.operation.key, answer.body)
    assert len(by_set) > 10


def _destroys_the_stage(entry: Entry) -> bool:
    return entry.operation.path == "/admin/realms/{realm}" and entry.operation.method == "DELETE"
