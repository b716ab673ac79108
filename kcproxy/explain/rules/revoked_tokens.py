"""401: a token that was good and is so no more. Session, account, client and not-before are looked up; without look-ups all are left open."""

from kcproxy.explain.context import Context, is_own_service_account
from kcproxy.explain.finding import CERTAIN, LIKELY, POSSIBLE, Finding, found
from kcproxy.explain.rules.tokens import expected_issuer, is_readable
from kcproxy.explain.text import shown
from kcproxy.model import Cause


def session_ended(context: Context) -> Finding | None:
    """Looked up, where the token's signature proved to be the realm's."""
    if context.facts.session_alive is not False or not is_readable(context):
        return None
    evidence = "looked up: the account has no session with the token's sid"
    return found(context, Cause.SESSION_ENDED, CERTAIN, evidence)


def not_before(context: Context) -> Finding | None:
    """Realm, client or account were given a not-before time after the token was issued."""
    issued, facts = context.caller.issued_at_epoch_seconds, context.facts
    times = {
        "realm": facts.realm_not_before_epoch_seconds,
        "client": facts.client_not_before_epoch_seconds,
        "account": facts.account_not_before_epoch_seconds,
    }
    if not is_readable(context) or issued is None:
        return None
    for owner, time in times.items():
        if time and issued < time:
            return found(
                context, Cause.NOT_BEFORE, CERTAIN, f"looked up: the {owner}'s not-before is {time - issued} s after the token's iat"
            )
    return None


def account_disabled(context: Context) -> Finding | None:
    """The user of ``sub`` is disabled or gone."""
    facts = context.facts
    if not is_readable(context) or (facts.account_known is not False and facts.account_enabled is not False):
        return None
    if facts.account_known is False:
        summary, remedy = _account_gone(context)
        gone = {"remedy": remedy.format_map(context.words)}
        return found(
            context,
            Cause.ACCOUNT_DISABLED,
            CERTAIN,
            "looked up: the account of the token's sub does not exist",
            summary=summary,
            facts=gone,
        )
    return found(
        context,
        Cause.ACCOUNT_DISABLED,
        CERTAIN,
        "looked up: the account of the token's sub is disabled",
        summary="The account behind this token ({who}) is disabled, so its tokens count no more.",
    )


def _account_gone(context: Context) -> tuple[str, str]:
    """The sentence and the cure: whoever is gone cannot be enabled again."""
    if not is_own_service_account(context.caller) or context.facts.client_known is not True:
        return (
            "The account behind this token ({who}) no longer exists, so its tokens count no more.",
            "Fetch a new token of an account that exists; this one was deleted, or deleted and created anew",
        )
    if context.facts.service_accounts_enabled is False:
        return (
            "The service account of client {client} no longer exists, for service accounts were switched off for the client: its tokens count no more.",
            "Tick Service accounts roles for client {client} again, if it was switched off by mistake; the account is then a new one, with no role yet",
        )
    return (
        "The service account of client {client} was deleted and created anew, so tokens of the old one count no more.",
        "Fetch a new token for client {client} from realm {caller_realm}; the new account may have to be granted its roles anew",
    )


def client_disabled(context: Context) -> Finding | None:
    """The client of ``azp`` is disabled or gone."""
    facts = context.facts
    if not is_readable(context) or (facts.client_known is not False and facts.client_enabled is not False):
        return None
    client = context.words["client"]
    if facts.client_known is False:
        return found(
            context,
            Cause.CLIENT_DISABLED,
            CERTAIN,
            f"looked up: client {client} does not exist",
            summary="There is no client {client} in realm {caller_realm} any more: it was deleted or renamed, and the tokens of that name count no more.",
            facts={
                "remedy": "Fetch a new token with the client's present Client ID; where the client was deleted, make one anew with just the roles that it needs"
            },
        )
    summary = "Client {client} is disabled, so its tokens count no more."
    return found(context, Cause.CLIENT_DISABLED, CERTAIN, f"looked up: client {client} is disabled", summary=summary)


def token_revoked(context: Context) -> Finding | None:
    """Revoked by itself (RFC 7009): Keycloak keeps such tokens' ids where nobody can look. What is left when all else was looked up and is well."""
    if not is_readable(context):
        return None
    if not _all_else_is_well(context):
        return None if context.facts.signature_valid is False else found(context, Cause.TOKEN_REVOKED, POSSIBLE)
    well = "looked up: the token's signature, issuer, session, account and client are in order, and no not-before time is later than it"
    return found(context, Cause.TOKEN_REVOKED, LIKELY, well)


def _all_else_is_well(context: Context) -> bool:
    facts, caller = context.facts, context.caller
    session = caller.session_id is None or facts.session_alive
    known = facts.account_enabled and facts.client_enabled and facts.realm_not_before_epoch_seconds is not None
    return bool(facts.signature_valid and facts.issuer == caller.issuer and session and known and not caller.bound_to_key)


def token_rejected(context: Context) -> Finding | None:
    """What is left: the token reads well. The causes look alike from outside and are named as alternatives."""
    if not is_readable(context):
        return None
    return found(context, Cause.TOKEN_REJECTED, LIKELY, "the token is readable, an access token, and within its time")


def open_causes(context: Context) -> list[Finding]:
    """The causes of a bare 401 that nothing has ruled out yet, each with its own check."""
    if not is_readable(context):
        return []
    facts, caller = context.facts, context.caller
    open_: list[Cause] = []
    if caller.session_id is not None and facts.session_alive is None:
        open_.append(Cause.SESSION_ENDED)
    if facts.account_enabled is None and facts.account_known is not False:
        open_.append(Cause.ACCOUNT_DISABLED)
    if facts.client_enabled is None and facts.client_known is not False:
        open_.append(Cause.CLIENT_DISABLED)
    if facts.realm_not_before_epoch_seconds is None or facts.account_not_before_epoch_seconds is None:
        open_.append(Cause.NOT_BEFORE)
    if facts.key_ids is None:
        open_.append(Cause.SIGNING_KEY_UNKNOWN)
    if facts.issuer is None and expected_issuer(context) is None:
        open_.append(Cause.ISSUER_MISMATCH)
    words = {"issuer": shown(caller.issuer or ""), "expected": "perhaps another", "discovery_document": "the realm's discovery document"}
    return [found(context, cause, POSSIBLE, names=words) for cause in open_]
