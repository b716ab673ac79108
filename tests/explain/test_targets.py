"""What the request does not show: a role by its ID may belong to a client, and then the call requires another role."""

import pytest

from devkit.explain.cases import held, master
from devkit.explain.stage import USER_ID, ask, caller_of, causes
from kcproxy import catalog as catalogs
from kcproxy.explain import render
from kcproxy.model import Cause, Facts

_PATH = f"/admin/realms/demo/roles-by-id/{USER_ID}"
_TABLE = catalogs.load("26.7.4")


def test_a_hint_says_which_role_is_required_if_the_role_belongs_to_a_client() -> None:
    explanation = ask("DELETE", _PATH, caller=held(), catalog=_TABLE, facts=Facts(granted=(), full_scope=True))
    assert explanation is not None
    assert explanation.verdict.missing == ("manage-realm",)
    assert explanation.hints == ("When the role belongs to a client, the call requires manage-clients of realm-management.",)


@pytest.mark.parametrize("facts", [None, Facts(granted=("manage-realm",), full_scope=True)], ids=["claims alone", "looked up"])
def test_a_refusal_with_the_usual_role_names_the_other_one(facts: Facts | None) -> None:
    explanation = ask("DELETE", _PATH, caller=held("manage-realm"), catalog=_TABLE, facts=facts)
    assert explanation is not None
    assert explanation.verdict.cause is Cause.ROLE_MISSING
    assert explanation.verdict.missing == ("manage-clients",)
    assert "is missing the role manage-clients (client realm-management) for DELETE" in explanation.summary
    assert "(when the role belongs to a client)" in explanation.summary
    assert explanation.fixes[0].roles == ("manage-clients",)
    assert explanation.hints == ()


def test_a_token_of_master_needs_the_role_of_the_client_in_master() -> None:
    explanation = ask("DELETE", _PATH, caller=master("manage-realm"), catalog=_TABLE, facts=None)
    assert explanation is not None
    assert explanation.verdict.cause is Cause.MASTER_ROLE_MISSING
    assert explanation.verdict.missing == ("manage-clients",)
    assert explanation.verdict.container == "demo-realm"


def test_with_both_roles_nothing_about_the_target_is_claimed() -> None:
    explanation = ask("DELETE", _PATH, caller=held("manage-clients", "manage-realm"), catalog=_TABLE, facts=None)
    assert explanation is not None
    assert explanation.verdict.cause is Cause.UNEXPLAINED
    assert Cause.ROLE_REVOKED.value in causes(explanation)


def test_no_more_power_is_named_for_targets_that_are_administrators() -> None:
    explanation = ask("POST", f"/admin/realms/demo/users/{USER_ID}/impersonation", caller=held(), catalog=_TABLE, facts=None)
    assert explanation is not None
    assert not any("administrator" in hint for hint in explanation.hints)


def test_whoami_is_only_for_the_console_regardless_of_roles() -> None:
    explanation = ask("GET", "/admin/demo/console/whoami", caller=held("view-users"), catalog=_TABLE, facts=None)
    assert explanation is not None
    assert explanation.verdict.cause is Cause.OTHER_ENDPOINT
    assert "security-admin-console" in explanation.summary
    assert not explanation.fixes[0].kcadm


def test_sentence_headers_and_required_roles_agree_about_whoami() -> None:
    explanation = ask("GET", "/admin/demo/console/whoami", caller=held("view-users"), catalog=_TABLE, facts=None)
    assert explanation is not None
    headers, required = dict(render.headers(explanation)), render.document(explanation)["required"]
    assert not headers.keys() & {"Kcproxy-Required-Role", "Kcproxy-Accepted-Roles", "WWW-Authenticate"}
    assert (required["least"], required["anyOf"], required["admits"]) == (None, [], [])
    assert explanation.summary.startswith(
        "GET /admin/{realm}/console/whoami in realm demo requires a token of the Admin console's own client"
    )
    assert "No admin role allows" not in explanation.summary
    assert "any admin role" not in explanation.summary


def test_the_console_itself_needs_the_role() -> None:
    explanation = ask(
        "GET",
        "/admin/demo/console/whoami",
        caller=caller_of(client="security-admin-console", username="jane", sid="s"),
        catalog=_TABLE,
        facts=None,
    )
    assert explanation is not None
    assert explanation.verdict.cause is Cause.ROLE_MISSING


_ROTATED = f"/admin/realms/demo/clients/{USER_ID}/client-secret/rotated"


def test_an_operation_that_is_refused_with_500_is_explained() -> None:
    explanation = ask("DELETE", _ROTATED, caller=held(), status=500, body={"error": "unknown_error"}, catalog=_TABLE, facts=None)
    assert explanation is not None
    assert explanation.verdict.cause is Cause.ROLE_MISSING
    assert explanation.verdict.missing == ("manage-clients",)
    assert "reports this with 500 instead of 403" in explanation.summary


@pytest.mark.parametrize(
    ("method", "roles"), [("DELETE", ("manage-clients",)), ("GET", ())], ids=["the role is there", "another operation"]
)
def test_other_errors_of_the_server_are_not_called_refusals(method: str, roles: tuple[str, ...]) -> None:
    assert ask(method, _ROTATED, caller=held(*roles), status=500, body={"error": "unknown_error"}, catalog=_TABLE, facts=None) is None


def test_before_25_whoami_accepted_any_token() -> None:
    explanation = ask("GET", "/admin/demo/console/whoami", caller=held(), catalog=catalogs.load("24.0.5"), facts=None)
    assert explanation is not None
    assert explanation.verdict.cause is not Cause.OTHER_ENDPOINT
