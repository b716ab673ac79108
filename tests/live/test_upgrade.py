"""The forecast of an upgrade against the upgrade itself: a server's database is migrated, and the same calls are sent again."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from devkit.lab import Client, Lab
from devkit.realserver import RealServer
from kcproxy import catalog
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.scenario import embedded
from kcproxy.settings import UseSettings
from kcproxy.usage.model import Outcome
from tests.cli.running import run
from tests.live.conftest import Keycloak
from tests.live.working_services import comparable

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(1500)]

NEW, REALM, USER = "26.7.5", "upgraded", "bob"
APP = Client(realm=REALM, client_id="app", uuid="", account=None)
HELD = (
    ("view-users",),
    ("view-clients",),
    ("view-realm",),
    ("query-groups", "query-users"),
    ("manage-clients",),
    ("manage-realm",),
    ("view-clients", "view-users"),
    ("view-events", "view-identity-providers"),
)
"""The roles of the callers. Each one reads everything that it may read."""
_PARAMETER = re.compile(r"\{([^{}]+)\}")
_CHANGES: Mapping[tuple[Outcome, Outcome], str] = {
    (Outcome.FULL, Outcome.REFUSED): "refused",
    (Outcome.REDUCED, Outcome.REFUSED): "refused",
    (Outcome.FULL, Outcome.REDUCED): "reduced",
    (Outcome.REDUCED, Outcome.FULL): "fuller",
}


@pytest.mark.parametrize("old", ["26.6.4", "24.0.5"])
async def test_refusals_and_thinner_responses_are_those_of_the_forecast(old: str, tmp_path: Path, needs_real_keycloak: None) -> None:
    database = (f"--db-url=jdbc:h2:file:{tmp_path / 'database'};NON_KEYWORDS=VALUE", "--db-username=sa", "--db-password=password")
    async with lab_on(old, database, tmp_path) as lab:
        await lab.make_realm(REALM)
        ids = await furnish(lab)
        readings = readings_of(old, ids)
        callers = [await caller(lab, roles) for roles in HELD]
        before = {each.client_id: await outcomes(lab, each, readings, tmp_path / "record") for each in callers}
    forecast = {each.client_id: forecast_of(old, tmp_path / "record", each, roles) for each, roles in zip(callers, HELD, strict=True)}
    async with lab_on(NEW, database, tmp_path) as lab:
        after = {each.client_id: await outcomes(lab, each, readings, tmp_path / "after") for each in callers}

    observed = {name: changes(before[name], after[name]) for name in before}
    assert differing(forecast, observed) == []
    assert sum(map(len, observed.values())) > 5


@asynccontextmanager
async def lab_on(version: str, database: tuple[str, ...], folder: Path) -> AsyncIterator[Lab]:
    """A server of this version on the database of the test. Its realm stays in the database."""
    with RealServer(version, options=database, prepared=False) as server:
        keycloak = Keycloak(version=version, base_url=server.base_url, admin_username="admin", admin_password="admin", home=server.home)
        async with aiohttp.ClientSession() as http:
            lab = Lab(keycloak, http, folder)
            await lab.log_in()
            lab.realm = REALM
            yield lab


async def furnish(lab: Lab) -> dict[str, str]:
    """Objects of each kind, with relations to each other, and their IDs by the names that paths have for them."""
    admin, base = lab.admin, f"/admin/realms/{REALM}"
    client = (await lab.make_client(REALM, clientId=APP.client_id)).uuid
    for path in ("roles", f"clients/{client}/roles"):
        for name in ("r0", "r1"):
            await admin("POST", f"{base}/{path}", {"name": name})
    role = await admin("GET", f"{base}/roles/r0")
    inner, own, deeper = [
        await admin("GET", f"{base}/{path}") for path in ("roles/r1", f"clients/{client}/roles/r0", f"clients/{client}/roles/r1")
    ]
    for each in (role, own):
        await admin("POST", f"{base}/roles-by-id/{each['id']}/composites", [inner, deeper])
    await admin("POST", f"{base}/groups", {"name": "g0"})
    group = (await admin("GET", f"{base}/groups"))[0]["id"]
    user = await lab.make_user(USER, REALM, groups=["/g0"])
    scope = {"name": "s0", "protocol": "openid-connect"}
    await admin("POST", f"{base}/client-scopes", scope)
    scope_id = next(each["id"] for each in await admin("GET", f"{base}/client-scopes") if each["name"] == "s0")
    for path in (
        f"groups/{group}/role-mappings",
        f"users/{user}/role-mappings",
        f"client-scopes/{scope_id}/scope-mappings",
        f"clients/{client}/scope-mappings",
    ):
        await admin("POST", f"{base}/{path}/realm", [role])
        await admin("POST", f"{base}/{path}/clients/{client}", [own])
    await admin("PUT", f"{base}/default-groups/{group}", {})
    names = {"realm": REALM, "client-uuid": client, "client": client, "client-id": client, "group-id": group, "user-id": user}
    return names | {"role-name": "r0", "role-id": role["id"], "client-scope-id": scope_id, "clientScopeId": scope_id}


def readings_of(version: str, ids: Mapping[str, str]) -> dict[str, str]:
    """Every reading whose path can be filled: operation → path."""
    found = {}
    for entry in catalog.load(version).operations:
        operation = entry.operation
        if operation.method == "GET" and {"realm"} <= set(_PARAMETER.findall(operation.path)) <= set(ids):
            found[operation.key] = _PARAMETER.sub(lambda match: ids[match[1]], operation.path)
    return found


async def caller(lab: Lab, roles: tuple[str, ...]) -> Client:
    client = await lab.make_client(REALM, clientId="-and-".join(roles))
    await lab.grant(client, *roles)
    return client


async def outcomes(lab: Lab, client: Client, readings: Mapping[str, str], record: Path) -> dict[str, Outcome]:
    """The outcome of each reading beside the administrator's own response, sent through a proxy that records."""
    settings = embedded.settings_for(lab.keycloak.base_url, accounts=(), version=lab.keycloak.version)
    await lab.token(APP, user=USER)  # a session: a list without items is full for everyone
    found = {}
    async with embedded.running(replace(settings, use=UseSettings(path=record))) as (url, _):
        headers = {"Authorization": f"Bearer {await lab.token(client)}"}
        for operation, path in readings.items():
            expected_status, expected = await read(lab, lab.keycloak.base_url + path, await administrators(lab))
            status, body = await read(lab, url + path, headers)
            if expected_status == 200 and status in {200, 401, 403}:
                found[operation] = Outcome.REFUSED if status != 200 else Outcome.FULL if body == expected else Outcome.REDUCED
    return found


