"""``kcproxy who-can``: everyone who may make a call or holds a role, in every way in which roles are held."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devkit.holders import SECRET, make_holders, settings_text
from devkit.lab import Lab, laboratory
from kcproxy import catalog
from kcproxy.cli.exit_codes import Exit
from kcproxy.simulator import SimulatedKeycloak
from tests.cli.running import process, run
from tests.live.conftest import Keycloak, keycloak, real_keycloak

__all__ = ["keycloak", "real_keycloak"]  # fixtures that pytest finds by their names

VERSION = "26.7.5"
VIEWERS = [("user", "ann"), ("user", "bob"), ("user", "cem"), ("user", "dia"), ("service-account", "Direct")]


class Asked:
    """The command with the settings of one lab."""

    def __init__(self, lab: Lab, config: Path) -> None:
        self.lab, self._config = lab, config

    async def __call__(self, *words: str) -> Any:
        common = ("--config", str(self._config), "--keycloak", self.lab.keycloak.version)
        ran = await asyncio.to_thread(process, "who-can", *words, *common, "--json")
        assert ran.returncode == Exit.OK, ran.stderr
        return json.loads(ran.stdout)


async def prepared(lab: Lab, folder: Path) -> Asked:
    await make_holders(lab)
    secret, config = folder / "secret", folder / "kcproxy.toml"
    secret.write_text(SECRET, encoding="utf-8")
    secret.chmod(0o600)
    config.write_text(settings_text(lab, await lab.make_inspector(), str(secret)), encoding="utf-8")
    return Asked(lab, config)


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[Asked]:
    async with SimulatedKeycloak(catalog.load(VERSION)) as server:
        stand_in = Keycloak(version=VERSION, base_url=server.url, admin_username="admin", admin_password="admin", home=tmp_path)
        async with laboratory(stand_in, tmp_path) as lab:
            yield await prepared(lab, tmp_path)


def named(document: Any, realm: str) -> list[tuple[str, str]]:
    return [(each["kind"], each["client"] or each["username"]) for each in document["accounts"] if each["realm"] == realm]


async def is_right(ask: Asked, *, complete: bool) -> None:
    """The answers in the realm of the lab. ``complete``: whether the server can evaluate the scope of a client."""
    realm = ask.lab.realm
    viewers = await ask("GET", f"/admin/realms/{realm}/users")
    assert named(viewers, realm) == VIEWERS
    assert (viewers["complete"], any("could not read everything" in note for note in viewers["notes"])) == (complete, not complete)
    by = {each["client"] or each["username"]: each["by"] for each in viewers["accounts"] if each["realm"] == realm}
    assert (by["ann"], by["bob"]) == (["view-users of realm-management"], ["view-users of realm-management, by group /staff"])
    assert (by["cem"], by["dia"]) == (["view-users of realm-management, by group /staff/night"], ["realm role support"])
    events = await ask("--realm", realm, "--role", "view-events")
    assert (named(events, realm), named(events, "master")) == ([("user", "eve")], [("user", "admin")])
    assert named(await ask("DELETE", f"/admin/realms/{realm}"), realm) == []


async def test_every_way_to_a_role_is_found_before_a_simulated_keycloak(simulated: Asked) -> None:
    await is_right(simulated, complete=False)


@pytest.mark.live
@pytest.mark.timeout(900)
@pytest.mark.parametrize("keycloak", ["26.7.5", pytest.param("24.0.5", marks=pytest.mark.live_long)], indirect=True)
async def test_every_way_to_a_role_is_found_on_a_real_keycloak(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        ask = await prepared(lab, tmp_path)
        await is_right(ask, complete=True)
        deleters = await ask("DELETE", f"/admin/realms/{lab.realm}")
        assert named(deleters, "master") == [("user", "admin")]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("GET", "/admin/realms/shop/users", "--realm", "shop"), Exit.USAGE, "give METHOD and PATH of a call, or --role and --realm"),
        (("GET",), Exit.USAGE, "give METHOD and PATH of a call"),
        (("--role", "view-users"), Exit.USAGE, "give --role together with --realm"),
        (("--role", "viewer", "--realm", "shop"), Exit.UNKNOWN, "has no admin role viewer"),
        (("GET", "/admin/realms/shop/nothing"), Exit.UNKNOWN, "no call of a realm in the table"),
        (("GET", "/realms/shop"), Exit.UNKNOWN, "no call of a realm in the table"),
    ],
)
def test_unusable_questions_are_refused_in_words(tmp_path: Path, words: tuple[str, ...], code: int, says: str) -> None:
    secret, config = tmp_path / "secret", tmp_path / "kcproxy.toml"
    secret.write_text("s", encoding="utf-8")
    secret.chmod(0o600)
    config.write_text(
        f'[upstream]\nurl = "http://127.0.0.1:9"\n[inspector]\nrealm = "shop"\nclient_id = "i"\nclient_secret_file = "{secret}"\n',
        encoding="utf-8",
    )
    result = run("who-can", *words, "--config", str(config))
    assert (result.exit_code, says in result.output) == (code, True), result.output


def test_without_an_inspector_the_command_says_how_to_create_one() -> None:
    result = run("who-can", "GET", "/admin/realms/shop/users", "--upstream", "http://127.0.0.1:9")
    assert (result.exit_code, "kcproxy doctor --create-inspector" in result.output) == (Exit.USAGE, True)
