"""Ansible: what a YAML parser reads in the playbooks, compared with the options of the modules of community.general."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kcproxy.explain.fixes.ansible import NAME_IN_URL, ansible_grant, ansible_scope
from kcproxy.explain.fixes.forms import grant_forms
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.unwritable import Unprintable, Unwritable
from kcproxy.explain.fixes.yaml_text import string
from tests.explain.fixes.stage import APP, JANE, NEW, OWNER

LOGIN = {"auth_keycloak_url", "token"}
OPTIONS = {
    "ansible.builtin.assert": {"that", "fail_msg", "quiet"},
    "community.general.keycloak_user_rolemapping": {
        *LOGIN,
        "realm",
        "client_id",
        "roles",
        "uid",
        "target_username",
        "service_account_user_client_id",
    },
    "community.general.keycloak_client_rolescope": {*LOGIN, "realm", "client_id", "client_scope_id", "role_names"},
}
"""Options of the modules as community.general 11.4 documents them, as far as a fix uses them."""
KEYWORDS = {"name", "register", "failed_when"}


def tasks(text: str | None) -> list[dict[str, Any]]:
    (play,) = yaml.safe_load(text or "")
    assert (play["hosts"], play["gather_facts"]) == ("localhost", False)
    return list(play["tasks"])


@pytest.mark.parametrize(
    "text",
    [
        ansible_grant(APP, OWNER, ("view-clients", "view-users")),
        ansible_grant(JANE, OWNER, ("view-users",), with_scope=True),
        ansible_grant(replace(APP, realm="master"), None, ("create-realm",)),
        ansible_scope(APP, None, ("create-realm",)),
        ansible_scope(APP, OWNER, ("view-users",)),
    ],
    ids=["service account", "user and scope", "realm role", "scope of a realm role", "scope"],
)
def test_every_task_has_one_module_and_only_its_options(text: str) -> None:
    for task in tasks(text):
        (module,) = set(task) - KEYWORDS
        assert set(task[module]) <= OPTIONS[module]


def test_a_service_account_is_named_by_its_client_and_a_user_by_the_user_name() -> None:
    robot, jane = (tasks(ansible_grant(to, OWNER, ("view-users",)))[1]["community.general.keycloak_user_rolemapping"] for to in (APP, JANE))
    assert (robot["service_account_user_client_id"], robot["client_id"]) == ("app", OWNER)
    assert robot["roles"] == [{"name": "view-users"}]
    assert jane["target_username"] == "jane"


@pytest.mark.parametrize("name", ["null", "no", "~", "1.0", "0x1F", "1e3", "2026-11-30", "-", "._~-"])
def test_names_that_yaml_could_read_as_something_else_stay_texts(name: str) -> None:
    to = Grantee(realm=name, username=name, client_id=name)
    for task in tasks(ansible_grant(to, OWNER, ("view-users",), with_scope=True))[1:]:
        (module,) = set(task) - KEYWORDS
        assert task[module]["realm"] == name


@pytest.mark.parametrize("name", ["a b", "a/b", "{{ lookup('pipe', 'touch pwned') }}", "a&b", "ümläut", "."])
def test_a_name_that_means_something_in_a_url_gets_no_playbook_and_a_reason(name: str) -> None:
    forms = grant_forms(Grantee(realm=name, username="jane"), OWNER, ("view-users",), version=NEW)
    assert forms.ansible is None
    assert NAME_IN_URL in forms.left_out


def test_the_id_stands_in_for_a_name_that_means_something_in_a_url() -> None:
    to = Grantee(realm="demo", username="o'brien", user_id="8f14", client_id="app")
    assert tasks(ansible_grant(to, OWNER, ("view-users",)))[1]["community.general.keycloak_user_rolemapping"]["uid"] == "8f14"
    with pytest.raises(Unprintable):
        ansible_grant(replace(to, user_id=None), OWNER, ("view-users",))


def test_an_account_that_nothing_names_has_none() -> None:
    assert ansible_grant(Grantee(realm="demo", username=None, client_id="app"), OWNER, ("view-users",)) is None


@given(st.text())
def test_a_scalar_is_read_as_exactly_its_text_and_shows_every_character(value: str) -> None:
    try:
        written = string(value)
    except Unwritable:
        assert any("\ud800" <= character <= "\udfff" for character in value)
        return
    assert yaml.safe_load(written) == value
    assert written.isprintable()
