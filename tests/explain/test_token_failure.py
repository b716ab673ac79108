"""An account of the proxy gets no token: explained in the same words as for a caller who requests one."""

import jwt
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


CLUSTER, POD = "https://cluster.example:6443", "system:serviceaccount:demo:backend"


def assertion(issuer: str = CLUSTER, subject: str = POD) -> str:
    return jwt.encode({"iss": issuer, "sub": subject, "aud": ["https://kubernetes.default.svc"]}, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize(
    ("description", "says"),
    [
        (SAME, "does not say whether it is the subject, the issuer, the keys or the certificate of the issuer"),
        (SAME, "If its error is client_not_found, no enabled client has this subject"),
        (SAME, "If it is invalid_client_credentials, Keycloak cannot read the keys of the issuer"),
        ("Invalid token audience", "is for https://kubernetes.default.svc, and Keycloak accepts it only for the issuer of realm shop"),
        ("Multiple audiences not allowed", "as the only audience"),
        ("Token is not active", "has expired or is not valid yet"),
    ],
)
def test_a_pods_token_is_explained_by_its_own_claims(description: str, says: str) -> None:
    sent = assertion()
    text = why_no_token(realm="shop", client_id="backend", status=401, error="invalid_client", description=description, assertion=sent)

    assert text is not None
    assert says in text
    assert CLUSTER in text
    assert POD in text
    assert "There is no enabled client" not in text
    assert sent not in text
    assert sent.rpartition(".")[2] not in text


@pytest.mark.parametrize("sent", [assertion("backend", "backend"), "no token", "", None])
def test_a_client_that_signs_for_itself_is_explained_as_before(sent: str | None) -> None:
    text = why_no_token(realm="shop", client_id="backend", status=401, error="invalid_client", description=SAME, assertion=sent)
    assert text is not None
    assert "There is no enabled client backend in realm shop" in text
