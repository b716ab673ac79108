"""Refusals of the token endpoint: each of Keycloak's descriptions has its own cause and fix."""

from collections.abc import Mapping

import pytest

from devkit.explain.stage import refused
from kcproxy.explain.claims import read_caller
from kcproxy.model import Cause, Confidence, Explanation

_TOKEN = "/realms/demo/protocol/openid-connect/token"
_CERTAIN, _LIKELY, _POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_UMA = "urn:ietf:params:oauth:grant-type:uma-ticket"


def _responded(status: int, error: str, description: str, form: Mapping[str, str], authorization: str | None = None) -> Explanation:
    body = {"error": error, "error_description": description}
    return refused("POST", _TOKEN, status=status, caller=read_caller(authorization), body=body, form=form)


@pytest.mark.parametrize(
    ("answer", "form", "expected", "fix"),
    [
        (
            (400, "invalid_client", "Audience not found"),
            {"grant_type": _EXCHANGE, "audience": "nobody"},
            (Cause.TOKEN_REQUEST_INVALID, _CERTAIN, "no client nobody"),
            "audience",
        ),
        (
            (403, "access_denied", "Client is not within the token audience"),
            {"grant_type": _EXCHANGE},
            (Cause.TOKEN_REQUEST_INVALID, _CERTAIN, "does not name this client in its aud"),
            "audience mapper",
        ),
        (
            (400, "invalid_request", "Invalid token"),
            {"grant_type": _EXCHANGE},
            (Cause.TOKEN_REQUEST_INVALID, _CERTAIN, "subject_token"),
            "subject_token",
        ),
        (
            (400, "invalid_client", "Client requires user consent"),
            {"grant_type": "password"},
            (Cause.GRANT_NOT_ALLOWED, _CERTAIN, "consent"),
            "consent",
        ),
        ((400, "invalid_client", "Something new"), {}, (Cause.CLIENT_CREDENTIALS_WRONG, _LIKELY, "Something new"), "app"),
        (
            (400, "invalid_client", "Bearer-only not allowed"),
            {},
            (Cause.CLIENT_CREDENTIALS_WRONG, _CERTAIN, "bearer-only"),
            "a different client",
        ),
        (
            (400, "invalid_grant", "resource owner password credentials grant is prohibited."),
            {"grant_type": "password"},
            (Cause.GRANT_NOT_ALLOWED, _CERTAIN, "client policy"),
            "client_credentials",
        ),
        (
            (400, "invalid_grant", "Client not allowed OAuth 2.0 Device Authorization Grant"),
            {"grant_type": "device"},
            (Cause.GRANT_NOT_ALLOWED, _CERTAIN, "not allowed"),
            "Capability config",
        ),
        (
            (400, "invalid_grant", "Client not allowed OIDC CIBA Grant"),
            {"grant_type": "ciba"},
            (Cause.GRANT_NOT_ALLOWED, _CERTAIN, "not allowed"),
            "",
        ),
        (
            (400, "invalid_grant", "The provided assertion is not a valid JWT"),
            {"grant_type": "jwt-bearer"},
            (Cause.TOKEN_REQUEST_INVALID, _LIKELY, "The provided assertion is not a valid JWT"),
            "",
        ),
        (
            (400, "invalid_grant", "Something new"),
            {"grant_type": "password"},
            (Cause.USER_CREDENTIALS_WRONG, _LIKELY, "user name or password"),
            "",
        ),
        (
            (400, "invalid_grant", "Something new"),
            {"grant_type": "refresh_token"},
            (Cause.REFRESH_TOKEN_INVALID, _LIKELY, "refresh token"),
            "",
        ),
        (
            (400, "invalid_grant", "Account disabled"),
            {"grant_type": "password", "username": "jane"},
            (Cause.ACCOUNT_DISABLED, _CERTAIN, "The account jane is disabled, so realm demo issues no token"),
            "jane",
        ),
        ((400, "invalid_request", "Request not allowed"), {}, (Cause.GRANT_NOT_ALLOWED, _LIKELY, "client policy"), "Client policies"),
        (
            (400, "invalid_request", "Configured client authentication method not allowed for client"),
            {},
            (Cause.CLIENT_CREDENTIALS_WRONG, _CERTAIN, "client policy"),
            "Client Authenticator",
        ),
        (
            (400, "invalid_request", "Client Certification missing for MTLS HoK Token Binding"),
            {},
            (Cause.TOKEN_REQUEST_INVALID, _CERTAIN, "certificate"),
            "certificate",
        ),
        (
            (400, "invalid_request", "Missing parameter: code"),
            {"grant_type": "authorization_code"},
            (Cause.TOKEN_REQUEST_INVALID, _CERTAIN, "Missing parameter: code"),
            "",
        ),
        (
            (403, "invalid_ticket", "Ticket verification failed"),
            {"grant_type": _UMA},
            (Cause.TOKEN_REQUEST_INVALID, _CERTAIN, "ticket"),
            "ticket",
        ),
        (
            (403, "access_denied", "not_authorized"),
            {"grant_type": _UMA, "audience": "shop"},
            (Cause.OTHER_ENDPOINT, _CERTAIN, "policies"),
            "",
        ),
        ((403, "access_denied", "Something new"), {}, (Cause.UNEXPLAINED, _POSSIBLE, "Something new"), ""),
    ],
)
def test_each_description_has_its_own_cause_and_fix(
    answer: tuple[int, str, str], form: dict[str, str], expected: tuple[Cause, Confidence, str], fix: str
) -> None:
    cause, sure, says = expected

    explanation = _responded(*answer, {"grant_type": "client_credentials", "client_id": "app", **form})

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (cause, sure)
    assert says in explanation.summary
    assert fix in " ".join(text for each in explanation.fixes for text in (each.summary, *each.console))


