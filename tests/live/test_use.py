"""Methods of python-keycloak on a real server: the least roles of each are enough, and none of them can go. A part of `python -m tools.use`."""

from functools import partial

import pytest

from bench.suites.stage import mail_taken
from tests.live.conftest import Keycloak
from tools.use import python_keycloak
from tools.use.kept import kept
from tools.use.stage import Stage
from tools.use.trial import tried

pytestmark = [pytest.mark.live_long, pytest.mark.timeout(900)]

CHOSEN = frozenset(
    {
        "get_users",
        "get_user",
        "get_group",
        "get_realm",
        "get_all_roles_of_user",
        "get_client_secrets",
        "create_user",
        "assign_realm_roles",
        "assign_realm_roles_to_client_scope",
        "organization_user_add",
        "update_client",
        "add_realm_default_roles",
        "delete_idp",
        "delete_user",
        "delete_realm",
    }
)
"""Reads and writes, with one role and with several, with one call and with several."""


def test_the_least_roles_of_methods_are_enough_and_none_can_go(keycloak: Keycloak) -> None:
    trials = [trial for trial in python_keycloak.trials() if trial.name in CHOSEN]
    with mail_taken() as mail_port:
        results = tried(partial(Stage, keycloak.base_url, mail_port=mail_port), trials, version=keycloak.version)

    assert {result.name for result in results} == CHOSEN
    assert [
        (result.name, result.problem or result.differs or result.needless)
        for result in results
        if result.problem or result.differs or result.needless
    ] == []
    (known,) = [found for found in kept() if found["tool"] == "python-keycloak"]
    least = {trial["name"]: tuple(trial["least"]) for trial in known["trials"] if trial["name"] in CHOSEN}
    assert {result.name: result.least for result in results} == least
