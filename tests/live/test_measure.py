"""A few operations and ways to power measured again on a real server give what the committed files say."""

import json
import re
from pathlib import Path

import pytest

from tests.live.conftest import Keycloak
from tools.measure.http import Server
from tools.measure.measuring import DATA, POWERS, measure
from tools.measure.powers.document import outcomes_of
from tools.measure.powers.run import Journal as PowersJournal
from tools.measure.powers.run import Matrix, ways_of
from tools.measure.powers.sinks import listening
from tools.measure.run import Journal, tasks_of
from tools.measure.stage import Names, Version
from tools.measure.writer import rows

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

CHOSEN = (
    r"^(GET /admin/realms/\{realm\}/users/\{user-id\} "
    r"|POST /admin/realms/\{realm\}/roles Role\S+$"
    r"|POST /admin/realms/\{realm\}/users/\{user-id\}/impersonation User\S+$"
    r"|GET /admin/realms/\{realm\}/users/\{user-id\}/role-mappings Role\S+$)"
)
WITH_MANY_VARIANTS = r"^GET /admin/realms/\{realm\}/users Users\S+$"
"""It takes minutes."""


@pytest.mark.parametrize(("chosen", "count"), [(CHOSEN, 4), pytest.param(WITH_MANY_VARIANTS, 1, marks=pytest.mark.live_long)])
async def test_measuring_again_gives_the_committed_lines(chosen: str, count: int, keycloak: Keycloak, tmp_path: Path) -> None:
    version = Version(text=keycloak.version)
    tasks = tasks_of(version, chosen)
    journal = Journal(path=tmp_path / "journal.jsonl")

    await measure(version, keycloak.base_url, journal, tasks, frozenset())

    committed = json.loads((DATA / f"{keycloak.version}.json").read_text())
    lines = {(row["method"], row["path"]): row for row in committed["operations"]}
    again = rows(tasks, journal.done)
    assert len(again) == count
    for row in again:
        known = lines[row["method"], row["path"]]
        kept = ("anyOf", "admits", "reduced", "refusal")
        assert {key: row.get(key) for key in kept} == {key: known.get(key) for key in kept}, row["path"]


WAYS = re.compile(
    r"^(own-identity-provider|reset-administrators-password|read-client-secret|impersonate-(user|administrator)|count-users|map-realm-admin)$"
)


@pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
async def test_trying_ways_to_power_again_gives_the_committed_outcomes(keycloak: Keycloak, tmp_path: Path) -> None:
    version = Version(text=keycloak.version)
    journal = PowersJournal(path=tmp_path / "powers.jsonl")
    ways = [way for way in ways_of(version) if WAYS.search(way.id)]

    async with listening() as sinks, Server(keycloak.base_url) as server:
        await server.login(keycloak.admin_username, keycloak.admin_password)
        matrix = Matrix(server=server, version=version, names=Names(count=1_000_000), sinks=sinks, journal=journal)
        await matrix.all(ways)

    committed = json.loads(POWERS.read_text())["versions"][keycloak.version]["outcomes"]
    assert {way.id: outcomes_of(journal.done, way.id) for way in ways} == {way.id: committed[way.id] for way in ways}
