"""Fine-grained admin permissions on real servers: rules of evaluation, random configurations, and the table measured again."""

from pathlib import Path

import pytest

from kcproxy.catalog.permissions import load_permissions, permission_versions
from tests.live.conftest import Keycloak
from tools.measure.http import Server
from tools.measure.run import Journal
from tools.measure.stage import Version
from tools.permissions.__main__ import measured
from tools.permissions.differential.__main__ import additions_asked, compared, rules_asked
from tools.permissions.run import tasks_of
from tools.permissions.writer import needs_of

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

VERSIONS = ("26.7.5", "26.4.7")
CHOSEN = (
    "GET ~/users/{user-id}",
    "GET ~/groups/{group-id}",
    "PUT ~/users/{user-id}/groups/{groupId}",
    "GET ~/clients/{client-uuid}/client-secret",
    "GET ~/events",
)


@pytest.mark.parametrize("keycloak", VERSIONS, indirect=True)
async def test_each_rule_of_evaluation_holds(keycloak: Keycloak) -> None:
    version = Version(text=keycloak.version)
    async with Server(keycloak.base_url) as server:
        await server.login("admin", "admin")
        broken = [
            (rule.says, answer.status, answer.expected)
            async for rule, answer in rules_asked(server, version)
            if not answer.allowed == answer.expected == rule.expected(version.numbers)
        ]

    assert broken == []


@pytest.mark.parametrize("keycloak", VERSIONS, indirect=True)
async def test_the_evaluator_says_what_the_server_does_with_random_permissions(keycloak: Keycloak) -> None:
    _, counts = await compared(keycloak.base_url, keycloak.version, range(20_000, 20_012))

    assert counts["differs"] == 0
    assert counts["agrees"] >= 100


async def test_an_addition_put_in_force_opens_what_was_refused(keycloak: Keycloak) -> None:
    async with Server(keycloak.base_url) as server:
        await server.login("admin", "admin")
        tried = [each async for each in additions_asked(server, Version(text=keycloak.version), range(30_000, 30_014))]

    assert len(tried) >= 20
    assert [each for each in tried if not each.works] == []


async def test_measuring_again_gives_the_committed_lines(keycloak: Keycloak, tmp_path: Path) -> None:
    version = Version(text=keycloak.version)
    tasks = [task for task in tasks_of(version) if f"{task.operation.method} {task.operation.short}" in CHOSEN and not task.spec.variant]
    journal = Journal(path=tmp_path / "journal.jsonl")

    await measured(keycloak.base_url, version, journal, tasks, singles=False, elsewhere={})

    newest = load_permissions(permission_versions()[-1])
    assert len(journal.done) == len(CHOSEN)
    for task in tasks:
        committed = newest.find(task.operation.method, task.operation.path)
        again = needs_of(journal.done[task.key])
        assert committed is not None
        assert again.get("closed", False) is committed.need.closed
        assert again.get("anyOf", []) == [[str(term) for term in terms] for terms in committed.need.levels.any_of]
