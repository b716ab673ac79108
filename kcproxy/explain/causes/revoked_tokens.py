"""Causes of a 401 for a token that was valid and no longer is: session, account, client and not-before. Without look-ups all of them remain open."""

from collections.abc import Iterator

from kcproxy.explain.causes.spec import NEW_TOKEN, REFUSED, CauseSpec, Remedy
from kcproxy.explain.causes.token_endpoint import left_open_at_token_endpoint, token_refused
from kcproxy.explain.context import Context, expected_issuer, is_own_service_account, is_readable
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.text import shown
from kcproxy.model import Cause


def left_open(context: Context) -> list[Finding]:
    """The causes of a bare 401 that nothing has ruled out yet, the likeliest first."""
    if not is_readable(context.caller):
        return []
    issuer = shown(context.caller.issuer or "")
    words = {
        "issuer": issuer,
        "expected": "perhaps a different issuer",
        "discovery_document": "the discovery document of the realm",
    }
    return [found(cause, POSSIBLE, reason=_OPEN_REASONS.get(cause), words=words) for cause in _open(context)]


def _open(context: Context) -> Iterator[Cause]:
    facts, caller = context.facts, context.caller
    if caller.session_id is not None and facts.session_alive is None:
        yield Cause.SESSION_ENDED
    if facts.account_enabled is None and facts.account_known is not False:
        yield Cause.ACCOUNT_DISABLED
    if facts.client_enabled is None and facts.client_known is not False:
        yield Cause.CLIENT_DISABLED
    if facts.realm_not_before_epoch_seconds is None or facts.account_not_before_epoch_seconds is None:
        yield Cause.NOT_BEFORE
    if facts.key_ids is None:
        yield Cause.SIGNING_KEY_UNKNOWN
    if facts.issuer is None and expected_issuer(context) is None:
        yield Cause.ISSUER_MISMATCH


_OPEN_REASONS = {
    Cause.SESSION_ENDED: "The session of the token of {who} may have ended",
    Cause.ACCOUNT_DISABLED: "The account of the token ({who}) may be disabled or deleted",
    Cause.CLIENT_DISABLED: "Client {client} may be disabled or deleted",
    Cause.NOT_BEFORE: "The token of {who} may be older than the not-before time of its realm, client or user",
    Cause.SIGNING_KEY_UNKNOWN: "The token of {who} may be signed with a key that realm {caller_realm} does not have",
    Cause.ISSUER_MISMATCH: "The token of {who} was issued by {issuer}, and this Keycloak may expect a different issuer",
}
"""A possible cause is not stated as a fact."""


def session_ended(context: Context) -> Finding | None:
    """Looked up, if the signature of the token is that of the realm."""
    if context.facts.session_alive is not False or not is_readable(context.caller):
        return None
    return found(Cause.SESSION_ENDED, CERTAIN, "looked up: the account has no session with the sid of the token")


SESSION_ENDED = CauseSpec(
    cause=Cause.SESSION_ENDED,
    meaning="The token of a user is valid only as long as the session in which it was issued. The user logged out, an administrator ended the session, or it reached its limit before `exp`.",
    reason="The session of the token of {who} has ended (logout or timeout)",
    effect=REFUSED,
    check="Open the sessions of {who}. Is there one with the sid of the token?",
    rules=(session_ended,),
    left_open=(left_open,),
    remedies=(
        Remedy(
            summary="Log in again and use the new token; programs without a user should use grant_type=client_credentials, which has no session"
        ),
    ),
)


def token_revoked(context: Context) -> Finding | None:
    """Revoked individually (RFC 7009). Keycloak does not show these IDs, so this is what remains if everything else was looked up and is fine."""
    if not is_readable(context.caller):
        return None
    if not _all_else_is_well(context):
        if context.facts.signature_valid is False:
            return None
        return found(Cause.TOKEN_REVOKED, POSSIBLE, reason="The token of {who} may have been revoked (RFC 7009)")
    well = "looked up: signature, issuer, session, account and client of the token are fine, and no not-before time is later than its iat"
    return found(Cause.TOKEN_REVOKED, LIKELY, well)


def _all_else_is_well(context: Context) -> bool:
    facts, caller = context.facts, context.caller
    session = caller.session_id is None or facts.session_alive
    known = facts.account_enabled and facts.client_enabled and facts.realm_not_before_epoch_seconds is not None
    return bool(facts.signature_valid and facts.issuer == caller.issuer and session and known and not caller.bound_to_key)


TOKEN_REVOKED = CauseSpec(
    cause=Cause.TOKEN_REVOKED,
    meaning="A program can revoke one access token at the revocation endpoint of the realm (RFC 7009), as some libraries do on logout. Keycloak remembers the IDs of such tokens until they expire and does not show them. "
    "So this is never certain: it is what remains if signature, issuer, session, account, client and not-before times were looked up and are fine.",
    reason="The token of {who} was revoked at the revocation endpoint of the realm (RFC 7009)",
    effect=REFUSED,
    check="Does a program log out, or revoke its tokens, while another part of it still uses one? A request with a new token passes.",
    rules=(token_revoked,),
    remedies=(NEW_TOKEN,),
)


def not_before(context: Context) -> Finding | None:
    """Realm, client or account got a not-before time after the token was issued."""
    issued, facts = context.caller.issued_at_epoch_seconds, context.facts
    times = {
        "realm": facts.realm_not_before_epoch_seconds,
        "client": facts.client_not_before_epoch_seconds,
        "account": facts.account_not_before_epoch_seconds,
    }
    if not is_readable(context.caller) or issued is None:
        return None
    for owner, time in times.items():
        if time and issued < time:
            evidence = f"looked up: the not-before time of the {owner} is {time - issued} s after the iat of the token"
            return found(Cause.NOT_BEFORE, CERTAIN, evidence)
    return None


