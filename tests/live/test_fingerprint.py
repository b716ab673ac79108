"""A running server is recognised from what it shows to everyone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kcproxy.catalog.fingerprint import DISCOVERY, PublicDocument, public_paths, versions_that_fit
from tests.cli.running import process
from tests.cli.test_audit import recorded
from tests.live.conftest import Keycloak
from tests.live.test_proxy_grants import Realm

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


@pytest.mark.parametrize("keycloak", ["26.7.5", "26.4.7", "24.0.5"], indirect=True)
async def test_the_public_answers_of_a_running_server_tell_its_version(keycloak: Keycloak) -> None:
    responses = await public_answers(keycloak.base_url, "master")
    assert versions_that_fit(responses[DISCOVERY].body, responses) == (keycloak.version,)


@pytest.mark.parametrize("keycloak", ["26.7.5", "26.4.7", "24.0.5"], indirect=True)
def test_the_check_of_the_settings_tells_one_version(keycloak: Keycloak) -> None:
    result = process("check", "--json", environ={"KCPROXY_UPSTREAM": keycloak.base_url})
    (version,) = [finding for finding in json.loads(result.stdout)["findings"] if finding["what"] == "version"]
    assert version["versions"] == [keycloak.version]


@pytest.mark.parametrize("keycloak", ["26.7.5", "26.4.7", "24.0.5"], indirect=True)
def test_an_audit_uses_the_table_of_the_running_server(keycloak: Keycloak, tmp_path: Path) -> None:
    record = recorded(tmp_path / "use")
    result = process("audit", "--history", str(record), "--json", environ={"KCPROXY_UPSTREAM": keycloak.base_url})
    assert json.loads(result.stdout)["keycloak"] == keycloak.version


@pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)
async def test_detecting_the_version_leaves_no_error_among_keycloaks_events(keycloak: Keycloak) -> None:
    async with aiohttp.ClientSession() as http:
        realm = Realm(keycloak, http)
        await realm.create()
        try:
            await realm.admin("PUT", f"/admin/realms/{realm.name}", {"eventsEnabled": True, "enabledEventTypes": ERRORS})
            await public_answers(keycloak.base_url, realm.name)
            assert await realm.admin("GET", f"/admin/realms/{realm.name}/events") == []
            async with http.get(f"{keycloak.base_url}/realms/{realm.name}/protocol/openid-connect/userinfo") as answer:
                assert answer.status == 401
            (event,) = await realm.admin("GET", f"/admin/realms/{realm.name}/events")  # so an error would be among them
            assert event["type"] == "USER_INFO_REQUEST_ERROR"
        finally:
            await realm.delete()


ERRORS = [
    "USER_INFO_REQUEST_ERROR",
    "CLIENT_LOGIN_ERROR",
    "LOGIN_ERROR",
    "INTROSPECT_TOKEN_ERROR",
    "CLIENT_INFO_ERROR",
    "CODE_TO_TOKEN_ERROR",
]
"""Not all of them are stored by default."""


async def public_answers(base_url: str, realm: str) -> Mapping[str, PublicDocument]:
    async with aiohttp.ClientSession() as session:
        return {name: await ask(session, base_url + path) for name, path in public_paths(realm).items()}


async def ask(session: aiohttp.ClientSession, url: str) -> PublicDocument:
    async with session.get(url) as answer:
        body: Any = await answer.json(content_type=None) if await answer.read() else {}
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return PublicDocument(status=answer.status, headers=headers, body=body)