async def administrators(lab: Lab) -> dict[str, str]:
    form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": "admin"}
    return {"Authorization": f"Bearer {(await lab.grant_token('master', form))['access_token']}"}


async def read(lab: Lab, url: str, headers: Mapping[str, str]) -> tuple[int, Any]:
    async with lab.http.get(URL(url, encoded=True), headers=headers) as response:
        text = await response.text()
    return response.status, comparable(json.loads(text)) if text.startswith(("{", "[")) else text


def forecast_of(old: str, record: Path, client: Client, roles: tuple[str, ...]) -> dict[str, str]:
    words = ["--from", old, "--to", NEW, "--history", str(record), "--client", client.client_id]
    result = run("upgrade", *words, *(word for role in roles for word in ("--held", role)), "--json")
    assert result.exit_code in {Exit.OK, Exit.FOUND}, result.output
    (found,) = json.loads(result.stdout)["callers"]
    return {change["operation"]: change["fate"] for change in found["changes"]}


def changes(before: Mapping[str, Outcome], after: Mapping[str, Outcome]) -> dict[str, str]:
    pairs = {operation: (before[operation], after[operation]) for operation in before.keys() & after.keys()}
    return {operation: _CHANGES[pair] for operation, pair in pairs.items() if pair in _CHANGES}


def differing(forecast: Mapping[str, Mapping[str, str]], observed: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Each call whose forecast was wrong, both ways."""
    return [
        f"{name}: {operation}: forecast {forecast[name].get(operation, 'same')}, observed {observed[name].get(operation, 'same')}"
        for name in observed
        for operation in sorted(forecast[name].keys() | observed[name].keys())
        if forecast[name].get(operation) != observed[name].get(operation)
    ]
