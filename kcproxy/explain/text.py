"""The sentences: one line for each cause, as data. Placeholders are filled with names from the request; rules add their own.

Words that every sentence may use: who, client, realm, where, caller_realm, container, container_realm, operation, version, roles,
roles_phrase; are and were are the verbs for roles. A sentence says who may not do what, and why; a check says how to tell this cause from the others.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from kcproxy.model import Cause
from kcproxy.visible import visible_start


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a cause is called in one sentence, and the check that tells it from others."""

    summary: str
    check: str


def list_of(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; each name as ``shown``."""
    clean = [shown(name) for name in names]
    return ", ".join(clean[:-1]) + " and " + clean[-1] if len(clean) > 1 else "".join(clean)


def roles_phrase(roles: Sequence[str], container: str) -> str:
    """``the role view-users of the client realm-management``."""
    if not roles:
        return f"a role of the client {shown(container)}"
    return f"the role{'s' if len(roles) > 1 else ''} {list_of(roles)} of the client {shown(container)}"


def either(sets: Iterable[Sequence[str]]) -> str:
    """Alternative sets of roles in words: ``view-users, or query-users and view-realm``."""
    return ", or ".join(list_of(roles) if roles else "none" for roles in sets)


def age(seconds: float) -> str:
    """A span in whole units: ``412 s``, and from two hours on hours, from two days on days, with the seconds kept."""
    whole = int(seconds)
    if whole >= 172800:
        return f"{whole} s ({whole // 86400} days)"
    if whole >= 7200:
        return f"{whole} s ({whole // 3600} hours)"
    return f"{whole} s"


_ENCODABLE = r"(?:[A-Za-z0-9_-]|%[0-9A-Fa-f]{2})"
_TOKEN = re.compile(rf"(?:e|%(?:25)*65)(?:y|%(?:25)*79)(?:J|%(?:25)*4[Aa]){_ENCODABLE}{{5,}}(?:\.|{_ENCODABLE})*")
_ENCODED = ("%65", "%79", "%4A", "%4a", "%25")


def without_tokens(text: str) -> str:
    """The text with nothing in it that looks like a token, percent-encoded or not: somebody may have put one into a path for a name."""
    return _TOKEN.sub("[token]", text) if "eyJ" in text or ("%" in text and any(mark in text for mark in _ENCODED)) else text


def shown(value: str, limit: int = 200) -> str:
    """A name from outside, fit for a sentence: no token, no character that cannot be seen, no line break, of bounded length."""
    return visible_start(without_tokens(value), limit)


def sentence(text: str) -> str:
    """A whole sentence, names and all, with the same assurance: the last look at what is printed, should a name have come in raw."""
    return visible_start(without_tokens(text), MAX_SENTENCE_CHARACTERS)


MAX_SENTENCE_CHARACTERS = 2000


_TABLE: dict[Cause, Sentence] = {
    Cause.ROLE_MISSING: Sentence(
        "{who} may not {operation}{where}: {roles_phrase} {are} missing.",
        "Look at the role mappings of {who} in realm {container_realm}, filtered by client {container}: is {roles} among the assigned or inherited ones?",
    ),
    Cause.MASTER_ROLE_MISSING: Sentence(
        "{who} may not {operation}{where}: with a token of realm master it takes {roles_phrase} in realm master, and that is missing.",
        "Look at the role mappings of {who} in realm master, filtered by client {container}: is {roles} among them?",
    ),
    Cause.ROLE_REVOKED: Sentence(
        "{who} may not {operation}{where} any more: the token still names {roles}, but Keycloak {version} counts the grants as they are now.",
        "Look at the role mappings of {who}: is {roles} of {container} still assigned? The admin events of the realm show when it was taken away.",
    ),
    Cause.ROLE_OF_OTHER_CLIENT: Sentence(
        "{who} may not {operation}{where}: what it holds is {elsewhere}, which only has the name of an admin role; {roles_phrase} {are} missing.",
        "In the role mappings of {who}, read which client each role belongs to: only roles of {container} open the admin API.",
    ),
    Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT: Sentence(
        "{who} may not {operation}{where}: perhaps {roles_phrase} was granted to another account than the one that calls.",
        "Compare the account that holds {roles} with the one in the token: {who}.",
    ),
    Cause.SCOPE_MAPPING_IS_NO_GRANT: Sentence(
        "{who} may not {operation}{where}: {roles_phrase} {are} in the scope of client {client}, which only lets the role through; "
        "it is not granted to {who}.",
        "Compare the client's Scope tab (what may pass) with the Service accounts roles tab (what is granted).",
    ),
    Cause.USER_TOKEN_USED: Sentence(
        "{who} may not {operation}{where}: the token is a user's, and {roles} {are} granted to the service account of client {client}, not to that user.",
        "Which grant type fetched the token? client_credentials gives the service account's token, password and authorization_code a user's.",
    ),
    Cause.SERVICE_ACCOUNT_RECREATED: Sentence(
        "{who} may not {operation}{where}: the service account of client {client} was deleted and created anew, and all its grants went with it.",
        "Does the sub of a fresh token differ from the old one's? Switching service accounts off and on creates a new account without grants.",
    ),
    Cause.SCOPE_EXCLUDES_ROLE: Sentence(
        "{who} may not {operation}{where}: client {client} has full scope off, and {roles_phrase} {are} not in its scope, so that a grant does not count.",
        "Client {client}, tab Client scopes, {client}-dedicated, tab Scope: is Full scope allowed off, and {roles} missing in the list below it?",
    ),
    Cause.ROLES_NOT_IN_TOKEN: Sentence(
        "{who} may not {operation}{where}: Keycloak {version} reads roles from the token, and tokens of client {client} do not get {roles} of {container}, "
        "because no mapper writes it: the client scope roles is not assigned to the client, or its mapper of client roles is missing or limited.",
        "Client {client}, tab Client scopes, Evaluate: does the generated access token hold resource_access with {container}? If not, is the scope roles assigned, "
        "and is its mapper client roles there, for the access token and for all clients?",
    ),
    Cause.TOKEN_OLDER_THAN_GRANT: Sentence(
        "{who} may not {operation}{where} with this token: it was issued before {roles} {were} granted, and Keycloak {version} reads roles from the token.",
        "Fetch a new token and repeat the request: if it passes, the old token was the reason.",
    ),
    Cause.TOKEN_OLDER_THAN_REALM: Sentence(
        "{who} may not {operation}{where} with this token: it was issued before the roles of {container} came to be, when realm {realm} was created.",
        "Fetch a new token and repeat the request: if it passes, the old token was the reason. Waiting alone does not help.",
    ),
    Cause.TOKEN_OF_OTHER_REALM: Sentence(
        "{who} may not {operation}{where}: the token is of realm {caller_realm}, and only realm {realm} itself and master can administer realm {realm}.",
        "Compare the realm at the end of the token's iss with the realm in the path.",
    ),
    Cause.SERVER_WIDE_OPERATION: Sentence(
        "{who} may not {operation}: it concerns the whole server, and only a token of realm master can do it; this one is of realm {caller_realm}.",
        "Has the path a realm in it? If not, it is about the whole server.",
    ),
    Cause.ESCALATION_GUARD: Sentence(
        "{who} may not {operation}{where}: Keycloak lets nobody hand out or take on more power than he has, whatever else he may do.",
        "Repeat the call for an ordinary user or an ordinary role: if that passes, it was the guard.",
    ),
    Cause.PROTECTED_OBJECT: Sentence(
        "{who} may not {operation}{where}: built-in objects such as the client realm-management are closed to changes, for every administrator.",
        "Is the id in the path that of a client that Keycloak created itself (realm-management, or {realm}-realm in master)?",
    ),
    Cause.FINE_GRAINED_PERMISSION_MISSING: Sentence(
        "{who} may not {operation}{where}: the realm uses fine-grained admin permissions, and none of them covers this call for {who}.",
        "Realm {realm}, Permissions: which permission names {who}, on which resources and for which scopes? Lists need query-users or the like besides.",
    ),
    Cause.OPERATION_IMPOSSIBLE: Sentence(
        "{who} may not {operation}{where}: on Keycloak {version} not even realm-admin of the realm may, so no grant there helps.",
        "Try with a token of a server administrator of realm master.",
    ),
    Cause.KNOWN_DEFECT: Sentence(
        "{who} may not {operation}{where}, because Keycloak {version} has a defect: {defect}.",
        "Repeat on a version with the repair: {repaired}.",
    ),
    Cause.ORIGIN_NOT_ALLOWED: Sentence(
        "Keycloak refused the Origin header {origin}: it is not among the Web origins of client {client}. This is CORS, no matter of roles.",
        "Send the same request without the Origin header, from a backend.",
    ),
    Cause.HTTPS_REQUIRED: Sentence(
        "Keycloak wants HTTPS: realm {realm} requires SSL for requests from this address, and this one came as plain HTTP.",
        "Realm settings, General, Require SSL; and whether whatever terminates TLS sends X-Forwarded-Proto and Keycloak heeds it.",
    ),
    Cause.OTHER_ENDPOINT: Sentence(
        "{operation} is no part of the Admin REST API, so no admin role opens it: {reason}.",
        "Compare the path with /admin/realms/{{realm}}/…, below which the Admin REST API lies.",
    ),
    Cause.TOKEN_MISSING: Sentence(
        "{operation} was sent without an access token, so Keycloak does not know who calls.",
        "Does the request have the header Authorization: Bearer followed by a token?",
    ),
    Cause.TOKEN_WITHHELD: Sentence(
        "{operation}{where} was sent without an access token, and this proxy did not add its own: {reason}.",
        "Look into the proxy's settings, section accounts, at the entry for realm {realm}: which operations does it name?",
    ),
    Cause.SCHEME_WRONG: Sentence(
        "The Authorization header is of the scheme {scheme}; the Admin REST API takes Bearer followed by an access token.",
        "Look at the first word of the Authorization header.",
    ),
    Cause.TOKEN_MALFORMED: Sentence(
        "What stands after Bearer cannot be read as an access token: {problem}.",
        "Print the token's length and its number of dots: an access token is one line of three parts.",
    ),
    Cause.TOKEN_EXPIRED: Sentence(
        "The token of {who} expired {age} ago; Keycloak accepts it no more, whatever its roles.",
        "Compare exp in the token with the time; fetch a new token and repeat.",
    ),
    Cause.TOKEN_NOT_YET_VALID: Sentence(
        "The token of {who} is valid only in {age}: the clocks of its issuer and of this host differ.",
        "Compare nbf and iat in the token with the time on the Keycloak host.",
    ),
    Cause.ISSUER_MISMATCH: Sentence(
        "The token was issued by {issuer}, and Keycloak, as it is reached here, is {expected}: it refuses tokens of any other issuer.",
        "Compare iss in the token with issuer in {discovery_document}, letter by letter (scheme, host, port, path).",
    ),
    Cause.TOKEN_KIND_WRONG: Sentence(
        "This is {kind}, and the Admin REST API takes only an access token.",
        "Send access_token of the token answer; look at typ in the token: it should be Bearer.",
    ),
    Cause.AUDIENCE_MISSING: Sentence(
        "The token of client {client} is not meant for the Admin REST API: since Keycloak 26.8.2 its aud must name the API, which takes the client scope kc-admin-api.",
        "Look at aud in the token, and whether the client scope kc-admin-api is assigned to client {client}.",
    ),
    Cause.PROOF_MISSING: Sentence(
        "The token of {who} is bound to a key (cnf), and the request does not prove that the caller has it.",
        "Is the header DPoP sent, and the scheme DPoP instead of Bearer? A cnf claim alone can also come from a mapper.",
    ),
    Cause.PROOF_MISMATCH: Sentence(
        "The DPoP proof is for {proof_url}, and Keycloak is reached as {expected}: a proof counts for one address only.",
        "Compare htu in the proof with the address by which Keycloak itself is reached.",
    ),
    Cause.SIGNATURE_INVALID: Sentence(
        "The token of {who} is not signed by realm {caller_realm}: {reason}.",
        "Check the signature with the keys that the realm publishes under protocol/openid-connect/certs.",
    ),
    Cause.SIGNING_KEY_UNKNOWN: Sentence(
        "The token of {who} is signed with a key that realm {caller_realm} does not have (any more): it is of another server, or the key was removed.",
        "Compare kid in the token's header with the keys under protocol/openid-connect/certs of realm {caller_realm}.",
    ),
    Cause.SESSION_ENDED: Sentence(
        "The session behind the token of {who} has ended (logged out, or expired), and the token with it.",
        "Look at the sessions of {who}: is the one with the token's sid among them?",
    ),
    Cause.TOKEN_REVOKED: Sentence(
        "The token of {who} itself was revoked at the realm's revocation endpoint (RFC 7009), and no other token with it.",
        "Does a program log out, or revoke its tokens, while another part of it still uses one? With a new token the request passes.",
    ),
    Cause.NOT_BEFORE: Sentence(
        "The token of {who} is older than the not-before time of its realm, client or user: all tokens from before that were revoked.",
        "Compare iat in the token with Realm settings, Sessions, Revocation (not before), and with the client's and the user's.",
    ),
    Cause.ACCOUNT_DISABLED: Sentence(
        "The account behind this token ({who}) is disabled or no longer exists, so its tokens count no more.",
        "Realm {caller_realm}, Users, {who}: does it exist, and is it enabled?",
    ),
    Cause.CLIENT_DISABLED: Sentence(
        "Client {client} is disabled or no longer exists, so its tokens count no more.",
        "Realm {caller_realm}, Clients, {client}: does it exist, and is it enabled?",
    ),
    Cause.REALM_NAME_UNSUPPORTED: Sentence(
        "Keycloak {version} refuses every token of a realm whose name has a blank, a letter beyond ASCII or a per cent sign, such as {caller_realm}.",
        "Do tokens of another realm, with a plain name, work on the same server?",
    ),
    Cause.TOKEN_REJECTED: Sentence(
        "Keycloak did not accept the token of {who}, and nothing that can be read in it is wrong: its session, account, client or signing key may be gone.",
        "Fetch a new token and repeat: if that works, the old one was revoked. If not, introspect it with the client's own credentials.",
    ),
    Cause.CLIENT_UNKNOWN: Sentence(
        "Realm {realm} gives client {client} no token: there is no enabled client of that id in this realm.",
        "Realm {realm}, Clients: is {client} there, and enabled? Is it perhaps in another realm?",
    ),
    Cause.CLIENT_CREDENTIALS_WRONG: Sentence(
        "Realm {realm} gives client {client} no token: the client secret is wrong, or the client cannot log in with one.",
        "Compare the secret with Clients, {client}, Credentials. A bearer-only client such as realm-management gives the same answer.",
    ),
    Cause.SERVICE_ACCOUNT_OFF: Sentence(
        "Realm {realm} gives client {client} no token: its service account is not switched on.",
        "Clients, {client}, Settings: is Client authentication on, and Service accounts roles ticked?",
    ),
    Cause.GRANT_NOT_ALLOWED: Sentence(
        "Realm {realm} gives client {client} no token: the grant type {grant_type} is not allowed for it, or not known.",
        "Clients, {client}, Settings, Capability config: which flows are ticked?",
    ),
    Cause.USER_CREDENTIALS_WRONG: Sentence(
        "Realm {realm} gives no token: user name or password is wrong, a one-time code is missing, or the user is locked for a while; Keycloak does not tell which.",
        "The realm's login events name the reason (invalid_user_credentials, user_temporarily_disabled …).",
    ),
    Cause.ACCOUNT_NOT_SET_UP: Sentence(
        "Realm {realm} gives no token: the user still has to do something at a login page (set a password, accept terms, verify an address).",
        "Users, the user, Details: Required user actions; and whether the password is a temporary one.",
    ),
    Cause.REFRESH_TOKEN_INVALID: Sentence(
        "Realm {realm} gives no token: the refresh token or code is expired, used up, or of another client or server. Log in again.",
        "Compare exp of the refresh token with the time, and its azp with the client.",
    ),
    Cause.SCOPE_INVALID: Sentence(
        "Realm {realm} gives client {client} no token: it has not one of the client scopes that were asked for.",
        "Clients, {client}, Client scopes: is each scope of the request among the default or optional ones?",
    ),
    Cause.TOKEN_REQUEST_INVALID: Sentence(
        "Realm {realm} gives no token: the request itself is incomplete or malformed.",
        "A token request is a form (application/x-www-form-urlencoded) with grant_type, client_id and what the grant needs.",
    ),
    Cause.REALM_DISABLED: Sentence(
        "Realm {realm} gives no token: the realm is disabled.",
        "Realm settings: the switch Enabled at the top.",
    ),
    Cause.REALM_UNKNOWN: Sentence(
        "There is no realm {realm} on this Keycloak.",
        "Open /realms/{realm}/.well-known/openid-configuration: an existing realm answers 200. The administration realm is called master.",
    ),
    Cause.BASE_PATH_WRONG: Sentence(
        "Keycloak has nothing at this path: {reason}.",
        "Try /realms/master with and without /auth before it: one of them answers 200.",
    ),
    Cause.PATH_WRONG: Sentence(
        "Keycloak has nothing at this path: {reason}.",
        "Paths of the Admin REST API are /admin/realms/{{realm}}/… below the server's base path.",
    ),
    Cause.NAME_USED_AS_ID: Sentence(
        "{value} does not look like an id: this path wants the internal id in the place of {{{parameter}}}, not a name.",
        "Look the id up first: {lookup}.",
    ),
    Cause.PATH_NOT_NORMALISED: Sentence(
        "Keycloak refuses this path because of how it is written: an empty segment (//), a dot segment, or a needlessly encoded character.",
        "Write the path without //, . and .. and encode only what must be encoded.",
    ),
    Cause.HEADERS_TOO_LARGE: Sentence(
        "The request's headers are too large for Keycloak; the token alone has {bytes} bytes and names roles of {clients} clients.",
        "Count the entries of resource_access in the token.",
    ),
    Cause.FEATURE_OFF: Sentence(
        "{operation} needs something that is switched off: {feature}. No role changes that.",
        "Server info, Disabled features; and for organizations and fine-grained permissions the realm's own switch.",
    ),
    Cause.RESPONSE_REDUCED: Sentence(
        "The answer may be thinner than it could be: {reason}.",
        "Compare with the answer that a caller with {roles} gets.",
    ),
    Cause.NOT_KEYCLOAK: Sentence(
        "This {status} is not Keycloak's: {reason}. Something between here and Keycloak refused the request, or the address is not Keycloak's.",
        "Send the same request to Keycloak directly, past every gateway.",
    ),
    Cause.OPERATION_UNKNOWN: Sentence(
        "{who} may not {operation}; what that takes is not in the table of Keycloak {version}, so nothing is said about roles.",
        "Is the path right? An extension of the server may define it; then its documentation says what it needs.",
    ),
    Cause.UNEXPLAINED: Sentence(
        "{who} may not {operation}{where}, although everything that is known here speaks for it.",
        "The server's log at debug level for org.keycloak.services names the check that failed.",
    ),
}

SENTENCES: Mapping[Cause, Sentence] = MappingProxyType(_TABLE)