_PREFIX = "Client authentication with signed JWT failed: "


@pytest.mark.parametrize(
    ("error", "description", "says", "fix"),
    [
        ("invalid_client", _PREFIX + "Token audience doesn't match domain. Expected audiences are any of [x]", "a different address", "issuer"),
        ("invalid_client", _PREFIX + "Token is not active", "has expired", "clocks"),
        ("invalid_client", _PREFIX + "Missing ID on the token", "jti", "jti"),
        ("invalid_client", _PREFIX + "Token reuse detected", "used before", "each request"),
        ("invalid_client", _PREFIX + "Issuer mismatch. The issuer should match the subject", "iss and sub", "client ID"),
        ("invalid_client", _PREFIX + "Signature on JWT token failed validation", "not signed with a key", "key"),
        ("invalid_client", _PREFIX + "java.lang.IllegalArgumentException: Parsing error", "Parsing error", "client_assertion"),
        ("invalid_client", _PREFIX + "null", "null", "client_assertion"),
        ("invalid_client", "Token was issued in the future", "in the future", "clocks"),
        ("invalid_client", "Invalid signature algorithm", "alg", "algorithm"),
        ("invalid_client", "client_assertion parameter missing", "missing client_assertion", "client_assertion"),
        ("unauthorized_client", "Client authentication with client secret signed JWT failed: Signature on JWT token by client secret  failed validation",
         "not signed with a key", "key"),
    ],
)  # fmt: skip
def test_a_signed_assertion_is_never_called_a_wrong_secret(error: str, description: str, says: str, fix: str) -> None:
    explanation = _responded(
        400, error, description, {"grant_type": "client_credentials", "client_id": "app", "client_assertion_type": "jwt"}
    )

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.CLIENT_CREDENTIALS_WRONG, _CERTAIN)
    assert says in explanation.summary
    assert "secret is wrong" not in explanation.summary
    assert fix in explanation.fixes[0].summary
    assert "Copy the secret again" not in explanation.fixes[0].summary


def test_an_unknown_client_may_be_one_without_its_certificate() -> None:
    explanation = _responded(401, "invalid_client", _SAME, {"grant_type": "client_credentials", "client_id": "app"})

    assert explanation.verdict.cause is Cause.CLIENT_UNKNOWN
    assert Cause.CLIENT_CREDENTIALS_WRONG in {item.cause for item in explanation.verdict.alternatives}


_SAME = "Invalid client or Invalid client credentials"


