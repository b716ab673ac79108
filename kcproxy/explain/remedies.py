"""Cures that are words: what to do where no grant helps. One entry a cause, as data; placeholders as in ``text``."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kcproxy.model import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One cure: a sentence, and steps in the order in which they are done."""

    summary: str
    steps: tuple[str, ...] = ()
    warning: str | None = None


_NEW_TOKEN = Remedy(
    summary="Fetch a new token for client {client} from realm {caller_realm} and repeat the request with it",
    steps=("Discard the token at hand", "Ask the token endpoint of realm {caller_realm} for a new one", "Repeat the request with it"),
)
_ASK_OWNER = "The account that calls needs no further role"

_TABLE: dict[Cause, tuple[Remedy, ...]] = {
    Cause.TOKEN_OLDER_THAN_GRANT: (_NEW_TOKEN,),
    Cause.TOKEN_OLDER_THAN_REALM: (
        Remedy(
            summary="Fetch a new token right after a realm was created, with the same client; the new one carries the realm's roles",
            steps=_NEW_TOKEN.steps,
        ),
    ),
    Cause.USER_TOKEN_USED: (
        Remedy(
            summary="Fetch the token with grant_type=client_credentials of client {client}, which gives the service account's token",
            steps=(
                "In the program's settings, choose the grant type client_credentials",
                "Give it client {client} and its own secret, without user name and password",
            ),
        ),
    ),
    Cause.ROLES_NOT_IN_TOKEN: (
        Remedy(
            summary="Give client {client} the client scope roles again, as a default scope, and fetch a new token",
            steps=(
                "Choose the realm {caller_realm}",
                "Clients, {client}, tab Client scopes, Add client scope",
                "Tick roles, Add, Default",
                "If roles is assigned already: Client scopes, roles, tab Mappers: add the predefined mapper client roles",
                "Fetch a new token",
            ),
        ),
    ),
    Cause.TOKEN_OF_OTHER_REALM: (
        Remedy(
            summary="Fetch the token in realm {realm}, with a client of that realm, and use it for paths of that realm only",
            steps=(
                "Set the token realm of the program (often login realm, user realm or auth realm) to {realm}",
                "Use a confidential client of realm {realm} with its service account on",
                "Grant that service account {roles} of realm-management",
            ),
        ),
    ),
    Cause.SERVER_WIDE_OPERATION: (
        Remedy(
            summary="Do it with a service account of realm master that holds what this operation takes; most programs can skip the call",
            steps=(
                "Look for an option of the program that leaves out its initial call to the server's own endpoints",
                "Otherwise use a client of realm master whose service account holds the realm role of master that is named above",
            ),
        ),
    ),
    Cause.ESCALATION_GUARD: (
        Remedy(
            summary="Let somebody do it who holds {roles} of {container} and what it contains, once; do not give the calling account more for it",
            steps=("Sign in to the Admin console as a server administrator", "Make this one assignment there"),
        ),
    ),
    Cause.PROTECTED_OBJECT: (
        Remedy(
            summary="Leave the built-in object as it is: what was meant belongs into a client or role of your own, or into fine-grained permissions"
        ),
    ),
    Cause.FINE_GRAINED_PERMISSION_MISSING: (
        Remedy(
            summary="Add a permission for {who} on just the resource in question",
            steps=(
                "Choose the realm {realm}",
                "Permissions, Create permission, choose the type of resource",
                "Choose the scope that the call needs (view, manage, map-roles …) and the one resource",
                "Add a policy that names {who}",
                "For lists, grant the matching query- role besides",
            ),
        ),
    ),
    Cause.OPERATION_IMPOSSIBLE: (
        Remedy(summary="Use a service account of realm master for this operation; within realm {realm} nothing opens it"),
    ),
    Cause.KNOWN_DEFECT: (Remedy(summary="Upgrade Keycloak; no role mends a defect"),),
    Cause.ORIGIN_NOT_ALLOWED: (
        Remedy(
            summary="Add the origin of your own page to the Web origins of client {client}, or call from a backend, which sends no Origin",
            steps=(
                "Choose the realm {caller_realm}",
                "Clients, {client}, Settings, Web origins: add exactly the origin of the page that is meant to call (scheme, host and port)",
                "Save, and fetch a new token",
            ),
            warning="The Origin of the request is what its sender wrote: add an origin because you know the page, not because it stands here",
        ),
    ),
    Cause.HTTPS_REQUIRED: (
        Remedy(
            summary="Call Keycloak over HTTPS, or let the TLS-terminating proxy send X-Forwarded-Proto and start Keycloak with proxy-headers",
            steps=(
                "Use https:// in the program's settings",
                "Behind a TLS-terminating proxy: start Keycloak with --proxy-headers xforwarded",
            ),
            warning="Require SSL = None is for development machines only: tokens and secrets then travel readable",
        ),
    ),
    Cause.OTHER_ENDPOINT: (
        Remedy(summary="Use the credentials that this endpoint takes; " + _ASK_OWNER[0].lower() + _ASK_OWNER[1:] + " for it"),
    ),
    Cause.TOKEN_MISSING: (
        Remedy(
            summary="Fetch an access token and send it as Authorization: Bearer, or let the proxy add one (a service account for realm {realm} in its settings)",
            steps=(
                "Ask the token endpoint /realms/{realm}/protocol/openid-connect/token with grant_type=client_credentials",
                "Send the answer's access_token in the header Authorization: Bearer",
            ),
        ),
    ),
    Cause.TOKEN_WITHHELD: (
        Remedy(
            summary="Name the operation in the proxy's settings, if this account is meant to do it, or send an access token of your own",
            steps=(
                "In the proxy's configuration, section [[accounts]], go to the entry for realm {realm}",
                'Add "{operation}" to its list operations',
                "Let the proxy read its settings again (SIGHUP)",
            ),
            warning="Whoever can reach the proxy can then do this with the account's roles",
        ),
    ),
    Cause.SCHEME_WRONG: (
        Remedy(
            summary="Send Authorization: Bearer and an access token; client id and secret belong to the token endpoint, not to the Admin REST API"
        ),
    ),
    Cause.TOKEN_MALFORMED: (
        Remedy(summary="Send the value of access_token from the token answer, whole, on one line, without quotes, after the word Bearer"),
    ),
    Cause.TOKEN_EXPIRED: (
        Remedy(
            summary="Fetch a new token before the old one expires (expires_in of the token answer says when); the proxy can do that for you",
            steps=("Renew at two thirds of expires_in, or on the first 401", "Or send no token, and let the proxy add its own"),
        ),
    ),
    Cause.TOKEN_NOT_YET_VALID: (Remedy(summary="Set the clocks right (NTP) on the Keycloak host and here"),),
    Cause.TOKEN_KIND_WRONG: (Remedy(summary="Send access_token of the token answer, not id_token and not refresh_token"),),
    Cause.AUDIENCE_MISSING: (
        Remedy(
            summary="Add the client scope kc-admin-api to client {client} as a default scope, and fetch a new token",
            steps=(
                "Choose the realm {caller_realm}",
                "Clients, {client}, tab Client scopes, Add client scope",
                "Tick kc-admin-api, Add, Default",
                "Fetch a new token",
            ),
        ),
    ),
    Cause.PROOF_MISSING: (
        Remedy(
            summary="Send the scheme DPoP with a proof for each request, or switch DPoP-bound tokens off for client {client} and fetch a new token"
        ),
    ),
    Cause.PROOF_MISMATCH: (
        Remedy(summary="Make the proof for Keycloak's own address; a proof cannot be made for a proxy that has another address"),
    ),
    Cause.SIGNATURE_INVALID: (_NEW_TOKEN,),
    Cause.SIGNING_KEY_UNKNOWN: (_NEW_TOKEN,),
    Cause.SESSION_ENDED: (
        Remedy(
            summary="Log in again and use the new token; a program of its own is better served by grant_type=client_credentials, which has no session"
        ),
    ),
    Cause.TOKEN_REVOKED: (_NEW_TOKEN,),
    Cause.NOT_BEFORE: (_NEW_TOKEN,),
    Cause.ACCOUNT_DISABLED: (
        Remedy(
            summary="Enable the account {who} again, if it was disabled by mistake, and fetch a new token",
            steps=("Choose the realm {caller_realm}", "Users, {who}: switch Enabled on", "Fetch a new token"),
        ),
    ),
    Cause.CLIENT_DISABLED: (
        Remedy(
            summary="Enable client {client} again, if it was disabled by mistake, and fetch a new token",
            steps=("Choose the realm {caller_realm}", "Clients, {client}: switch Enabled on", "Fetch a new token"),
        ),
    ),
    Cause.REALM_NAME_UNSUPPORTED: (Remedy(summary="Use a realm with a name of plain letters, digits, - and _, or upgrade Keycloak"),),
    Cause.TOKEN_REJECTED: (_NEW_TOKEN,),
    Cause.CLIENT_UNKNOWN: (
        Remedy(
            summary="Ask the realm in which client {client} was made, with its Client ID exactly as written there",
            steps=(
                "Choose the realm {realm}",
                "Clients: look for {client}; is it enabled?",
                "If it is not there, look in the other realms, master too",
            ),
        ),
    ),
    Cause.CLIENT_CREDENTIALS_WRONG: (
        Remedy(
            summary="Take the secret anew from Clients, {client}, Credentials; log in with a client of your own, never with a built-in one",
            steps=(
                "Choose the realm {realm}",
                "Clients, {client}, tab Credentials: copy the Client secret",
                "Client Authenticator, on the same tab, says what the client takes: a secret, a signed JWT, or a certificate",
                "A secret of stars is the mask of an export, no secret",
            ),
        ),
    ),
    Cause.SERVICE_ACCOUNT_OFF: (
        Remedy(
            summary="Switch Client authentication and Service accounts roles on for client {client}",
            steps=(
                "Choose the realm {realm}",
                "Clients, {client}, Settings, Capability config",
                "Client authentication: On; tick Service accounts roles",
                "Save, and grant the new service account the roles that it needs",
            ),
        ),
    ),
    Cause.GRANT_NOT_ALLOWED: (
        Remedy(
            summary="Use grant_type=client_credentials for a program of its own; tick another flow in the client's Capability config only where users log in with it"
        ),
    ),
    Cause.USER_CREDENTIALS_WRONG: (
        Remedy(
            summary="Check user name, password and one-time code; a program of its own should use a service account instead of a user's password",
            warning="Never take the password step out of the login flow: anybody could log in then",
        ),
    ),
    Cause.ACCOUNT_NOT_SET_UP: (
        Remedy(summary="Let the user log in once in a browser and do what is asked, or take the action off the user"),
    ),
    Cause.REFRESH_TOKEN_INVALID: (
        Remedy(summary="Log in again; with client_credentials there is nothing to refresh: ask for a new token instead"),
    ),
    Cause.SCOPE_INVALID: (
        Remedy(summary="Leave the scope out of the request, or assign it to client {client} as an optional client scope"),
    ),
    Cause.TOKEN_REQUEST_INVALID: (
        Remedy(summary="Send a form with grant_type, client_id and client_secret as POST to the realm's token endpoint"),
    ),
    Cause.REALM_DISABLED: (
        Remedy(
            summary="Enable the realm, if it was disabled by mistake",
            steps=("Choose the realm {realm}", "Realm settings: switch Enabled on"),
        ),
    ),
    Cause.REALM_UNKNOWN: (
        Remedy(
            summary="Use the realm's name exactly as the Admin console shows it (Realm settings, Realm name), in the right case; "
            "where the realm was renamed, fetch a new token under the new name",
        ),
    ),
    Cause.BASE_PATH_WRONG: (Remedy(summary="Leave /auth out of the server's URL, or start Keycloak with http-relative-path=/auth"),),
    Cause.PATH_WRONG: (
        Remedy(
            summary="Call /admin/realms/ and the realm's name below the server's URL, with the method and path of the API's documentation for this version; "
            "the URL in the program's settings ends before /admin"
        ),
    ),
    Cause.NAME_USED_AS_ID: (Remedy(summary="Look the id up by the name first, and put the id into the path"),),
    Cause.PATH_NOT_NORMALISED: (Remedy(summary="Join base URL and path with exactly one slash, and encode only what has to be encoded"),),
    Cause.HEADERS_TOO_LARGE: (
        Remedy(
            summary="Switch client {client} to lightweight access tokens, or give the account fewer realms",
            steps=("Clients, {client}, Advanced: Always use lightweight access token: On", "Fetch a new token"),
            warning="Where full scope is switched off instead, the needed roles have to be added to the client's scope, or 403 follows",
        ),
    ),
    Cause.FEATURE_OFF: (
        Remedy(summary="Switch it on where it belongs (server option features, realm settings, or the client), or do without the call"),
    ),
    Cause.NOT_KEYCLOAK: (
        Remedy(
            summary="Ask whoever runs what stands in front of Keycloak (gateway, firewall, ingress); no Keycloak role changes this answer",
            steps=(
                "Compare with the same request sent to Keycloak directly",
                "Allow the path, the method and the User-Agent in that layer",
            ),
        ),
    ),
    Cause.OPERATION_UNKNOWN: (Remedy(summary="Check the path against the server's own documentation; for an extension, read its own"),),
    Cause.UNEXPLAINED: (Remedy(summary="Repeat it once; if it stays, read the server's log at debug level for org.keycloak.services"),),
}

REMEDIES: Mapping[Cause, tuple[Remedy, ...]] = MappingProxyType(_TABLE)
