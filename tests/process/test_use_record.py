"""A serving proxy records who called what, and the audit reads it: from the request to the least set."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kcproxy import catalog
from kcproxy.cli.scenario import embedded
from kcproxy.model import CallerKind
from kcproxy.observe.use_reader import read_record
from kcproxy.settings import AccountSettings, HistorySettings, Secret
from kcproxy.simulator import SimulatedKeycloak
from kcproxy.usage.model import Outcome, UseCaller
from tests.cli.running import run
from tests.dashboards.stack import PASSWORDS, Stage, stage, unique_realm

VERSION = "26.7.4"
USERS = "GET /admin/realms/{realm}/users"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A simulated Keycloak, a proxy with a history file, and the calls to make."""

    made: Stage
    url: str

    async def get(self, path: str, token: str | None = None) -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with self.made.session.get(f"{self.url}/admin/realms/{self.made.realm}/{path}", headers=headers) as answer:
            await answer.read()
            return answer.status


@asynccontextmanager
async def recording(history: Path) -> AsyncIterator[Recorded]:
    async with SimulatedKeycloak(catalog.load(VERSION)) as simulated, stage(simulated.url, unique_realm()) as made:
        reader = AccountSettings(realms=(made.realm,), token_realm=made.realm, client_id="reader", secret=Secret(PASSWORDS["reader"]))
        settings = embedded.settings_for(simulated.url, accounts=(reader,), version=VERSION)
        settings = replace(settings, history=HistorySettings(path=history))
        async with embedded.running(settings) as (url, _):
            yield Recorded(made=made, url=url)


async def test_calls_are_recorded_for_each_verified_caller_and_audited(tmp_path: Path) -> None:
    history = tmp_path / "denials.sqlite"
    async with recording(history) as proxy:
        realm = proxy.made.realm
        own = await proxy.made.own_token("reader")
        statuses = [await proxy.get("users", token) for token in (None, own, own, "an.invented.token")]
        statuses.append(await proxy.get("clients", own))
    assert statuses == [200, 200, 200, 401, 403]
    record = read_record(tmp_path / "denials-use.sqlite")
    injected = UseCaller(client="reader", token_realm=realm, kind=CallerKind.SERVICE_ACCOUNT, injected=True)
    assert {(use.caller, use.operation): use.counts for use in record.uses} == {
        (injected, USERS): {Outcome.REDUCED: 1},
        (replace(injected, injected=False), USERS): {Outcome.REDUCED: 2},
        (replace(injected, injected=False), "GET /admin/realms/{realm}/clients"): {Outcome.REFUSED: 1},
    }
    assert {named.by_owner["realm-management"] for named in record.roles.values()} == {("query-users",)}
    for file in (history, tmp_path / "denials-use.sqlite"):
        result = run("audit", "--history", str(file), "--client", "reader", "--keycloak", VERSION, "--json")
        assert result.exit_code == 0, result.output
        callers = json.loads(result.stdout)["callers"]
        assert [(each["injected"], each["held"], each["least"], each["full"]) for each in callers] == [
            (False, ["query-users"], ["query-users"], ["view-users"]),
            (True, ["query-users"], ["query-users"], ["view-users"]),
        ]


@pytest.mark.parametrize("name", ["denials.sqlite", "history"])
def test_without_a_path_of_its_own_the_record_is_beside_the_history(tmp_path: Path, name: str) -> None:
    settings = embedded.settings_for("http://localhost:1", accounts=(), version=VERSION)
    assert settings.use_path is None
    path = Path(name)
    beside = replace(settings, history=HistorySettings(path=tmp_path / name)).use_path
    assert beside == tmp_path / f"{path.stem}-use{path.suffix}"