NOT_BEFORE = CauseSpec(
    cause=Cause.NOT_BEFORE,
    meaning="Keycloak can revoke all tokens that were issued before a point in time, for a realm, a client or a user (*not before*, *Sign out all active sessions*). This token is older.",
    reason="The token of {who} is older than the not-before time of its realm, client or user, before which all tokens were revoked",
    effect=REFUSED,
    check="Compare the iat of the token with Realm settings, Sessions, Revocation (not before), and with the same setting of the client and the user.",
    rules=(not_before,),
    left_open=(left_open,),
    remedies=(NEW_TOKEN,),
)


def account_disabled(context: Context) -> Finding | None:
    """The user of ``sub`` is disabled or deleted."""
    facts = context.facts
    if not is_readable(context.caller) or (facts.account_known is not False and facts.account_enabled is not False):
        return None
    if facts.account_known is False:
        reason, remedy = _account_gone(context)
        evidence = "looked up: the account of the token's sub does not exist"
        return found(Cause.ACCOUNT_DISABLED, CERTAIN, evidence, reason=reason, remedy=remedy)
    evidence = "looked up: the account of the token's sub is disabled"
    return found(Cause.ACCOUNT_DISABLED, CERTAIN, evidence, reason="The account of the token ({who}) is disabled")


def _account_gone(context: Context) -> tuple[str, str]:
    """Reason and remedy: a deleted account cannot be enabled again."""
    if not is_own_service_account(context.caller) or context.facts.client_known is not True:
        return (
            "The account of the token ({who}) no longer exists",
            "Fetch a new token of an account that exists; this one was deleted, or deleted and created again",
        )
    if context.facts.service_accounts_enabled is False:
        return (
            "The service account of client {client} no longer exists, because service accounts were switched off for this client",
            "Tick Service accounts roles for client {client} again if it was switched off by mistake; the account is then a new one without roles",
        )
    return (
        "The service account of client {client} was deleted and created again, and tokens of the old one are no longer valid",
        "Fetch a new token for client {client} from realm {caller_realm}; the new account may also need its roles again",
    )


ACCOUNT_DISABLED = CauseSpec(
    cause=Cause.ACCOUNT_DISABLED,
    meaning="The account of the token was disabled or deleted after the token was issued. Keycloak checks that for each call.",
    reason="The account of the token ({who}) is disabled or deleted",
    effect=REFUSED,
    check="Open realm {caller_realm}, Users, {who}. Does the user exist, and is it enabled?",
    rules=(account_disabled, token_refused),
    left_open=(left_open,),
    remedies=(
        Remedy(
            summary="Enable the account {who} again if it was disabled by mistake, and fetch a new token",
            steps=("Choose the realm {caller_realm}", "Users, {who}: switch Enabled on", "Fetch a new token"),
        ),
    ),
)


def client_disabled(context: Context) -> Finding | None:
    """The client of ``azp`` is disabled or deleted."""
    facts = context.facts
    if not is_readable(context.caller) or (facts.client_known is not False and facts.client_enabled is not False):
        return None
    client = context.words["client"]
    if facts.client_known is False:
        return found(
            Cause.CLIENT_DISABLED,
            CERTAIN,
            f"looked up: client {client} does not exist",
            reason="Client {client} no longer exists in realm {caller_realm}: it was deleted or renamed",
            remedy="Fetch a new token with the current client ID; if the client was deleted, create a new one with only the roles that it needs",
        )
    return found(
        Cause.CLIENT_DISABLED,
        CERTAIN,
        f"looked up: client {client} is disabled",
        reason="Client {client}, which fetched the token, is disabled",
    )


CLIENT_DISABLED = CauseSpec(
    cause=Cause.CLIENT_DISABLED,
    meaning="The client that fetched the token was disabled or deleted afterwards. Keycloak checks that for each call.",
    reason="Client {client} is disabled or deleted",
    effect=REFUSED,
    check="Open realm {caller_realm}, Clients, {client}. Does the client exist, and is it enabled?",
    rules=(client_disabled, token_refused),
    left_open=(left_open, left_open_at_token_endpoint),
    remedies=(
        Remedy(
            summary="Enable client {client} again if it was disabled by mistake, and fetch a new token",
            steps=("Choose the realm {caller_realm}", "Clients, {client}: switch Enabled on", "Fetch a new token"),
        ),
    ),
)


def token_rejected(context: Context) -> Finding | None:
    """What remains: the token is readable and looks fine. These causes look the same from outside and are listed as alternatives."""
    if not is_readable(context.caller):
        return None
    return found(Cause.TOKEN_REJECTED, LIKELY, "the token is a readable access token, and it has not expired")


TOKEN_REJECTED = CauseSpec(
    cause=Cause.TOKEN_REJECTED,
    meaning="The token is readable, of the right kind, within its time and from the right issuer, and Keycloak still responds with 401. Several causes look exactly the same from outside; kcproxy lists those "
    "that remain. With an inspector account it can usually tell which one it is.",
    reason="Keycloak did not accept the token of {who} although nothing in it is wrong (its session, account, client or signing key may no longer exist)",
    effect=REFUSED,
    check="Fetch a new token and repeat the request. If that works, the old token was revoked. If not, introspect the token with the credentials of the client.",
    rules=(token_rejected,),
    remedies=(NEW_TOKEN,),
    states_confidence=False,
)

SPECS = (SESSION_ENDED, TOKEN_REVOKED, NOT_BEFORE, ACCOUNT_DISABLED, CLIENT_DISABLED, TOKEN_REJECTED)
