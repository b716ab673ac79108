"""Responses of Keycloak's token endpoint and what they mean: errors with the beginning of their description, as data.

A reason or remedy is here if that of the cause would not be right for this response.
"""

from collections.abc import Mapping

from msgspec import Struct

from kcproxy.explain.finding import CERTAIN, LIKELY
from kcproxy.model import Cause, Confidence


class Wording(Struct, frozen=True):
    """A reason for this response instead of that of the cause, and a remedy; None: that of the cause is right."""

    reason: str
    remedy: str | None = None


UNDISTINGUISHED = "Invalid client or Invalid client credentials"
BY_DESCRIPTION: tuple[tuple[str, str, Cause, Confidence], ...] = (
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
    ("invalid_request", "User '", Cause.ACCOUNT_DISABLED, CERTAIN),
    ("invalid_request", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("invalid_ticket", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("HTTP 405 Method Not Allowed", "", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("access_denied", "Client not allowed to exchange", Cause.GRANT_NOT_ALLOWED, CERTAIN),
    ("access_denied", "Client is not within the token audience", Cause.TOKEN_REQUEST_INVALID, CERTAIN),
    ("access_denied", "not_authorized", Cause.OTHER_ENDPOINT, CERTAIN),
    ("access_denied", "Realm not enabled", Cause.REALM_DISABLED, CERTAIN),
    ("Realm does not exist", "", Cause.REALM_UNKNOWN, CERTAIN),
)
"""Keycloak's error, the beginning of its description, the cause, and the confidence. The first match counts."""

BY_GRANT: Mapping[str, Cause] = {
    "password": Cause.USER_CREDENTIALS_WRONG,
    "refresh_token": Cause.REFRESH_TOKEN_INVALID,
    "authorization_code": Cause.REFRESH_TOKEN_INVALID,
}
"""What invalid_grant means with an unknown description, by grant type."""


_SIGN_NEW = "Sign a new assertion for each request, with a unique jti, the current time as iat, and an exp a few seconds later"

NO_CLIENT = Wording(
    "The token request names no client: it has neither client_id nor Basic authentication",
    "Send client_id and client_secret in the form, or both as Basic authentication",
)
NO_ASSERTION = Wording(
    "Keycloak does not accept the signed assertion of client {client} (it says: {description})",
    "Send a JWT with iss and sub = the client ID, aud = the issuer of the realm, jti, iat and exp, signed with the key of the client, as client_assertion",
)
"""For assertions that are refused with an unknown description."""
PROXY_AUDIENCE = Wording(
    "The signed assertion of client {client} names the address of kcproxy as its audience (aud), because the program signs for the address that it"
    " calls, and Keycloak accepts only its own address, which it would derive from that of kcproxy only with upstream.preserve_host",
    "Use the issuer of realm {realm} as aud of the assertion, as its discovery document says, or set upstream.preserve_host = true in kcproxy: Keycloak"
    " then sees the address that programs call, and writes it into iss of its tokens",
)
"""For assertions whose audience is the proxy (RFC 7523, section 3)."""
NO_PROOF = Wording(
    "Keycloak does not accept the authentication of client {client} (it says: {description})",
    "Compare what the program sends with what Clients, {client}, Credentials, Client Authenticator requires",
)
"""For invalid_client with an unknown description."""
NOT_KNOWN = Wording(
    "Keycloak refused the token request of client {client} for a reason that kcproxy does not know (it says: {description})",
    "Read the login events of the realm and the server log at the time of the request",
)

MORE_SPECIFIC: Mapping[str, Wording] = {
    "invalid_client; Parameter client_assertion": Wording(
        "Client {client} has to authenticate with a signed assertion (client_assertion), and the request is missing a valid one",
        "Send a signed assertion: client_assertion_type and client_assertion, signed with the key of the client; Clients, {client}, Credentials says what it requires",
    ),
    "invalid_client; Invalid token audience": Wording(
        "The signed assertion of client {client} has a different address than Keycloak's own as aud: programs sign for the address that they call",
        "Use the issuer of realm {realm} as aud of the assertion, as in its discovery document, or set upstream.preserve_host in kcproxy",
    ),
    "invalid_client; Multiple audiences": Wording(
        "The signed assertion of client {client} has several audiences (aud), and Keycloak accepts only one",
        "Use the issuer of realm {realm} as the only aud of the assertion",
    ),
    "invalid_client; Token reuse detected": Wording("The signed assertion of client {client} was used before (jti)", _SIGN_NEW),
    "invalid_client; Token is not active": Wording(
        "The signed assertion of client {client} has expired or is not valid yet",
        "Sign a new assertion for each request, and synchronize the clocks (NTP) if they differ",
    ),
    "invalid_client; Token was issued too far in the past": Wording("The signed assertion of client {client} is too old (iat)", _SIGN_NEW),
    "invalid_client; Token was issued in the future": Wording(
        "The iat of the signed assertion of client {client} is in the future",
        "Synchronize the clocks (NTP) of the host of the program and of Keycloak",
    ),
    "invalid_client; client_assertion parameter": Wording(
        "Client {client} has to authenticate with a signed assertion, and the request is missing client_assertion",
        "Send client_assertion in addition to client_assertion_type: a JWT signed with the key of the client",
    ),
    "invalid_client; Invalid signature algorithm": Wording(
        "The signed assertion of client {client} uses an algorithm (alg) that Keycloak does not accept from this client",
        "Sign with the algorithm that Clients, {client}, Credentials names, with the private key of the client, not with its secret",
    ),
    "invalid_client; Issuer mismatch": Wording(
        "The iss and sub of the signed assertion of client {client} differ, and both have to be the client ID",
        "Use the client ID {client} as iss and as sub of the assertion",
    ),
    "invalid_client; Token audience": Wording(
        "The signed assertion of client {client} has a different address than Keycloak's own as aud: programs sign for the address that they call",
        "Use the issuer of realm {realm} as aud of the assertion, as in its discovery document, or set upstream.preserve_host in kcproxy",
    ),
    "invalid_client; Missing ID": Wording("The signed assertion of client {client} is missing an ID (jti)", _SIGN_NEW),
    "invalid_client; Token exp": Wording("The signed assertion of client {client} is missing an expiration time (exp)", _SIGN_NEW),
    "invalid_client; Token jti": Wording("The signed assertion of client {client} is missing an ID (jti)", _SIGN_NEW),
    "invalid_client; Signature": Wording(
        "The assertion of client {client} is not signed with a key that the client has in Keycloak",
        "Sign with the key that Clients, {client}, Keys shows, or register the public key of the program (or its JWKS URL) there",
    ),
    "unauthorized_client; Unexpected error when": Wording(
        "The ID and secret of client {client} cannot be read from the Basic authentication; percent signs and similar characters in both have to be encoded (RFC 6749, section 2.3.1)",
        "Encode client ID and secret (application/x-www-form-urlencoded) before you join them for Basic, or send both in the form",
    ),
    "invalid_client; Audience not found": Wording(
        "Client {client} requested a token for {audience}, and there is no client {audience} in this realm",
        "Use the exact client ID of a client of realm {realm} as the parameter audience, or remove the parameter",
    ),
    "access_denied; Client is not within": Wording(
        "The token that client {client} wants to exchange does not name this client in its aud",
        "Give the client that fetches the token to be exchanged an audience mapper that names {client}, and exchange a token that was fetched after that",
    ),
    "invalid_request; Invalid token": Wording(
        "The token that client {client} wants to exchange (subject_token) is not, or is no longer, a valid token of this realm",
        "Send a valid access token of realm {realm} as subject_token",
    ),
    "invalid_client; Client requires user consent": Wording(
        "Client {client} requires the consent of its users at a login page, and the grant type {grant_type} has none",
        "Use grant_type=client_credentials for programs without a user, or let users log in and give their consent at the login page",
    ),
    "invalid_client; Bearer-only": Wording(
        "Client {client} is bearer-only: it has roles but cannot log in",
        "Log in with a different client that has Client authentication and Service accounts roles on",
    ),
    "invalid_grant; Account disabled": Wording(
        "The account {who} is disabled",
        "Enable the account {who} in realm {realm} again if it was disabled by mistake",
    ),
    "invalid_request; User '": Wording(
        "The service account of client {client} is disabled (Keycloak says: {description})",
        "Enable the user of the service account in realm {realm} again if it was disabled by mistake: Users, the user that Keycloak names, Enabled",
    ),
    "invalid_grant; Client not allowed": Wording(
        "The grant type {grant_type} is not allowed for client {client}",
        "Use grant_type=client_credentials for programs without a user, or tick this grant in the Capability config of the client if users log in with it",
    ),
    "invalid_grant; resource owner password": Wording(
        "A client policy of the realm forbids the grant type password for client {client}",
        "Use grant_type=client_credentials for programs without a user, and the login page for users; Realm settings, Client policies shows the policy",
    ),
    "invalid_request; Request not allowed": Wording(
        "A client policy of the realm refuses this kind of request for client {client}",
        "Open Realm settings, Client policies: which client policy applies to client {client}, and what does its profile refuse?",
    ),
    "invalid_request; Configured client authentication": Wording(
        "A client policy of the realm does not allow the authentication method of client {client}",
        "Choose an allowed method at Clients, {client}, Credentials, Client Authenticator; Realm settings, Client policies shows which ones are allowed",
    ),
    "invalid_request; Client Certification missing": Wording(
        "The tokens of client {client} are bound to a TLS client certificate, and none reached Keycloak",
        "Send the token request with the certificate of the client; a proxy that terminates TLS has to pass the certificate on",
    ),
    "invalid_request; ": Wording("The token request is incomplete or malformed (Keycloak says: {description})"),
    "invalid_ticket; ": Wording(
        "The permission ticket is not, or is no longer, valid",
        "Request a new ticket from the resource server, and send it immediately",
    ),
    "access_denied; not_authorized": Wording(
        "The authorization policies of the resource server do not grant client {client} the requested permissions",
        "Open Clients, {audience}, Authorization, Evaluate: which policy denies it?",
    ),
    "invalid_grant; The provided assertion": Wording(
        "Keycloak does not accept the assertion of client {client} (it says: {description})",
        "Send a signed JWT of an issuer that the realm trusts for this grant",
    ),
    "invalid_client; Missing client_id": NO_CLIENT,
    "HTTP 405": Wording("The token endpoint supports only POST"),
}
"""By Keycloak's error and the beginning of its description; the first match counts."""
