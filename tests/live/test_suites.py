"""A session with kcadm.sh and a few of python-keycloak's own tests: the same through the proxy as directly. `python -m bench.suites` runs all."""

from pathlib import Path

import pytest

from bench.suites import kcadm, python_keycloak
from bench.suites.having import NotHad, clones_from_environment
from bench.suites.kcadm_steps import SHORT
from bench.suites.outcome import Found, Outcome, Run
from bench.suites.page import faults
from bench.suites.stage import proxy
from bench.suites.suite import Place
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

CHOSEN = tuple(
    f"tests/test_keycloak_admin.py::test_{name}"
    for name in ("partial_import_realm", "users", "users_roles", "groups", "clients", "a_users", "realm_roles")
)


def place(keycloak: Keycloak, url: str) -> Place:
    return Place(
        url=url,
        keycloak_url=keycloak.base_url,
        username=keycloak.admin_username,
        password=keycloak.admin_password,
        mail_port=9,  # nobody sends mail here
    )


def test_a_session_with_kcadm_prints_the_same(keycloak: Keycloak, tmp_path: Path) -> None:
    direct = kcadm.run(tmp_path, place(keycloak, keycloak.base_url), "direct", steps=SHORT, version=keycloak.version)
    with proxy(keycloak.base_url, tmp_path / "proxy") as url:
        proxied = kcadm.run(tmp_path, place(keycloak, url), "proxied", steps=SHORT, version=keycloak.version)
    assert not faults({"kcadm": Found(direct=(direct,), proxied=(proxied,))})
    refused_or_wrong = 3
    assert (ended(direct, Outcome.PASSED), ended(direct, Outcome.FAILED)) == (len(direct) - refused_or_wrong, refused_or_wrong), direct


def test_python_keycloaks_own_tests_come_out_the_same(keycloak: Keycloak, tmp_path: Path) -> None:
    folder = python_keycloak.SUITE.folder
    try:
        python_keycloak.SUITE.prepare(folder, clones_from_environment())
    except NotHad as error:
        pytest.skip(f"python-keycloak's tests: {error}")
    direct = python_keycloak.run(folder, place(keycloak, keycloak.base_url), "live-direct", chosen=CHOSEN)
    with proxy(keycloak.base_url, tmp_path) as url:
        proxied = python_keycloak.run(folder, place(keycloak, url), "live-proxied", chosen=CHOSEN)
    assert not faults({"python-keycloak": Found(direct=(direct,), proxied=(proxied,))})
    assert len(direct) == len(CHOSEN)
    assert ended(direct, Outcome.PASSED) >= 5, direct


def ended(run: Run, outcome: Outcome) -> int:
    return sum(value.partition("\n")[0] == outcome for value in run.values())
