"""The token endpoint's refusals (RFC 6749, section 5.2), for callers who fetch their token through the proxy and for its own accounts."""

from collections.abc import Mapping

from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.rules.answers import keycloak_says
from kcproxy.explain.situation import Situation
from kcproxy.explain.text import shown
from kcproxy.model import Cause, Confidence, TargetKind

_UNDISTINGUISHED = "Invalid client or Invalid client credentials"
_BY_DESCRIPTION: tuple[tuple[str, str, Cause, Confidence], ...] = (
    # Keycloak's error, beginning of its description, cause, how sure
    ("unauthorized_client", "Client not enabled to retrieve service account", Cause.SERVICE_ACCOUNT_OFF, CERTAIN),
    ("unauthorized_client", "Public client not allowed to retrieve service account", Cause.SERVICE_ACCOUNT_OFF, CERTAIN),
    ("unauthorized_client", "Client not allowed for direct access grants", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("unauthorized_client", "Client is not allowed to initiate browser login", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("unauthorized_client", "Unexpected error when authenticating client", Cause.CLIENT_CREDENTIALS_WRONG, LIKELY),
    ("unauthorized_client", _UNDISTINGUISHED, Cause.CLIENT_CREDENTIALS_WRONG, LIKELY),
    ("unauthorized_client", "Invalid client secret", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("unauthorized_client", "Client secret not provided in request", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("unauthorized_client", "", Cause.CLIENT_CREDENTIALS_WRONG, LIKELY),
    ("invalid_client", _UNDISTINGUISHED, Cause.CLIENT_UNKNOWN, LIKELY),
    ("invalid_client", "Parameter client_assertion", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "client_assertion parameter missing", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Client authentication with", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Invalid token audience", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Multiple audiences not allowed", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token reuse detected", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token is not active", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token was issued too far in the past", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token exp claim is required", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token jti claim is required", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Missing client_id parameter", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("invalid_client", "Bearer-only not allowed", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "", Cause.CLIENT_UNKNOWN, LIKELY),
    ("unsupported_grant_type", "", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("invalid_scope", "", Cause.SCOPE_INVALID, CERTAIN),
    ("invalid_grant", "Invalid user credentials", Cause.USER_CREDENTIALS_WRONG, LIKELY),
    ("invalid_grant", "Account is not fully set up", Cause.ACCOUNT_NOT_SET_UP, CERTAIN),
    ("invalid_grant", "Account disabled", Cause.ACCOUNT_DISABLED, CERTAIN),
    ("invalid_grant", "Session not active", Cause.REFRESH_TOKEN_INVALID, CERTAIN),
    ("invalid_grant", "Token is not active", Cause.REFRESH_TOKEN_INVALID, CERTAIN),
    ("invalid_grant", "Invalid refresh token", Cause.REFRESH_TOKEN_INVALID, CERTAIN),
    ("invalid_grant", "Offline ", Cause.REFRESH_TOKEN_INVALID, CERTAIN),
    ("invalid_grant", "Stale token", Cause.REFRESH_TOKEN_INVALID, CERTAIN),
    ("invalid_grant", "Maximum allowed refresh token reuse", Cause.REFRESH_TOKEN_INVALID, CERTAIN),
    ("invalid_grant", "Code not valid", Cause.REFRESH_TOKEN_INVALID, CERTAIN),
    ("invalid_grant", "Incorrect redirect_uri", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("invalid_grant", "PKCE ", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("invalid_grant", "", Cause.REFRESH_TOKEN_INVALID, LIKELY),
    ("invalid_request", "HTTPS required", Cause.HTTPS_REQUIRED, CERTAIN),
    ("invalid_request", "Standard token exchange is not enabled", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("invalid_request", "Client does not support permissions", Cause.FEATURE_OFF, CERTAIN),
    ("invalid_request", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("HTTP 405 Method Not Allowed", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("access_denied", "Client not allowed to exchange", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("access_denied", "Client is not within the token audience", Cause.GRANT_NOT_ALLOWED, LIKELY),
    ("access_denied", "Realm not enabled", Cause.REALM_DISABLED, CERTAIN),
    ("Realm does not exist", "", Cause.REALM_UNKNOWN, CERTAIN),
)


def token_refused(situation: Situation) -> Finding | None:
    """By Keycloak's error and description; where it keeps two causes apart from nobody, the look-ups may."""
    if situation.request.target.kind is not TargetKind.TOKEN:
        return None
    error, description = situation.answer.error or "", situation.answer.description or ""
    if error == "unsupported_grant_type" and not situation.request.form.get("grant_type"):
        return _finding(situation, (Cause.TOKEN_REQUEST_INVALID, CERTAIN, "the form has no grant_type, or an empty one"))
    for known, beginning, cause, confidence in _BY_DESCRIPTION:
        if error == known and description.startswith(beginning):
            return _finding(situation, _settled(situation, cause, confidence))
    return None


def _settled(situation: Situation, cause: Cause, confidence: Confidence) -> tuple[Cause, Confidence, str]:
    facts = situation.facts
    if cause is Cause.CLIENT_UNKNOWN and facts.client_known is False:
        return cause, CERTAIN, "looked up: the realm has no such client"
    if cause is Cause.CLIENT_UNKNOWN and facts.client_enabled is False:
        return Cause.CLIENT_DISABLED, CERTAIN, "looked up: the client is disabled"
    if cause is Cause.CLIENT_CREDENTIALS_WRONG and facts.client_bearer_only:
        return cause, CERTAIN, "looked up: the client is bearer-only: it holds roles and logs in nobody"
    if cause is Cause.CLIENT_CREDENTIALS_WRONG and facts.client_bearer_only is False:
        return cause, CERTAIN, "looked up: the client exists, is enabled and not bearer-only"
    return cause, confidence, ""


def _finding(situation: Situation, settled: tuple[Cause, Confidence, str]) -> Finding:
    cause, confidence, evidence = settled
    return found(
        situation,
        cause,
        confidence,
        *keycloak_says(situation),
        evidence,
        summary=_better(situation),
        feature="authorization services of the client that the request names as audience",
        grant_type=shown(situation.request.form.get("grant_type", "of the request"), 60),
    )


def _better(situation: Situation) -> str | None:
    said = f"{situation.answer.error}; {situation.answer.description}"
    return next((text for beginning, text in _BETTER.items() if said.startswith(beginning)), None)


_BETTER: Mapping[str, str] = {
    "invalid_client; Parameter client_assertion": "Realm {realm} gives client {client} no token: this client proves itself by a signed assertion (client_assertion), "
    "and the request has none that fits.",
    "invalid_client; Invalid token audience": "Realm {realm} gives client {client} no token: its signed assertion is made out to another address than Keycloak's own. "
    "Programs sign for the address that they call: take the realm's issuer as aud, or set upstream.preserve_host in kcproxy.",
    "invalid_client; Multiple audiences": "Realm {realm} gives client {client} no token: its signed assertion has several audiences (aud), and Keycloak takes one.",
    "invalid_client; Token reuse detected": "Realm {realm} gives client {client} no token: this signed assertion was used before (jti); sign a new one for each request.",
    "invalid_client; Token is not active": "Realm {realm} gives client {client} no token: its signed assertion has expired, or begins later; compare the clocks.",
    "invalid_client; Token was issued": "Realm {realm} gives client {client} no token: its signed assertion is too old (iat); sign a new one for each request.",
    "invalid_client; Token exp": "Realm {realm} gives client {client} no token: its signed assertion has no time of expiry (exp).",
    "invalid_client; Token jti": "Realm {realm} gives client {client} no token: its signed assertion has no id (jti).",
    "invalid_client; Client authentication with signed JWT failed: Signature": "Realm {realm} gives client {client} no token: the signature of its assertion is not by a key that the client has in Keycloak.",
    "unauthorized_client; Unexpected error when": "Realm {realm} gives client {client} no token: its id and secret could not be read from the Basic header; "
    "in both, each per cent sign and the like has to be encoded (RFC 6749, section 2.3.1).",
}
"""Sentences that fit better than the cause's own, by Keycloak's error and the beginning of its description."""


def open_causes(situation: Situation) -> list[Finding]:
    """What Keycloak's answer does not keep apart: an unknown and a disabled client, a wrong secret and a client that cannot log in."""
    error, facts = situation.answer.error, situation.facts
    if (
        error == "invalid_client"
        and situation.answer.description == _UNDISTINGUISHED
        and facts.client_known is None
        and facts.client_enabled is None
    ):
        return [found(situation, Cause.CLIENT_DISABLED, POSSIBLE)]
    return []
