"""A few operations measured anew on a real server give what the committed table says."""

import json
from pathlib import Path

import pytest

from tests.live.conftest import Keycloak
from tools.measure.__main__ import DATA, measure
from tools.measure.run import Journal, tasks_of
from tools.measure.stage import Version
from tools.measure.writer import rows

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

CHOSEN = (
    r"^(GET /admin/realms/\{realm\}/users/\{user-id\} "
    r"|GET /admin/realms/\{realm\}/users Users\S+$"
    r"|POST /admin/realms/\{realm\}/roles Role\S+$"
    r"|POST /admin/realms/\{realm\}/users/\{user-id\}/impersonation User\S+$"
    r"|GET /admin/realms/\{realm\}/users/\{user-id\}/role-mappings Role\S+$)"
)


async def test_measuring_again_gives_the_committed_lines(keycloak: Keycloak, tmp_path: Path) -> None:
    version = Version(text=keycloak.version)
    tasks = tasks_of(version, CHOSEN)
    journal = Journal(path=tmp_path / "journal.jsonl")

    await measure(version, keycloak.base_url, journal, tasks, frozenset())

    committed = json.loads((DATA / f"{keycloak.version}.json").read_text())
    lines = {(row["method"], row["path"]): row for row in committed["operations"]}
    again = rows(tasks, journal.done)
    assert len(again) == 5
    for row in again:
        known = lines[row["method"], row["path"]]
        kept = ("anyOf", "admits", "reduced", "refusal")
        assert {key: row.get(key) for key in kept} == {key: known.get(key) for key in kept}, row["path"]