def test_a_request_without_a_client_is_recognised() -> None:
    explanation = _responded(401, "invalid_client", _SAME, {"grant_type": "client_credentials"})

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.TOKEN_REQUEST_INVALID, _CERTAIN)
    assert "client_id" in explanation.summary


def test_a_signed_assertion_names_the_client_itself() -> None:
    form = {"grant_type": "client_credentials", "client_assertion_type": "jwt-bearer"}

    explanation = _responded(401, "invalid_client", _SAME, form)

    assert explanation.verdict.cause is Cause.CLIENT_UNKNOWN


@pytest.mark.parametrize("authorization", ["Basic !!!", "Basic eA=="])
def test_no_missing_client_is_reported_if_a_field_may_name_it(authorization: str) -> None:
    explanation = _responded(401, "invalid_client", _SAME, {"grant_type": "client_credentials"}, authorization)

    assert explanation.verdict.confidence is not _CERTAIN


@pytest.mark.parametrize(("authorization", "says"), [("Basic YXBwOng=", "Basic authentication"), (None, "authentication of client app")])
def test_an_unexpected_error_is_about_basic_only_if_it_was_used(authorization: str | None, says: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": "app", "client_assertion_type": "jwt"}

    explanation = _responded(400, "unauthorized_client", "Unexpected error when authenticating client", form, authorization)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.CLIENT_CREDENTIALS_WRONG, _LIKELY)
    assert says in explanation.summary


_JWT_FORM = {"grant_type": "client_credentials", "client_id": "app", "client_assertion_type": "jwt"}


def _assertion_for(*audiences: str, host: str = "proxy.example:8180", description: str = "Invalid token audience") -> Explanation:
    return refused(
        "POST",
        "/realms/demo/protocol/openid-connect/token",
        status=401,
        caller=read_caller(None),
        body={"error": "invalid_client", "error_description": description},
        form=_JWT_FORM,
        called_at=host,
        assertion_audiences=audiences,
    )


@pytest.mark.parametrize(
    ("host", "audience"),
    [
        ("proxy.example:8180", "http://proxy.example:8180/realms/demo"),
        ("Proxy.Example:8180", "http://proxy.example:8180/realms/demo/protocol/openid-connect/token"),
        ("proxy.example", "https://proxy.example:443/realms/demo"),
    ],
)
@pytest.mark.parametrize("description", ["Invalid token audience", "Token audience doesn't match domain", "Multiple audiences not allowed"])
def test_an_assertion_for_the_proxys_address_says_so_and_names_preserve_host(host: str, audience: str, description: str) -> None:
    explanation = _assertion_for("account", audience, host=host, description=description)

    assert explanation.verdict.cause is Cause.CLIENT_CREDENTIALS_WRONG
    assert "names the address of kcproxy as its audience" in explanation.summary
    assert "upstream.preserve_host" in explanation.summary
    assert "upstream.preserve_host = true" in explanation.fixes[0].summary
    assert "8180" not in explanation.summary + explanation.fixes[0].summary


@pytest.mark.parametrize(
    "audiences", [(), ("https://other.example/realms/demo",), ("http://localhost:8080/realms/demo",), ("http://[", "x")]
)
def test_an_assertion_for_another_address_is_not_said_to_be_for_the_proxy(audiences: tuple[str, ...]) -> None:
    assert "kcproxy as its audience" not in _assertion_for(*audiences).summary


def test_an_assertion_for_keycloaks_own_address_is_not_for_the_proxy() -> None:
    assert "kcproxy as its audience" not in _assertion_for("http://localhost:8080/realms/demo", host="localhost:8080").summary


@pytest.mark.parametrize("description", ["User 'service-account-app' disabled", "User 'jane' disabled"])
def test_a_disabled_service_account_is_named(description: str) -> None:
    explanation = _responded(401, "invalid_request", description, {"grant_type": "client_credentials", "client_id": "app"})

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ACCOUNT_DISABLED, _CERTAIN)
    assert explanation.summary.startswith(f"The service account of client app is disabled (Keycloak says: {description})")
    assert "malformed" not in explanation.summary
