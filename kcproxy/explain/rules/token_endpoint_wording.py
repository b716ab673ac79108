"""What Keycloak's token endpoint says, and what it means: errors with the beginning of their description, as data.

A sentence or a cure of its own stands here where the cause's own would not be true of this answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kcproxy.explain.finding import CERTAIN, LIKELY
from kcproxy.model import Cause, Confidence


@dataclass(frozen=True, slots=True)
class Wording:
    """A sentence that fits this answer better than the cause's own, and a cure likewise; None: the cause's own is right."""

    summary: str
    remedy: str | None = None


UNDISTINGUISHED = "Invalid client or Invalid client credentials"
BY_DESCRIPTION: tuple[tuple[str, str, Cause, Confidence], ...] = (
    # Keycloak's error, beginning of its description, cause, how sure
    ("unauthorized_client", "Client not enabled to retrieve service account", Cause.SERVICE_ACCOUNT_OFF, CERTAIN),
    ("unauthorized_client", "Public client not allowed to retrieve service account", Cause.SERVICE_ACCOUNT_OFF, CERTAIN),
    ("unauthorized_client", "Client not allowed for direct access grants", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("unauthorized_client", "Client is not allowed to initiate browser login", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("unauthorized_client", "Unexpected error when authenticating client", Cause.CLIENT_CREDENTIALS_WRONG, LIKELY),
    ("unauthorized_client", UNDISTINGUISHED, Cause.CLIENT_CREDENTIALS_WRONG, LIKELY),
    ("unauthorized_client", "Invalid client secret", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("unauthorized_client", "Client secret not provided in request", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("unauthorized_client", "", Cause.CLIENT_CREDENTIALS_WRONG, LIKELY),
    ("invalid_client", UNDISTINGUISHED, Cause.CLIENT_UNKNOWN, LIKELY),
    ("invalid_client", "Parameter client_assertion", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "client_assertion parameter missing", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Signature", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Invalid signature algorithm", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Issuer mismatch", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Missing ID on the token", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token audience", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Invalid token audience", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Multiple audiences not allowed", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token reuse detected", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token is not active", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token was issued", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token exp claim is required", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Token jti claim is required", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Missing client_id parameter", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("invalid_client", "Bearer-only not allowed", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_client", "Audience not found", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("invalid_client", "Client requires user consent", Cause.GRANT_NOT_ALLOWED, CERTAIN),
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
    ("invalid_grant", "Client not allowed", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("invalid_grant", "resource owner password credentials", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("invalid_request", "HTTPS required", Cause.HTTPS_REQUIRED, CERTAIN),
    ("invalid_request", "Standard token exchange is not enabled", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("invalid_request", "Client does not support permissions", Cause.FEATURE_OFF, CERTAIN),
    ("invalid_request", "Request not allowed", Cause.GRANT_NOT_ALLOWED, LIKELY),
    ("invalid_request", "Configured client authentication method not allowed", Cause.CLIENT_CREDENTIALS_WRONG, CERTAIN),
    ("invalid_request", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("invalid_ticket", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("HTTP 405 Method Not Allowed", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("access_denied", "Client not allowed to exchange", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("access_denied", "Client is not within the token audience", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("access_denied", "not_authorized", Cause.OTHER_ENDPOINT, CERTAIN),
    ("access_denied", "Realm not enabled", Cause.REALM_DISABLED, CERTAIN),
    ("Realm does not exist", "", Cause.REALM_UNKNOWN, CERTAIN),
)
"""Keycloak's error, the beginning of its description, the cause, how sure. The first that fits counts."""

BY_GRANT: Mapping[str, Cause] = {
    "password": Cause.USER_CREDENTIALS_WRONG,
    "refresh_token": Cause.REFRESH_TOKEN_INVALID,
    "authorization_code": Cause.REFRESH_TOKEN_INVALID,
}
"""What invalid_grant means in words that are not known here, by what was granted: a password is not a refresh token."""


