"""An account of the proxy gets no token: explained in the same words as for a caller who requests one."""

import pytest

from kcproxy.explain.token_failure import why_no_token

SAME = "Invalid client or Invalid client credentials"


@pytest.mark.parametrize(
    ("status", "error", "description", "says"),
    [
        (
            401,
            "unauthorized_client",
            "Client not enabled to retrieve service account",
            "service account of client backend is not switched on",
        ),
        (401, "unauthorized_client", SAME, "secret of client backend is wrong"),
        (401, "invalid_client", SAME, "no enabled client backend in realm shop"),
        (404, "Realm does not exist", None, "There is no realm shop"),
        (403, "access_denied", "Realm not enabled", "Realm shop is disabled and issues no tokens"),
        (400, "invalid_scope", "Invalid scopes: x", "one of the requested client scopes"),
    ],
)
def test_the_description_becomes_a_cause_and_a_fix(status: int, error: str, description: str | None, says: str) -> None:
    text = why_no_token(realm="shop", client_id="backend", status=status, error=error, description=description)

    assert text is not None
    assert says in text


@pytest.mark.parametrize(("status", "error"), [(None, "connect"), (500, "unknown_error"), (502, None)])
def test_nothing_is_said_about_an_unknown_error(status: int | None, error: str | None) -> None:
    assert why_no_token(realm="shop", client_id="backend", status=status, error=error, description=None) is None
