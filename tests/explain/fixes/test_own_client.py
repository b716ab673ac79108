"""A built-in client is left as it is: the fix creates a client of your own."""

import pytest

from devkit.explain.stage import refused
from kcproxy.explain.claims import read_caller
from kcproxy.explain.fixes.own_client import BUILT_IN_CLIENTS, NAME, is_built_in, own_client
from kcproxy.explain.token_failure import why_no_token
from kcproxy.model import Cause, Explanation

REFUSALS = [
    (401, "unauthorized_client", "Public client not allowed to retrieve service account", Cause.SERVICE_ACCOUNT_OFF),
    (401, "unauthorized_client", "Client not enabled to retrieve service account", Cause.SERVICE_ACCOUNT_OFF),
    (401, "unauthorized_client", "Invalid client or Invalid client credentials", Cause.CLIENT_CREDENTIALS_WRONG),
    (401, "invalid_client", "Bearer-only not allowed", Cause.CLIENT_CREDENTIALS_WRONG),
    (400, "unauthorized_client", "Client not allowed for direct access grants", Cause.GRANT_NOT_ALLOWED),
]


def _refused(status: int, error: str, description: str, client_id: str, realm: str = "demo") -> Explanation:
    return refused(
        "POST",
        f"/realms/{realm}/protocol/openid-connect/token",
        status=status,
        caller=read_caller(None),
        body={"error": error, "error_description": description},
        form={"grant_type": "client_credentials", "client_id": client_id, "client_secret": "x"},
    )


@pytest.mark.parametrize("client_id", sorted(BUILT_IN_CLIENTS))
@pytest.mark.parametrize(("status", "error", "description", "cause"), REFUSALS)
def test_no_fix_changes_a_built_in_client(status: int, error: str, description: str, cause: Cause, client_id: str) -> None:
    explanation = _refused(status, error, description, client_id)

    assert explanation.verdict.cause is cause
    (fix,) = explanation.fixes
    assert fix.summary.startswith("Use a client of your own in realm demo")
    assert fix.kcadm[0].startswith("kcadm.sh create clients -r demo -s clientId=my-service")
    assert "my-service" in " ".join(fix.curl)
    assert "clientId=my-service" in fix.kcadm[1]
    assert not any("Switch" in line for line in fix.console)


def test_the_settings_of_your_own_client_may_be_changed() -> None:
    fix = _refused(401, "unauthorized_client", "Client not enabled to retrieve service account", "shop").fixes[0]

    assert fix.summary == "Switch Client authentication and Service accounts roles on for client shop"


def test_clients_of_master_for_the_roles_of_a_realm_are_built_in() -> None:
    assert is_built_in("demo-realm", "master")
    assert not is_built_in("demo-realm", "demo")
    assert not is_built_in(None, "demo")


def test_the_proxys_own_account_gets_the_same_advice() -> None:
    says = why_no_token(
        realm="demo",
        client_id="admin-cli",
        status=401,
        error="unauthorized_client",
        description="Public client not allowed to retrieve service account",
    )

    assert says is not None
    assert "Use a client of your own in realm demo" in says


def test_a_realm_that_no_command_can_name_leaves_the_console_steps() -> None:
    fix = own_client("..", "admin-cli")

    assert (fix.kcadm, fix.curl) == ((), ())
    assert fix.console
    assert fix.warning


def test_the_commands_create_the_client_that_the_steps_name() -> None:
    fix = own_client("shop", "admin-cli")

    assert any(f"Client ID {NAME}" in step for step in fix.console)
    assert f"clientId={NAME} " in fix.kcadm[0]
    assert all(any(f"{NAME}-secret" in each for each in lines) for lines in (fix.kcadm, fix.curl))