NO_CLIENT = Wording(
    "Realm {realm} gives no token: the request names no client: it has neither client_id nor Basic authentication.",
    "Send client_id and client_secret in the form, or both as Basic authentication",
)
NO_ASSERTION = Wording(
    "Realm {realm} gives client {client} no token: Keycloak cannot use its signed assertion; it says: {description}.",
    "Send a JWT with iss and sub = the Client ID, aud = the realm's issuer, jti, iat and exp, signed with the client's key, as client_assertion",
)
"""For assertions that are refused in words that are not known here."""
NO_PROOF = Wording(
    "Realm {realm} gives client {client} no token: Keycloak does not accept how the client proves itself; it says: {description}.",
    "Compare what the program sends with what Clients, {client}, Credentials, Client Authenticator asks for",
)
"""For invalid_client in words that are not known here."""
NOT_KNOWN = Wording(
    "Realm {realm} gives client {client} no token, for a reason that is not known here; Keycloak says: {description}.",
    "Read the realm's login events, and the server's log, at the time of the request",
)

BETTER: Mapping[str, Wording] = {
    "invalid_client; Parameter client_assertion": Wording(
        "Realm {realm} gives client {client} no token: this client proves itself by a signed assertion (client_assertion), "
        "and the request has none that fits.",
        "Send a signed assertion: client_assertion_type and client_assertion, made with the client's key; Clients, {client}, Credentials says what it takes",
    ),
    "invalid_client; Invalid token audience": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion is made out to another address than Keycloak's own. "
        "Programs sign for the address that they call: take the realm's issuer as aud, or set upstream.preserve_host in kcproxy.",
        "Make the assertion out to the issuer of realm {realm} (aud), as its discovery document writes it",
    ),
    "invalid_client; Multiple audiences": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion has several audiences (aud), and Keycloak takes one.",
        "Make the assertion out to one address: the issuer of realm {realm} as the only aud",
    ),
    "invalid_client; Token reuse detected": Wording(
        "Realm {realm} gives client {client} no token: this signed assertion was used before (jti); sign a new one for each request.",
        "Sign a new assertion for each request, with a jti of its own, iat of now and an exp some seconds ahead",
    ),
    "invalid_client; Token is not active": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion has expired, or begins later; compare the clocks.",
        "Sign a new assertion for each request, and set the clocks right (NTP) where they differ",
    ),
    "invalid_client; Token was issued too far in the past": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion is too old (iat); sign a new one for each request.",
        "Sign a new assertion for each request, with a jti of its own, iat of now and an exp some seconds ahead",
    ),
    "invalid_client; Token was issued in the future": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion was made in the future (iat); compare the clocks.",
        "Set the clocks right (NTP) on the program's host and on Keycloak's",
    ),
    "invalid_client; client_assertion parameter": Wording(
        "Realm {realm} gives client {client} no token: this client proves itself by a signed assertion, and the request has no client_assertion.",
        "Send client_assertion besides client_assertion_type: a JWT made with the client's key",
    ),
    "invalid_client; Invalid signature algorithm": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion is made with an algorithm (alg) that Keycloak does not take from this client.",
        "Sign with the algorithm that Clients, {client}, Credentials names, with the client's private key, not with its secret",
    ),
    "invalid_client; Issuer mismatch": Wording(
        "Realm {realm} gives client {client} no token: iss and sub of its signed assertion differ, and both have to be the Client ID.",
        "Put the Client ID {client} into iss and into sub of the assertion",
    ),
    "invalid_client; Token audience": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion is made out to another address than Keycloak's own. "
        "Programs sign for the address that they call: take the realm's issuer as aud, or set upstream.preserve_host in kcproxy.",
        "Make the assertion out to the issuer of realm {realm} (aud), as its discovery document writes it",
    ),
    "invalid_client; Missing ID": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion has no id (jti).",
        "Sign a new assertion for each request, with a jti of its own, iat of now and an exp some seconds ahead",
    ),
    "invalid_client; Token exp": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion has no time of expiry (exp).",
        "Sign a new assertion for each request, with a jti of its own, iat of now and an exp some seconds ahead",
    ),
    "invalid_client; Token jti": Wording(
        "Realm {realm} gives client {client} no token: its signed assertion has no id (jti).",
        "Sign a new assertion for each request, with a jti of its own, iat of now and an exp some seconds ahead",
    ),
    "invalid_client; Signature": Wording(
        "Realm {realm} gives client {client} no token: the signature of its assertion is not by a key that the client has in Keycloak.",
        "Sign with the key that Clients, {client}, Keys shows, or register the program's own public key (or its JWKS URL) there",
    ),
    "unauthorized_client; Unexpected error when": Wording(
        "Realm {realm} gives client {client} no token: its id and secret could not be read from the Basic header; "
        "in both, each per cent sign and the like has to be encoded (RFC 6749, section 2.3.1).",
        "Encode client id and secret (application/x-www-form-urlencoded) before they are joined for Basic, or send both in the form",
    ),
    "invalid_client; Audience not found": Wording(
        "Realm {realm} gives client {client} no token: the request asks for one for {audience}, and there is no client {audience} in this realm.",
        "Put the Client ID of a client of realm {realm}, exactly as written there, into the parameter audience, or leave it out",
    ),
    "access_denied; Client is not within": Wording(
        "Realm {realm} gives client {client} no token: the token to be exchanged is not meant for this client, for its aud does not name it.",
        "Give the client that fetches the token to be exchanged an audience mapper that names {client}, and exchange a token fetched after that",
    ),
    "invalid_request; Invalid token": Wording(
        "Realm {realm} gives client {client} no token: what it sent to be exchanged (subject_token) is no valid token of this realm (any more).",
        "Send a live access token of realm {realm} as subject_token",
    ),
    "invalid_client; Client requires user consent": Wording(
        "Realm {realm} gives client {client} no token: the client asks its users for their consent, which takes a login page, and the grant type {grant_type} has none.",
        "Use grant_type=client_credentials for a program of its own, or let users log in, and give their consent, by the login page",
    ),
    "invalid_client; Bearer-only": Wording(
        "Realm {realm} gives client {client} no token: the client is bearer-only, it holds roles and logs in nobody.",
        "Log in with a client of its own that has Client authentication and Service accounts roles on",
    ),
    "invalid_grant; Account disabled": Wording(
        "Realm {realm} gives no token: the account {who} is disabled.",
        "Enable the account {who} in realm {realm} again, if it was disabled by mistake",
    ),
    "invalid_grant; Client not allowed": Wording(
        "Realm {realm} gives client {client} no token: the grant type {grant_type} is not allowed for it.",
        "Use grant_type=client_credentials for a program of its own, or tick this grant in the client's Capability config where users log in by it",
    ),
    "invalid_grant; resource owner password": Wording(
        "Realm {realm} gives client {client} no token: a client policy of the realm forbids the grant type password.",
        "Use grant_type=client_credentials for a program of its own, and the login page for users; which policy it is, Realm settings, Client policies shows",
    ),
    "invalid_request; Request not allowed": Wording(
        "Realm {realm} gives client {client} no token: a client policy of the realm refuses this kind of request.",
        "Look at Realm settings, Client policies: which of the client policies applies to client {client}, and what does its profile refuse?",
    ),
    "invalid_request; Configured client authentication": Wording(
        "Realm {realm} gives client {client} no token: a client policy of the realm does not allow the way in which this client proves itself.",
        "Choose an allowed way at Clients, {client}, Credentials, Client Authenticator; which ones are, Realm settings, Client policies shows",
    ),
    "invalid_request; Client Certification missing": Wording(
        "Realm {realm} gives client {client} no token: its tokens are to be bound to a TLS client certificate, and none reached Keycloak.",
        "Send the token request with the client's certificate; a proxy that terminates TLS has to hand the certificate on",
    ),
    "invalid_request; ": Wording(
        "Realm {realm} gives no token: the request itself is incomplete or malformed; Keycloak says: {description}.",
    ),
    "invalid_ticket; ": Wording(
        "Realm {realm} gives no token: the permission ticket is not valid (any more).",
        "Ask the resource server for a new ticket, and send it at once",
    ),
    "access_denied; not_authorized": Wording(
        "Realm {realm} gives client {client} no token with the permissions that were asked for: the authorization policies of the resource server do not grant them.",
        "Look at Clients, {audience}, Authorization, Evaluate: which policy denies it?",
    ),
    "invalid_grant; The provided assertion": Wording(
        "Realm {realm} gives client {client} no token: Keycloak does not take the assertion; it says: {description}.",
        "Send a signed JWT of an issuer that the realm trusts for this grant",
    ),
    "invalid_client; Missing client_id": NO_CLIENT,
    "HTTP 405": Wording("Realm {realm} gives no token: the token endpoint takes POST only."),
}
"""By Keycloak's error and the beginning of its description; the first that fits counts."""
