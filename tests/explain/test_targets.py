"""What the request does not show: a role by its id can be a client's, and then takes another role than the plain call."""

import pytest

from devkit.explain.cases import held, master
from devkit.explain.stage import USER_ID, ask, caller_of
from kcproxy import catalog as catalogs
from kcproxy.model import Cause, Facts

_PATH = f"/admin/realms/demo/roles-by-id/{USER_ID}"
_TABLE = catalogs.load("26.7.4")


def test_the_first_refusal_says_what_it_takes_if_the_role_is_a_clients() -> None:
    told = ask("DELETE", _PATH, caller=held(), catalog=_TABLE, facts=Facts(granted=(), full_scope=True))
    assert told is not None
    assert told.verdict.missing == ("manage-realm",)
    assert told.hints == ("When the role belongs to a client, the call takes manage-clients of realm-management.",)


@pytest.mark.parametrize("facts", [None, Facts(granted=("manage-realm",), full_scope=True)], ids=["claims alone", "looked up"])
def test_refused_with_the_plain_role_it_names_the_other_one(facts: Facts | None) -> None:
    told = ask("DELETE", _PATH, caller=held("manage-realm"), catalog=_TABLE, facts=facts)
    assert told is not None
    assert told.verdict.cause is Cause.ROLE_MISSING
    assert told.verdict.missing == ("manage-clients",)
    assert "when the role belongs to a client: the role manage-clients of the client realm-management is missing" in told.summary
    assert told.fixes[0].roles == ("manage-clients",)
    assert told.hints == ()


def test_a_token_of_master_takes_it_from_the_realms_client_in_master() -> None:
    told = ask("DELETE", _PATH, caller=master("manage-realm"), catalog=_TABLE, facts=None)
    assert told is not None
    assert told.verdict.cause is Cause.MASTER_ROLE_MISSING
    assert told.verdict.missing == ("manage-clients",)
    assert told.verdict.container == "demo-realm"


def test_with_both_roles_nothing_about_the_target_is_claimed() -> None:
    told = ask("DELETE", _PATH, caller=held("manage-clients", "manage-realm"), catalog=_TABLE, facts=None)
    assert told is not None
    assert told.verdict.cause is Cause.ROLE_REVOKED


def test_no_more_power_is_named_for_targets_that_are_administrators() -> None:
    told = ask("POST", f"/admin/realms/demo/users/{USER_ID}/impersonation", caller=held(), catalog=_TABLE, facts=None)
    assert told is not None
    assert not any("administrator" in hint for hint in told.hints)


def test_whoami_is_the_consoles_own_and_no_role_opens_it_to_other_clients() -> None:
    told = ask("GET", "/admin/demo/console/whoami", caller=held("view-users"), catalog=_TABLE, facts=None)
    assert told is not None
    assert told.verdict.cause is Cause.OTHER_ENDPOINT
    assert "security-admin-console" in told.summary
    assert not told.fixes[0].kcadm


def test_the_console_itself_is_told_the_role() -> None:
    told = ask(
        "GET",
        "/admin/demo/console/whoami",
        caller=caller_of(client="security-admin-console", username="jane", sid="s"),
        catalog=_TABLE,
        facts=None,
    )
    assert told is not None
    assert told.verdict.cause is Cause.ROLE_MISSING


_ROTATED = f"/admin/realms/demo/clients/{USER_ID}/client-secret/rotated"


def test_an_operation_that_is_refused_with_500_is_explained_as_the_refusal_that_it_is() -> None:
    told = ask("DELETE", _ROTATED, caller=held(), status=500, body={"error": "unknown_error"}, catalog=_TABLE, facts=None)
    assert told is not None
    assert told.verdict.cause is Cause.ROLE_MISSING
    assert told.verdict.missing == ("manage-clients",)
    assert "refused with 500 instead of 403" in told.summary


@pytest.mark.parametrize(
    ("method", "roles"), [("DELETE", ("manage-clients",)), ("GET", ())], ids=["the role is there", "another operation"]
)
def test_other_errors_of_the_server_are_not_called_refusals(method: str, roles: tuple[str, ...]) -> None:
    assert ask(method, _ROTATED, caller=held(*roles), status=500, body={"error": "unknown_error"}, catalog=_TABLE, facts=None) is None


def test_before_25_whoami_took_any_token() -> None:
    told = ask("GET", "/admin/demo/console/whoami", caller=held(), catalog=catalogs.load("24.0.5"), facts=None)
    assert told is not None
    assert told.verdict.cause is not Cause.OTHER_ENDPOINT
