"""The proxy's own account gets no token: said in the same words as to a caller who asks for one."""

import pytest

from kcproxy.explain.token_failure import why_no_token

SAME = "Invalid client or Invalid client credentials"


@pytest.mark.parametrize(
    ("status", "error", "description", "says"),
    [
        (401, "unauthorized_client", "Client not enabled to retrieve service account", "service account is not switched on"),
        (401, "unauthorized_client", SAME, "client secret is wrong"),
        (401, "invalid_client", SAME, "no enabled client of that id"),
        (404, "Realm does not exist", None, "There is no realm shop"),
        (403, "access_denied", "Realm not enabled", "the realm is disabled"),
        (400, "invalid_scope", "Invalid scopes: x", "client scopes that were asked for"),
    ],
)
def test_keycloaks_words_become_a_cause_and_a_fix(status: int, error: str, description: str | None, says: str) -> None:
    told = why_no_token(realm="shop", client_id="backend", status=status, error=error, description=description)

    assert told is not None
    assert says in told


@pytest.mark.parametrize(("status", "error"), [(None, "connect"), (500, "unknown_error"), (502, None)])
def test_what_the_words_do_not_tell_is_not_invented(status: int | None, error: str | None) -> None:
    assert why_no_token(realm="shop", client_id="backend", status=status, error=error, description=None) is None
