"""Server info without systemInfo is announced to every caller who may lack it, with what shows it."""

import pytest

from devkit.explain.stage import caller_of, jwt_of, lightweight
from kcproxy import catalog as catalogs
from kcproxy.explain.claims import read_caller
from kcproxy.explain.notices.notice import notice
from kcproxy.model import Caller, RequestFacts

_ALL = sorted(catalogs.load("26.7.5").roles)


def _of_realm(*roles: str) -> Caller:
    return caller_of(roles={"realm-management": list(roles)})


def _of_master(*realm_roles: str, container: str = "shop-realm") -> Caller:
    return caller_of(realm="master", roles={container: _ALL}, realm_roles=list(realm_roles))


def _lightweight(realm: str) -> Caller:
    return read_caller("Bearer " + jwt_of(lightweight(realm=realm)))


def _notice(caller: Caller, version: str, server: str | None = None) -> str | None:
    table = catalogs.load(version)
    return notice(RequestFacts(target=table.target("GET", "/admin/serverinfo")), caller, table, server)


@pytest.mark.parametrize("version", ["26.4.7", "26.5.6", "26.6.4", "26.7.5"])
def test_a_realms_own_administrator_gets_a_notice_from_26_4_on(version: str) -> None:
    text = _notice(_of_realm("realm-admin"), version)

    assert text is not None
    assert "only administrators of realm master" in text


@pytest.mark.parametrize("version", ["26.4.7", "26.7.5"])
def test_a_lightweight_token_gets_the_notice_too(version: str) -> None:
    text = _notice(_lightweight("demo"), version)

    assert text is not None
    assert "systemInfo" in text


def test_a_lightweight_token_of_master_gets_it_where_its_roles_decide() -> None:
    assert _notice(_lightweight("master"), "26.7.5") is not None
    assert _notice(_lightweight("master"), "26.4.7") is None


def test_without_manage_realm_not_even_the_version_is_shown_to_a_realms_own_account() -> None:
    text = _notice(_of_realm("query-users"), "26.7.5")

    assert text is not None
    assert "requires manage-realm of realm-management" in text


def test_roles_of_another_realm_let_an_account_of_master_in_and_show_no_system_info() -> None:
    text = _notice(_of_master(), "26.7.5")

    assert text is not None
    assert "realm role admin of master" in text


@pytest.mark.parametrize("version", ["24.0.5", "26.4.7", "26.6.4", "26.7.5"])
def test_a_server_administrator_gets_no_notice(version: str) -> None:
    assert _notice(_of_master("admin"), version) is None


@pytest.mark.parametrize("caller", [_of_realm("query-users"), _of_master(), _lightweight("demo")], ids=["realm", "master", "lightweight"])
def test_before_26_4_everyone_who_was_let_in_got_all(caller: Caller) -> None:
    assert _notice(caller, "26.3.5") is None
    assert _notice(caller, "24.0.5") is None


@pytest.mark.parametrize(("server", "announced"), [("26.6.4", False), ("26.6", False), ("26.6.6", True)])
def test_the_patch_of_the_server_decides_where_the_table_is_older(server: str, announced: bool) -> None:
    assert (_notice(_of_master(), "26.6.4", server) is not None) is announced


def test_other_operations_of_lightweight_tokens_have_none() -> None:
    table = catalogs.load("26.7.5")
    request = RequestFacts(target=table.target("GET", "/admin/realms/demo/users"))

    assert notice(request, _lightweight("demo"), table) is None
